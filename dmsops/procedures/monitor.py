"""What procedure P07 looks at: where everything stands, what needs a person, and what to do about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.counting import counted, fitting
from dmsops.wfsc import queries as wavefront
from dmsops.workflow import acts, pauses, queries, triage, waiting
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import kind_or_stand_in
from dmsops.workflow.waiting import Why

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SLOW = 5
"""A running step that has taken so many times its usual time is shown (ours)."""


def kinds(ops: Ops) -> list[Row]:
    """Count steps by kind, one row a kind with a column for each state that any step is in."""
    found: dict[str, Row] = {}
    for row in queries.counts_by_kind(ops):
        found.setdefault(row["kind"], {"kind": row["kind"]})[row["state"]] = row["n"]
    return list(found.values())


def states(ops: Ops) -> list[str]:
    """Give the states that any step is in, in the order of a step's life."""
    return [state for state, n in queries.counts(ops).items() if n]


def failures(ops: Ops) -> list[Row]:
    """Give the groups of failures, those that need a person first, with a known-problem note where there is one."""
    return triage.failures(ops)


def retrying(ops: Ops) -> list[Row]:
    """Give steps that would look well by their state alone: their last try failed and they are tried again."""
    return triage.retrying(ops, 20)


def waits(ops: Ops, limit: int = 20) -> list[Row]:
    """Give waiting steps with the reason, one row a step; ``futile`` where one cannot go on by itself."""
    rows = queries.steps(ops, states=[StepState.WAITING.value], limit=limit)
    return [{**row, **_why(waiting.why(ops, row["id"]), ops.clock.now())} for row in rows]


def _why(told: Why, now: datetime) -> Row:
    words = told.missing[0].words(now) if told.missing else told.sentence
    rest = f", and {len(told.missing) - 1} more" if len(told.missing) > 1 else ""
    return {"state": told.state, "why": f"{words}{rest}"}


def held(ops: Ops, limit: int = 20) -> list[Row]:
    """Give held steps with why and until when."""
    return queries.steps(ops, states=[StepState.HELD.value], limit=limit)


def slow(ops: Ops) -> list[Row]:
    """Give running steps that take much longer than is usual for their kind: ``minutes`` against ``usual_minutes``."""
    now = ops.clock.now()
    rows = []
    for row in queries.steps(ops, states=[StepState.RUNNING.value], limit=500):
        usual = kind_or_stand_in(row["kind"]).estimate_seconds
        if row["started_at"] and (took := (now - row["started_at"]).total_seconds()) > SLOW * max(usual, 60):
            rows.append({**row, "minutes": round(took / 60, 1), "usual_minutes": round(usual / 60, 1)})
    return rows


def clocks(ops: Ops) -> list[Row]:
    """Give the clocks of wavefront visits."""
    return wavefront.clock_rows(ops)


def paused(ops: Ops) -> list[Row]:
    """Give what is paused, a workflow by its dataset."""
    return [{**row, "target": row["dataset"] or row["target"]} for row in pauses.standing(ops)]


def advice(ops: Ops) -> list[Row]:
    """Say what a person should do next, the most pressing first: what is seen, and which procedure answers it."""
    counts = queries.counts(ops)
    groups = [g for g in failures(ops) if g["n"]]
    pressing = [c for c in clocks(ops) if c["state"] in {"at risk", "late"}]
    asked, long, stopped = acts.asked(ops), slow(ops), paused(ops)
    slowly, ready = counted(len(long), "step runs", "steps run"), counted(counts["ready"], "step is", "steps are")
    found = [
        (bool(pressing), f"clock of {', '.join(c['visit'] for c in pressing)}: {pressing[0]['words'] if pressing else ''}", "P10"),
        (bool(groups), f"failed steps that need a person: {sum(g['n'] for g in groups)} (kinds of failure: {len(groups)})", "P08"),
        (bool(asked), f"{counted(len(asked), 'act waits', 'acts wait')} for a second person", "P09, agree_to"),
        (bool(long), f"{slowly} much longer than usual: read {fitting(len(long), 'its log', 'their logs')}", "P09, stop"),
        (bool(stopped), counted(len(stopped), "pause stands", "pauses stand"), "P09"),
        (bool(counts["held"]), f"{counted(counts['held'], 'step is', 'steps are')} held", "P09, release"),
        (bool(counts["ready"]) and not queries.engines(ops), f"{ready} ready and no engine runs", "dmsops engine run"),
    ]
    return [{"seen": seen, "do": do} for true, seen, do in found if true]


def snapshot(ops: Ops) -> Row:
    """Give the state of things as the record of a live run keeps it."""
    fields = ("fingerprint", "n", "handled")
    return {
        "steps": queries.counts(ops),
        "failures": [{name: group[name] for name in fields} for group in failures(ops)],
        "clocks": [{name: str(row[name]) for name in ("visit", "state", "due")} for row in clocks(ops)],
        "paused": len(paused(ops)),
        "advice": advice(ops),
    }
