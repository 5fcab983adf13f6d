"""Ingest: every sample of every file is classified right, what is new is held, and nothing is dropped without being counted."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery, NotAllowed
from dmsops.core.people import Person, Role
from dmsops.engineering import duck, partitions, queries
from dmsops.engineering.ingest import ingest
from dmsops.engineering.states import EngineeringState
from dmsops.engineering.trend import trend
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, NAME, SECOND, T0, named, put, seconds, take

HOUR = 3600 * SECOND
TIMES = st.integers(-3, 6).map(lambda step: T0 + HOUR + step * HOUR // 4)
ROWS = st.lists(st.tuples(st.sampled_from(FLOATS[:2]), TIMES, st.sampled_from([0.0, -0.0, 1.5, 2.5, math.nan])), min_size=1, max_size=25)
SORTED = ROWS.map(lambda rows: sorted(rows, key=lambda row: row[1]))
ONCE = SORTED.map(lambda rows: list({row[:2]: row for row in rows}.values()))
FILE = st.one_of(ROWS, SORTED, ONCE)
"""In any order; in the order of time; in the order of time and every time once, as most files are."""


class Oracle:
    """The rule, carried out one sample after another in plain Python."""

    def __init__(self):
        self.known, self.newest = {}, {}

    def file(self, rows):
        counts, before = dict.fromkeys(("new", "late", "exact", "conflict"), 0), dict(self.newest)
        for name, time, value in rows:
            plain = "nan" if math.isnan(value) else value + 0.0
            there = self.known.setdefault((name, time), [])
            if plain in there:
                counts["exact"] += 1
                continue
            if there:
                counts["conflict"] += 1
            else:
                counts["late" if time < before.get(name, time) else "new"] += 1
                self.newest[name] = max(time, self.newest.get(name, time))
            there.append(plain)
        return counts


def by_mnemonic(rows):
    """Give rows in the order in which a file of the HDF5 form keeps them: by mnemonic, then as they came."""
    return [row for name in FLOATS for row in rows if row[0] == name]


def plain(values):
    return ["nan" if math.isnan(v) else v + 0.0 for v in values.tolist()]


@given(files=st.lists(FILE, min_size=1, max_size=5))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mix_of_resends_conflicts_late_and_disordered_files_is_classified_right_and_nothing_is_lost(tmp_path_factory, files):
    ops = small_site(tmp_path_factory.mktemp("mix") / "site", START + timedelta(hours=6))
    oracle = Oracle()
    for i, rows in enumerate(files, start=1):
        got = take(ops, rows, named(i))
        expected = oracle.file(by_mnemonic(rows))
        assert {k: getattr(got, k) for k in expected} == expected
        assert got.samples == len(rows) == sum(expected.values())
    for name in FLOATS[:2]:
        held = queries.samples(ops, name, START - timedelta(hours=2), START + timedelta(hours=6))
        standing = {t: values[0] for (n, t), values in sorted(oracle.known.items(), key=lambda item: item[0][1]) if n == name}
        assert held.time.tolist() == list(standing)
        assert plain(held.value) == list(standing.values())
    with ops.db.connect() as c:
        for one in partitions.current(c):
            rows = duck.fetch(ops, [one], order="file_row_number")
            assert rows.time.tolist() == rows.ordered().time.tolist()
    assert contested_of(ops) == {key: set(values) for key, values in oracle.known.items() if len(values) > 1}
    ops.db.dispose()


def contested_of(ops):
    """Read every value of contested samples back from the partitions that keep them."""
    with ops.db.connect() as c:
        there = partitions.current(c, kinds=(partitions.CONFLICT,))
    rows, found = duck.fetch(ops, there), {}
    for number, time, value in zip(rows.number.tolist(), rows.time.tolist(), plain(rows.value), strict=True):
        found.setdefault((telemetry_database().by_number(number).name, time), set()).add(value)
    return found


def test_a_file_that_comes_again_is_not_taken_twice(ops):
    first = take(ops, seconds(0, 10))
    again = take(ops, seconds(0, 10))
    assert (first.again, again.again) == (False, True)
    assert again.id == first.id
    assert queries.summary(ops)["samples"] == 10


def test_the_same_bytes_under_another_name_are_all_exact_duplicates(ops):
    take(ops, seconds(0, 10))
    assert take(ops, seconds(0, 10), named(2, "C")).exact == 10


def test_a_superset_brings_only_what_is_new(ops):
    take(ops, seconds(0, 10))
    got = take(ops, seconds(0, 15), named(2))
    assert (got.exact, got.new, got.late, got.conflict) == (10, 5, 0, 0)


def test_late_samples_are_held_as_a_new_version_of_their_hour(ops):
    take(ops, [*seconds(0, 5), *seconds(10, 15)])
    got = take(ops, seconds(5, 10), named(2))
    assert (got.late, got.new) == (5, 0)
    with ops.db.connect() as c:
        assert [p.version for p in partitions.current(c)] == [1, 2]
    held = queries.samples(ops, FLOATS[0], START, START + timedelta(hours=3))
    assert held.value.tolist() == [float(s) for s in range(15)]


@pytest.mark.parametrize(
    ("rows", "origin", "why"),
    [
        (seconds(0, 5), "SIMULATOR", "its origin is SIMULATOR"),
        (seconds(0, 5), "OTB", "its origin is OTB"),
        (seconds(100_000, 100_005), "OBSERVATORY", "it ends in the future"),
        ([*seconds(0, 2), *seconds(-20_000, -19_998)], "OBSERVATORY", "h, more than 4 h"),
        ([(FLOATS[0], 1_000, 1.0)], "OBSERVATORY", "begins before there was telemetry"),
    ],
)
def test_a_file_that_cannot_be_the_observatorys_is_refused_and_kept(ops, rows, origin, why):
    got = take(ops, rows, origin=origin)
    assert got.state is EngineeringState.REFUSED
    assert why in got.reason
    assert queries.summary(ops)["samples"] == 0
    (row,) = queries.files(ops)
    assert ops.store.has(row["sha256"])


FINE = [(FLOATS[0], T0 + s * SECOND + 250, float(s)) for s in range(10)]


@pytest.mark.parametrize("coarse", [True, False])
def test_files_of_one_time_whose_clocks_have_other_fractions_wait_for_a_person(ops, coarse):
    assert take(ops, FINE, coarse=coarse).new == 10
    assert take(ops, FINE, named(2, "C"), coarse=coarse).exact == 10
    got = take(ops, FINE, named(3), coarse=not coarse)
    assert got.state is EngineeringState.REFUSED
    mine, theirs = ("microseconds", "whole milliseconds") if coarse else ("whole milliseconds", "microseconds")
    assert got.reason.startswith(f"its times are {mine}, and those of {NAME} and 1 more, held of the same time, are {theirs}")
    assert take(ops, [(n, t + 60 * SECOND, v) for n, t, v in FINE], named(4), coarse=not coarse).new == 10
    assert queries.summary(ops)["samples"] == 20


def test_a_rehearsal_takes_the_test_beds_files(tmp_path):
    ops = small_site(tmp_path / "site", START + timedelta(hours=6), mode="rehearsal")
    assert take(ops, seconds(0, 5), origin="OTB").new == 5
    ops.db.dispose()


def test_a_file_that_cannot_be_read_changes_nothing_but_its_row(ops, tmp_path):
    path = tmp_path / named(1)
    path.write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    with pytest.raises(BadDelivery, match=named(1)):
        ingest(ops, name=named(1), sha256=ops.store.put(path))
    assert queries.summary(ops)["samples"] == 0


def test_who_may_only_look_ingests_nothing(ops):
    sha256 = put(ops, seconds(0, 3))
    with pytest.raises(NotAllowed):
        ingest(ops.as_person(Person("guest", Role.VIEWER)), name=named(1), sha256=sha256)


def test_an_act_of_another_writer_meanwhile_is_seen_and_the_work_done_again(ops, monkeypatch):
    from dmsops.engineering import hours

    once = iter([True])
    sort = hours.sort_hour

    def other_first(*given):
        if next(once, False):
            with ops.db.begin() as c:
                c.execute(sa.text("INSERT INTO engineering_revision VALUES (1, 'ingest', 'another', 'x', '2022-12-04T04:00:00.000000Z')"))
        return sort(*given)

    monkeypatch.setattr(hours, "sort_hour", other_first)
    got = take(ops, seconds(0, 5))
    assert (got.new, got.revision) == (5, 2)
    with ops.db.connect() as c:
        assert len(partitions.current(c)) == 1


def test_a_sample_that_is_no_number_is_held_and_counts_in_no_statistic(ops):
    take(ops, [(FLOATS[0], T0, math.nan), (FLOATS[0], T0 + SECOND, 2.0)])
    held = queries.samples(ops, FLOATS[0], START, START + timedelta(hours=3))
    assert np.isnan(held.value[0])
    (hour,) = queries.hourly(ops, FLOATS[0])
    assert (hour["samples"], hour["minimum"], hour["mean"], hour["deviation"]) == (1, 2.0, 2.0, 0.0)
    (newest,) = queries.latest(ops, [FLOATS[0]])
    assert newest["samples"] == 2


def test_an_hour_without_a_number_has_no_lowest_and_no_highest_and_is_no_point_of_a_trend(ops):
    take(ops, [(FLOATS[0], T0, math.nan), (FLOATS[0], T0 + SECOND, math.inf)])
    (hour,) = queries.hourly(ops, FLOATS[0])
    assert (hour["samples"], hour["minimum"], hour["maximum"], hour["mean"], hour["deviation"]) == (0, None, None, None, None)
    long = (START - timedelta(days=30), START + timedelta(hours=6))
    assert len(trend(ops, FLOATS[0], *long, points=10).time_us) == 0
    take(ops, [(FLOATS[0], T0 + 2 * SECOND, 36.0), (FLOATS[0], T0 + 3 * SECOND, 38.0)], named(2))
    (hour,) = queries.hourly(ops, FLOATS[0])
    assert (hour["samples"], hour["minimum"], hour["maximum"], hour["mean"]) == (2, 36.0, 38.0, 37.0)
    found = trend(ops, FLOATS[0], *long, points=10)
    assert (found.samples.tolist(), found.low.tolist(), found.mean.tolist()) == ([2], [36.0], [37.0])
