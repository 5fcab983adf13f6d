"""A small archive that is built once per process and copied for each test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import small_archive


@cache
def _template() -> tuple[Path, datetime]:
    folder = Path(tempfile.mkdtemp(prefix="dmsops-archive-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ops = small_site(folder / "site", START + timedelta(hours=2))
    small_archive(ops, folder / "made")
    ops.db.dispose()
    return folder / "site", ops.clock.now()


def archive_copy(folder: Path, role: Role = Role.LEAD) -> Ops:
    """Give a site with one archived wavefront visit (`tests.archives.small_archive`) in that folder, which must not be there."""
    site, now = _template()
    shutil.copytree(site, folder)
    return connect(folder, operator=Person("tester", role), clock=SimulatedClock(now))
