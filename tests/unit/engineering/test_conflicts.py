"""Conflicting values: both are kept with their files, the time is suspect, and a person says which value stands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dmsops.core.errors import BadInput, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.engineering import partitions, queries, resolve
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, SECOND, T0, named, seconds, take

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))


@pytest.fixture
def contested(ops):
    """Give a site on which the recorded file and the real-time one disagree in three samples of ten."""
    take(ops, seconds(0, 10), named(1, "C"))
    take(ops, [*seconds(0, 4), *seconds(4, 7, value=99.0), *seconds(7, 12)], named(2, "E"))
    return ops


def settle(ops, keep, ids=None):
    ids = ids or [row["id"] for row in queries.suspect_intervals(ops)]
    seen = resolve.preview(ops, ids, keep=keep)
    return resolve.resolve(ops, ids, keep=keep, ticket=seen.hash, reason="the recorder is right")


def test_the_first_value_stands_and_the_interval_is_suspect(contested):
    held = queries.samples(contested, FLOATS[0], *ALL)
    assert held.value.tolist() == [float(s) for s in range(12)]
    (row,) = queries.suspect_intervals(contested)
    assert (row["name"], row["first_us"], row["last_us"], row["conflicts"]) == (FLOATS[0], T0 + 4 * SECOND, T0 + 6 * SECOND, 3)
    assert row["files"] == [named(1, "C"), named(2, "E")]


def test_both_values_are_shown_with_their_files(contested):
    (row,) = queries.suspect_intervals(contested)
    shown = queries.conflicts(contested, row["id"])
    assert [(r["value"], r["stream"], r["stands"]) for r in shown[:2]] == [(4.0, "C", True), (99.0, "E", False)]
    assert len(shown) == 6


def test_the_same_wrong_value_again_is_an_exact_duplicate(contested):
    assert take(contested, seconds(4, 7, value=99.0), named(3)).exact == 3


def test_a_third_value_is_one_more_conflict_of_the_same_interval(contested):
    assert take(contested, seconds(5, 6, value=7.5), named(3)).conflict == 1
    (row,) = queries.suspect_intervals(contested)
    assert (row["conflicts"], len(row["files"])) == (4, 3)
    assert sorted(r["value"] for r in queries.conflicts(contested, row["id"]) if r["time_us"] == T0 + 5 * SECOND) == [5.0, 7.5, 99.0]


def test_conflicts_far_apart_are_intervals_of_their_own(contested):
    take(contested, seconds(200, 201), named(3))
    take(contested, seconds(200, 201, value=-1.0), named(4))
    assert len(queries.suspect_intervals(contested)) == 2


def test_keeping_what_stands_changes_no_sample_and_ends_the_doubt(contested):
    done = settle(contested, "standing")
    assert [i.changed for i in done.items] == [0]
    assert queries.suspect_intervals(contested) == []
    assert queries.samples(contested, FLOATS[0], *ALL).value.tolist() == [float(s) for s in range(12)]


@pytest.mark.parametrize("keep", ["E", named(2, "E")])
def test_keeping_the_recorded_values_writes_the_hour_anew_with_its_statistics(contested, keep):
    done = settle(contested, keep)
    assert [(i.contested, i.changed) for i in done.items] == [(3, 3)]
    held = queries.samples(contested, FLOATS[0], *ALL)
    assert held.value.tolist() == [0, 1, 2, 3, 99, 99, 99, 7, 8, 9, 10, 11]
    (hour,) = queries.hourly(contested, FLOATS[0])
    assert (hour["samples"], hour["maximum"], hour["mean"]) == (12, 99.0, pytest.approx(held.value.mean()))
    with contested.db.connect() as c:
        (one,) = partitions.current(c)
    assert (one.kind, one.rows) == ("base", 12)
    assert [r["what"] for r in queries.revisions(contested)] == ["resolve", "ingest", "ingest"]


def test_after_it_both_values_are_known_still(contested):
    settle(contested, "E")
    assert take(contested, seconds(4, 7), named(3)).exact == 3
    assert take(contested, seconds(4, 7, value=99.0), named(4)).exact == 3
    (row,) = queries.suspect_intervals(contested, every=True)
    assert (row["state"], row["choice"], row["decided_by"]) == ("resolved", "E", "tester")


def test_the_newest_sample_follows_when_it_was_contested(ops):
    take(ops, seconds(0, 5), named(1, "C"))
    take(ops, seconds(4, 5, value=50.0), named(2, "E"))
    settle(ops, "E")
    assert queries.latest(ops, [FLOATS[0]])[0]["latest_value"] == 50.0


def test_of_two_values_in_one_file_the_first_stands_and_is_shown_so(ops):
    take(ops, [*seconds(0, 2, value=9.0), *seconds(0, 1, value=3.0)], named(1, "E"))
    (row,) = queries.suspect_intervals(ops)
    shown = queries.conflicts(ops, row["id"])
    assert sorted((r["value"], r["stands"]) for r in shown) == [(3.0, False), (9.0, True)]
    for keep in ("E", named(1, "E")):
        assert [i.changed for i in resolve.preview(ops, [row["id"]], keep=keep).items] == [0]


def test_what_was_settled_stays_settled_when_an_interval_grows_over_it(contested):
    settle(contested, "C")
    take(contested, [*seconds(3, 4, value=-1.0), *seconds(9, 10, value=-1.0)], named(3, "E"))
    (row,) = queries.suspect_intervals(contested)
    assert (row["first_us"], row["last_us"]) == (T0 + 3 * SECOND, T0 + 9 * SECOND)
    assert {r["time_us"] for r in queries.conflicts(contested, row["id"])} == {T0 + 3 * SECOND, T0 + 9 * SECOND}
    assert [(i.contested, i.changed) for i in settle(contested, "E").items] == [(2, 2)]
    assert queries.samples(contested, FLOATS[0], *ALL).value.tolist() == [0, 1, 2, -1, 4, 5, 6, 7, 8, -1, 10, 11]


def test_another_value_of_a_settled_sample_contests_it_again(contested):
    settle(contested, "C")
    take(contested, [*seconds(3, 4, value=-1.0), *seconds(5, 6, value=-1.0)], named(3, "R"))
    (row,) = queries.suspect_intervals(contested)
    assert sorted(r["value"] for r in queries.conflicts(contested, row["id"])) == [-1.0, -1.0, 3.0, 5.0, 99.0]
    assert [(i.contested, i.changed) for i in settle(contested, "R").items] == [(2, 2)]
    every = queries.suspect_intervals(contested, every=True)
    assert sorted(len(queries.conflicts(contested, r["id"])) for r in every) == [7, 7]


def test_a_preview_changes_nothing_and_goes_stale_when_more_comes(contested):
    ids = [row["id"] for row in queries.suspect_intervals(contested)]
    seen = resolve.preview(contested, ids, keep="E")
    assert queries.summary(contested)["revision"] == 2
    take(contested, seconds(5, 6, value=7.5), named(3))
    with pytest.raises(StalePlan):
        resolve.resolve(contested, ids, keep="E", ticket=seen.hash, reason="x")


def test_what_cannot_be_settled_is_said(contested):
    (row,) = queries.suspect_intervals(contested)
    with pytest.raises(BadInput, match="no contested value came from 'R'"):
        resolve.preview(contested, [row["id"]], keep="R")
    with pytest.raises(NotFound, match="no suspect interval 77"):
        resolve.preview(contested, [77], keep="E")
    with pytest.raises(BadInput, match="needs a reason"):
        resolve.resolve(contested, [row["id"]], keep="E", ticket="x", reason=" ")
    with pytest.raises(NotAllowed):
        resolve.resolve(contested.as_person(Person("guest", Role.VIEWER)), [row["id"]], keep="E", ticket="x", reason="y")
    settle(contested, "E")
    with pytest.raises(BadInput, match="was resolved by tester"):
        resolve.preview(contested, [row["id"]], keep="E")
