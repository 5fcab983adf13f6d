"""What P14 asks for: samples that came twice, values that disagree, the science that they touch, and one act on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.engineering import queries, recount, resolve
from dmsops.engineering.contested import STANDING
from dmsops.engineering.rules import moment
from dmsops.flows import engineering as flow
from dmsops.procedures.duplicate_counts import Scope, by_file, by_mnemonic, scope

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = [
    "ACTS",
    "Order",
    "Scope",
    "affected",
    "by_file",
    "by_mnemonic",
    "carry_out",
    "order",
    "scope",
    "side_by_side",
    "statistics",
    "suspects",
]

Row = dict[str, Any]
RESOLVE, REMAKE, RECOUNT = "resolve", "remake", "recount"
ACTS = (RESOLVE, REMAKE, RECOUNT)
_COLUMNS = {
    RESOLVE: ("suspect", "mnemonic", "first", "last", "contested", "changed"),
    REMAKE: ("step", "kind", "dataset", "why"),
    RECOUNT: ("hour", "mnemonics", "before", "samples"),
}
"""What is shown of an act's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P14 is about.

    ``act`` is one of `ACTS`; ``rows`` what it would touch, ``facts`` what it would do, ``ticket`` its hash, ``choice`` what it
    acts on.
    """

    act: str
    rows: tuple[Row, ...] = ()
    facts: Row = field(default_factory=dict)
    ticket: str = ""
    choice: Row = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is shown of its rows."""
        return _COLUMNS[self.act]


def suspects(ops: Ops, seen: Scope, *, every: bool = False) -> list[Row]:
    """Give the open suspect intervals that touch a time, oldest first; with ``every`` the resolved ones too."""
    rows = [r for r in queries.suspect_intervals(ops, every=every) if r["first_us"] <= seen.last_us and r["last_us"] >= seen.first_us]
    mine = [row for row in rows if not seen.mnemonics or row["name"] in seen.mnemonics]
    return sorted(mine, key=lambda r: (r["first_us"], r["name"]))


def side_by_side(ops: Ops, intervals: Sequence[Row], *, limit: int = 4) -> tuple[list[Row], tuple[str, ...]]:
    """Give the first contested samples of each interval, with a column for each file.

    Returns
    -------
    list of dict
        ``mnemonic``, ``at`` (to the millisecond), a value for each file's name, ``stands`` (the file whose value does).
    tuple of str
        The names of the files.
    """
    rows = [row for interval in intervals for row in _beside(ops, interval)[:limit]]
    return rows, tuple(sorted({name for interval in intervals for name in interval["files"]}))


def _beside(ops: Ops, interval: Row) -> list[Row]:
    rows: dict[int, Row] = {}
    for one in queries.conflicts(ops, interval["id"]):
        row = rows.setdefault(one["time_us"], {"mnemonic": interval["name"], "at": _to_ms(one["time_us"])})
        row[one["file"]] = f"{one['value']:.10g}"
        row |= {"stands": one["file"]} if one["stands"] else {}
    return list(rows.values())


def _to_ms(time_us: int) -> str:
    when = moment(time_us)
    return counted(time_us, "microsecond") if when is None else f"{when:%H:%M:%S.%f}"[:-3] + "Z"


def affected(ops: Ops, visit: str = "") -> list[Row]:
    """Give the science that is touched, ``why`` in words; see `dmsops.flows.engineering.affected`."""
    found = flow.affected(ops, visit=visit or None)
    return [{**asdict(item), "why": "; ".join(item.why)} for item in found]


def statistics(ops: Ops, seen: Scope, intervals: Sequence[Row]) -> list[Row]:
    """Give the hourly statistics of the mnemonics of suspect intervals."""
    names = sorted({interval["name"] for interval in intervals})
    return [{**row, "name": name} for name in names for row in queries.hourly(ops, name, seen.start, seen.stop)]


