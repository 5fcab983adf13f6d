"""Sessions of clients that sign in with a name and a password, as ESA's does.

The name is an account's, the password one of its tokens. The session is a token of its own: it ends within hours and never after the one
that it was begun with, is good for reading and subscribing at most, and ends with all tokens of its account.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import transact
from dmsops.core.errors import NotSignedIn
from dmsops.core.people import token_digest
from dmsops.distribution.access import ANONYMOUS, Scope
from dmsops.distribution.accounts import REMEDY, fresh_token, good_tokens, is_good, requester
from dmsops.distribution.tables import account_token

if TYPE_CHECKING:
    from dmsops.distribution.access import Requester
    from dmsops.ops import Ops

LABEL = "signed in by name"
LASTS = timedelta(hours=12)
MOST = 10
"""Sessions of an account at once; one more ends the oldest."""
_t = account_token.c
_SCOPES = (Scope.READ, Scope.SUBSCRIBE)


def begin(ops: Ops, name: str, token: str) -> str:
    """Begin a session; gives its token, which is shown this once.

    Raises
    ------
    NotSignedIn
        There is no such account, or the token is not a good one of it; which of them is not said.
    """
    return transact(ops.db, lambda c: _begin(c, ops, name, token))


def _begin(c: sa.Connection, ops: Ops, name: str, token: str) -> str:
    now = ops.clock.now()
    row = c.execute(good_tokens(now, _t.sha256 == token_digest(token), _t.account == name)).one_or_none()
    if row is None:
        said = "the name or the password is wrong: the name is the account's, the password a token of it that is good"
        raise NotSignedIn(said, remedy=REMEDY)
    scopes = [scope for scope in _SCOPES if scope in row.scopes]
    session = fresh_token(c, name, scopes, label=LABEL, now=now, until=min(row.expires_at, now + LASTS))
    _forget_others(c, name, now)
    journal.write(c, ops.clock, "account.signed-in", name, actor=name)
    return session


def _forget_others(c: sa.Connection, name: str, now: datetime) -> None:
    """Forget sessions that have ended, and those that are too many; the journal knows of them."""
    mine = (_t.account == name, _t.label == LABEL)
    kept = sa.select(_t.id).where(*mine, *is_good(now)).order_by(_t.id.desc()).limit(MOST)
    c.execute(sa.delete(account_token).where(*mine, _t.id.not_in(kept)))


def end(ops: Ops, session: str) -> None:
    """End a session; one that has ended, or never was, is left alone."""
    transact(ops.db, lambda c: _end(c, ops, session))


def _end(c: sa.Connection, ops: Ops, session: str) -> None:
    now = ops.clock.now()
    mine = (_t.sha256 == token_digest(session), _t.label == LABEL, *is_good(now))
    name = c.execute(sa.select(_t.account).where(*mine)).scalar_one_or_none()
    if name is not None:
        c.execute(sa.update(account_token).where(*mine).values(revoked_at=now))
        journal.write(c, ops.clock, "account.signed-out", name, actor=name)


def asker_of(ops: Ops, session: str) -> Requester:
    """Find who asks by their session; after its end nobody known does, as its client goes on to send it."""
    try:
        return requester(ops, session)
    except NotSignedIn:
        return ANONYMOUS
