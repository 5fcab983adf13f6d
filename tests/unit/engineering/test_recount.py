"""Hourly statistics are counted again when a person says so, with a preview, a reason and a line in the journal; samples stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from dmsops.core.db import mappings
from dmsops.core.errors import BadInput, NotAllowed, StalePlan, StoreDamaged
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.engineering import compact, duck, queries, recount
from dmsops.engineering.tables import engineering_hour
from dmsops.flows import engineering as flow
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, HOUR_OF_T0, SECOND, T0, named, seconds, take

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))
NAN = float("nan")
ONE, TWO = FLOATS[:2]


@pytest.fixture
def old(ops):
    """A site whose statistics of an hour are as they once were made: values that are no numbers were counted, as zeroes."""
    odd = [(ONE, T0 + s * SECOND, NAN) for s in range(20, 30)]
    take(ops, [*seconds(5, 20), *odd, *seconds(5, 15, TWO), (TWO, T0 + 5000 * SECOND, 0.1)])
    take(ops, [(TWO, T0 + s * SECOND + 7, s / 7) for s in range(3000)], named(2))
    right = rows(ops)
    with ops.db.begin() as c:
        h = engineering_hour.c
        c.execute(sa.update(engineering_hour).where(h.number == number(ONE)).values(samples=25, minimum=0.0))
    assert rows(ops) != right
    return right


def number(name):
    return telemetry_database().by_name(name).number


def rows(ops):
    return [queries.hourly(ops, name) for name in (ONE, TWO)]


def test_what_is_counted_otherwise_is_shown_and_put_right_by_the_hash(ops, old):
    seen = recount.preview(ops, *ALL)
    (hour,) = seen.hours
    assert (hour.hour, hour.mnemonics, hour.before, hour.samples) == ("2022-12-04T04", 1, 25, 15)
    assert rows(ops) != old
    done = recount.recount(ops, *ALL, ticket=seen.hash, reason="values that are no numbers")
    assert (done, rows(ops)) == (seen, old)
    (line,) = mappings(ops.db, sa.select(journal).where(journal.c.event == "engineering.recounted"))
    assert (line["target"], line["actor"], line["reason"]) == ("2022-12-04T04 to 2022-12-04T04", "tester", "values that are no numbers")
    assert queries.revisions(ops)[0]["what"] == "recount"
    assert flow.affected(ops) == []
    assert recount.preview(ops, *ALL).hours == ()
    with pytest.raises(BadInput, match="nothing is counted otherwise"):
        recount.recount(ops, *ALL, ticket=recount.preview(ops, *ALL).hash, reason="again")


def test_statistics_that_were_put_together_from_pieces_are_not_counted_otherwise(ops, monkeypatch):
    monkeypatch.setattr(duck, "BATCH", 1000)
    for n in range(7):
        take(ops, [(ONE, T0 + s * SECOND, 1e6 + s / 3) for s in range(n, 3500, 7)], named(n + 1))
    assert recount.preview(ops, *ALL).hours == ()
    compact.compact(ops, [HOUR_OF_T0])
    assert recount.preview(ops, *ALL).hours == ()


def test_hours_outside_of_the_time_are_left(ops, old):
    assert recount.preview(ops, ALL[0], START).hours == ()
    assert recount.preview(ops, *(START + timedelta(seconds=(T0 / 1e6 - START.timestamp()) + s) for s in (4000, 6000))).hours == ()


def test_samples_that_came_since_the_preview_make_it_void(ops, old):
    seen = recount.preview(ops, *ALL)
    take(ops, seconds(40, 41), named(3))
    with pytest.raises(StalePlan, match="have changed since the preview"):
        recount.recount(ops, *ALL, ticket=seen.hash, reason="x")


def test_an_hour_whose_statistics_are_missing_gets_them(ops, old):
    with ops.db.begin() as c:
        c.execute(sa.delete(engineering_hour))
    seen = recount.preview(ops, *ALL)
    assert [(h.mnemonics, h.before) for h in seen.hours] == [(2, 0), (1, 0)]
    recount.recount(ops, *ALL, ticket=seen.hash, reason="lost")
    assert rows(ops)[0] == old[0]


def test_it_takes_an_operator_a_reason_a_time_and_whole_files(ops, old):
    ticket = recount.preview(ops, *ALL).hash
    with pytest.raises(BadInput, match="needs a reason"):
        recount.recount(ops, *ALL, ticket=ticket, reason=" ")
    with pytest.raises(BadInput, match="ends before it begins"):
        recount.preview(ops, *reversed(ALL))
    with pytest.raises(NotAllowed):
        recount.recount(ops.as_person(Person("eve", Role.VIEWER)), *ALL, ticket=ticket, reason="x")
    for sha256 in list(ops.store.objects()):
        path = ops.store.path(sha256)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"arrow", b"brrow"))  # what no reader of Parquet looks at
    with pytest.raises(StoreDamaged, match="now has sha256"):
        recount.preview(ops, *ALL)
