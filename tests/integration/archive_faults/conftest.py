"""A rehearsal site with a small archive: two exposures of a wavefront pair and what they were combined into."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.records import Visit
from dmsops.ops import Ops, connect
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import small_archive
from tests.integration.archive_faults.given import ROOTS, combined, made, taken


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give an empty rehearsal site."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=2), mode="rehearsal")
    yield opened
    opened.db.dispose()


@pytest.fixture
def archive(ops: Ops, tmp_path: Path) -> Ops:
    """Give the site with the pair in its archive."""
    for n, root in enumerate(ROOTS):
        taken(ops, made(tmp_path / root, root, value=10.0 * n))
    taken(ops, [combined(tmp_path / "combined", 99.0)], members=[f"{root}_cal.fits" for root in ROOTS])
    ops.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    return ops


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Ops:
    """Make a rehearsal site with a whole visit, from its delivery to the archive: nothing is wrong with it."""
    folder = tmp_path_factory.mktemp("whole")
    made = small_site(folder / "site", START + timedelta(hours=2), mode="rehearsal")
    small_archive(made, folder / "made")
    made.db.dispose()
    return made


@pytest.fixture
def whole(template: Ops, tmp_path: Path) -> Iterator[Ops]:
    """Give a copy of that site, opened by a lead."""
    shutil.copytree(template.settings.site, tmp_path / "site")
    clock = SimulatedClock(template.clock.now())
    opened = connect(tmp_path / "site", operator=template.operator, clock=clock, mode="rehearsal")
    yield opened
    opened.db.dispose()


@pytest.fixture(scope="session")
def visit() -> Visit:
    """Give the shipped sensing visit on one detector, cut to its jitter exposure and first pair."""
    whole = load_visit(shipped()["wfsc_sensing_only"])
    kept = [e for e in whole.exposures if e.is_jitter or e.name.activity == "04"]
    return replace(whole, exposures=tuple(replace(e, readouts=tuple(r for r in e.readouts if r.detector == "NRCA3")) for e in kept))
