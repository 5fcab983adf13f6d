"""Accounts, tokens and grants: who asks, as of each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.cli.accounts import commands
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, NotFound, NotSignedIn
from dmsops.core.people import Person, Role
from dmsops.distribution import accounts, grants
from dmsops.distribution.access import Kind, Scope
from dmsops.distribution.accounts import need_scope, requester
from dmsops.distribution.tables import account_token
from dmsops.ops import Ops
from tests import ending

type Act = Callable[[Ops], Any]
PROGRAM = "02726"


def test_a_token_says_who_asks_and_what_is_theirs(ops: Ops, tokens: Mapping[str, str]) -> None:
    assert requester(ops, "").is_anonymous
    pi = requester(ops, tokens["pi"])
    assert (pi.kind, pi.programs, pi.everything) == (Kind.ASTRONOMER, {PROGRAM}, False)
    assert requester(ops, tokens["other"]).programs == frozenset()
    assert not requester(ops, tokens["public-partner"]).everything
    assert requester(ops, tokens["full-partner"]).everything
    assert requester(ops, tokens["operator"]).everything
    viewer = requester(ops, tokens["viewer"])
    assert (viewer.kind, viewer.everything) == (Kind.STAFF, False)


def test_a_token_is_kept_nowhere(ops: Ops, tokens: Mapping[str, str]) -> None:
    with reading(ops.db) as c:
        kept = [tuple(row) for row in c.execute(sa.select(account_token))]
    assert kept
    assert tokens["pi"] not in str(kept)
    assert "sha256" not in accounts.tokens(ops)[0]


@pytest.mark.parametrize("how", ["expired", "revoked", "closed"])
def test_a_token_that_ended_is_nobodys(ops: Ops, tokens: Mapping[str, str], how: str) -> None:
    if how == "expired":
        ops.clock.advance(timedelta(days=accounts.DAYS))  # type: ignore[attr-defined]
    elif how == "revoked":
        assert len(ending.revoke(ops, "pi", reason="lost").tokens) == 1
    else:
        ending.close(ops, "pi", reason="left")
    with pytest.raises(NotSignedIn, match="belongs to nobody") as refused:
        requester(ops, tokens["pi"])
    assert "P18" in refused.value.remedy


def test_a_token_without_the_scope_to_read_opens_no_program(ops: Ops, tokens: Mapping[str, str]) -> None:
    weak = accounts.give_token(ops, "full-partner", scopes=["harvest"], reason="feed only")
    assert not requester(ops, weak).everything
    weak = accounts.give_token(ops, "pi", scopes=["subscribe"], reason="mail only")
    assert requester(ops, weak).programs == frozenset()
    with pytest.raises(NotAllowed, match="scope 'grant'"):
        need_scope(requester(ops, weak), Scope.GRANT, "this")
    with pytest.raises(NotSignedIn):
        need_scope(requester(ops, ""), Scope.READ, "this")


def test_a_grant_ends_by_itself_and_by_hand(ops: Ops, tokens: Mapping[str, str]) -> None:
    until = ops.clock.now() + timedelta(hours=1)
    grants.grant(ops, "other", PROGRAM, until=until, reason="a referee")
    assert requester(ops, tokens["other"]).programs == {PROGRAM}
    ops.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    assert requester(ops, tokens["other"]).programs == frozenset()
    number = grants.grant(ops, "other", PROGRAM, reason="again")
    ending.end_grant(ops, number, reason="enough")
    assert requester(ops, tokens["other"]).programs == frozenset()
    with pytest.raises(NotFound, match="has ended"):
        ending.end_grant(ops, number, reason="twice")


def test_lists_say_of_each_row_whether_it_holds_now(ops: Ops, tokens: Mapping[str, str]) -> None:
    accounts.give_token(ops, "other", days=1, reason="short")
    grants.grant(ops, "other", PROGRAM, until=ops.clock.now() + timedelta(days=1), reason="a referee")
    ending.end_grant(ops, grants.grant(ops, "other", PROGRAM, reason="again"), reason="enough")
    assert [row["stands"] for row in grants.grants(ops)] == [False, True, True]
    assert [row["good"] for row in accounts.tokens(ops, "other")] == [True, True]
    ops.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    assert [row["stands"] for row in grants.grants(ops)] == [False, False, True]
    assert [row["good"] for row in accounts.tokens(ops, "other")] == [False, True]


def test_a_pi_lets_others_in_and_nobody_else_does(ops: Ops, tokens: Mapping[str, str]) -> None:
    pi, other = (requester(ops, tokens[name]) for name in ("pi", "other"))
    with pytest.raises(NotAllowed, match="not the PI of program 02726"):
        grants.grant_as_pi(ops, other, "other", PROGRAM, reason="I would like to")
    with pytest.raises(NotAllowed, match="not the PI of program 01067"):
        grants.grant_as_pi(ops, pi, "other", "01067", reason="x")
    number = grants.grant_as_pi(ops, pi, "other", PROGRAM, reason="a colleague")
    assert requester(ops, tokens["other"]).programs == {PROGRAM}
    with pytest.raises(NotAllowed):
        grants.grant_as_pi(ops, requester(ops, tokens["other"]), "public-partner", PROGRAM, reason="a guest is no PI")
    grants.revoke_as_pi(ops, pi, number, reason="done")
    assert requester(ops, tokens["other"]).programs == frozenset()
    own = grants.grants(ops, name="pi")[0]["id"]
    with pytest.raises(NotFound, match="to a guest"):
        grants.revoke_as_pi(ops, pi, own, reason="not even one's own")


ACTS: dict[str, Act] = {
    "put": lambda ops: accounts.put(ops, "new", "astronomer", reason="x"),
    "close": lambda ops: ending.close(ops, "pi", reason="x"),
    "token": lambda ops: accounts.give_token(ops, "pi", reason="x"),
    "revoke": lambda ops: ending.revoke(ops, "pi", reason="x"),
    "grant": lambda ops: grants.grant(ops, "pi", PROGRAM, reason="x"),
    "end-grant": lambda ops: ending.end_grant(ops, 1, reason="x"),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_a_lead_changes_accounts_and_the_command_is_named(ops: Ops, tokens: Mapping[str, str], act: str) -> None:
    assert act in commands.commands
    with pytest.raises(NotAllowed, match=f"'accounts {act}' needs the role lead"):
        ACTS[act](ops.as_person(Person("operator", Role.OPERATOR)))


BAD: dict[str, tuple[str, Act]] = {
    "a name with a space": ("name", lambda ops: accounts.put(ops, "Bad Name", "astronomer", reason="x")),
    "an unknown kind": ("kind", lambda ops: accounts.put(ops, "a", "robot", reason="x")),
    "a header in an address": ("e-mail", lambda ops: accounts.put(ops, "a", "astronomer", email="a@b\nBcc: c@d", reason="x")),
    "an address that no message can be sent to": ("e-mail", lambda ops: accounts.put(ops, "a", "astronomer", email="a@b..c", reason="x")),
    "an unknown policy": ("files", lambda ops: accounts.put(ops, "a", "partner", files="some", reason="x")),
    "no reason": ("reason", lambda ops: accounts.put(ops, "a", "partner", reason=" ")),
    "an unknown scope": ("scope", lambda ops: accounts.give_token(ops, "pi", scopes=["root"], reason="x")),
    "no days": ("days", lambda ops: accounts.give_token(ops, "pi", days=0, reason="x")),
    "four digits": ("program", lambda ops: grants.grant(ops, "pi", "2726", reason="x")),
    "an unknown grant": ("kind", lambda ops: grants.grant(ops, "pi", PROGRAM, kind="owner", reason="x")),
    "an end that is past": ("until", lambda ops: grants.grant(ops, "pi", PROGRAM, until=ops.clock.now(), reason="x")),
}


@pytest.mark.parametrize("given", BAD)
def test_what_cannot_be_used_is_named(ops: Ops, tokens: Mapping[str, str], given: str) -> None:
    word, act = BAD[given]
    with pytest.raises(BadInput, match=word):
        act(ops)


NOBODY: dict[str, Act] = {
    "close": lambda ops: ending.close(ops, "nobody", reason="x"),
    "token": lambda ops: accounts.give_token(ops, "nobody", reason="x"),
    "grant": lambda ops: grants.grant(ops, "nobody", PROGRAM, reason="x"),
}


@pytest.mark.parametrize("act", NOBODY)
def test_an_account_that_is_not_there_is_named(ops: Ops, act: str) -> None:
    with pytest.raises(NotFound, match="no account 'nobody'"):
        NOBODY[act](ops)


def test_an_account_that_is_put_again_is_opened_again(ops: Ops, tokens: Mapping[str, str]) -> None:
    ending.close(ops, "pi", reason="left")
    accounts.put(ops, "pi", "astronomer", display_name="The PI", reason="came back")
    token = accounts.give_token(ops, "pi", reason="came back")
    assert (requester(ops, token).display_name, requester(ops, token).programs) == ("The PI", frozenset())
    assert [row["stands"] for row in grants.grants(ops)] == [False]
