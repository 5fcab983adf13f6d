"""A light frozen site: archive and distribution alone, built once per process and copied for each test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role, system_user
from dmsops.ops import Ops, connect, create_site
from tests.runbooks import archive, distribution
from tests.runbooks.make_site import NOW, RECEIVED


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dmsops-distribution-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    create_site(folder / "site", name="distribution", mode="rehearsal", stand_at=NOW.isoformat())
    ops = connect(folder / "site", operator=Person(system_user(), Role.LEAD), clock=SimulatedClock(RECEIVED + archive.LATER))
    archive.fill(ops, folder / "products")
    distribution.fill(ops, folder / "products")
    ops.db.dispose()
    return folder / "site"


def distribution_copy(folder: Path, role: Role = Role.LEAD) -> Ops:
    """Give a site whose distribution has one of each problem (`tests.runbooks.distribution`) in that folder; its clock can be moved."""
    shutil.copytree(_template(), folder)
    return connect(folder, operator=Person(system_user(), role), clock=SimulatedClock(NOW))
