"""A site whose steps are toys, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dmsops.ops import Ops, connect, create_site
from tests.forking import server_of_ones_own  # noqa: F401 - a fixture

MakeOps = Callable[..., Ops]


@pytest.fixture
def make_ops(tmp_path: Path, database: str) -> Iterator[MakeOps]:
    """Make a fresh site with the toy steps; its settings can be given."""
    opened = []

    def make(**settings: Any) -> Ops:
        toys = {"step_modules": ["dmsops.testing.toys"], "preload": "dmsops.testing.toys", "workers": 2, "kept_slots": 0}
        create_site(tmp_path / "site", **toys | {"database": database} | settings)
        opened.append(connect(tmp_path / "site"))
        return opened[-1]

    yield make
    for ops in opened:
        ops.db.dispose()


@pytest.fixture
def ops(make_ops: MakeOps) -> Ops:
    """A fresh site with the toy steps."""
    return make_ops(memory_floor_mb=200, memory_factor=1.0)
