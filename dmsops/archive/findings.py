"""Findings of the doctor, written down: what an audit found, what it did not find any more, and the life of each.

A finding is one check and one thing. An audit opens what it finds; what was open and is not found any more where it looked is
fixed. What has changed since an audit began is left to the next one: it looked at an older state.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dmsops.archive.finding_states import STANDING, FindingState
from dmsops.archive.tables import audit, finding, finding_event
from dmsops.catalogue.registry import Finding, Scope

if TYPE_CHECKING:
    from dmsops.ops import Ops

LONGEST = 2000
"""Characters that are kept of what was expected and seen."""
_LONGEST_URI = 255
_BATCH = 5000
_f = finding.c
_OPEN, _WAIVED, _FIXED = FindingState.OPEN.value, FindingState.WAIVED.value, FindingState.FIXED.value
_TOLD = ("observation_id", "severity", "title", "expected", "observed", "source", "remedy", "fix")
"""What an audit says of a finding each time."""

_staged = sa.Table(
    "staged_finding",
    sa.MetaData(),
    sa.Column("check", sa.String(4), primary_key=True),
    sa.Column("uri", sa.String(_LONGEST_URI), primary_key=True),
    *(sa.Column(name, _f[name].type) for name in _TOLD),
    sa.Column("finding_id", sa.Integer),
    sa.Column("opens", sa.String(32)),
    prefixes=["TEMPORARY"],
)
"""What an audit found, while it is being written down: ``finding_id`` of the row that it had already, ``opens`` why it opens."""
_s = _staged.c
_ONLY = "="
_limits = sa.Table(
    "staged_limit",
    sa.MetaData(),
    sa.Column("check", sa.String(4), primary_key=True),
    sa.Column("observation_id", sa.String(120), primary_key=True),
    prefixes=["TEMPORARY"],
)
"""What it did not see (a check or ``*``, and the observation), and (``=``) all that it looked at where that is not the scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an audit was.

    Attributes
    ----------
    kind : str
        ``doctor``, ``fixity``, ``reconciliation`` or ``repair``.
    started_at : datetime
        When it began to look.
    checks : collection of str
        The checks that ran to their end: only of them can it be said that something is not there any more.
    looked_at : int
        Observations (or objects) that it looked at.
    counts : mapping
        Its result by check or class.
    blind : collection of (str, str)
        Check and observation of what could not be looked at; a check ``*`` stands for all.
    only : collection of str or None
        The observations that it looked at, where not all of the scope.
    """

    kind: str
    scope: Scope
    started_at: datetime
    checks: Collection[str] = ()
    looked_at: int = 0
    counts: Mapping[str, Any] = field(default_factory=dict)
    blind: Collection[tuple[str, str]] = ()
    only: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of an audit's findings: number of the audit, findings opened (new, or again) and closed (fixed)."""

    audit: int
    opened: int
    closed: int


def record(c: sa.Connection, ops: Ops, facts: Facts, found: Iterable[Finding]) -> Recorded:
    """Write an audit and its findings down, in the caller's write transaction.

    Several findings of one check about one thing become one. A waived one stays so while the same is seen, and its waiver lasts.
    """
    now, actor = ops.clock.now(), ops.operator.name
    number = _audit_row(c, facts, now, actor)
    _stage(c, facts, found)
    _match(c, facts.started_at, now)
    opened = _open(c, facts.started_at, number, now, actor)
    closed = _close(c, facts, number, now, actor)
    for table in (_staged, _limits):
        table.drop(c, checkfirst=False)
    c.execute(sa.update(audit).where(audit.c.id == number).values(opened=opened, closed=closed))
    return Recorded(audit=number, opened=opened, closed=closed)


def _audit_row(c: sa.Connection, facts: Facts, now: datetime, actor: str) -> int:
    scope = (facts.scope.prefix or "all") + (" (deep)" if facts.scope.deep else "")
    row = sa.insert(audit).values(
        kind=facts.kind, scope=scope[:_LONGEST_URI], actor=actor, started_at=facts.started_at, ended_at=now,
        looked_at=facts.looked_at, counts=dict(facts.counts), opened=0, closed=0,
    )  # fmt: skip
    return int(c.execute(row).inserted_primary_key[0])  # type: ignore[index]


def _stage(c: sa.Connection, facts: Facts, found: Iterable[Finding]) -> None:
    """Lay the findings into tables of this transaction's own, those about one thing together; and what the audit did not see."""
    for table in (_staged, _limits):
        table.create(c, checkfirst=False)
    first: Any = (postgresql if c.dialect.name == "postgresql" else sqlite).insert(_staged)
    both = {name: sa.func.substr(_s[name] + "; " + first.excluded[name], 1, LONGEST) for name in ("expected", "observed")}
    _lay(c, first.on_conflict_do_update(index_elements=[_s.check, _s.uri], set_=both), map(_row, found))
    limits = [*facts.blind, *((_ONLY, one) for one in facts.only or ())]
    _lay(c, sa.insert(_limits), ({"check": check, "observation_id": one} for check, one in dict.fromkeys(limits)))


