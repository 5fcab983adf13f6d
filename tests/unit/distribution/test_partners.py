"""Partners: what they refused is kept once and told again, taken back by them or closed by staff; how far each harvested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, NotFound, NotSignedIn, StalePlan
from dmsops.core.people import Person, Role
from dmsops.distribution import accounts, partners
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope
from dmsops.distribution.audit import Recorder
from dmsops.ops import Ops
from dmsops.testing.sites import small_site

NOW = datetime.fromisoformat("2022-12-04T06:00:00+00:00")
ESA = Requester(name="esa", kind=Kind.PARTNER, scopes=frozenset({Scope.HARVEST}))
URI = "caom:JWST/jw02726402001_03104_00001_nrca3"


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", NOW, **({"database": database} if database else {}))
    for name in ("esa", "cadc"):
        accounts.put(opened, name, "partner", reason="agreed")
    yield opened
    opened.db.dispose()


def events(ops: Ops) -> list[str]:
    with reading(ops.db) as c:
        return [e for e in c.execute(sa.select(journal.journal.c.event).order_by(journal.journal.c.seq)).scalars() if "partner" in e]


def test_a_refusal_is_one_row_however_often_it_is_told(ops: Ops) -> None:
    assert partners.tell(ops, ESA, {URI: "mismatching checksums"}).new == 1
    ops.clock.advance(timedelta(hours=1))
    again = partners.tell(ops, ESA, {URI: "read failure"})
    assert (again.new, again.again) == (0, 1)
    (row,) = partners.refusals(ops)
    assert (row["partner"], row["reason"], row["times"], row["state"]) == ("esa", "read failure", 2, "open")
    assert row["last_at"] - row["first_at"] == timedelta(hours=1)
    assert events(ops) == ["partner.refused"]


def test_taken_since_it_is_closed_by_the_partner_and_told_again_it_is_open_again(ops: Ops) -> None:
    partners.tell(ops, ESA, {URI: "x"})
    assert partners.tell(ops, replace(ESA, name="cadc"), {}, [URI]).taken == 0
    assert partners.tell(ops, ESA, {}, [URI]).taken == 1
    assert partners.refusals(ops) == []
    assert [row["state"] for row in partners.refusals(ops, states=())] == ["taken"]
    assert partners.tell(ops, ESA, {URI: "y"}).new == 1
    assert [row["closed_by"] for row in partners.refusals(ops)] == [None]


def test_staff_close_it_by_the_ticket_of_what_they_saw(ops: Ops) -> None:
    partners.tell(ops, ESA, {URI: "x"})
    (row,) = partners.refusals(ops, partner="esa")
    seen = partners.preview_close(ops, [row["id"]])
    partners.tell(ops, ESA, {URI: "x"})
    with pytest.raises(StalePlan, match="told again"):
        partners.close(ops, [row["id"]], ticket=seen.hash, reason="dealt with")
    fresh = partners.preview_close(ops, [row["id"]])
    with pytest.raises(BadInput, match="reason"):
        partners.close(ops, [row["id"]], ticket=fresh.hash, reason=" ")
    with pytest.raises(NotAllowed):
        partners.close(ops.as_person(Person("v", Role.VIEWER)), [row["id"]], ticket=fresh.hash, reason="dealt with")
    partners.close(ops, [row["id"]], ticket=fresh.hash, reason="dealt with")
    (closed,) = partners.refusals(ops, states=())
    assert (closed["state"], closed["closed_by"], closed["closed_reason"]) == ("closed", "tester", "dealt with")
    assert events(ops)[-1] == "partner.refusal-closed"
    with pytest.raises(NotFound, match="no open refusal"):
        partners.preview_close(ops, [row["id"]])


@pytest.mark.parametrize(
    ("asker", "error"),
    [(ANONYMOUS, NotSignedIn), (replace(ESA, scopes=frozenset()), NotAllowed), (replace(ESA, kind=Kind.STAFF), NotAllowed)],
)
def test_only_partners_with_the_scope_tell(ops: Ops, asker: Requester, error: type[Exception]) -> None:
    with pytest.raises(error):
        partners.tell(ops, asker, {URI: "x"})


@pytest.mark.parametrize(
    ("uri", "reason"), [("", "x"), ("u" * 256, "x"), ("a\x00", "x"), (URI, ""), (URI, "r" * 256), (URI, "\ud800"), (URI, "a\nb")]
)
def test_what_cannot_be_kept_is_refused_in_words(ops: Ops, uri: str, reason: str) -> None:
    with pytest.raises(BadInput, match="printable"):
        partners.tell(ops, ESA, {uri: reason})


def test_more_than_a_thousand_at_once_are_too_many(ops: Ops) -> None:
    with pytest.raises(BadInput, match="at most"):
        partners.tell(ops, ESA, {}, [URI] * 1001)


def test_the_longest_uri_is_kept(ops: Ops) -> None:
    longest = "caom:JWST/".ljust(255, "x")
    partners.tell(ops, ESA, {longest: "r" * 255})
    assert [row["uri"] for row in partners.refusals(ops)] == [longest]


def test_uris_that_are_not_ours_are_told_back(ops: Ops) -> None:
    done = partners.tell(ops, ESA, {URI: "x", "caom:JWST/none": "y"}, unknown=["caom:JWST/none"])
    assert (done.new, done.unknown) == (1, ("caom:JWST/none",))


def test_the_last_harvest_of_each_partner_is_known(ops: Ops) -> None:
    recorder = Recorder(ops)
    for minutes in (0, 5):
        ops.clock.advance(timedelta(minutes=minutes))
        recorder.record(partners.harvested(ESA, "1.2.3.4", "JWST", ops.clock.now() - timedelta(seconds=1), 10))
    recorder.record(partners.harvested(ESA, "1.2.3.4", "JWST", NOW, 10, deletions=True))
    recorder.record(partners.harvested(replace(ESA, name="somebody"), "1.2.3.4", "JWST", NOW, 10))
    assert partners.harvests(ops) == {"esa": {"at": NOW + timedelta(minutes=5), "until": NOW + timedelta(seconds=299)}}


def test_partners_are_listed_with_what_stands(ops: Ops) -> None:
    accounts.put(ops, "astronomer", "astronomer", reason="x")
    partners.tell(ops, ESA, {URI: "x"})
    rows = {row["name"]: row["refusals"] for row in partners.partners(ops)}
    assert rows == {"cadc": 0, "esa": 1}


def test_the_scope_lets_descriptions_be_seen_and_nothing_else() -> None:
    assert partners.as_harvester(ESA).everything
    assert not partners.as_harvester(replace(ESA, scopes=frozenset({Scope.READ}))).everything
    assert not partners.as_harvester(replace(ESA, kind=Kind.ASTRONOMER)).everything
    assert not partners.as_harvester(replace(ESA, kind=Kind.STAFF)).everything
    assert not ESA.everything
