"""Somebody's large request is ended by staff: seen first, done only as it was seen, told to its owner, and nothing is laid ready after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, BadTransition, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role, put_person, put_token
from dmsops.distribution import accounts, staging, staging_ending, staging_standing
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.staging_ending import LONGEST
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.commands import Part
from tests.staged import Public, found

STAGING = Part("staging")
ADA = Requester(name="ada", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.SUBSCRIBE}))
WHY = "the archive's staff ended it: the disk is needed for a recovery"
REASON = "the disk is needed for a recovery"


@pytest.fixture
def number(ops: Ops) -> str:
    """A request of Ada's for two files."""
    accounts.put(ops, "ada", "astronomer", display_name="A. Almeida", reason="test")
    return staging.make(ops, ADA, ["one", "two"], found)[0].id


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A store that gives each file; the URIs of those that it was asked for."""
    asked: list[str] = []
    monkeypatch.setattr(staging, "sound_path", lambda _, one: asked.append(one.uri) or Path(one.uri))
    return asked


def acts(ops: Ops) -> list[tuple[str, str, str | None, str]]:
    line = journal.journal.c
    with reading(ops.db) as c:
        query = sa.select(line.target, line.actor, line.reason, line.facts).where(line.event == "staging.ended").order_by(line.seq)
        return [tuple(row) for row in c.execute(query)]


def ended(ops: Ops, number: str, reason: str = REASON) -> staging_ending.Ending:
    return staging_ending.end(ops, number, ticket=staging_ending.preview(ops, number).hash, reason=reason)


def test_what_would_end_is_shown_and_nothing_changes(ops: Ops, number: str, store: list[str]) -> None:
    seen = staging_ending.preview(ops, number, reason=REASON)
    assert (seen.id, seen.owner, seen.person, seen.state, seen.files, seen.size) == (number, "ada", "A. Almeida", "requested", 2, 20)
    assert seen.told == WHY
    assert staging_ending.preview(ops, number).told == "the archive's staff ended it: (your reason)"
    staging.lay_ready(ops, number, found)
    assert staging_ending.preview(ops, number).state == "ready"
    assert acts(ops) == []


@pytest.mark.parametrize("state", ["requested", "ready"])
def test_it_ends_at_once_for_all_who_look_and_is_on_record(ops: Ops, number: str, store: list[str], state: str) -> None:
    if state == "ready":
        staging.lay_ready(ops, number, found)
        assert staging.counts(ops)["bytes"] == 20
    assert ended(ops, number).told == WHY
    mine = staging.find(ops, ADA, number)
    assert (mine.state, mine.why, mine.expires_at) == ("ended", WHY, START)
    assert [one.why for one in staging.own(ops, ADA)] == [WHY]
    assert staging.counts(ops) == {"requested": 0, "ready": 0, "ended": 1, "bytes": 0}
    assert staging_standing.trouble(ops) == {"stuck": 0, "failed": 0}
    (row,) = staging.requests(ops)
    assert (row["error"], staging_standing.standing(row, ops.clock.now())) == (WHY, "ended")
    facts = {"owner": "ada", "was": state, "files": 2, "bytes": 20}
    assert acts(ops) == [(f"staged request {number}", ops.operator.name, REASON, facts)]


def test_what_its_owner_ends_has_no_word_of_staff(ops: Ops, number: str) -> None:
    staging.end(ops, ADA, number)
    assert (staging.find(ops, ADA, number).state, staging.find(ops, ADA, number).why) == ("ended", "")


def test_laying_ready_stops_before_the_next_file(ops: Ops, number: str, store: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given = staging.sound_path

    def fetched(ops: Ops, one: Public) -> Path:
        ended(ops, number)
        return given(ops, one)

    monkeypatch.setattr(staging, "sound_path", fetched)
    staging.lay_ready(ops, number, found)
    assert store == ["one"]
    assert (staging.find(ops, ADA, number).state, staging.find(ops, ADA, number).ready_at) == ("ended", None)
    staging.lay_ready(ops, number, found)
    assert store == ["one"]


def test_an_end_while_the_last_file_is_laid_ready_stands(ops: Ops, store: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    number = staging.make(ops, ADA, ["one"], found)[0].id
    monkeypatch.setattr(staging, "sound_path", lambda *_: ended(ops, number))
    staging.lay_ready(ops, number, found)
    mine = staging.find(ops, ADA, number)
    assert (mine.state, mine.why, mine.expires_at) == ("ended", WHY, START)


def test_its_owner_may_ask_anew_at_once(ops: Ops, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "MOST_OPEN", 1)
    ended(ops, number)
    assert staging.make(ops, ADA, ["one"], found)[0].state == "requested"


def test_it_is_done_only_as_it_was_seen(ops: Ops, number: str, store: list[str]) -> None:
    seen = staging_ending.preview(ops, number)
    staging.lay_ready(ops, number, found)
    with pytest.raises(StalePlan, match="changed since the preview"):
        staging_ending.end(ops, number, ticket=seen.hash, reason=REASON)
    assert (staging.find(ops, ADA, number).state, acts(ops)) == ("ready", [])


@pytest.mark.parametrize("reason", ["", "  ", "x" * (LONGEST + 1)], ids=["none", "blank", "long"])
def test_a_reason_is_needed_that_its_owner_can_read(ops: Ops, number: str, reason: str) -> None:
    ticket = staging_ending.preview(ops, number).hash
    with pytest.raises(BadInput) as caught:
        staging_ending.end(ops, number, ticket=ticket, reason=reason)
    assert caught.value.facts["field"] == "reason"
    assert staging.find(ops, ADA, number).state == "requested"


def test_the_longest_reason_is_kept_whole_on_one_line(ops: Ops, number: str) -> None:
    ended(ops, number, "a\n b" + "x" * (LONGEST - 3))
    assert staging.find(ops, ADA, number).why == "the archive's staff ended it: a b" + "x" * (LONGEST - 3)
    assert len(staging.find(ops, ADA, number).why) == 255


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_it_is_a_leads(ops: Ops, number: str, role: Role) -> None:
    lower = replace(ops, operator=Person("sam", role))
    ticket = staging_ending.preview(lower, number).hash
    with pytest.raises(NotAllowed, match="lead"):
        staging_ending.end(lower, number, ticket=ticket, reason=REASON)
    assert staging.find(ops, ADA, number).state == "requested"


def test_what_has_ended_or_was_never_there_is_said(ops: Ops, number: str, store: list[str]) -> None:
    with pytest.raises(NotFound, match="no staged request 'nothing'"):
        staging_ending.preview(ops, "nothing")
    second = staging.make(ops, ADA, ["one"], found)[0].id
    staging.lay_ready(ops, second, found)
    ended(ops, number)
    ops.clock.advance(timedelta(hours=ops.settings.serve_stage_hours))  # type: ignore[attr-defined]
    for one in (number, second):
        with pytest.raises(BadTransition, match="has ended already"):
            staging_ending.preview(ops, one)
    assert len(acts(ops)) == 1


def test_a_request_of_staff_can_be_ended_too(ops: Ops) -> None:
    bob = replace(ADA, name="bob", kind=Kind.STAFF)
    number = staging.make(ops, bob, ["one"], found)[0].id
    assert (ended(ops, number).owner, staging_ending.LONGEST) == ("staff:bob", 225)
    assert staging.find(ops, bob, number).why == WHY


def test_the_longest_reason_fits_into_either_database(tmp_path: Path, database: str) -> None:
    ops = small_site(tmp_path / "site", START, **({"database": database} if database else {}))
    number = staging.make(ops, ADA, ["one"], found)[0].id
    ended(ops, number, "é" * LONGEST)
    assert (staging.find(ops, ADA, number).why[-1], staging.counts(ops)["ended"]) == ("é", 1)
    ops.db.dispose()


def test_the_command_lists_shows_first_and_does_what_was_shown(ops: Ops, number: str, tokens: Mapping[str, str]) -> None:
    with ops.db.begin() as c:
        put_person(c, "lead", Role.LEAD)
        lead = put_token(c, "lead")
    (row,) = STAGING.data(ops, "list", "--owner", "ada", "--state", "requested", token=lead)
    assert (row["id"], row["files"], row["size"]) == (number, 2, 20)
    shown = STAGING.text(ops, "end", number, "--reason", REASON, token=lead)
    for words in ("ada (A. Almeida)", "2 files, 20 bytes", "being laid ready", WHY):
        assert words in shown
    plan = STAGING.data(ops, "end", number, token=lead)["plan"]
    assert acts(ops) == []
    words = ("end", number, "--apply", plan["hash"], "--reason", REASON)
    assert STAGING.data(ops, *words, code=2, token=tokens["operator"])["error"]["code"] == "actor.not-allowed"
    assert STAGING.data(ops, *words, token=lead)["applied"] is True
    assert [(actor, reason) for _, actor, reason, _ in acts(ops)] == [("lead", REASON)]
    assert WHY in STAGING.text(ops, "list", token=lead)
    assert STAGING.call(ops, "end", number, token=lead).exit_code == 2
    assert STAGING.data(ops, "list", "--state", "ready", token=lead) == []
