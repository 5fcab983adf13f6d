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
from dmsops.archive.checks import listed
from dmsops.archive.describing import need_sound
from dmsops.archive.finding_states import FindingState
from dmsops.archive.ingest import again, ingest_again
from dmsops.archive.partners import TOLD_AGAIN
from dmsops.catalogue.naming import is_product, product_name
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core import journal
from dmsops.core.db import transact
from dmsops.core.errors import BadInput, DmsError, Failed, NotFound, Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.flows import doctor

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


Row = dict[str, Any]
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
    planned = []
    for (identity, fix), rows in sorted(groups.items(), key=lambda group: (group[0][0], ORDER.index(group[0][1]))):
        version = mending.version(ops, identity)
        try:
            change = _CHANGES[fix](ops, identity, rows)
        except DmsError as error:
            untouched += [_left(row, f"{error.message}. {error.remedy}") for row in rows]
            continue
        numbers, checks = tuple(sorted(row["id"] for row in rows)), tuple(sorted({row["check"] for row in rows}))
        planned.append(Repair(observation=identity, repair=fix, findings=numbers, checks=checks, change=change, version=version))
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


def _describes(ops: Ops, identity: str, rows: Sequence[Row]) -> str:
    mending.archived(ops, identity)
    anew = again(ops, identity)
    need_sound(anew.described)
    return listed(anew.differs) if anew.differs else "nothing in the description; its rows are written again"


def _indexes(ops: Ops, identity: str, rows: Sequence[Row]) -> str:
    mending.archived(ops, identity)
    return "its rows are written again from its document"


def _brings_back(ops: Ops, identity: str, rows: Sequence[Row]) -> str:
    bad = mending.bad_objects(ops, identity, [row["uri"] for row in rows])
    if not bad:
        return f"its bytes are sound; described again: {_describes(ops, identity, rows)}"
    found = mending.copies(ops, bad)
    ours = mending.mendable(ops, identity, bad, found)
    if not ours:
        raise mending.no_copy(identity, bad)
    left = [f"of {one.said} there is no other copy" for one in bad if one not in ours]
    return "; ".join([f"{one.said} from {_place(ops, found.get(one.sha256))}" for one in ours] + left)


def _place(ops: Ops, path: Any) -> str:
    return str(path.relative_to(ops.settings.site)) if path is not None else "its products"


def _retires(ops: Ops, identity: str, rows: Sequence[Row]) -> str:
    mending.archived(ops, identity)
    names = _names(rows)
    mending.without(ops, identity, names)
    return f"taken out of the current set: {listed(names)}"


def _names(rows: Sequence[Row]) -> list[str]:
    return sorted({product_name(row["uri"]) for row in rows})


def _announces(ops: Ops, identity: str, rows: Sequence[Row]) -> str:
    number = mending.version(ops, identity)
    if not number:
        raise NotFound(f"the archive has no observation '{identity}'", remedy="Ask the partner to delete it (P16).")
    if all(TOLD_AGAIN in row["expected"] for row in rows):
        remedy = "Ask the partner to harvest it; its next inventory closes the finding, or asks for it again (P16)."
        raise Refused(f"observation {identity} was told again, and the partner's inventory is from before", remedy=remedy)
    return f"version {number + 1} is told, the same as version {number}"


_CHANGES: dict[str, Callable[[Ops, str, Sequence[Row]], str]] = {
    "bytes": _brings_back, "retire": _retires, "describe": _describes, "rows": _indexes, "announce": _announces,
}  # fmt: skip


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
        c, ops.clock, "archive.repaired", f"{len(plan.rows)} repairs", actor=ops.operator.name, reason=reason, plan=plan.hash,
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
    ingest_again(ops, mending.without(ops, one.observation, _names(rows)), reason=reason)


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
