"""Handing over to WSS: whole, verified by the other side, once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.core.db import reading
from dmsops.core.errors import BadDelivery, BadInput, DeliveryRefused
from dmsops.core.files import sha256_of
from dmsops.core.records import Visit
from dmsops.interfaces.wss import MANIFEST, OPERATION_FILE, OperationFile, SimulatedWss, read_operation_file, write_operation_file
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.products import write_product
from dmsops.wfsc import clock_of, deliver, queries, start_clock
from dmsops.wfsc.select import wanted_by_wss, wavefront_visits
from dmsops.workflow.steps import Job, kind_named

VISIT = "02726402001"
CALS = [f"jw{VISIT}_03104_0000{n}_nrca3_cal.fits" for n in (1, 2)]
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


@pytest.fixture
def products(tmp_path: Path) -> dict[str, Path]:
    return {name: write_product(tmp_path / "products" / name) for name in (*CALS, COMBINED)}


def events(ops: Ops, like: str) -> list[str]:
    with reading(ops.db) as c:
        query = sa.select(journal.journal.c.event).where(journal.journal.c.event.like(like)).order_by(journal.journal.c.seq)
        return list(c.execute(query).scalars())


def handed_over(ops: Ops) -> list[Path]:
    return sorted(p for p in (ops.settings.folder("outbox") / "wss").iterdir() if p.name != "acknowledgements")


def test_the_products_arrive_with_sums_and_a_list_of_images(ops: Ops, products: dict[str, Path]) -> None:
    record = deliver(ops, VISIT, products)
    (place,) = handed_over(ops)
    assert place.name == record["delivery_id"]
    manifest = {f["name"]: f for f in json.loads((place / MANIFEST).read_text())["files"]}
    assert set(manifest) == {*products, OPERATION_FILE} == {p.name for p in place.iterdir()} - {MANIFEST}
    for name, file in manifest.items():
        assert sha256_of(place / name) == file["sha256"]
    operation = read_operation_file(place / OPERATION_FILE)
    assert (operation.images, operation.operation, operation.correction_id) == ((COMBINED,), "WAVEFRONT_MAINTENANCE", "R2022120401")
    assert (record["state"], record["answered_by"]) == ("acknowledged", SimulatedWss.NAME)


def test_without_combined_images_the_calibrated_ones_are_worked_on(ops: Ops, products: dict[str, Path]) -> None:
    del products[COMBINED]
    deliver(ops, VISIT, products)
    assert read_operation_file(handed_over(ops)[0] / OPERATION_FILE).images == tuple(CALS)


def test_the_acknowledgement_stops_the_clock(ops: Ops, products: dict[str, Path]) -> None:
    with ops.db.begin() as c:
        due = start_clock(c, ops, VISIT, ops.clock.now())
    ops.clock.sleep(1800)
    record = deliver(ops, VISIT, products)
    assert (record["due"], record["within_limit"]) == (iso(due), True)
    ops.clock.sleep(7200)
    assert clock_of(ops, VISIT).words == "met: took 30 min"


def test_a_first_part_leaves_the_clock_running_until_the_visit_is_whole(ops: Ops, products: dict[str, Path]) -> None:
    with ops.db.begin() as c:
        start_clock(c, ops, VISIT, ops.clock.now())
    lost = "jw02726402001_03105_00002 NRCA1 is given up"
    record = deliver(ops, VISIT, products, missing=["jw02726402001_03105_00001_nrca1: packets"], notes=[lost])
    assert json.loads((ops.settings.folder("outbox") / "wss" / record["delivery_id"] / MANIFEST).read_text())["notes"][1] == lost
    assert record["missing"] == ["jw02726402001_03105_00001_nrca1: packets"]
    assert clock_of(ops, VISIT).stopped_at is None
    assert deliver(ops, VISIT, products)["missing"] == []
    assert clock_of(ops, VISIT).stopped_at is not None


def test_delivering_twice_hands_over_once(ops: Ops, products: dict[str, Path]) -> None:
    first = deliver(ops, VISIT, products)
    ops.clock.sleep(60)
    assert deliver(ops, VISIT, products) == first
    assert len(handed_over(ops)) == 1
    assert events(ops, "handover.%") == ["handover.prepared", "handover.sent", "handover.acknowledged"]


def test_other_products_are_another_hand_over(ops: Ops, products: dict[str, Path]) -> None:
    first = deliver(ops, VISIT, products)["delivery_id"]
    write_product(products[COMBINED], value=2.0)
    assert deliver(ops, VISIT, products)["delivery_id"] != first
    assert len(handed_over(ops)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from dmsops.core.people import Person, Role
from dmsops.ops import connect
from dmsops.wfsc import deliver as module_verb
import importlib
module = importlib.import_module("dmsops.wfsc.deliver")
at = sys.argv[2]
whole = getattr(module, at)
def dies(*given, **named):
    if sys.argv[3] == "after":
        whole(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, at, dies)
ops = connect(sys.argv[1], operator=Person("tester", Role.LEAD))
module_verb(ops, "02726402001", {Path(p).name: Path(p) for p in sys.argv[4:]})
"""