def _lay(c: sa.Connection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    for batch in itertools.batched(rows, _BATCH):
        c.execute(statement, list(batch))


def _row(one: Finding) -> dict[str, Any]:
    row = {name: getattr(one, name) for name in _TOLD}
    return {**row, "check": one.check, "uri": short_uri(one.uri), "expected": one.expected[:LONGEST], "observed": one.observed[:LONGEST]}


def short_uri(uri: str) -> str:
    """Give a name as findings keep it: one that is too long for its column is cut, and stays distinct."""
    if len(uri) <= _LONGEST_URI:
        return uri
    return f"{uri[: _LONGEST_URI - 17]}~{hashlib.sha256(uri.encode()).hexdigest()[:16]}"


def _match(c: sa.Connection, started_at: datetime, now: datetime) -> None:
    """Find what has a row already, and say of each why it opens, if it does."""
    same = sa.and_(_f.check == _s.check, _f.uri == _s.uri)
    why = sa.case(
        (_f.last_at > started_at, None),
        (_f.state == _FIXED, "found again"),
        (sa.and_(_f.state == _WAIVED, _f.observed != _s.observed), "something else is seen"),
        (sa.and_(_f.state == _WAIVED, _f.waived_until <= now), "its waiver is over"),
    )
    c.execute(sa.update(_staged).values(finding_id=_f.id, opens=why).where(same))
    c.execute(sa.update(_staged).values(opens="found").where(_s.finding_id.is_(None)))


def _open(c: sa.Connection, started_at: datetime, number: int, now: datetime, actor: str) -> int:
    told = [_s[name] for name in _TOLD]
    when = sa.literal(now, _f.last_at.type)
    new = sa.select(_s.check, _s.uri, *told, sa.literal(_OPEN), sa.literal(0), when, when, sa.literal(number))
    columns = ["check", "uri", *_TOLD, "state", "times", "first_at", "last_at", "last_audit"]
    c.execute(sa.insert(finding).from_select(columns, new.where(_s.finding_id.is_(None)).order_by(_s.check, _s.uri)))
    mine, opens = sa.and_(_f.check == _s.check, _f.uri == _s.uri), _s.opens.is_not(None)
    seen_since = sa.and_(_s.finding_id.is_not(None), _f.last_at > started_at)  # another audit knows better
    values: dict[str, Any] = {name: _s[name] for name in _TOLD}
    values |= {"last_at": now, "last_audit": number, "times": _f.times + sa.case((opens, 1), else_=0)}
    values["state"] = sa.case((opens, _OPEN), else_=_f.state)
    values["waived_until"] = sa.case((opens, None), else_=_f.waived_until)
    c.execute(sa.update(finding).values(**values).where(mine, sa.not_(seen_since)))
    events = sa.select(_f.id, sa.literal(_OPEN), sa.literal(actor), _s.opens, when).join_from(finding, _staged, mine).where(opens)
    _events(c, events)
    return int(c.execute(sa.select(sa.func.count()).select_from(_staged).where(opens)).scalar_one())


def _close(c: sa.Connection, facts: Facts, number: int, now: datetime, actor: str) -> int:
    """Close what this audit would have found and did not."""
    standing = _f.state.in_([state.value for state in STANDING])
    gone = sa.and_(standing, _f.last_audit != number, _f.last_at <= facts.started_at, _looked(facts))
    when = sa.literal(now, _f.last_at.type)
    _events(c, sa.select(_f.id, sa.literal(_FIXED), sa.literal(actor), sa.literal("not found any more"), when).where(gone))
    return c.execute(sa.update(finding).values(state=_FIXED, last_at=now, waived_until=None).where(gone)).rowcount


def _looked(facts: Facts) -> sa.ColumnElement[bool]:
    """Say which findings an audit would have found again."""
    mine = _limits.c.observation_id == _f.observation_id
    blind = sa.exists().where(mine, sa.or_(_limits.c.check == "*", _limits.c.check == _f.check))
    clauses = [_f.check.in_(sorted(facts.checks)), sa.not_(blind)]
    if facts.scope.prefix:
        clauses.append(sa.func.substr(_f.observation_id, 1, len(facts.scope.prefix)) == facts.scope.prefix)
    if facts.only is not None:
        clauses.append(sa.exists().where(mine, _limits.c.check == _ONLY))
    return sa.and_(*clauses)


def _events(c: sa.Connection, rows: Any) -> None:
    c.execute(sa.insert(finding_event).from_select(["finding_id", "state", "actor", "reason", "at"], rows))
