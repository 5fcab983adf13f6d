"""What the doctor found, as plain rows for eyes: lists, one finding's story, counts, the trend of audits; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import sqlalchemy as sa

from dmsops.archive.finding_states import SENTENCES, STANDING, FindingState
from dmsops.archive.tables import audit, finding, finding_event
from dmsops.core.db import mappings
from dmsops.core.errors import NotFound

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_f = finding.c
UNSETTLED = (FindingState.OPEN.value, FindingState.ACKNOWLEDGED.value)
"""States in which something is still to be done."""
_ORDER = (_f.severity, _f.check, _f.uri)  # "error" comes before "warning"


class Wanted(TypedDict, total=False):
    """Which findings are wanted; all that is given must hold.

    Attributes
    ----------
    states : sequence of str
        Any of these; empty means every state, and none given means `UNSETTLED`.
    checks : sequence of str
        Any of these; empty means every check.
    prefix : str
        How the observation's id begins.
    text : str
        Part of the thing's name, of what was seen, or of the check's title.
    ids : sequence of int
        Only these (at most some thousands).
    fixable : bool
        Only those that the doctor can repair.
    """

    states: Sequence[str]
    checks: Sequence[str]
    severity: str
    prefix: str
    text: str
    ids: Sequence[int]
    fixable: bool


def findings(ops: Ops, *, limit: int = 500, offset: int = 0, **wanted: Unpack[Wanted]) -> list[Row]:
    """Give findings, errors first, then by check and thing."""
    query = sa.select(finding).where(*_tests(**wanted)).order_by(*_ORDER)
    return mappings(ops.db, query.limit(limit).offset(offset))


def number(ops: Ops, **wanted: Unpack[Wanted]) -> int:
    """Count what `findings` would give without a limit."""
    query = sa.select(sa.func.count().label("n")).select_from(finding).where(*_tests(**wanted))
    return int(mappings(ops.db, query)[0]["n"])


def by_state(ops: Ops, **wanted: Unpack[Wanted]) -> dict[str, int]:
    """Count what `findings` would give without a limit, by state; states that none is in are left out."""
    query = sa.select(_f.state, sa.func.count().label("n")).where(*_tests(**wanted)).group_by(_f.state)
    return {row["state"]: int(row["n"]) for row in mappings(ops.db, query)}


def _tests(
    *, states: Sequence[str] = UNSETTLED, checks: Sequence[str] = (), severity: str = "", prefix: str = "", text: str = "",
    ids: Sequence[int] = (), fixable: bool = False,
) -> list[Any]:  # fmt: skip
    tests: list[Any] = [_f.state.in_(states)] if states else []
    tests += [_f.check.in_(checks)] if checks else []
    tests += [_f.severity == severity] if severity else []
    tests += [_f.observation_id.startswith(prefix, autoescape=True)] if prefix else []
    tests += [_f.id.in_(ids)] if ids else []
    tests += [_f.fix != ""] if fixable else []
    if text:
        tests.append(sa.or_(*(column.contains(text, autoescape=True) for column in (_f.uri, _f.observed, _f.title))))
    return tests


def story(ops: Ops, number: int) -> Row:
    """Give one finding with the sentence of its state and its ``events``, oldest first.

    Raises
    ------
    NotFound
        There is no such finding.
    """
    rows = mappings(ops.db, sa.select(finding).where(_f.id == number))
    if not rows:
        raise NotFound(f"there is no finding {number}", remedy="`dmsops doctor findings` lists them (procedure P16).", finding=number)
    e = finding_event.c
    events = mappings(ops.db, sa.select(e.state, e.actor, e.reason, e.at).where(e.finding_id == number).order_by(e.id))
    return {**rows[0], "sentence": SENTENCES[FindingState(rows[0]["state"])], "events": events}


def counts(ops: Ops, *, prefix: str = "") -> list[Row]:
    """Count the findings that stand by check: ``check, title, severity, fix, open, acknowledged, waived``, errors first."""
    each = {state.value: sa.func.sum(sa.case((_f.state == state.value, 1), else_=0)).label(state.value) for state in STANDING}
    query = sa.select(_f.check, _f.severity, sa.func.max(_f.title).label("title"), sa.func.max(_f.fix).label("fix"), *each.values())
    query = query.where(*_tests(states=tuple(each), prefix=prefix)).group_by(_f.check, _f.severity).order_by(_f.severity, _f.check)
    return [{**row, **{state: int(row[state]) for state in each}} for row in mappings(ops.db, query)]


def trend(ops: Ops, *, kind: str = "", limit: int = 50) -> list[Row]:
    """Give the newest audits (of a kind), oldest first: what each looked at, found by check, opened and closed."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    return mappings(ops.db, query.where(audit.c.kind == kind) if kind else query)[::-1]


def last_audit(ops: Ops, kind: str = "doctor") -> Row | None:
    """Give the newest audit of a kind; None when there was none."""
    rows = trend(ops, kind=kind, limit=1)
    return rows[0] if rows else None
