"""What P16 asks for: what the doctor found with its evidence, what it can repair, catalogue against store, partners, and one act."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from dmsops.archive import finding_acts, finding_queries
from dmsops.archive.finding_states import ACTS as SAYINGS
from dmsops.catalogue.registry import Scope
from dmsops.core.clock import time_of
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
AUDIT, REPAIR = "audit", "repair"
ACTS = (AUDIT, REPAIR, *SAYINGS)
FIXES = {
    "describe": "describes the observation again from its products",
    "rows": "writes the catalogue's rows again from the document",
    "bytes": "brings bytes back from another sound copy",
    "retire": "takes a stale product out of the current set (a lead)",
    "announce": "tells partners and subscribers of it again",
}
"""What each repair does."""
_MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P16 is about.

    ``act`` is one of `ACTS`; ``rows`` what would change, in words, ``left`` what is not touched and why, ``facts`` what it would
    do, ``ticket`` its hash (an audit has none: it changes no product), ``choice`` what it acts on.
    """

    act: str
    rows: tuple[Row, ...] = ()
    left: tuple[Row, ...] = ()
    facts: Row = field(default_factory=dict)
    ticket: str = ""
    choice: Row = field(default_factory=dict)


def scope(prefix: str = "", *, deep: bool = False) -> Scope:
    """Say what is looked at."""
    return Scope(prefix=prefix, deep=deep)


def examined(ops: Ops, seen: Scope) -> Any:
    """Look for what is wrong, and write nothing down."""
    from dmsops.flows import doctor

    return doctor.examine(ops, seen)


def by_check(found: Sequence[Any]) -> list[Row]:
    """Count findings by check, errors first: ``check, title, severity, n, repair`` (what the doctor can do) and ``remedy``."""
    rows: dict[tuple[str, str], Row] = {}
    for one in found:
        head = {"check": one.check, "title": one.title, "severity": one.severity, "repair": FIXES.get(one.fix, ""), "remedy": one.remedy}
        rows.setdefault((one.severity, one.check), {**head, "n": 0})["n"] += 1
    return [row for _, row in sorted(rows.items())]


def standing(ops: Ops, prefix: str = "") -> list[Row]:
    """Give the findings on record that are open or acknowledged, ``repair`` in words."""
    rows = finding_queries.findings(ops, prefix=prefix)
    return [{**row, "repair": FIXES.get(row["fix"], "")} for row in rows]


def audits(ops: Ops) -> list[Row]:
    """Give the newest audits, the oldest first, ``counts`` in words."""
    rows = finding_queries.trend(ops, limit=12)
    return [{**row, "counts": ", ".join(f"{n} {name}" for name, n in row["counts"].items())} for row in rows]


def counters(ops: Ops, seen: Scope) -> list[Row]:
    """Compare catalogue and store: ``counter`` (CADC's name) and ``n``."""
    from dmsops.archive import reconcile

    return [{"counter": name, "n": n} for name, n in dict(reconcile.reconcile(ops, seen).counts).items()]


def fixity(ops: Ops) -> Row:
    """Say how much of the archive was not read again in time, for `Run.facts`."""
    from dmsops.archive import fixity as auditing

    return _plain(auditing.due(ops))


def partners(ops: Ops) -> list[Row]:
    """Give what partners' inventories say otherwise, on record: ``uri, observed, expected, state``."""
    return finding_queries.findings(ops, checks=("C48",))


def chosen(ops: Ops, numbers: Collection[int] = (), checks: Collection[str] = (), prefix: str = "") -> list[int]:
    """Give the numbers of findings: those that were named, else all that stand and that the doctor can repair, of these checks.

    Raises
    ------
    BadInput
        Numbers and checks are given both.
    """
    if numbers:
        if checks or prefix:
            raise BadInput("give findings by their numbers, or by check and observation, not both", field="findings")
        return sorted(set(numbers))
    rows = finding_queries.findings(ops, checks=tuple(checks), prefix=prefix, limit=_MOST)
    return sorted(row["id"] for row in rows if row["fix"])


def order(
    ops: Ops, *, act: str = REPAIR, findings: Collection[int] = (), prefix: str = "", deep: bool = False, until: str = ""
) -> Order:  # fmt: skip
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        One of `ACTS`.
    findings : collection of int
        To repair, acknowledge, waive or reopen: these; to repair without any: all that the doctor can repair.
    prefix : str
        To audit or repair: only observations whose id begins so.
    deep : bool
        To audit: read the bytes too.
    until : str
        To waive: when the waiver ends by itself (UTC); empty: it does not.

    Raises
    ------
    BadInput
        The act is not known, or does not say on what.
    NotFound
        There is no such finding.
    """
    if act == AUDIT:
        return Order(act=act, facts={"scope": prefix or "all", "reads_bytes": deep}, choice={"prefix": prefix, "deep": deep})
    if act == REPAIR:
        return _repair(ops, findings, prefix)
    if act in SAYINGS:
        ends = time_of(until, "until") if until else None
        said = finding_acts.preview(ops, act, sorted(findings), until=ends)
        rows = tuple({"finding": i.finding, "check": i.check, "what": i.uri, "change": i.observed} for i in said.items)
        return Order(act=act, rows=rows, facts={"then": said.words}, ticket=said.hash, choice={"findings": sorted(findings), "until": ends})
    raise BadInput(f"'{act}' is no act of P16: {', '.join(ACTS)} are", field="act")


def _repair(ops: Ops, findings: Collection[int], prefix: str) -> Order:
    from dmsops.flows import repairs

    ids = chosen(ops, findings, (), "" if findings else prefix)
    if not ids:
        return Order(act=REPAIR, facts={"repairs": 0})
    plan = repairs.preview(ops, ids)
    rows = tuple(changes(plan))
    facts = {"repairs": len(rows), "not_touched": len(left_alone(plan))}
    return Order(
        act=REPAIR, rows=rows, left=tuple(left_alone(plan)), facts=facts, ticket=plan.hash if rows else "", choice={"findings": ids}
    )


def changes(plan: Any) -> list[Row]:
    """Give what a plan of repairs does, a line each."""
    return [_plain(row) for row in plan.rows]


def left_alone(plan: Any) -> list[Row]:
    """Give what a plan of repairs does not touch, and why."""
    return [_plain(row) for row in plan.untouched]


def _plain(record: Any) -> Row:
    return asdict(record) if is_dataclass(record) and not isinstance(record, type) else dict(record)


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises as the verb that it calls."""
    if asked.act == AUDIT:
        from dmsops.flows import doctor

        doctor.audit(ops, scope(**asked.choice))
        row = finding_queries.last_audit(ops) or {}
        return {"act": AUDIT, "result": f"audit {row['id']}: {counted(row['opened'], 'finding')} opened, {row['closed']} fixed"}
    if asked.act == REPAIR:
        from dmsops.flows import repairs

        told = _plain(repairs.repair(ops, asked.choice["findings"], ticket=ticket, reason=reason))
        return {
            "act": REPAIR,
            "result": ", ".join(f"{_number(told[name])} {name.replace('_', ' ')}" for name in told if _number(told[name]) is not None),
        }
    said = finding_acts.decide(ops, asked.act, asked.choice["findings"], ticket=ticket, reason=reason, until=asked.choice["until"])
    return {"act": asked.act, "result": f"{counted(len(said.items), 'finding')}: {said.words}"}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else len(value) if isinstance(value, list | tuple) else None
