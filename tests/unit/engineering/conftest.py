"""A fresh rehearsal site, two hours after the samples that the tests make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=6))
    yield opened
    opened.db.dispose()