@pytest.mark.parametrize(("at", "moment"), [("place", "after"), ("_sent", "after"), ("_answered", "before")])
def test_a_kill_between_hand_over_and_commit_does_not_hand_over_twice(ops: Ops, products: dict[str, Path], at: str, moment: str) -> None:
    paths = [str(path) for path in products.values()]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(ops.settings.site), at, moment, *paths], check=False)
    assert killed.returncode == -signal.SIGKILL
    (place,) = handed_over(ops)
    before = {p.name: p.stat().st_mtime_ns for p in place.iterdir()}
    record = deliver(ops, VISIT, products)
    assert handed_over(ops) == [place]
    assert {p.name: p.stat().st_mtime_ns for p in place.iterdir()} == before
    assert record["state"] == "acknowledged"
    assert events(ops, "handover.%") == ["handover.prepared", "handover.sent", "handover.acknowledged"]
    assert len(queries.deliveries(ops, VISIT)) == 1


def test_what_was_spoilt_on_the_way_is_refused_told_and_sent_again(ops: Ops, products: dict[str, Path]) -> None:
    delivery_id = deliver(ops, VISIT, products)["delivery_id"]
    with ops.db.begin() as c:
        c.execute(sa.text("UPDATE wfsc_delivery SET state='sent', acknowledged_at=NULL"))
    place = handed_over(ops)[0]
    (place.parent / "acknowledgements" / f"{delivery_id}.json").unlink()
    (place / COMBINED).write_bytes(b"spoilt")
    with pytest.raises(DeliveryRefused, match=COMBINED) as caught:
        deliver(ops, VISIT, products)
    assert "P10" in caught.value.remedy
    assert [d["state"] for d in queries.deliveries(ops)] == ["refused"]
    assert deliver(ops, VISIT, products)["state"] == "acknowledged"
    assert len(handed_over(ops)) == 1


