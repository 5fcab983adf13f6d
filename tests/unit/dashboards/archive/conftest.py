"""A site whose archive has something of everything, and its board in a person's hand."""

from __future__ import annotations

from dashboards.app.archive_view import ArchiveView
from tests.browser import archive_site
from tests.unit.dashboards.boards import board_fixtures

site, board = board_fixtures(ArchiveView, archive_site.full)
