"""Completeness across the parts: what is nobody's fault is not found, what is missing is found once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import rows
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import archived_product
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core.records import JITTER_NOTE, Exposure, Visit
from dmsops.engineering.tables import engineering_gap, engineering_span
from dmsops.flows import checks, science
from dmsops.flows.checks_visits import WITHIN
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.interfaces.fos.osf import report_of, write_report
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.receipt.tables import gap_decision
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.archives import VISIT, receive, small_archive, wavefront_visit, work, written

assert checks.site_check
NUMBERS = ("C04", "C42", "C43", "C44", "C46")
FIRST = f"jw{VISIT}_03104_00001"


def found(ops: Ops, prefix: str = "") -> dict[str, list[str]]:
    """Give what the checks name, by number; those that name nothing are left out."""
    seen = {number: [uri for _, uri, _, _ in RULES[number].site(ops, Scope(prefix=prefix))] for number in NUMBERS}  # type: ignore[misc]
    return {number: uris for number, uris in seen.items() if uris}


def changed(visit: Visit, number: int, change: Callable[[Exposure], Exposure]) -> Visit:
    return replace(visit, exposures=tuple(change(e) if e.name.number == number else e for e in visit.exposures))


def delivered(ops: Ops, visit: Visit, *, without: str) -> None:
    """Receive a delivery without the files whose names begin or end so."""
    folder = write_delivery(ops.settings.folder("inbox") / "D0001", visit)
    for path in folder.iterdir():
        if path.name.startswith(without) or path.name.endswith(without):
            path.unlink()
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=visit.end + timedelta(minutes=40))
    accept(ops, folder)


def reported(ops: Ops, visit: Visit, number: int = 2) -> None:
    """Receive a status file, the only one or a later one."""
    folder = ops.settings.folder("inbox") / f"D{number:04d}"
    folder.mkdir()
    report = report_of(visit, number)
    write_report(replace(report, written=report.written + timedelta(minutes=30 * number)), folder)
    write_manifest(folder, delivery_id=folder.name, sender="FOS", sequence=number, created=visit.end + timedelta(hours=number))
    accept(ops, folder)


def pass_by(ops: Ops, time: timedelta) -> None:
    ops.clock.advance(time)  # type: ignore[attr-defined]


def take_out(ops: Ops, identity: str) -> None:
    """Take an observation out of the archive without a trace."""
    with ops.db.begin() as c:
        rows.withdraw(c, identity, version=9, changed_at=ops.clock.now())
        c.execute(sa.text("DELETE FROM observation WHERE id = :id"), {"id": identity})
        c.execute(sa.update(archived_product).where(archived_product.c.observation_id == identity).values(current=False))


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


@pytest.mark.parametrize(
    "visit",
    [
        wavefront_visit(),
        changed(small_visit(exposures=3), 3, lambda e: replace(e, dms_note=JITTER_NOTE)),
        small_visit(),
        changed(small_visit(), 2, lambda e: replace(e, exp_type="NRC_DARK")),
    ],
    ids=["pair", "jitter", "no pair", "darks"],
)
def test_a_visit_that_was_worked_through_has_no_finding(ops: Ops, tmp_path: Path, visit: Visit) -> None:
    small_archive(ops, tmp_path / "made", visit)
    assert found(ops) == {}
    pass_by(ops, 30 * WITHIN)
    assert found(ops) == {}


def test_a_visit_in_work_is_no_finding_until_it_is_due(ops: Ops) -> None:
    receive(ops, wavefront_visit())
    assert found(ops) == {}
    pass_by(ops, WITHIN)
    assert found(ops) == found(ops, "jw02726-o402") == {"C42": [f"visit:V{VISIT}"]}
    assert found(ops, "jw99999") == {}


def test_a_wavefront_visit_is_due_at_its_own_limit(ops: Ops) -> None:
    receive(ops, wavefront_visit())
    science.plan_visit(ops, VISIT)
    pass_by(ops, timedelta(minutes=89))
    assert found(ops) == {}
    pass_by(ops, timedelta(minutes=2))
    assert found(ops) == {"C42": [f"visit:V{VISIT}"]}


def test_of_a_visit_without_a_status_file_nothing_is_expected(ops: Ops) -> None:
    delivered(ops, wavefront_visit(), without="_osf.xml")
    pass_by(ops, 30 * WITHIN)
    assert found(ops) == {}


def test_of_a_skipped_visit_nothing_is_expected(ops: Ops) -> None:
    visit = wavefront_visit()
    delivered(ops, visit, without="S0000")
    skipped = replace(
        visit, status="SKIPPED", end_reason="guide star", exposures=tuple(replace(e, status="missing") for e in visit.exposures)
    )
    reported(ops, skipped)
    pass_by(ops, 30 * WITHIN)
    assert found(ops) == {}


def test_an_exposure_that_waits_for_packets_or_was_given_up_is_not_expected_nor_what_it_would_be_combined_into(
    ops: Ops, tmp_path: Path
) -> None:
    visit = wavefront_visit()
    second = visit.exposures[1]
    delivered(ops, visit, without="_002.out")
    work(ops, visit, tmp_path / "made")
    with ops.db.begin() as c:  # its pairs wait for ever
        c.execute(sa.text("DELETE FROM engineering_span"))
    pass_by(ops, 30 * WITHIN)
    wanted = {"C46": [f"caom:JWST/{FIRST}"]}
    assert found(ops) == wanted
    row = {"visit": VISIT, "decision": "give-up", "missing": 9, "actor": "tester", "reason": "lost", "at": ops.clock.now()}
    with ops.db.begin() as c:
        c.execute(sa.insert(gap_decision), [{"exposure": str(second.name), "detector": r.detector, **row} for r in second.readouts])
    assert found(ops) == wanted


def test_what_a_person_dropped_or_withdrew_is_not_missed(ops: Ops, tmp_path: Path) -> None:
    small_archive(ops, tmp_path / "made")
    pair = "jw02726-o402_t001_nircam_f212n-wlm8-sub16-nrca3-04"
    take_out(ops, pair)
    take_out(ops, f"{FIRST}_nrca4")
    assert sorted(found(ops)) == ["C43", "C44"]
    with ops.db.begin() as c:
        c.execute(sa.text("UPDATE step SET state = 'cancelled', rev = rev + 1 WHERE kind = 'archive.ingest' AND dataset = :d"), {"d": pair})
    assert found(ops) == {"C43": [f"mast:JWST/product/{FIRST}_nrca4_uncal.fits"]}
    with ops.db.begin() as c:
        drop = "UPDATE step SET state = 'cancelled', rev = rev + 1 WHERE kind = 'processing.level1b' AND dataset = :d"
        c.execute(sa.text(drop), {"d": f"{FIRST}_nrca4"})
    assert found(ops) == {}


def test_a_withdrawn_observation_is_not_missed(ops: Ops, tmp_path: Path) -> None:
    small_archive(ops, tmp_path / "made")
    identity = f"{FIRST}_nrca4"
    with ops.db.begin() as c:
        rows.withdraw(c, identity, version=2, changed_at=ops.clock.now())
        c.execute(sa.update(archived_product).where(archived_product.c.observation_id == identity).values(current=False))
    assert found(ops) == {}


def test_what_is_there_of_an_exposure_that_a_later_status_file_calls_aborted_is_unforeseen(ops: Ops, tmp_path: Path) -> None:
    visit = small_archive(ops, tmp_path / "made")
    reported(ops, changed(visit, 2, lambda e: replace(e, status="aborted")))
    seen = found(ops)
    assert set(seen) == {"C44"}
    names = [uri.rpartition("/")[2] for uri in seen["C44"]]
    singles = {name.rsplit("_", 1)[0] for name in names if "wfscmb" not in name}
    assert singles == {f"jw{VISIT}_03104_00002_{detector}" for detector in ("nrca3", "nrca4")}
    assert len(names) == 8 + 2


def test_a_jitter_exposure_that_was_calibrated_is_unforeseen(ops: Ops, tmp_path: Path) -> None:
    visit = changed(small_visit(), 2, lambda e: replace(e, dms_note=JITTER_NOTE))
    small_archive(ops, tmp_path / "made", visit)
    names = [f"jw{VISIT}_03104_00002_nrca3_{suffix}.fits" for suffix in ("uncal", "cal")]
    ingest(ops, [product_of(written(ops, visit, tmp_path / "more" / name)) for name in names])
    assert found(ops) == {"C44": [f"mast:JWST/product/{names[1]}"]}


def test_what_was_combined_and_not_foreseen_is_found_once_every_visit_of_the_observation_is_judged(ops: Ops, tmp_path: Path) -> None:
    visit = small_archive(ops, tmp_path / "made")
    name = "jw02726-o402_t001_nircam_f212n-wlm8-sub16-nrca3_wfscmb-05.fits"
    members = [f"{FIRST}_nrca3_cal.fits", f"jw{VISIT}_03104_00002_nrca3_cal.fits"]
    ingest(ops, [product_of(written(ops, visit, tmp_path / "more" / name))], members=members)
    assert found(ops) == {"C44": [f"mast:JWST/product/{name}"]}
    receive(ops, wavefront_visit("02726402002"))
    assert found(ops) == {}


def test_the_scope_cuts_visits_out(ops: Ops, tmp_path: Path) -> None:
    small_archive(ops, tmp_path / "made")
    for detector in ("nrca3", "nrca4"):
        take_out(ops, f"{FIRST}_{detector}")
    assert len(found(ops, f"{FIRST}_nrca4")["C43"]) == 1
    assert len(found(ops, f"jw{VISIT[:5]}")["C43"]) == 2
    assert found(ops, "jw99999") == {}


@pytest.mark.parametrize("decision", ["waived", "asked"])
def test_a_time_without_telemetry_is_found_unless_a_person_waived_it(ops: Ops, tmp_path: Path, decision: str) -> None:
    visit = small_archive(ops, tmp_path / "made")
    first = visit.exposures[0]
    with ops.db.begin() as c:
        span: Any = c.execute(sa.select(engineering_span)).one()
        cut = round((first.start + timedelta(seconds=10)).timestamp() * 1e6)
        c.execute(sa.update(engineering_span).values(last_us=cut))
        more = {"container": span.container, "first_us": cut + 60_000_000, "last_us": span.last_us}
        c.execute(sa.insert(engineering_span).values(more))
    assert found(ops) == {"C46": [f"caom:JWST/{FIRST}"]}
    row = {"first_us": cut, "last_us": cut + 60_000_000, "decision": decision, "actor": "tester", "reason": "known", "at": ops.clock.now()}
    with ops.db.begin() as c:
        c.execute(sa.insert(engineering_gap).values(row))
    assert found(ops) == ({} if decision == "waived" else {"C46": [f"caom:JWST/{FIRST}"]})
