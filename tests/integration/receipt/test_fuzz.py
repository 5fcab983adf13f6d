"""Damaged files of every kind: none crashes, hangs or fills the memory, and nothing is accepted that was not sent."""

from __future__ import annotations

from pathlib import Path

from tests.bench.fuzz import fuzz
from tests.bench.fuzzed import BAD, REFUSED, SAME


def test_damaged_files_are_refused_in_words_or_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    cases = list(fuzz(tmp_path, 300, seed=2))
    assert [case.number for case in cases] == list(range(300))
    assert [case for case in cases if case.outcome in BAD] == []
    assert {case.kind for case in cases} == {"science", "engineering", "osf", "ephemeris", "plan", "manifest"}
    outcomes = [case.outcome for case in cases]
    assert outcomes.count(REFUSED) > 100
    assert SAME in outcomes
