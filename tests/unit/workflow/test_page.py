"""A page of steps: in the usual order or by a column, and counts that agree with the rows."""

from __future__ import annotations

from collections import Counter

import pytest

from dmsops.core.errors import BadInput
from dmsops.testing import bigsite
from dmsops.workflow import page, queries

FILTERS = [
    {"text": "03104_00002"},
    {"text": "disk is full"},
    {"kinds": ("archive.ingest",)},
    {"fingerprint": bigsite.FAILURES[0][1], "text": "nrca3"},
    {"workflow_dataset": "00001002001"},
]
VALUES = {"id": "id", "kind": "kind", "dataset": "dataset", "tries": "attempt", "fault": "fault"}


@pytest.fixture
def big(ops):
    """A site with a few thousand steps."""
    bigsite.fill(ops, 3000)
    return ops


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("name", VALUES)
def test_steps_are_sorted_by_a_column_and_what_is_empty_comes_last(big, name, down):
    found = [r[VALUES[name]] for r in queries.steps(big, sort=f"{'-' if down else ''}{name}", limit=10_000)]
    there = [v for v in found if v is not None]
    assert there == sorted(there, reverse=down)
    assert found == there + [None] * (len(found) - len(there))


def test_steps_are_sorted_by_the_time_that_counts(big):
    def since(row):
        return row["started_at"] if row["state"] == "running" else row["ended_at"] or row["created_at"]

    found = [since(r) for r in queries.steps(big, sort="-since", limit=10_000)]
    assert found == sorted(found, reverse=True)


def test_a_page_in_another_order_goes_on_where_the_last_one_ended(big):
    whole = [r["id"] for r in queries.steps(big, sort="dataset", limit=300)]
    assert whole == [r["id"] for at in (0, 100, 200) for r in queries.steps(big, sort="dataset", limit=100, offset=at)]


def test_a_column_that_is_none_is_refused(big):
    with pytest.raises(BadInput, match="by state, id, kind"):
        queries.steps(big, sort="colour")


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_counts_of_a_filter_are_those_of_its_rows(big, wanted):
    found = queries.matching(big, **wanted)
    assert found == dict(Counter(r["state"] for r in queries.steps(big, limit=10_000, **wanted)))
    assert found


def test_every_column_that_is_offered_can_be_sorted_by(big):
    for name in page.SORTS:
        assert queries.steps(big, sort=name, limit=1)
