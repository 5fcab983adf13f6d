"""A small site on which the archive has something of everything: for the archive board, which only draws and calls verbs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from dmsops.archive import fixity, ingest, proposals, queries
from dmsops.archive.findings import Facts, record
from dmsops.archive.ingest import product_of
from dmsops.catalogue.registry import Finding, Scope
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import transact
from dmsops.core.errors import DmsError
from dmsops.core.people import Person, Role
from dmsops.flows import doctor
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.workflow import blackboard, lease
from dmsops.workflow.steps import StepSpec
from tests.browser import toy_site
from tests.browser.toy_site import enrol

NOW = START + timedelta(hours=30)
SOUND, HURT, REFUSED = (f"jw02726402001_03104_0000{n}_nrca3" for n in (1, 2, 3))
"""Observations: nothing is wrong; an object of it is damaged; its headers do not describe it."""
SPOILT, LATE, STALE = (f"jw0123{n}001001_03104_00001_nrca3" for n in (4, 5, 6))
"""Observations that `mendable` adds: an object is damaged and there is a copy; its program's exclusive access has changed since it was
described; processing has taken one of its products out."""
PAIR = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
TWICE = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3-04"
SCRIPT = "far <b> away"


def take(ops: Ops, folder: Path, names: Sequence[str], members: Sequence[str] = (), **keywords: Any) -> None:
    """Ingest small products; what is refused is left as an ingest error."""
    origin = "DMSOPS-REHEARSAL"
    products = [product_of(write_product(folder / name, **{"FILENAME": name, "ORIGIN": origin, **keywords})) for name in names]
    try:
        ingest(ops, products, members=members)
    except DmsError:
        return


def cals(*numbers: int) -> list[str]:
    """Give the names of members."""
    return [f"jw02726402001_03104_{n:05d}_nrca3_cal.fits" for n in numbers]


def found(check: str, identity: str, observed: str, severity: Any = "error", fix: Any = "") -> Finding:
    """Make a finding as a check would."""
    return Finding(
        check=check, title="a made-up defect", severity=severity, uri=f"caom:JWST/{identity}", expected="near", observed=observed,
        source="header", remedy="Look at its header (procedure P16).", fix=fix, observation_id=identity,
    )  # fmt: skip


def audited(ops: Ops, findings: Sequence[Finding], checks: Sequence[str] = ("C30", "C33", "C44")) -> None:
    """Write an audit down."""
    began = ops.clock.now()
    facts = Facts(kind="doctor", scope=Scope(), started_at=began, checks=checks, looked_at=3, counts={"C30": len(findings)})
    transact(ops.db, lambda c: record(c, ops, facts, findings))


def many(ops: Ops, count: int) -> None:
    """Let an audit find a lot."""
    audited(
        ops, [found("C44", f"jw09999{n // 1000:03d}001_03104_{n % 1000:05d}_nrcb1", "of tomorrow", "warning") for n in range(count)], ()
    )


def damage(ops: Ops, identity: str) -> str:
    """Change bytes of a product in the store; gives its sum."""
    row = queries.products(ops, observation_id=identity)[0]
    path = ops.store.path(row["sha256"])
    path.chmod(0o644)
    held = bytearray(path.read_bytes())
    held[-1] ^= 1
    path.write_bytes(held)
    return str(row["sha256"])


def full(folder: Path, **settings: Any) -> Ops:
    """A site with sound, damaged, refused and doubled observations, findings of each severity, and two audits."""
    create_site(folder, lead="lena", mode="rehearsal", name="string five", stand_at=NOW.isoformat(), **settings)
    then = connect(folder, operator=Person("toy", Role.LEAD), clock=SimulatedClock(NOW - timedelta(hours=3)))
    enrol(then)
    work = folder / "given"
    for identity in (SOUND, HURT):
        take(then, work / identity, [f"{identity}_{suffix}.fits" for suffix in ("uncal", "cal")])
    take(then, work / "pair", [PAIR], cals(1, 2))
    take(then, work / "again", [PAIR], cals(3, 4), CAL_VER="3.0.1")
    take(then, work / REFUSED, [f"{REFUSED}_cal.fits"], TARG_RA="nowhere", EXPSTART="never")
    audited(then, [found("C30", SOUND, SCRIPT), found("C33", SOUND, "gone")])
    then.clock.sleep(600)
    again = [found("C30", SOUND, SCRIPT), found("C33", HURT, "not as its rows", fix="rows"), found("C44", HURT, "of tomorrow", "warning")]
    audited(then, again)
    damage(then, HURT)
    fixity.audit(then)
    then.db.dispose()
    return connect(folder, operator=Person("toy", Role.LEAD))


def mendable(site: Ops) -> None:
    """Add an observation for each of three repairs, spoil it as it happens, and let the doctor find that."""
    ops = connect(site.settings.site, operator=Person("toy", Role.LEAD), clock=SimulatedClock(NOW - timedelta(hours=1)))
    given = ops.settings.site / "given"
    for identity in (SPOILT, LATE, STALE):
        suffixes = ("uncal", "cal", "rateints") if identity == STALE else ("uncal", "cal")
        take(ops, given / identity, [f"{identity}_{suffix}.fits" for suffix in suffixes], PROGRAM=identity[2:7])
    shutil.copy(given / SPOILT / f"{SPOILT}_cal.fits", ops.settings.folder("inbox"))
    damage(ops, SPOILT)
    fixity.audit(ops)
    proposals.put(ops, LATE[2:7], exclusive_days=365, reason="as its panel said")
    _taken_out(ops, given / STALE / f"{STALE}_rateints.fits")
    doctor.audit(ops, Scope(prefix="jw0123", deep=True), ["C41", "C52"])
    ops.db.dispose()


def _taken_out(ops: Ops, path: Path) -> None:
    """Let processing make a product, and take it out again."""
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", STALE, [StepSpec(kind="toy.detector1", dataset=STALE, makes=(path.name,))])
    (item,) = toy_site.claim(ops)
    made = (path.name, ops.store.put(path), path.stat().st_size)
    with ops.db.begin() as c:
        lease.finish(c, ops, "toy-engine", item, lease.Ending(products=(made,)))
        blackboard.withdraw(c, [path.name])
