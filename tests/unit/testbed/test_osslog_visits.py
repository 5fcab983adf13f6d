"""Any event log by the grammar is read: several visits, every way in which they end, all instruments, acquisitions, guide stars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadVisit
from dmsops.core.records import Acquisition, Guiding
from dmsops.interfaces.fos.osf import read_osf, report_of, write_osf
from dmsops.testbed.osslog import read_log, read_logs
from dmsops.testbed.visits import load_visit, write_visit
from tests.osslogs import FAILURES, OTHERS, Log, Taken, expose, located, logs, ordinary, skipped, unguided

V1, V2 = "V04556001001", "V04556001002"
IMAGE = Taken(4, "NRC_IMAGE", "NRCA3", True, ())


def flown(tmp_path: Path, taken: Taken = IMAGE, *, ending: str = "ENDED", failure: str = ""):
    log = Log()
    ordinary(log, V1, [taken], ending, failure, acquired=False)
    return read_log(log.written(tmp_path))


def test_a_log_of_several_visits_gives_each_of_them(tmp_path):
    log = Log()
    ordinary(log, V1, [IMAGE], "ENDED", "", acquired=False)
    skipped(log, V2, "LATEST START TIME PASSED")
    first, second = read_logs(log.written(tmp_path))
    assert (first.id.v, first.status, len(first.exposures)) == (V1, "SUCCESSFUL", 1)
    assert (second.id.v, second.status, second.end_reason, second.exposures) == (V2, "SKIPPED", "LATEST START TIME PASSED", ())
    assert second.start == second.end


def test_a_log_of_several_visits_is_not_taken_for_one(tmp_path):
    log = Log()
    skipped(log, V1, "A")
    skipped(log, V2, "B")
    with pytest.raises(BadVisit, match=f"holds 2 visits where one is wanted: {V1}, {V2}"):
        read_log(log.written(tmp_path))


def test_a_visit_that_comes_twice_is_refused_with_its_line(tmp_path):
    log = Log()
    for visit in (V1, V2, V1):
        skipped(log, visit, "A")
    with pytest.raises(BadVisit, match=r"line 3: this visit was in the log before"):
        read_logs(log.written(tmp_path))


def test_a_visit_whose_end_is_missing_ends_where_the_next_begins(tmp_path):
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    log.say(f"Group {V1}:02 started")
    expose(log, V1, replace(IMAGE, done=False))
    skipped(log, V2, "A")
    first, _ = read_logs(log.written(tmp_path))
    assert (first.status, first.end_reason) == ("UNSUCCESSFUL", "the log does not say how the visit ended")


def test_a_plan_that_stops_ends_the_visit_that_was_going_on(tmp_path):
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    log.say("*** PLAN PROCESSING STOPPED, SSR ALMOST FULL ***")
    visit = read_log(log.written(tmp_path))
    assert (visit.status, visit.end_reason) == ("UNSUCCESSFUL", "SSR ALMOST FULL")


def test_a_script_that_ends_for_the_recorder_is_no_error_but_a_reason(tmp_path):
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    log.say(f"Script terminated: {V1}P0000000003104:NRCMAIN:SSR_ALMOST_FULL")
    log.say(f"VISIT {V1} ENDED")
    visit = read_log(log.written(tmp_path))
    assert (visit.status, visit.end_reason) == ("UNSUCCESSFUL", "SSR ALMOST FULL")


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_makes_the_visit_unsuccessful_and_is_its_reason(tmp_path, failure):
    visit = flown(tmp_path, failure=failure)
    assert (visit.status, visit.end_reason) == ("UNSUCCESSFUL", failure)


def test_guide_star_outcomes_are_told_with_their_attempt(tmp_path):
    log = Log()
    unguided(log, V1)
    visit = read_log(log.written(tmp_path))
    assert visit.guiding == Guiding(outcome="FAILED", attempt=2)
    assert visit.guide_star is None
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    log.say("FGS guide star acquisition failed on attempt 1")
    log.say("FGSMAIN ACT 02 achieved closed-loop fine guidance control")
    assert read_log(log.written(tmp_path)).guiding == Guiding(outcome="ACQUIRED", attempt=2)
    assert flown(tmp_path, failure=FAILURES[1]).guiding == Guiding(outcome="LOST", attempt=1)


def test_a_target_acquisition_is_told_with_centroid_and_manoeuvre(tmp_path, shared_data):
    (acquired,) = read_log(shared_data / "oss_logs" / "V02726402001.txt").acquisitions
    assert (acquired.detector, acquired.outcome, str(acquired.exposure)) == ("NRCA3", "SUCCESSFUL", "jw02726402001_02102_00001")
    assert (acquired.column, acquired.row) == (1587.89891, 1409.87847)
    assert (acquired.sam_x, acquired.sam_y) == (-0.0119608742, 0.0197077842)


@pytest.mark.parametrize(("flag", "failure"), [("FAILURE", ""), ("SUCCESS", "NRC target locate failed")])
def test_a_target_acquisition_that_failed_says_so(tmp_path, flag, failure):
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    located(log, "NRCA3", flag)
    if failure:
        log.say(failure)
    log.say(f"VISIT {V1} ENDED")
    visit = read_log(log.written(tmp_path))
    assert visit.acquisitions == (Acquisition(detector="NRCA3", outcome="FAILED", column=1587.89891, row=1409.87847),)
    assert report_of(visit).target_acquisition == "FAILED"


def test_a_real_time_visit_is_a_generic_one(tmp_path):
    log = Log()
    log.say(f"VISIT {V1} STARTED")
    log.say(f"Script activated: {V1}P0000000001101:GENRTVSTMAIN")
    log.say(f"VISIT {V1} ENDED")
    assert read_log(log.written(tmp_path)).visit_type == "GENERIC"


@pytest.mark.parametrize("exp_type", sorted(OTHERS))
def test_exposures_of_all_instruments_are_read(tmp_path, exp_type):
    (done,) = flown(tmp_path, Taken(4, exp_type, "", True, ())).exposures
    (left,) = flown(tmp_path, Taken(4, exp_type, "", False, ())).exposures
    assert (done.exp_type, done.status, left.status) == (exp_type, "completed", "aborted")
    assert {r.detector[:3] for r in done.readouts} <= {exp_type[:3], "GUI"}
    assert left.exposure_seconds == (left.end - left.start).total_seconds()


def test_a_configuration_of_another_instrument_is_refused(tmp_path):
    log = Log()
    ordinary(log, V1, [Taken(4, "MIR_IMAGE", "", True, ())], "ENDED", "", acquired=False)
    path = log.written(tmp_path)
    path.write_text(path.read_text().replace("cfg=MIRIMAGE", "cfg=NRCA3"))
    with pytest.raises(BadVisit, match="'NRCA3' is no detector configuration of an exposure of type MIR_IMAGE"):
        read_log(path)


@settings(max_examples=80, deadline=None)
@given(log=logs())
def test_every_log_is_read_and_its_status_files_say_the_same(tmp_path_factory, log):
    folder = tmp_path_factory.mktemp("log")
    visits = read_logs(log.written(folder))
    assert [(v.id.v, v.status, v.end_reason) for v in visits] == [(t.visit, t.status, t.reason) for t in log.told]
    for visit, told in zip(visits, log.told, strict=True):
        assert [(str(e.name), e.status) for e in visit.exposures] == list(told.exposures)
        assert (visit.guiding.outcome if visit.guiding else None) == told.guiding
        assert read_osf(write_osf(visit, folder)) == report_of(visit)
        write_visit(visit, folder / "visit.toml")
        assert load_visit(folder / "visit.toml") == visit


@settings(max_examples=150, deadline=None)
@given(log=logs(), data=st.data())
def test_a_damaged_log_is_read_or_refused_with_its_line(tmp_path_factory, log, data):
    at = data.draw(st.integers(0, len(log.lines) - 1))
    line = log.lines[at]
    cut = data.draw(st.integers(1, len(line)))
    log.lines[at] = data.draw(st.sampled_from([line[:-cut], line[cut:], line[:cut] + "\x00" + line[cut:], line.swapcase(), line + line]))
    path = log.written(tmp_path_factory.mktemp("log"))
    said = refusal(path)
    assert said is None or said.message.startswith("log.txt: ")
    assert said is None or "line" in said.facts or "no message of a visit" in said.message


def refusal(path: Path) -> BadVisit | None:
    try:
        read_logs(path)
    except BadVisit as bad:
        return bad
    return None


@settings(max_examples=60, deadline=None)
@given(log=logs(), data=st.data())
def test_a_line_without_its_time_is_refused_with_its_number(tmp_path_factory, log, data):
    at = data.draw(st.integers(0, len(log.lines) - 1))
    log.lines[at] = log.lines[at][23:]
    with pytest.raises(BadVisit, match=rf"log\.txt: line {at + 1}: a message begins with its time"):
        read_logs(log.written(tmp_path_factory.mktemp("log")))
