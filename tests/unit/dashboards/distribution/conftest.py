"""A site on which distribution has something of everything, and its board in a person's hand."""

from __future__ import annotations

from dashboards.app.distribution_view import DistributionView
from tests.browser import distribution_site
from tests.unit.dashboards.boards import board_fixtures

site, board = board_fixtures(DistributionView, distribution_site.copied)