def order(
    ops: Ops, seen: Scope, *, act: str = RESOLVE, chosen: Collection[int] = (), keep: str = STANDING, steps: Collection[int] = ()
) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        ``resolve`` suspect intervals, ``remake`` products, or ``recount`` the hourly statistics of the scope's hours.
    chosen : collection of int
        Suspect intervals, by their numbers; empty for all open ones of the scope.
    keep : str
        Whose values stand: ``standing``, a stream (``E``, ``C``, ``R``) or a file's name.
    steps : collection of int
        Level 1b steps to run again; empty for those that would see other telemetry than they saw.

    Raises
    ------
    BadInput
        The act is not known, an interval is resolved, no contested value came from there, or single mnemonics were to be counted again.
    NotFound
        There is no such interval or step.
    """
    if act == RESOLVE:
        return _resolution(ops, sorted(chosen or [row["id"] for row in suspects(ops, seen)]), keep)
    if act == REMAKE:
        return _remaking(ops, sorted(steps or [item.step for item in flow.affected(ops) if item.stale]))
    if act == RECOUNT:
        return _recounting(ops, seen)
    raise BadInput(f"'{act}' is no act of P14: {', '.join(ACTS)} are", field="act")


def _resolution(ops: Ops, ids: list[int], keep: str) -> Order:
    if not ids:
        return Order(act=RESOLVE, facts={"suspect_intervals": 0})
    plan = resolve.preview(ops, ids, keep=keep)
    rows = [{**asdict(item), "first": _to_ms(item.first_us), "last": _to_ms(item.last_us)} for item in plan.items]
    facts = {
        "keep": keep,
        "contested_samples": sum(item.contested for item in plan.items),
        "get_another_value": sum(item.changed for item in plan.items),
        "hours_written_anew": plan.hours,
    }
    return Order(act=RESOLVE, rows=tuple(rows), facts=facts, ticket=plan.hash, choice={"suspects": ids, "keep": keep})


def _remaking(ops: Ops, steps: list[int]) -> Order:
    if not steps:
        return Order(act=REMAKE, facts={"steps": 0})
    plan = flow.preview(ops, steps)
    rows = [{"step": item.step_id, "kind": item.kind, "dataset": item.dataset, "why": item.why} for item in plan.again]
    facts = {
        "steps": len(rows),
        "seconds_of_work": round(plan.estimate_seconds),
        "new_versions": list(plan.supersedes),
        "tells": list(plan.tells),
        "not_touched": [f"step {number}: {why}" for number, why in plan.untouched],
    }
    return Order(act=REMAKE, rows=tuple(rows), facts=facts, ticket=plan.hash, choice={"steps": steps})


def _recounting(ops: Ops, seen: Scope) -> Order:
    if seen.mnemonics:
        raise BadInput("hours are counted again with all of their mnemonics: leave 'mnemonics' empty", field="mnemonics")
    plan = recount.preview(ops, seen.start, seen.stop)
    rows = tuple(asdict(hour) for hour in plan.hours)
    facts = {"hours_counted_otherwise": len(rows)}
    if not rows:
        return Order(act=RECOUNT, facts=facts)
    return Order(act=RECOUNT, rows=rows, facts=facts, ticket=plan.hash, choice={"span": (seen.start, seen.stop)})


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises as the verb that it calls."""
    if asked.act == RESOLVE:
        plan = resolve.resolve(ops, asked.choice["suspects"], keep=asked.choice["keep"], ticket=ticket, reason=reason)
        changed = sum(item.changed for item in plan.items)
        values = counted(changed, "sample has", "samples have")
        return {"act": RESOLVE, "result": f"{counted(len(plan.items), 'interval')} settled, {values} another value"}
    if asked.act == RECOUNT:
        counts = recount.recount(ops, *asked.choice["span"], ticket=ticket, reason=reason)
        return {"act": RECOUNT, "result": f"{counted(len(counts.hours), 'hour')} counted again"}
    done = flow.remake(ops, asked.choice["steps"], ticket=ticket, reason=reason)
    return {"act": REMAKE, "result": f"{counted(len(done.plan.again), 'step runs', 'steps run')} again (act {done.command})"}
