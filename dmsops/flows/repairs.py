"""Repairs of what the doctor found, where that is safe: shown first in words, done by the hash of what was shown, then looked at again.

Each repair of an observation is a transaction of its own and twice does no harm: what a kill leaves, the next repair finishes.
Nothing is lost: a new description, or a product taken out, leaves the versions and bytes before it where they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dmsops.archive import bulk, finding_queries, mending
from dmsops.archive.finding_states import FindingState
from dmsops.archive.ingest import again, ingest_again
from dmsops.catalogue.naming import is_product
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import transact
from dmsops.core.errors import BadInput, DmsError, Failed, NotFound, Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.flows import doctor
from dmsops.flows.repair_changes import Row, change, look_at, names_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

ORDER = ("bytes", "retire", "describe", "rows", "announce")
"""Repairs of one observation, in the order in which they are done: each may need what those before it mend."""
_MOST = 5000
_WHY_NOT = {
    FindingState.FIXED.value: "a later audit did not find it any more",
    FindingState.WAIVED.value: "a person accepts it as it is; reopen it first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One repair of one observation, of the version that it has: what it is for (findings), and what changes, in words."""

    observation: str
    repair: str
    findings: tuple[int, ...]
    checks: tuple[str, ...]
    change: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Untouched:
    """A finding that is not repaired, and why."""

    finding: int
    check: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What repairing would do; ``hash`` is the ticket for doing it."""

    rows: tuple[Repair, ...]
    untouched: tuple[Untouched, ...]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of it: observations and repairs that were done or failed (and why), and the repaired findings that are still there."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    still_there: tuple[str, ...]
    fixed: int


_Group = tuple[str, str]
Progress = Callable[[int, int, str], None]


def preview(ops: Ops, finding_ids: Sequence[int]) -> Plan:
    """Say what repairing findings would do; nothing changes.

    Raises
    ------
    BadInput
        More than 5,000 are named.
    NotFound
        There is no such finding.
    """
    groups, untouched = _sorted_out(_found(ops, finding_ids))
    look, planned = look_at(ops, {identity for identity, _ in groups}), []
    for (identity, fix), rows in sorted(groups.items(), key=lambda group: (group[0][0], ORDER.index(group[0][1]))):
        try:
            words = change(look, identity, fix, rows)
        except DmsError as error:
            untouched += [_left(row, f"{error.message}. {error.remedy}") for row in rows]
            continue
        numbers, checks = tuple(sorted(row["id"] for row in rows)), tuple(sorted({row["check"] for row in rows}))
        version = look.standings[identity].version
        planned.append(Repair(observation=identity, repair=fix, findings=numbers, checks=checks, change=words, version=version))
    facts = [[r.observation, r.repair, r.findings, r.change, r.version] for r in planned]
    return Plan(rows=tuple(planned), untouched=tuple(sorted(untouched, key=lambda u: u.finding)), hash=ticket_of(facts))


def _found(ops: Ops, ids: Sequence[int]) -> list[Row]:
    wanted = sorted(set(ids))
    if len(wanted) > _MOST:
        raise BadInput(f"{len(wanted)} findings are named; at most {_MOST} are repaired at once", field="findings")
    rows = finding_queries.findings(ops, states=(), ids=wanted, limit=_MOST) if wanted else []
    missing = sorted(set(wanted) - {row["id"] for row in rows})
    if missing:
        raise NotFound(
            f"there is no finding {missing[0]}", remedy="`dmsops doctor findings` lists them (procedure P16).", finding=missing[0]
        )
    return rows


def _sorted_out(rows: Sequence[Row]) -> tuple[dict[_Group, list[Row]], list[Untouched]]:
    groups: dict[_Group, list[Row]] = defaultdict(list)
    untouched = []
    for row in rows:
        why = _why_not(row)
        if why:
            untouched.append(_left(row, why))
        else:
            groups[row["observation_id"], row["fix"]].append(row)
    return groups, untouched


def _why_not(row: Row) -> str:
    if row["state"] in _WHY_NOT:
        return _WHY_NOT[row["state"]]
    if row["fix"] not in ORDER:
        return f"a person acts: {row['remedy']}"
    if row["observation_id"] is None:
        return f"it is about no observation: {row['remedy']}"
    if row["fix"] == "retire" and not is_product(row["uri"]):
        return f"a person decides what stands: {row['remedy']}"
    return ""


def _left(row: Row, why: str) -> Untouched:
    return Untouched(finding=row["id"], check=row["check"], what=row["uri"], why=why)


def repair(ops: Ops, finding_ids: Sequence[int], *, ticket: str, reason: str, progress: Progress | None = None) -> Report:
    """Do what was looked at, observation by observation, and examine those again.

    Parameters
    ----------
    progress : callable, optional
        Told how many repairs of how many were tried, and the last one's observation.

    Raises
    ------
    NotAllowed
        The operator's role is below operator; below lead where products are taken out.
    BadInput
        No reason is given, or too many findings are named.
    Refused
        There is nothing among them that can be repaired.
    StalePlan
        Something has changed since the preview.
    """
    require(ops.operator, Role.OPERATOR, "doctor repair")
    need_reason("doctor repair", reason)
    plan = preview(ops, finding_ids)
    need_ticket(ticket, plan.hash, "what the repairs would do has changed since the preview: look again")
    if not plan.rows:
        raise Refused("none of these findings can be repaired by the doctor", remedy="Each says what to do (procedure P16).")
    if any(one.repair == "retire" for one in plan.rows):
        require(ops.operator, Role.LEAD, "doctor repair of stale products")
    rows = {row["id"]: row for row in _found(ops, finding_ids)}
    done, failed, touched = [], [], set[str]()
    for tried, one in enumerate(plan.rows, 1):
        now = replace(one, version=mending.version(ops, one.observation)) if one.observation in touched else one
        touched.add(one.observation)
        try:
            _ACTS[one.repair](ops, now, [rows[number] for number in one.findings], reason)
        except DmsError as error:
            failed.append(f"{one.repair} {one.observation}: {error.message}")
        else:
            done.append(f"{one.repair} {one.observation}")
        if progress is not None:
            progress(tried, len(plan.rows), one.observation)
    transact(ops.db, lambda c: _note(c, ops, plan, reason, done, failed))
    return _looked_at_again(ops, plan, Report(done=tuple(done), failed=tuple(failed), still_there=(), fixed=0))


def _note(c: Any, ops: Ops, plan: Plan, reason: str, done: list[str], failed: list[str]) -> None:
    journal.write(
        c, ops.clock, "archive.repaired", counted(len(plan.rows), "repair"), actor=ops.operator.name, reason=reason, plan=plan.hash,
        outcome="failed" if failed and not done else "done", repairs=done, failed=failed,
    )  # fmt: skip


def _describe(ops: Ops, one: Repair, rows: Sequence[Row], reason: str) -> None:
    _, changed = ingest_again(ops, again(ops, one.observation), reason=reason)
    if not changed:
        _index(ops, one, rows, reason)


def _index(ops: Ops, one: Repair, rows: Sequence[Row], reason: str) -> None:
    for fault in bulk.rebuild(ops, [one.observation]).failed.values():
        remedy = "Describe the observation again from its products (procedure P16)."
        raise Failed(f"{one.observation}: {fault}", remedy=remedy, observation=one.observation)


def _bring_back(ops: Ops, one: Repair, rows: Sequence[Row], reason: str) -> None:
    if not mending.restore(ops, one.observation, reason=reason, superseded=[row["uri"] for row in rows]):
        _describe(ops, one, rows, reason)


def _retire(ops: Ops, one: Repair, rows: Sequence[Row], reason: str) -> None:
    ingest_again(ops, mending.without(ops, again(ops, one.observation), names_of(rows)), reason=reason)


def _announce(ops: Ops, one: Repair, rows: Sequence[Row], reason: str) -> None:
    mending.tell_again(ops, one.observation, reason=reason, was=one.version)


_ACTS: dict[str, Callable[[Ops, Repair, Sequence[Row], str], None]] = {
    "bytes": _bring_back, "retire": _retire, "describe": _describe, "rows": _index, "announce": _announce,
}  # fmt: skip


def _looked_at_again(ops: Ops, plan: Plan, report: Report) -> Report:
    """Run the rules, and the repaired findings' checks, on what was touched; what is not found any more is fixed."""
    touched = sorted({one.observation for one in plan.rows})
    doctor.load()
    mine = {check for one in plan.rows for check in one.checks}
    checks = mine | {number for number, made in RULES.items() if made.case is not None and made.site is None}
    deep = any(RULES[number].deep or number in doctor.DEEPER for number in mine if number in RULES)
    doctor.audit(ops, Scope(deep=deep), sorted(checks & RULES.keys()), only=touched, kind="repair")
    numbers = [number for one in plan.rows for number in one.findings]
    after = finding_queries.findings(ops, states=(), ids=numbers, limit=_MOST)
    standing = tuple(f"{row['check']} {row['uri']}: {row['observed']}" for row in after if row["state"] != FindingState.FIXED.value)
    return replace(report, still_there=standing, fixed=len(after) - len(standing))
