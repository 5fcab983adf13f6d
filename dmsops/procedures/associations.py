"""What P13 asks for: associations and what is wrong with them, products of one name, the prediction beside them, and one act."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import duplicates
from dmsops.archive import queries as archived
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.names import VisitId
from dmsops.interfaces import pps
from dmsops.prediction.products import compare, predict
from dmsops.workflow import rescue
from dmsops.workflow.states import GOOD
from dmsops.workflow.tables import attempt, step

if TYPE_CHECKING:
    from dmsops.core.records import Visit
    from dmsops.ops import Ops

Row = dict[str, Any]
KIND = "science.associate"
KEEP, REMAKE = "keep", "remake"
ACTS = (KEEP, REMAKE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P13 is about.

    ``act`` is one of `ACTS`; ``rows`` what it would touch, ``facts`` what it would do, ``ticket`` its hash (empty when there is
    nothing to do), ``choice`` what it acts on.
    """

    act: str
    rows: tuple[Row, ...] = ()
    facts: Row = field(default_factory=dict)
    ticket: str = ""
    choice: Row = field(default_factory=dict)


def pools(ops: Ops, visit: str = "") -> list[Row]:
    """Give the newest associations of each visit: ``step, visit, state, exposures, associations, problems, orphans``, by visit.

    Parameters
    ----------
    visit : str
        Eleven digits: only this visit's.
    """
    return [_pool(row, plan) for row, plan in _steps(ops, visit)]


def _steps(ops: Ops, visit: str) -> Iterator[tuple[Any, Visit]]:
    query = (
        sa.select(step.c.id, step.c.dataset, step.c.state, step.c.params, attempt.c.metrics)
        .outerjoin(attempt, sa.and_(attempt.c.step_id == step.c.id, attempt.c.n == step.c.attempt))
        .where(step.c.kind == KIND)
        .order_by(step.c.id)
    )
    with reading(ops.db) as c:
        rows = c.execute(query).all()
    newest = {}
    for row in rows:
        plan = pps.visit_from_dict(row.params["visits"][0])
        newest[str(plan.id)] = (row, plan)
    wanted = str(VisitId.parse(visit)) if visit else ""
    yield from (pair for number, pair in sorted(newest.items()) if wanted in ("", number))


def _pool(row: Any, plan: Visit) -> Row:
    told = row.metrics or {}
    counts = ", ".join(f"{n} {kind}" for kind, n in sorted(told.get("counts", {}).items()))
    return {
        "step": row.id, "visit": str(plan.id), "state": row.state, "exposures": len(row.params["exposures"]), "associations": counts,
        "problems": list(told.get("problems", ())), "orphans": list(told.get("orphans", ())),
    }  # fmt: skip


def problems(pool: list[Row]) -> list[Row]:
    """Give every problem of some associations on a line of its own: ``visit``, ``problem`` (in words)."""
    return [{"visit": row["visit"], "problem": text} for row in pool for text in row["problems"]]


def orphans(pool: list[Row]) -> list[Row]:
    """Give the exposures that were received and that no association took: ``visit``, ``exposure``."""
    return [{"visit": row["visit"], "exposure": name} for row in pool for name in row["orphans"]]


def predicted(ops: Ops, visit: str = "") -> list[Row]:
    """Hold what is archived of the visits that have associations against what their plans predict.

    Returns
    -------
    list of dict
        ``visit, suffix, predicted, archived, missing`` (names).
    """
    found = []
    for _, plan in _steps(ops, visit):
        wanted = predict(plan, ops.settings.segment_bytes)
        names = {name for names in wanted.values() for name in names}
        seen = compare(wanted, [n for n in _archived(ops, plan) if n in names])
        found += [
            {"visit": str(plan.id), "suffix": s, "predicted": n, "archived": seen.present[s], "missing": list(seen.missing[s])}
            for s, n in seen.predicted.items()
        ]
    return found


def _archived(ops: Ops, plan: Visit) -> Iterator[str]:
    for prefix in (f"jw{plan.id}", f"jw{plan.id.program}-o{plan.id.observation}"):
        yield from (row["name"] for row in archived.products(ops, prefix=prefix))


def doubled(ops: Ops) -> list[Row]:
    """Give the products that two associations made, waiting for a decision: ``observation_id, products, message, last_at``."""
    return [{**row, "products": sorted(row["products"])} for row in duplicates.listed(ops)]


def order(ops: Ops, *, act: str = KEEP, observation: str = "", keep: str = "old", visit: str = "", steps: Collection[int] = ()) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        ``keep`` one of two products of a name, or ``remake`` associations.
    observation : str
        To keep: whose products; empty for the first that waits.
    keep : str
        ``old`` (archived) or ``new`` (refused).
    visit : str
        To remake: those of this visit that have problems or orphans; empty for all visits.
    steps : collection of int
        To remake: these steps instead.

    Raises
    ------
    BadInput
        The act or ``keep`` is not known.
    NotFound
        There is no such duplicate or step.
    """
    if act == KEEP:
        return _keeping(ops, observation, keep)
    if act == REMAKE:
        wrong = [
            row["step"] for row in pools(ops, visit) if (row["problems"] or row["orphans"]) and row["state"] in {*map(str, GOOD), "failed"}
        ]
        return _remaking(ops, sorted(steps or wrong))
    raise BadInput(f"'{act}' is no act of P13: {', '.join(ACTS)} are", field="act")


def _keeping(ops: Ops, observation: str, keep: str) -> Order:
    waiting = [row["observation_id"] for row in duplicates.listed(ops)]
    if not observation and not waiting:
        return Order(act=KEEP, facts={"waiting": 0})
    seen = duplicates.preview(ops, observation or waiting[0], keep)
    names = sorted({*seen.archived, *seen.offered})
    rows = [{"product": n, "archived": seen.archived.get(n, "")[:12], "refused": seen.offered.get(n, "")[:12]} for n in names]
    then = {
        "old": "what is archived stays; the refused products are let go, their bytes are kept",
        "new": "the next ingest supersedes what is archived; run its step again with procedure P08",
    }
    facts = {
        "observation": seen.observation_id,
        "keep": keep,
        "archived_members": list(seen.members),
        "why": seen.message,
        "then": then[keep],
    }
    return Order(act=KEEP, rows=tuple(rows), facts=facts, ticket=seen.hash, choice={"observation": seen.observation_id, "keep": keep})


def _remaking(ops: Ops, steps: list[int]) -> Order:
    if not steps:
        return Order(act=REMAKE, facts={"steps": 0})
    plan = rescue.plan(ops, steps=steps, remake=True)
    rows = [{"step": item.step_id, "kind": item.kind, "dataset": item.dataset, "why": item.why} for item in plan.again]
    facts = {
        "steps": len(rows), "seconds_of_work": round(plan.estimate_seconds), "new_versions": list(plan.supersedes),
        "not_touched": [f"step {number}: {why}" for number, why in plan.untouched],
    }  # fmt: skip
    return Order(act=REMAKE, rows=tuple(rows), facts=facts, ticket=plan.hash if rows else "", choice={"steps": steps})


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises as the verb that it calls."""
    if asked.act == KEEP:
        done = duplicates.decide(ops, asked.choice["observation"], keep=asked.choice["keep"], ticket=ticket, reason=reason)
        return {"act": KEEP, "result": f"{done.observation_id}: the {done.keep} one stays"}
    told = rescue.receipt(ops, steps=asked.choice["steps"], remake=True, ticket=ticket, reason=reason)
    return {"act": REMAKE, "result": f"{counted(len(told.plan.again), 'step runs', 'steps run')} again (act {told.command})"}