def test_an_address_that_cannot_be_written_is_a_refused_delivery(ops: Ops, products: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = replace(ops, settings=ops.settings.model_copy(update={"wss_address": tmp_path / "file"}))
    with pytest.raises(DeliveryRefused, match="cannot take"):
        deliver(blocked, VISIT, products)


def test_nothing_to_deliver_is_refused(ops: Ops) -> None:
    with pytest.raises(BadInput, match=VISIT):
        deliver(ops, VISIT, {})


def test_the_twin_looks_for_itself(ops: Ops, products: dict[str, Path], tmp_path: Path) -> None:
    deliver(ops, VISIT, products)
    place = handed_over(ops)[0]
    (place / "extra.fits").write_bytes(b"")
    (place / CALS[0]).unlink()
    answer = SimulatedWss(tmp_path / "twin").take(place, at=START)
    assert answer.state == "refused"
    assert {reason.split()[0] for reason in answer.reasons} == {CALS[0], "extra.fits"}
    (place / MANIFEST).write_text("[]")
    assert "manifest.json" in SimulatedWss(tmp_path / "twin").take(place, at=START).reasons[0]


def test_a_product_without_the_planes_quip_reads_is_refused(ops: Ops, tmp_path: Path) -> None:
    from astropy.io import fits

    path = write_product(tmp_path / COMBINED)
    with fits.open(path, mode="update") as hdus:
        del hdus["DQ"]
    with pytest.raises(DeliveryRefused, match="has no DQ"):
        deliver(ops, VISIT, {COMBINED: path})


@pytest.mark.parametrize(
    "document",
    [
        b"<OTHER/>",
        b"no XML",
        b"<QUIP_OPERATION_FILE/>",
        b"<QUIP_OPERATION_FILE><CORRECTION_ID>R1</CORRECTION_ID><OPERATION_TYPE>DANCE</OPERATION_TYPE></QUIP_OPERATION_FILE>",
        b"<QUIP_OPERATION_FILE><CORRECTION_ID>R1</CORRECTION_ID><OPERATION_TYPE>MIMF</OPERATION_TYPE></QUIP_OPERATION_FILE>",
        b"<!DOCTYPE q [<!ENTITY a 'b'>]><QUIP_OPERATION_FILE>&a;</QUIP_OPERATION_FILE>",
    ],
)
def test_a_file_that_is_no_operation_file_is_refused_by_name(tmp_path: Path, document: bytes) -> None:
    path = tmp_path / "quip.xml"
    path.write_bytes(document)
    with pytest.raises(BadDelivery, match=r"quip\.xml"):
        read_operation_file(path)


def test_an_operation_that_quip_does_not_know_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadDelivery, match="DANCE"):
        write_operation_file(tmp_path / "q.xml", OperationFile(correction_id="R1", operation="DANCE", images=(), when=START))


def test_the_step_leaves_the_record_as_a_product(ops: Ops, products: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    inputs = {name: folder / name for name in products}
    for name, link in inputs.items():
        link.symlink_to(products[name])
    params = {"visit": VISIT, "due": iso(ops.clock.now() + timedelta(minutes=5))}
    job = Job(kind="wfsc.deliver", dataset=VISIT, key="k", attempt=1, folder=folder, inputs=inputs, makes=(), params=params)
    kind = kind_named("wfsc.deliver")
    outcome = kind.function(ops, job)
    assert kind.external
    record = json.loads((folder / f"{VISIT}_wss_delivery.json").read_text())
    assert outcome.products == (f"{VISIT}_wss_delivery.json",)
    assert record["within_limit"] is True
    assert record["files"] == {name: sha256_of(path) for name, path in products.items()}


def jittered(visit: Visit) -> Visit:
    first, *others = visit.exposures
    return replace(visit, exposures=(replace(first, dms_note="WFSC_LOS_JITTER"), *others))


def test_wss_gets_combined_and_calibrated_images_and_the_jitter_exposure_raw() -> None:
    visit = jittered(small_visit())
    roots = [f"jw{VISIT}_03104_0000{n}_nrca3" for n in (1, 2)]
    everything = [f"{root}_{suffix}.fits" for root in roots for suffix in ("uncal", "rate", "cal")] + [COMBINED]
    assert wanted_by_wss(visit, everything) == (COMBINED, f"{roots[0]}_uncal.fits", f"{roots[1]}_cal.fits")


def test_wavefront_visits_are_known_by_their_plans(ops: Ops) -> None:
    other = replace(small_visit("02726403001"), visit_type="PRIME_TARGETED_FIXED")
    for number, visit in enumerate((small_visit(), other)):
        accept(ops, write_delivery(ops.settings.folder("inbox") / f"D{number}", visit, delivery_id=f"D{number}"))
    assert wavefront_visits(ops) == [VISIT]
