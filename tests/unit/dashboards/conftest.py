"""Boards built without a browser: a site, a hub that reads when told, a view in one person's hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from dashboards.app.owl_view import OwlView
from dmsops.ops import Ops
from tests.browser import toy_site
from tests.unit.dashboards.boards import opened


@pytest.fixture
def people(ops: Ops) -> Ops:
    """An empty site with a lead, an operator and a viewer."""
    toy_site.enrol(ops)
    return ops


@pytest.fixture
def full(people: Ops) -> Ops:
    """A site with steps in every state but reused."""
    toy_site.fill(people)
    return people


@pytest.fixture
def open_board() -> Callable[..., OwlView]:
    """Open the workflow board of a site as a person, at an address."""

    return partial(opened, OwlView)
