"""A fresh site and a small delivery in its inbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START, small_visit, write_delivery


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    site = create_site(tmp_path / "site", lead="tester")
    opened = connect(site, operator=Person("tester", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=2)))
    yield opened
    opened.db.dispose()


@pytest.fixture
def folder(ops: Ops) -> Path:
    return write_delivery(ops.settings.folder("inbox") / "D0001", small_visit())
