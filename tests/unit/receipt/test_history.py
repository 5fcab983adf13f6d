"""Where is my data: every name leads to the story."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import NotFound
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept, queries
from dmsops.receipt.history import where
from dmsops.workflow import blackboard
from dmsops.workflow.steps import StepSpec

SCIENCE = "S0000_2022338025616_001.out"
EXPOSURE = "jw02726402001_03104_00001"
UNCAL, CAL = f"{EXPOSURE}_nrca3_uncal.fits", f"{EXPOSURE}_nrca3_cal.fits"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


@pytest.fixture
def told(ops: Ops, folder: Path) -> Ops:
    """A delivery whose one science file came two hours later in another one, and steps planned of it."""
    second = ops.settings.folder("inbox") / "D0002"
    second.mkdir()
    shutil.move(folder / SCIENCE, second / SCIENCE)
    write_manifest(second, delivery_id="D0002", sender="FOS", sequence=2, created=ops.clock.now())
    accept(ops, folder)
    assert isinstance(ops.clock, SimulatedClock)
    ops.clock.advance(timedelta(hours=2))
    accept(ops, second)
    specs = [
        StepSpec(kind="processing.level1b", dataset="a", needs=(SCIENCE,), makes=(UNCAL,)),
        StepSpec(kind="processing.image2", dataset="b", needs=(UNCAL,), makes=(COMBINED,)),
    ]
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "02726402001", specs)
    return ops


@pytest.mark.parametrize("text", [SCIENCE, EXPOSURE, UNCAL, CAL, COMBINED])
def test_a_name_tells_what_came_when_what_was_asked_and_who_used_it(told: Ops, text: str) -> None:
    story = where(told, text)
    assert [e.at for e in story] == sorted(e.at for e in story)
    said = [f"{e.what} {e.name} {e.words}" for e in story]
    assert {e.who for e in story if e.what == "journal"} == {"tester"}
    for words in (
        "delivery D0001 came from FOS, number 1. Now complete",
        f"asked for {SCIENCE} asked for again, 1 time so far",
        "told D0001_rerequest_001.json re-request to FOS about D0001; not taken yet",
        f"no more asked for {SCIENCE} closed by delivery D0002",
        f"file {SCIENCE} released, version 1, in delivery D0002",
        f"processing.level1b a uses {SCIENCE}: ",
        f"journal {SCIENCE} file.quarantined: is named by the manifest and is not in the delivery",
    ):
        assert any(words in line for line in said), words


def test_a_visit_and_a_delivery_tell_of_all_their_files(told: Ops) -> None:
    names = {e.name for e in where(told, "V02726402001") if e.what == "file"}
    assert names == {n for n in (f["name"] for f in queries.files(told)) if n[0] in "SV" or n.endswith("_osf.xml")}
    assert where(told, "V02726402001") == where(told, "02726402001")
    assert len({e.name for e in where(told, "D0001") if e.what == "file"}) == 6
    assert {e.name for e in where(told, "D0002") if e.what == "file"} == {SCIENCE}


@pytest.mark.parametrize("text", ["D9999", "S0000_2022338999999_001.out", "02726999001", "x' OR 1=1 --", ""])
def test_what_never_came_is_said_with_the_procedure(told: Ops, text: str) -> None:
    with pytest.raises(NotFound, match="nothing was received") as caught:
        where(told, text)
    assert "P04" in caught.value.remedy


def test_bytes_that_came_under_two_names_are_said(ops: Ops, folder: Path) -> None:
    shutil.copy(folder / SCIENCE, folder / "S0000_2022338025616_099.out")
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=ops.clock.now())
    accept(ops, folder)
    assert any("The same bytes came as S0000_2022338025616_0" in e.words for e in where(ops, "D0001"))
