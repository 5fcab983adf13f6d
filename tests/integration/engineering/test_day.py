"""A simulated day of engineering files, many of them resent, late, out of order or wrong: every sample is classified as its truth says."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dmsops.engineering import queries
from dmsops.engineering.ingest import ingest
from dmsops.testbed.day import fly_day
from dmsops.testbed.telemetry_day import Shares
from dmsops.testing.sites import small_site

KINDS = ("new", "late", "exact", "conflict")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_file_of_a_bad_day_is_classified_as_its_truth_says(tmp_path: Path, seed: int) -> None:
    shares = Shares(resent=0.2, conflicts=0.01, late=0.2, disordered=0.2, gaps=0.2)
    day = fly_day(tmp_path / "day", date(2022, 12, 4), samples=200_000, files=12, shares=shares, seed=seed)
    truth = {row["file"]: row for row in json.loads(day.truth.read_text())["files"]}
    ops = small_site(tmp_path / "site", datetime(2022, 12, 7, tzinfo=UTC), mode="rehearsal")
    total = Counter[str]()
    for path in (path for folder in day.deliveries for path in sorted(folder.glob("?0000_*.out"))):
        got, want = ingest(ops, name=path.name, sha256=ops.store.put(path)), truth[path.name]
        expected = {"new": want["new"] - want["late"], **{k: want[k] for k in ("late", "exact", "conflict")}}
        assert {k: getattr(got, k) for k in KINDS} == expected, path.name
        total.update(expected)
    assert all(total[kind] for kind in KINDS)
    summary = queries.summary(ops)
    assert summary["samples"] == total["new"] + total["late"]
    assert summary["impossible"] == summary["damaged"] == 0
    ops.db.dispose()
