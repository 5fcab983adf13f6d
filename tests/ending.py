"""Ending somebody's access in a test, where what is seen before it is another test's."""

from __future__ import annotations

from dmsops.distribution import endings
from dmsops.distribution.endings import Act, Ending
from dmsops.ops import Ops


def end(ops: Ops, act: Act, subject: str | int, *, reason: str = "for the test") -> Ending:
    """End it as its own preview shows it."""
    return endings.end(ops, act, subject, ticket=endings.preview(ops, act, subject).hash, reason=reason)


def close(ops: Ops, name: str, *, reason: str = "for the test") -> Ending:
    """Close an account."""
    return end(ops, Act.CLOSE, name, reason=reason)


def revoke(ops: Ops, name: str, *, reason: str = "for the test") -> Ending:
    """Make an account's tokens void."""
    return end(ops, Act.REVOKE, name, reason=reason)


def end_grant(ops: Ops, number: int, *, reason: str = "for the test") -> Ending:
    """End a grant."""
    return end(ops, Act.END_GRANT, number, reason=reason)
