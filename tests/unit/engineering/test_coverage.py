"""Gaps are what no file of any order covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import NotFound, StalePlan
from dmsops.engineering import gap_acts, queries
from dmsops.engineering.coverage import spans_of, united
from tests.engineering_files import SECOND, T0, named, seconds, take

LIMIT = 10


@given(st.lists(st.integers(0, 200), max_size=60), st.randoms())
def test_spans_put_together_from_pieces_in_any_order_are_those_of_all_times_at_once(times, random):
    pieces = [[t for t in times if t % 3 == i] for i in range(3)]
    random.shuffle(pieces)
    spans = [span for piece in pieces for span in spans_of(np.array(piece, np.int64), LIMIT)]
    assert united(spans, LIMIT) == spans_of(np.array(times, np.int64), LIMIT)


def test_a_time_without_samples_is_a_gap_until_they_come(ops):
    take(ops, [*seconds(0, 10), *seconds(30, 40)])
    (gap,) = queries.gaps(ops)
    assert (gap["first_us"], gap["last_us"], gap["seconds"], gap["decision"]) == (T0 + 9 * SECOND, T0 + 30 * SECOND, 21.0, "open")
    assert gap["containers"] == ["ACS_POINTING"]
    take(ops, seconds(10, 30), named(2))
    assert queries.gaps(ops) == []


def test_a_gap_between_two_files_is_found_whichever_came_first(ops):
    take(ops, seconds(30, 40), named(2))
    take(ops, seconds(0, 10), named(1))
    assert [g["seconds"] for g in queries.gaps(ops)] == [21.0]


def test_a_time_longer_than_a_file_may_cover_is_no_gap(ops):
    take(ops, seconds(0, 10))
    take(ops, seconds(-15_000, -14_990), named(2))
    assert queries.gaps(ops) == []


def test_the_sender_is_asked_for_a_gap_by_message_and_it_can_be_waived(ops):
    take(ops, [*seconds(0, 10), *seconds(30, 40)])
    first = queries.gaps(ops)[0]["first_us"]
    seen = gap_acts.preview(ops, first, "ask")
    gap_acts.decide(ops, first, "ask", ticket=seen.hash, reason="needed for the pointing")
    (message,) = (ops.settings.folder("outbox") / "fos").glob("engineering_request_*.json")
    assert "2022-12-04T04:00:09" in message.read_text()
    assert [(g["decision"], g["times"], g["actor"]) for g in queries.gaps(ops)] == [("asked", 1, "tester")]
    with pytest.raises(StalePlan):
        gap_acts.decide(ops, first, "ask", ticket=seen.hash, reason="twice")
    again = gap_acts.preview(ops, first, "waive")
    gap_acts.decide(ops, first, "waive", ticket=again.hash, reason="the recorder lost it")
    assert [(g["decision"], g["reason"]) for g in queries.gaps(ops)] == [("waived", "the recorder lost it")]


def decide(ops, first, verb):
    seen = gap_acts.preview(ops, first, verb)
    gap_acts.decide(ops, first, verb, ticket=seen.hash, reason=f"to {verb}")


def test_a_gap_that_has_become_shorter_is_asked_for_in_a_message_of_its_own(ops):
    take(ops, [*seconds(0, 10), *seconds(60, 70)])
    first = queries.gaps(ops)[0]["first_us"]
    decide(ops, first, "ask")
    take(ops, seconds(40, 60), named(2))
    assert [(g["decision"], g["times"]) for g in queries.gaps(ops)] == [("asked", 1)]
    decide(ops, first, "ask")
    asked = sorted((ops.settings.folder("outbox") / "fos").glob("engineering_request_*.json"))
    assert [path.name[-8:] for path in asked] == ["001.json", "002.json"]
    assert ["04:00:40" in path.read_text() for path in asked] == [False, True]
    assert [(g["decision"], g["times"]) for g in queries.gaps(ops)] == [("asked", 2)]


def test_of_a_gap_that_has_become_shorter_the_newest_decision_counts(ops):
    take(ops, [*seconds(0, 10), *seconds(60, 70)])
    first = queries.gaps(ops)[0]["first_us"]
    decide(ops, first, "ask")
    take(ops, seconds(40, 60), named(2))
    decide(ops, first, "waive")
    assert [(g["decision"], g["reason"]) for g in queries.gaps(ops)] == [("waived", "to waive")]


def test_a_gap_that_is_filled_cannot_be_asked_for(ops):
    take(ops, [*seconds(0, 10), *seconds(30, 40)])
    first = queries.gaps(ops)[0]["first_us"]
    take(ops, seconds(10, 30), named(2))
    with pytest.raises(NotFound, match="no gap begins at 2022-12-04T04:00:09"):
        gap_acts.preview(ops, first, "ask")
