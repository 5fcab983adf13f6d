"""Every question that a board asks, on a site with 100,000 steps (SQLite), against the limit of 100 ms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.ops import Ops, connect, create_site
from dmsops.testing import bigsite
from dmsops.wfsc import queries as wavefront
from dmsops.wfsc.tables import wfsc_clock
from dmsops.workflow import acts, compare, forecast, lineage, pauses, pulse, queries, triage, waiting
from dmsops.workflow.tables import attempt, step, workflow
from tests.bench.row import Row

STEPS = 100_000
LIMIT = 0.1
TURNS = 7
_FAILED = bigsite.FAILURES[0][1]


def asked(ops: Ops) -> dict[str, Callable[[], object]]:
    """Give what boards ask, by name."""
    failed = queries.steps(ops, states=["failed"], limit=1)[0]["id"]
    waits = queries.steps(ops, states=["waiting"], limit=1)[0]["id"]
    tried = _tried_twice(ops)
    visit = queries.workflows(ops, limit=1)[0]["dataset"]
    return {
        "steps by state": lambda: queries.counts(ops),
        "steps by kind and state": lambda: queries.counts_by_kind(ops),
        "failures grouped": lambda: queries.failures(ops),
        "what is tried again": lambda: triage.retrying(ops, 20),
        "first page of steps": lambda: queries.steps(ops, limit=100),
        "a page in the middle": lambda: queries.steps(ops, limit=100, offset=50_000),
        "failed steps of one kind": lambda: queries.steps(ops, states=["failed"], kinds=["processing.detector1"], limit=100),
        "steps that failed alike": lambda: queries.steps(ops, fingerprint=_FAILED, limit=100),
        "steps by a part of the dataset": lambda: queries.steps(ops, text="00042001", limit=100),
        "steps sorted by dataset": lambda: queries.steps(ops, sort="dataset", limit=500),
        "steps sorted by their time": lambda: queries.steps(ops, sort="since", limit=500),
        "a filter that finds nothing": lambda: queries.steps(ops, sort="dataset", text="nothing at all", limit=500),
        "what a filter finds, by state": lambda: queries.matching(ops, text="0001"),
        "steps of a visit": lambda: queries.steps(ops, workflow_dataset=visit),
        "workflows": lambda: queries.workflows(ops, limit=100),
        "a step": lambda: queries.step_row(ops, failed),
        "a step's attempts": lambda: queries.attempts(ops, failed),
        "a step's story": lambda: queries.story(ops, failed),
        "why a step waits": lambda: waiting.why(ops, waits),
        "what changed between attempts": lambda: compare.attempts(ops, tried),
        "all made from a reference": lambda: lineage.derived(ops, [bigsite.REFERENCES[0]]),
        "wavefront clocks": lambda: wavefront.clock_rows(ops),
        "a visit's forecast": lambda: forecast.of_dataset(ops, visit),
        "engines": lambda: pulse.engines(ops),
        "running steps": lambda: pulse.running(ops),
        "pauses": lambda: pauses.standing(ops),
        "acts of late": lambda: (acts.recent(ops), acts.asked(ops)),
        "newest change": lambda: queries.last_change(ops),
    }


def _tried_twice(ops: Ops) -> int:
    with reading(ops.db) as c:
        return int(c.execute(sa.select(attempt.c.step_id).where(attempt.c.n == 2).limit(1)).scalar_one())


def _start_clocks(ops: Ops) -> None:
    """Give every wavefront visit its clock; those whose work is done have stopped theirs."""
    with ops.db.begin() as c:
        open_steps = sa.exists().where(step.c.workflow_id == workflow.c.id, step.c.state.not_in(["done", "cancelled"]))
        query = sa.select(workflow.c.dataset, workflow.c.created_at, workflow.c.due, open_steps.label("runs"))
        for r in c.execute(query.where(workflow.c.due.is_not(None))).all():
            stopped = None if r.runs else r.due
            c.execute(sa.insert(wfsc_clock).values(visit=r.dataset, started_at=r.created_at, due=r.due, stopped_at=stopped))


def rows(place: Path) -> Iterator[Row]:
    """Build the site, ask everything, and give a row for each."""
    create_site(place / "big", step_modules=[*_MODULES])
    ops = connect(place / "big")
    bigsite.fill(ops, STEPS)
    _start_clocks(ops)
    for name, ask in asked(ops).items():
        took = median(_seconds(ask) for _ in range(TURNS))
        yield Row(
            row=f"{STEPS:,} steps: {name}", ours=took, against=LIMIT, against_what="the limit", ratio=took / LIMIT, goal="<= 1",
            met=took <= LIMIT, peak_mb=0.0,
        )  # fmt: skip


_MODULES = ("dmsops.processing.steps", "dmsops.flows.steps", "dmsops.archive.steps", "dmsops.wfsc.steps")


def _seconds(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun
