"""What a person decides about an exposure with missing packets: use what is there, give it up, or go on waiting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, NotFound, Refused, StalePlan
from dmsops.core.names import ExposureName, ExposureProduct
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.receipt.gap_rows import COMPLETE, GIVE_UP, USE, WAIT, WAITING, gap_report
from dmsops.receipt.tables import gap_decision, rerequest
from dmsops.workflow import queries as workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

_REMEDY = "List the gaps with `dmsops gaps list` (procedure P04)."
_LEAST = "Ask for the missing packets again, or give the exposure up (procedure P04)."


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDecision:
    """What a decision would do; ``hash`` is the ticket for it, of what it was made from."""

    visit: str
    exposure: str
    detector: str
    decision: str
    before: str | None
    expected: int | None
    received: int
    missing: int | None
    files: tuple[str, ...]
    words: str
    hash: str = ""

    def signed(self) -> GapDecision:
        """Give the decision with its hash."""
        facts = {key: value for key, value in asdict(self).items() if key not in {"hash", "words"}}
        return replace(self, hash=ticket_of(facts))


def preview(ops: Ops, exposure: str, detector: str, decision: str) -> GapDecision:
    """Say what a decision would do; nothing changes.

    Parameters
    ----------
    exposure : str
        As ``jw02726402001_03104_00001``.
    detector : str
        As ``NRCA3``.
    decision : {'use', 'give-up', 'wait'}
        ``use``: level 1b is made of what is there, the rows that are missing flagged. ``give-up``: nothing is made of it, the
        visit's other work goes on. ``wait``: take a decision back, as long as nothing was made of it.

    Raises
    ------
    BadInput
        There is no such decision.
    NotFound
        Nothing is known of this exposure on this detector.
    Refused
        Nothing is missing; the decision stands already; too little is there to be used; or a product is made already.
    """
    if decision not in {USE, GIVE_UP, WAIT}:
        raise BadInput(f"'{decision}' is no decision about a gap: use, give-up or wait", field="decision")
    row = next((r for r in gap_report(ops, _visit(exposure)) if (r["exposure"], r["detector"]) == (exposure, detector)), None)
    if row is None:
        raise NotFound(f"nothing is known of {exposure} on {detector}", remedy=_REMEDY, exposure=exposure, detector=detector)
    why_not = _why_not(ops, row, decision)
    if why_not:
        raise Refused(f"{exposure} {detector}: {why_not}", remedy=_LEAST, exposure=exposure, detector=detector)
    return GapDecision(
        visit=row["visit"],
        exposure=exposure,
        detector=detector,
        decision=decision,
        before=row["decision"],
        expected=row["expected"],
        received=row["received"],
        missing=row["missing"],
        files=tuple(row["files"]),
        words=_words(row, decision),
    ).signed()


def _visit(exposure: str) -> str:
    return str(ExposureName.parse(exposure).visit)


def _why_not(ops: Ops, row: dict[str, Any], decision: str) -> str:
    """Say why a decision cannot be taken; empty when it can."""
    if decision == WAIT:
        if row["decision"] is None:
            return "it waits for its packets already"
        made = row["decision"] == USE and _is_made(ops, row)
        return "its level 1b is made already; packets that come later make a better one by themselves" if made else ""
    if row["state"] == COMPLETE:
        return "nothing is missing"
    if row["decision"] == decision:
        return f"it is decided already, by {row['decided_by']}: {row['reason']}"
    return _too_little(ops, row) if decision == USE else ""


def _too_little(ops: Ops, row: dict[str, Any]) -> str:
    """Say why what is there cannot be used.

    Without a header packet nobody knows the shape. Below half of the packets (the setting's default) most pixels of a short
    ramp are left with fewer than two readings, so that a slope cannot be fitted to them.
    """
    if row["expected"] is None:
        return "it cannot be used: " + (row["reason"] if row["decision"] is None else "nobody knows how much was sent")
    there, least = 100 * row["received"] / row["expected"], ops.settings.gaps_least_percent
    return f"{there:.0f} % of its packets are there, at least {least:.0f} % are needed to use it" if there < least else ""


def _is_made(ops: Ops, row: dict[str, Any]) -> bool:
    name = str(ExposureProduct(ExposureName.parse(row["exposure"]), row["detector"].lower(), "uncal"))
    return bool(workflow.versions(ops, [name]))


def _words(row: dict[str, Any], decision: str) -> str:
    what = f"{row['exposure']} {row['detector']}"
    if decision == WAIT:
        return f"{what} waits for its packets again"
    if decision == GIVE_UP:
        return f"nothing is made of {what}; the visit's other work goes on without it"
    return f"level 1b of {what} is made without {row['missing']} of {row['expected']} packets; the rows that are missing are flagged"


def decide(ops: Ops, exposure: str, detector: str, decision: str, *, ticket: str, reason: str) -> GapDecision:
    """Decide what was previewed; see `preview`. Planning the visit again then does accordingly.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        Something has changed since the preview.
    """
    require(ops.operator, Role.OPERATOR, "gaps decide")
    need_reason("gaps decide", reason)
    seen = preview(ops, exposure, detector, decision)
    changed = f"what is known of {exposure} {detector} has changed since the preview"
    need_ticket(ticket, seen.hash, changed, remedy="Make the preview again, read it, and apply the new one (procedure P04).")
    transact(ops.db, lambda c: _write(c, ops, seen, reason))
    return seen


def _write(c: sa.Connection, ops: Ops, seen: GapDecision, reason: str) -> None:
    here = (gap_decision.c.exposure == seen.exposure, gap_decision.c.detector == seen.detector)
    before = c.execute(sa.select(gap_decision.c.decision).where(*here)).scalar()
    if before != seen.before:
        raise StalePlan(f"somebody else decided about {seen.exposure} {seen.detector} a moment ago", seen=seen.hash)
    c.execute(sa.delete(gap_decision).where(*here))
    if seen.decision != WAIT:
        c.execute(
            sa.insert(gap_decision).values(
                exposure=seen.exposure, detector=seen.detector, visit=seen.visit, decision=seen.decision,
                missing=-1 if seen.missing is None else seen.missing, actor=ops.operator.name, reason=reason, at=ops.clock.now(),
            )
        )  # fmt: skip
    journal.write(
        c, ops.clock, "gap.decided", f"{seen.exposure} {seen.detector}", actor=ops.operator.name, reason=reason, plan=seen.hash,
        visit=seen.visit, decision=seen.decision, before=seen.before, missing=seen.missing, expected=seen.expected,
    )  # fmt: skip


def decide_overdue(ops: Ops, visit: str) -> list[GapDecision]:
    """Use exposures whose packets were asked for long enough ago, where the site's settings say so (`use_gaps_after_minutes`)."""
    minutes = ops.settings.use_gaps_after_minutes
    if not minutes:
        return []
    asked = _asked_before(ops, visit, minutes)
    done = []
    for row in gap_report(ops, visit):
        if row["state"] == WAITING and asked.intersection(row["files"]) and not _why_not(ops, row, USE):
            seen = preview(ops, row["exposure"], row["detector"], USE)
            reason = f"the packets were asked for more than {counted(minutes, 'minute', form='g')} ago (setting use_gaps_after_minutes)"
            done.append(decide(ops, row["exposure"], row["detector"], USE, ticket=seen.hash, reason=reason))
    return done


def _asked_before(ops: Ops, visit: str, minutes: float) -> set[str]:
    """Give the names of the files that were asked for so many minutes ago and have not come."""
    r = rerequest.c
    long_ago = r.requested_at <= ops.clock.now() - timedelta(minutes=minutes)
    with reading(ops.db) as c:
        return set(c.execute(sa.select(r.name).where(r.closed_at.is_(None), long_ago)).scalars())
