"""A fresh site and a small delivery in its inbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.ops import Ops
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


@pytest.fixture
def folder(ops: Ops) -> Path:
    return write_delivery(ops.settings.folder("inbox") / "D0001", small_visit())
