"""Small sites for tests: made once per process, copied for each test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dmsops-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return create_site(folder / "site", lead="tester")


def small_site(folder: Path, start: datetime, **settings: Any) -> Ops:
    """Give a fresh site in that folder, opened by its lead, on a clock that stands still at ``start``.

    Parameters
    ----------
    **settings
        Settings that differ from the defaults.
    """
    shutil.copytree(_template(), folder)
    return connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(start), **settings)
