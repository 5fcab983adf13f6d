"""Compaction makes one partition of many, with the same samples; what was read before stays readable."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from dmsops.core.errors import NotAllowed, StoreDamaged
from dmsops.core.people import Person, Role
from dmsops.engineering import compact, duck, partitions, queries
from dmsops.engineering.columns import NO_RAW
from dmsops.engineering.tables import engineering_partition
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, HOUR_OF_T0, named, seconds, take

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))


def current(ops):
    with ops.db.connect() as c:
        return partitions.current(c)


def test_after_it_the_hour_has_one_partition_and_every_sample_once(ops):
    for i in range(4):
        take(ops, [*seconds(10 * i, 10 * i + 10), *seconds(10 * i, 10 * i + 10, FLOATS[1])], named(i + 1))
    (done,) = compact.compact(ops, compact.several(ops))
    assert (done.partitions, done.rows) == (4, 80)
    (one,) = current(ops)
    assert (one.kind, one.rows, one.version) == ("base", 80, 5)
    for name in FLOATS[:2]:
        assert queries.samples(ops, name, *ALL).value.tolist() == [float(s) for s in range(40)]


def test_a_reader_that_took_its_list_before_still_reads_the_same_samples(ops):
    for i in range(2):
        take(ops, seconds(10 * i, 10 * i + 10), named(i + 1))
    before = current(ops)
    compact.compact(ops, compact.several(ops))
    assert duck.fetch(ops, before).value.tolist() == [float(s) for s in range(20)]


def test_only_hours_with_more_partitions_than_the_setting_are_compacted_by_themselves(ops):
    limit = ops.settings.engineering_partitions
    for i in range(limit):
        take(ops, seconds(i, i + 1), named(i + 1))
    assert compact.due(ops) == []
    take(ops, seconds(limit, limit + 1), named(limit + 1))
    assert compact.due(ops) == [HOUR_OF_T0]
    assert len(compact.compact(ops)) == 1
    assert compact.compact(ops) == []


def test_raw_values_and_their_absence_survive(ops):
    for i in range(2):
        take(ops, seconds(i, i + 1), named(i + 1))
    compact.compact(ops, compact.several(ops))
    assert (queries.samples(ops, FLOATS[0], *ALL).raw == NO_RAW).all()


def test_a_damaged_partition_is_found_and_nothing_changes(ops):
    for i in range(2):
        take(ops, seconds(i, i + 1), named(i + 1))
    before = current(ops)
    place = ops.store.path(before[0].sha256)
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreDamaged):
        compact.compact(ops, compact.several(ops))
    assert current(ops) == before


def test_retired_partitions_stay_on_record_and_in_the_store(ops):
    for i in range(2):
        take(ops, seconds(i, i + 1), named(i + 1))
    compact.compact(ops, compact.several(ops))
    with ops.db.connect() as c:
        rows = c.execute(sa.select(engineering_partition).order_by(engineering_partition.c.id)).all()
    assert [(r.retired_in is None, ops.store.has(r.sha256)) for r in rows] == [(False, True), (False, True), (True, True)]


def test_who_may_only_look_compacts_nothing(ops):
    with pytest.raises(NotAllowed):
        compact.compact(ops.as_person(Person("guest", Role.VIEWER)))
