"""A site whose steps are toys."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.ops import Ops, connect, create_site


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    """A fresh site with the toy steps."""
    create_site(tmp_path / "site", step_modules=["tests.toysteps"], preload="tests.toysteps", workers=2)
    return connect(tmp_path / "site")
