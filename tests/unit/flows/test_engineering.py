"""Engineering files become ingests, once each; what telemetry did to products is found by intervals."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dmsops.engineering.steps import report_name
from dmsops.flows import engineering
from dmsops.flows.level1b import Used
from dmsops.workflow import queries

HOUR = 3_600_000_000
SPANS = st.tuples(st.integers(0, 6 * HOUR), st.integers(0, 3 * HOUR)).map(lambda s: (s[0], s[0] + s[1]))


@given(spans=st.lists(SPANS, max_size=12), used=SPANS)
def test_what_touches_an_interval_is_found_by_its_hours(spans, used):
    rows = [{"first_us": a, "last_us": b, "id": i} for i, (a, b) in enumerate(spans)]
    found = engineering._touching(engineering._by_hour(rows), Used(*used, 1))
    assert {row["id"] for row in found} == {i for i, (a, b) in enumerate(spans) if a <= used[1] and b >= used[0]}


@given(st.integers(-(10**17), 10**17), st.integers(-(10**17), 10**17), st.integers(0, 10**6))
def test_what_was_used_is_read_back_and_nothing_else_is_taken_for_it(first, last, revision):
    assert Used.read(str(Used(first, last, revision))) == Used(first, last, revision)
    assert Used.read("jwst_nircam_gain_0097.fits") is None


def test_every_engineering_file_is_planned_once(desk: Any) -> None:
    (name,) = engineering.plan_received(desk.ops)
    assert engineering.plan_received(desk.ops) == []
    desk.plan()
    (step,) = queries.steps(desk.ops, kinds=("engineering.ingest",))
    assert (step["dataset"], step["workflow"], step["cls"]) == (name, "ENGINEERING", "wfsc")  # wavefront visits wait for it
    assert engineering.open_ingests(desk.ops) == 1


def test_level_1b_waits_for_the_report_and_a_second_version_has_another_name(desk: Any) -> None:
    desk.plan()
    assert report_name("E0000_2022338025116_001.out", 1) == "E0000_2022338025116_001_ingest.json"
    assert report_name("E0000_2022338025116_001.out", 2) == "E0000_2022338025116_001_v2_ingest.json"
    states = {row["state"] for row in queries.steps(desk.ops, kinds=("processing.level1b",))}
    desk.ingest()
    assert (states, {row["state"] for row in queries.steps(desk.ops, kinds=("processing.level1b",))}) == ({"waiting"}, {"ready"})
