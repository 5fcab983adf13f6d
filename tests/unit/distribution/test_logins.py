"""Sessions of who signs in with a name and a password: shorter and weaker than the token that they were begun with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from dmsops.core.errors import NotSignedIn
from dmsops.distribution import accounts, logins
from dmsops.distribution.access import Scope
from dmsops.ops import Ops
from tests import ending


def test_a_session_is_good_for_what_its_account_may_read(ops: Ops, tokens: Mapping[str, str]) -> None:
    session = logins.begin(ops, "pi", tokens["pi"])
    asker, by_token = logins.asker_of(ops, session), accounts.requester(ops, tokens["pi"])
    assert (asker.name, asker.programs, asker.everything) == (by_token.name, by_token.programs, by_token.everything)
    assert asker.scopes <= {Scope.READ, Scope.SUBSCRIBE}
    assert session != tokens["pi"]


def test_a_session_lets_nobody_else_in_and_harvests_nothing(ops: Ops, tokens: Mapping[str, str]) -> None:
    strong = accounts.give_token(ops, "pi", scopes=tuple(Scope), reason="test")
    assert logins.asker_of(ops, logins.begin(ops, "pi", strong)).scopes == {Scope.READ, Scope.SUBSCRIBE}
    weak = accounts.give_token(ops, "pi", scopes=(Scope.SUBSCRIBE,), reason="test")
    assert logins.asker_of(ops, logins.begin(ops, "pi", weak)).scopes == {Scope.SUBSCRIBE}


@pytest.mark.parametrize(("name", "which"), [("other", "pi"), ("pi", ""), ("pi", "mast_none"), ("nobody", "pi"), ("operator", "operator")])
def test_a_name_and_a_token_that_do_not_belong_together_are_told_alike(ops: Ops, tokens: Mapping[str, str], name: str, which: str) -> None:
    with pytest.raises(NotSignedIn, match="the name or the password is wrong") as refused:
        logins.begin(ops, name, tokens.get(which, which))
    assert "P18" in refused.value.remedy


def test_who_signs_out_is_nobody_known_again_and_only_they(ops: Ops, tokens: Mapping[str, str]) -> None:
    mine, other = (logins.begin(ops, "pi", tokens["pi"]) for _ in range(2))
    logins.end(ops, mine)
    logins.end(ops, mine)
    logins.end(ops, "mast_none")
    assert logins.asker_of(ops, mine).is_anonymous
    assert logins.asker_of(ops, other).name == "pi"
    logins.end(ops, tokens["pi"])
    assert accounts.requester(ops, tokens["pi"]).name == "pi", "a token was ended as if it were a session"


def test_a_session_ends_by_itself_and_never_after_its_token(ops: Ops, tokens: Mapping[str, str]) -> None:
    session = logins.begin(ops, "pi", tokens["pi"])
    ops.clock.advance(logins.LASTS - timedelta(seconds=1))  # type: ignore[attr-defined]
    assert logins.asker_of(ops, session).name == "pi"
    ops.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    assert logins.asker_of(ops, session).is_anonymous
    ops.clock.advance(timedelta(days=accounts.DAYS) - logins.LASTS - timedelta(minutes=5))  # type: ignore[attr-defined]
    last = logins.begin(ops, "pi", tokens["pi"])
    ops.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    assert logins.asker_of(ops, last).is_anonymous


@pytest.mark.parametrize("how", ["revoked", "closed"])
def test_a_session_ends_with_the_tokens_of_its_account(ops: Ops, tokens: Mapping[str, str], how: str) -> None:
    session = logins.begin(ops, "pi", tokens["pi"])
    if how == "revoked":
        ending.revoke(ops, "pi", reason="lost")
    else:
        ending.close(ops, "pi", reason="left")
    assert logins.asker_of(ops, session).is_anonymous


def test_one_session_too_many_ends_the_oldest_of_that_account(ops: Ops, tokens: Mapping[str, str]) -> None:
    others = logins.begin(ops, "other", tokens["other"])
    begun = [logins.begin(ops, "pi", tokens["pi"]) for _ in range(logins.MOST + 1)]
    standing = [session for session in begun if not logins.asker_of(ops, session).is_anonymous]
    assert standing == begun[1:]
    assert logins.asker_of(ops, others).name == "other"
    logins.end(ops, begun[1])
    ops.clock.advance(logins.LASTS)  # type: ignore[attr-defined]
    logins.begin(ops, "pi", tokens["pi"])
    assert [row["label"] for row in accounts.tokens(ops, "pi")] == [logins.LABEL, ""], "what has ended fills the list"
    assert accounts.requester(ops, tokens["pi"]).name == "pi"
