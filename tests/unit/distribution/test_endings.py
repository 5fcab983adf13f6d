"""What ends somebody's access is seen first, and done only as it was seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound, Refused, StalePlan
from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution import accounts, endings, grants, subscriptions
from dmsops.distribution.endings import Act
from dmsops.distribution.subscriptions import Wish
from dmsops.ops import Ops
from tests.commands import Part

ACCOUNTS = Part("accounts")
PROGRAM = "02726"
SUBJECTS = {Act.CLOSE: "pi", Act.REVOKE: "pi", Act.END_GRANT: 1}


def events(ops: Ops) -> list[str]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.journal.c.event).order_by(journal.journal.c.seq)).scalars())


def test_a_closing_shows_all_that_ends_with_it(ops: Ops, tokens: Mapping[str, str]) -> None:
    subscriptions.subscribe_for(ops, "pi", Wish(events=("New",), channel="stream", address="", program=PROGRAM), reason="test")
    seen = endings.preview(ops, Act.CLOSE, "pi")
    assert [row["scopes"] for row in seen.tokens] == [["grant", "read", "subscribe"]]
    assert [(row["program"], row["kind"], row["reason"]) for row in seen.grants] == [(PROGRAM, "pi", "of the program")]
    assert seen.subscriptions == 1
    assert endings.preview(ops, Act.REVOKE, "pi").grants == ()


def test_another_grant_of_the_same_program_is_told(ops: Ops, tokens: Mapping[str, str]) -> None:
    second = grants.grant(ops, "pi", PROGRAM, until=ops.clock.now() + timedelta(days=1), reason="too")
    assert endings.preview(ops, Act.END_GRANT, 1).others == (second,)
    with pytest.raises(Refused, match=f"just that already: grant {second}"):
        grants.grant(ops, "pi", PROGRAM, until=ops.clock.now() + timedelta(days=1), reason="and again")


@pytest.mark.parametrize("act", Act)
def test_nothing_is_done_that_was_not_seen(ops: Ops, tokens: Mapping[str, str], act: Act) -> None:
    before = events(ops)
    seen = endings.preview(ops, act, SUBJECTS[act])
    assert events(ops) == before
    accounts.give_token(ops, "pi", reason="another")
    grants.grant(ops, "pi", PROGRAM, reason="as a guest too")
    with pytest.raises(StalePlan, match="changed since the preview"):
        endings.end(ops, act, SUBJECTS[act], ticket=seen.hash, reason="x")
    with pytest.raises(BadInput, match="needs a reason"):
        endings.end(ops, act, SUBJECTS[act], ticket=seen.hash, reason=" ")
    now = endings.preview(ops, act, SUBJECTS[act])
    assert endings.end(ops, act, SUBJECTS[act], ticket=now.hash, reason="x") == now


def test_what_has_ended_is_not_ended_again(ops: Ops, tokens: Mapping[str, str]) -> None:
    for act, wrong in ((Act.END_GRANT, NotFound), (Act.REVOKE, Refused), (Act.CLOSE, NotFound)):
        seen = endings.preview(ops, act, SUBJECTS[act])
        endings.end(ops, act, SUBJECTS[act], ticket=seen.hash, reason="x")
        before = events(ops)
        with pytest.raises(wrong):
            endings.end(ops, act, SUBJECTS[act], ticket=endings.preview(ops, act, SUBJECTS[act]).hash, reason="x")
        assert events(ops) == before


def test_where_no_token_is_good_nothing_would_end(ops: Ops, tokens: Mapping[str, str]) -> None:
    assert not endings.preview(ops, Act.REVOKE, "pi").empty
    ops.clock.advance(timedelta(days=accounts.DAYS))  # type: ignore[attr-defined]
    assert endings.preview(ops, Act.REVOKE, "pi").empty
    assert not endings.preview(ops, Act.CLOSE, "pi").empty, "the account itself would"


@pytest.mark.parametrize("act", ["close", "end-grant"])
def test_the_command_shows_first_and_does_what_was_shown(ops: Ops, tokens: Mapping[str, str], act: str) -> None:
    subject = str(SUBJECTS[Act(act)])
    with ops.db.begin() as c:
        put_person(c, "lead", Role.LEAD)
        lead = put_token(c, "lead")

    before = events(ops)
    assert "Grants (1):" in ACCOUNTS.text(ops, act, subject, token=lead)
    ticket = ACCOUNTS.data(ops, act, subject, token=lead)["plan"]["hash"]
    assert events(ops) == before
    assert subject in ACCOUNTS.text(ops, act, subject, "--apply", ticket, "--reason", "for the test", token=lead)
    assert "access.revoked" in events(ops)[len(before) :]
    assert "nothing to make void" in ACCOUNTS.text(ops, "revoke", "other", token=lead), "by the machine's clock its token is past its end"
