"""Finish times: more work never ends earlier, one worker does everything in turn, the critical path is the floor."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dmsops.workflow import schedule


@st.composite
def works(draw: st.DrawFn) -> tuple[dict[int, set[int]], dict[int, float]]:
    n = draw(st.integers(1, 9))
    graph = {i: draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(n)}
    return graph, {i: float(draw(st.integers(1, 20))) for i in range(n)}


@given(works(), st.integers(1, 4))
def test_no_step_begins_before_those_before_it_and_never_more_run_than_workers(work, workers) -> None:
    graph, seconds = work
    ends = schedule.finishes(graph, seconds, workers)
    starts = {i: ends[i] - seconds[i] for i in graph}
    assert all(starts[i] >= ends[p] for i in graph for p in graph[i])
    assert max(sum(starts[j] <= starts[i] < ends[j] for j in graph) for i in graph) <= workers


@given(works(), st.integers(1, 4), st.data())
def test_slower_steps_and_fewer_workers_never_end_earlier(work, workers, data) -> None:
    graph, seconds = work
    ends = schedule.finishes(graph, seconds, workers)
    slow = data.draw(st.sampled_from(sorted(graph)))
    assert max(schedule.finishes(graph, {**seconds, slow: seconds[slow] + 5}, workers).values()) >= max(ends.values())
    assert max(schedule.finishes(graph, seconds, workers + 1).values()) <= max(ends.values())
    assert schedule.finishes(graph, seconds, workers, ahead=7.0) == {i: end + 7.0 for i, end in ends.items()}


@given(works())
def test_the_critical_path_is_what_no_number_of_workers_makes_shorter(work) -> None:
    graph, seconds = work
    path = schedule.critical_path(graph, seconds)
    assert all(a in graph[b] for a, b in itertools.pairwise(path))
    assert sum(seconds[i] for i in path) == max(schedule.finishes(graph, seconds, len(graph)).values())
    assert max(schedule.finishes(graph, seconds, 1).values()) == sum(seconds.values())
