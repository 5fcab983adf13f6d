"""Who may see and have what: one policy, as a decision about one thing and as a clause about many (the two agree; tested).

Descriptions are everybody's from their ``meta_release``, files from their release; before it they are those of the program's PI and of
whom the PI lets. What has no release at all is restricted: nobody outside has it (JWST data access policy; MAST's words).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa


class Kind(enum.StrEnum):
    """Who asks."""

    ANONYMOUS = "anonymous"
    ASTRONOMER = "astronomer"
    PARTNER = "partner"
    STAFF = "staff"


class Rights(enum.StrEnum):
    """What a file is to the public at a moment, in MAST's words (``dataRights``)."""

    PUBLIC = "PUBLIC"
    EXCLUSIVE = "EXCLUSIVE_ACCESS"
    RESTRICTED = "RESTRICTED"


class Scope(enum.StrEnum):
    """What a token is good for; without one of them its bearer is anonymous to that kind of request."""

    READ = "read"
    """Files of the account's programs before they are public."""
    SUBSCRIBE = "subscribe"
    """Subscriptions and staged requests of the account."""
    GRANT = "grant"
    """A PI's letting of others into the program."""
    HARVEST = "harvest"
    """The partners' feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks, as of this request: ``programs`` are those whose exclusive data are theirs, ``everything`` is staff and full partners."""

    name: str = "anonymous"
    display_name: str = ""
    kind: Kind = Kind.ANONYMOUS
    scopes: frozenset[Scope] = frozenset()
    programs: frozenset[str] = frozenset()
    everything: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody known asks."""
        return self.kind is Kind.ANONYMOUS


ANONYMOUS = Requester()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it is given, what it is to the public, and why, in a sentence."""

    allowed: bool
    rights: Rights
    why: str


def rights(release: datetime | None, now: datetime) -> Rights:
    """Say what a thing with that release is to the public now."""
    if release is None:
        return Rights.RESTRICTED
    return Rights.PUBLIC if release <= now else Rights.EXCLUSIVE


def decide(requester: Requester, *, release: datetime | None, program: str | None, now: datetime) -> Verdict:
    """Decide whether somebody may have a thing now.

    Parameters
    ----------
    release : datetime or None
        When it becomes everybody's: of a file its own release, of a description ``meta_release``; None is never.
    program : str or None
        Five digits; None where a thing has none.
    """
    are = rights(release, now)
    if are is Rights.PUBLIC:
        return Verdict(allowed=True, rights=are, why="public")
    if requester.everything:
        return Verdict(allowed=True, rights=are, why=f"{requester.kind} may have everything")
    if are is Rights.RESTRICTED:
        return Verdict(allowed=False, rights=are, why="restricted: it has no release date, and is given to nobody outside")
    until = f"it becomes public at {release:%Y-%m-%d %H:%M:%S} UTC"
    if program is not None and program in requester.programs:
        return Verdict(allowed=True, rights=are, why=f"exclusive access of program {program}")
    return Verdict(allowed=False, rights=are, why=f"exclusive access of program {program or 'none'}: {until}")


def may_have(requester: Requester, release: sa.ColumnElement[Any], program: sa.ColumnElement[Any], now: datetime) -> sa.ColumnElement[bool]:
    """Give `decide` as a clause on columns, for lists and counts."""
    if requester.everything:
        return sa.true()
    public = sa.and_(release.is_not(None), release <= now)
    if not requester.programs:
        return public
    return sa.or_(public, sa.and_(release.is_not(None), program.in_(sorted(requester.programs))))


def rights_word(release: sa.ColumnElement[Any], now: datetime) -> sa.ColumnElement[str]:
    """Give `rights` as an expression on a column."""
    return sa.case(
        (release.is_(None), sa.literal(Rights.RESTRICTED.value)), (release <= now, sa.literal(Rights.PUBLIC.value)),
        else_=sa.literal(Rights.EXCLUSIVE.value),
    )  # fmt: skip
