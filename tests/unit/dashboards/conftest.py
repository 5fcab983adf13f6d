"""Boards built without a browser: a site, a hub that reads when told, a view in one person's hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboards.app.hub import Hub
from dashboards.app.owl_view import OwlView
from dmsops.core.people import find
from dmsops.ops import Ops
from tests.browser import toy_site


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

    def open_(ops: Ops, name: str = "otto", **address: str) -> OwlView:
        view = OwlView(Hub(ops), find(ops.db, name))
        view.open({key: [value.encode()] for key, value in address.items()})
        return view

    return open_
