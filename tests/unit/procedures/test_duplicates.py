"""What P14 looks at: what came twice, what disagrees, and its acts."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, NotFound, StalePlan
from dmsops.engineering import compact, queries
from dmsops.engineering.ingest import ingest
from dmsops.engineering.tables import engineering_hour
from dmsops.procedures import duplicates
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, put, seconds, take

ONE, TWO = FLOATS[:2]


@pytest.fixture
def ops(ops):
    ops.clock.advance(START + timedelta(days=1) - ops.clock.now())
    return ops


@pytest.fixture
def doubled(ops):
    """Give a site on which a real-time file, a recorded one and a repeated one share samples; three of one mnemonic disagree."""
    take(ops, [*seconds(0, 10), *seconds(0, 10, TWO)], named(1, "C"))
    take(ops, [*seconds(0, 4), *seconds(4, 7, value=99.0), *seconds(7, 12), *seconds(8, 9, TWO)], named(2, "E"))
    return ops


def counts(ops, **given):
    return [
        (r["name"], r["file"], r["samples"], r["exact"], r["conflict"]) for r in duplicates.by_mnemonic(ops, duplicates.scope(ops, **given))
    ]


def test_duplicates_are_counted_by_file_and_mnemonic(doubled):
    assert counts(doubled) == [(ONE, named(2), 12, 7, 3), (TWO, named(2), 1, 1, 0)]
    rows = duplicates.by_file(doubled, duplicates.scope(doubled))
    assert [(r["name"], r["stream"], r["exact"], r["conflict"]) for r in rows] == [
        (named(2), "recorded", 8, 3),
        (named(1, "C"), "real time", 0, 0),
    ]


def test_only_the_time_and_the_mnemonics_asked_for_are_counted(doubled):
    assert counts(doubled, start="2022-12-04T04:00:04Z", stop="2022-12-04 04:00:05") == [(ONE, named(2), 2, 0, 2)]
    assert counts(doubled, mnemonics=[TWO.lower()]) == [(TWO, named(2), 1, 1, 0)]
    assert counts(doubled, start="2022-12-05", stop="2022-12-06") == []


def test_counts_stay_what_they_are_when_values_change_places_and_hours_are_compacted(doubled):
    before = counts(doubled)
    settle(doubled, "E")
    assert counts(doubled, start="2022-12-04T04:00:00", stop="2022-12-04T05:00:00") == before
    compact.compact(doubled, compact.several(doubled))
    assert counts(doubled, start="2022-12-04T04:00:00", stop="2022-12-04T05:00:00") == before


FILES = st.lists(
    st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.integers(0, 3), st.sampled_from([0.0, 1.0, 2.0])), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES)
def test_the_counts_by_mnemonic_add_up_to_those_of_the_receipts(tmp_path_factory, files):
    ops = small_site(tmp_path_factory.mktemp("law") / "site", START + timedelta(days=1))
    for n, rows in enumerate(files, start=1):
        take(ops, [(name, T0 + s * SECOND, value) for name, s, value in rows], named(n))
    found = counts(ops, start="2022-12-04T04:00:00", stop="2022-12-04T05:00:00")
    for row in queries.files(ops):
        mine = [r for r in found if r[1] == row["name"]]
        assert (sum(r[3] for r in mine), sum(r[4] for r in mine)) == (row["exact"], row["conflict"])
    ops.db.dispose()


def settle(ops, keep):
    seen = duplicates.scope(ops)
    asked = duplicates.order(ops, seen, keep=keep)
    return duplicates.carry_out(ops, asked, ticket=asked.ticket, reason="the recorder is right")


def test_without_a_time_the_hours_of_the_open_intervals_are_looked_at(doubled):
    seen = duplicates.scope(doubled)
    assert (seen.start.isoformat(), seen.stop.isoformat()) == ("2022-12-04T04:00:00+00:00", "2022-12-04T04:59:59.999999+00:00")
    settle(doubled, "standing")
    seen = duplicates.scope(doubled)
    assert (seen.stop, seen.stop - seen.start) == (doubled.clock.now(), timedelta(days=1))


def test_values_stand_side_by_side_with_their_files(doubled):
    rows, files = duplicates.side_by_side(doubled, duplicates.suspects(doubled, duplicates.scope(doubled)), limit=2)
    assert files == (named(1, "C"), named(2))
    assert [(r["at"], r[named(1, "C")], r[named(2)], r["stands"]) for r in rows] == [
        ("04:00:04.000Z", "4", "99", named(1, "C")),
        ("04:00:05.000Z", "5", "99", named(1, "C")),
    ]


def test_a_resolution_changes_values_and_statistics(doubled):
    seen = duplicates.scope(doubled)
    intervals = duplicates.suspects(doubled, seen)
    before = duplicates.statistics(doubled, seen, intervals)
    assert "3 samples have another value" in settle(doubled, "E")["result"]
    after = duplicates.statistics(doubled, seen, intervals)
    assert [(r["name"], r["samples"], r["maximum"]) for r in (*before, *after)] == [(ONE, 12, 11.0), (ONE, 12, 99.0)]
    assert duplicates.suspects(doubled, seen) == []
    assert [r["choice"] for r in duplicates.suspects(doubled, seen, every=True)] == ["E"]


def test_only_intervals_of_the_mnemonics_and_the_time_asked_for_are_settled(doubled):
    take(doubled, seconds(2, 3, TWO, value=-1.0), named(3))
    assert [r["mnemonic"] for r in duplicates.order(doubled, duplicates.scope(doubled)).rows] == [TWO, ONE]
    assert [r["mnemonic"] for r in duplicates.order(doubled, duplicates.scope(doubled, mnemonics=[TWO])).rows] == [TWO]
    later = duplicates.scope(doubled, start="2022-12-04T04:00:04Z")
    assert [r["mnemonic"] for r in duplicates.order(doubled, later).rows] == [ONE]
    (number,) = (r["id"] for r in duplicates.suspects(doubled, later))
    assert duplicates.order(doubled, duplicates.scope(doubled), chosen=[number]).choice["suspects"] == [number]


def test_hours_that_were_counted_by_other_rules_are_counted_again(doubled):
    seen = duplicates.scope(doubled, start="2022-12-04T03:00:00", stop="2022-12-04T05:00:00")
    right = queries.hourly(doubled, ONE)
    assert duplicates.order(doubled, seen, act="recount").rows == ()
    with doubled.db.begin() as c:
        c.execute(sa.update(engineering_hour).values(yellow=7))
    asked = duplicates.order(doubled, seen, act="recount")
    assert [(row["hour"], row["mnemonics"]) for row in asked.rows] == [("2022-12-04T04", 2)]
    assert set(asked.columns) == set(asked.rows[0])
    assert queries.hourly(doubled, ONE) != right, "looking changed it"
    done = duplicates.carry_out(doubled, asked, ticket=asked.ticket, reason="limits have changed")
    assert (done["result"], queries.hourly(doubled, ONE)) == ("1 hour counted again", right)
    with pytest.raises(BadInput, match="leave 'mnemonics' empty"):
        duplicates.order(doubled, duplicates.scope(doubled, mnemonics=[ONE]), act="recount")


def test_with_nothing_suspect_there_is_nothing_to_do(ops):
    seen = duplicates.scope(ops)
    assert duplicates.order(ops, seen).rows == duplicates.order(ops, seen, act="remake").rows == ()
    assert duplicates.by_mnemonic(ops, seen) == duplicates.affected(ops) == []


def test_a_ticket_does_not_hold_when_more_has_come(doubled):
    asked = duplicates.order(doubled, duplicates.scope(doubled), keep="E")
    ingest(doubled, name=named(3), sha256=put(doubled, seconds(5, 6, value=7.5), named(3)))
    with pytest.raises(StalePlan):
        duplicates.carry_out(doubled, asked, ticket=asked.ticket, reason="x")


def test_what_cannot_be_looked_at_is_said(doubled):
    seen = duplicates.scope(doubled)
    with pytest.raises(BadInput, match="'eat' is no act of P14"):
        duplicates.order(doubled, seen, act="eat")
    with pytest.raises(BadInput, match="ends before it begins"):
        duplicates.scope(doubled, start="2022-12-05", stop="2022-12-04")
    with pytest.raises(BadInput, match="'noon' is no time"):
        duplicates.scope(doubled, start="noon")
    with pytest.raises(NotFound, match="no mnemonic 'nope'"):
        duplicates.scope(doubled, mnemonics=["nope"])
    with pytest.raises(BadInput, match="no contested value came from 'R'"):
        duplicates.order(doubled, seen, keep="R")
