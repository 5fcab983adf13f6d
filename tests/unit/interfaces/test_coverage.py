"""Which packets are there: runs say the same as a list of packets would, from however many files they come."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.interfaces.fos import coverage, layout
from dmsops.interfaces.fos.coverage import Sent

shapes = st.builds(
    Sent, nints=st.integers(1, 6), groups=st.integers(1, 4), rows=st.integers(1, 80), columns=st.sampled_from([4, 1000, 2048, 32000])
)


@st.composite
def files(draw) -> tuple[Sent, list[set[int]]]:
    """Draw what was sent, and for each of some files which packets (by their number) it holds."""
    sent = draw(shapes)
    numbers = st.sets(st.integers(0, sent.packets - 1)) | st.just(set(range(sent.packets)))
    return sent, draw(st.lists(numbers, max_size=4))


def places(sent: Sent, numbers: set[int]) -> np.ndarray:
    integration, position = np.divmod(np.array(sorted(numbers), dtype=np.int64), sent.per_integration)
    return ((integration + 1) << 32) | position


@given(files())
def test_what_several_files_hold_is_put_together_and_the_rest_is_missing(case):
    sent, held = case
    runs = json.loads(json.dumps([run for numbers in held for run in coverage.runs_of(places(sent, numbers))]))
    have = coverage.held(sent, runs)
    there = set().union(*held)
    assert {n for begin, end in have.tolist() for n in range(begin, end)} == there
    assert coverage.count(have) == len(there)
    gone = coverage.missing(sent, have)
    assert {n for begin, end in gone.tolist() for n in range(begin, end)} == set(range(sent.packets)) - there
    assert (np.diff(have.reshape(-1)) > 0).all()


@given(files())
def test_missing_packets_are_told_as_rows_of_frames(case):
    sent, held = case
    runs = [run for numbers in held for run in coverage.runs_of(places(sent, numbers))]
    rows = np.zeros((sent.nints, sent.groups, sent.rows), dtype=bool)
    for integration, group, first, count in coverage.spans_of_rows(sent, coverage.missing(sent, coverage.held(sent, runs))):
        assert not rows[integration - 1, group - 1, first : first + count].any()
        rows[integration - 1, group - 1, first : first + count] = True
    per_packet = layout.rows_per_packet(sent.columns)
    for number in range(sent.packets):
        frame, position = divmod(number, sent.per_frame)
        block = rows[frame // sent.groups, frame % sent.groups, position * per_packet : (position + 1) * per_packet]
        assert block.all() if number not in set().union(*held) else not block.any()


def test_a_whole_exposure_is_one_run():
    sent = Sent(nints=10_000, groups=5, rows=64, columns=64)
    assert coverage.runs_of(places(sent, set(range(sent.packets)))) == [[1, 10_000, 0, 5]]


def test_a_packet_that_is_missing_costs_few_runs_more():
    sent = Sent(nints=4, groups=2, rows=2048, columns=2048)
    runs = coverage.runs_of(places(sent, set(range(sent.packets)) - {300}))
    assert runs == [[2, 2, 0, 26], [1, 1, 0, 274], [3, 4, 0, 274], [2, 2, 27, 274]]


def test_what_was_sent_and_what_is_held_survive_as_plain_data():
    sent = {"frame": Sent(nints=2, groups=3, rows=8, columns=8), "zero frame": Sent(nints=2, groups=1, rows=8, columns=8)}
    kept = json.loads(json.dumps(coverage.plain(sent, {"frame": ((8, 8), [[1, 2, 0, 3]])})))
    assert coverage.read_sent(kept) == sent
    assert coverage.runs_within(kept, sent) == {"frame": [[1, 2, 0, 3]]}
    assert coverage.read_sent(coverage.plain(None, {})) is None


@pytest.mark.parametrize(
    ("size", "runs", "kind"),
    [((9, 8), [], "frame"), ((8, 8), [[1, 3, 0, 1]], "frame"), ((8, 8), [[1, 1, 2, 4]], "frame"), ((8, 8), [], "zero frame")],
)
def test_what_does_not_fit_what_was_sent_is_not_put_together(size, runs, kind):
    sent = {"frame": Sent(nints=2, groups=3, rows=8, columns=8)}
    assert coverage.runs_within(coverage.plain(None, {kind: (size, runs)}), sent) is None
