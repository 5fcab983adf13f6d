"""Moves of steps: by the transition table, fenced, each with its journal line, in the caller's write transaction.

An engine moves several steps in one transaction; their counters and lines then go to the database together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import db, journal
from dmsops.workflow.states import StepState, target
from dmsops.workflow.tables import step, step_counter

if TYPE_CHECKING:
    from dmsops.ops import Ops

Cell = tuple[int, str, str]
"""Workflow, kind, state."""


def count(c: sa.Connection, changes: Mapping[Cell, int]) -> None:
    """Keep the counters: how many steps each workflow has of each kind in each state; in the order of the key (no deadlocks)."""
    cells = [{"workflow_id": flow, "kind": kind, "state": state, "n": by} for (flow, kind, state), by in sorted(changes.items()) if by]
    db.add_to(c, step_counter, "n", cells)


@dataclass(slots=True)
class Moves:
    """A group of moves in one transaction; `write` must be called before its end."""

    ops: Ops
    counts: Counter[Cell] = field(default_factory=Counter)
    lines: list[journal.Line] = field(default_factory=list)

    def make(self, c: sa.Connection, verb: str, row: Any, *, reason: str | None = None, actor: str | None = None, **values: Any) -> bool:
        """Move one step by a verb of the transition table.

        Returns
        -------
        bool
            False when somebody else moved it first (nothing is written then).
        """
        to = target(verb, StepState(row.state), f"{row.id} ({row.kind} {row.dataset})").value
        fence = {"the_id": row.id, "was_state": row.state, "was_attempt": row.attempt, "to_state": to}
        hit = c.execute(_fenced(tuple(values)), {**fence, **{f"to_{name}": value for name, value in values.items()}}).rowcount
        if not hit:
            return False
        if to != row.state:
            self.counts[row.workflow_id, row.kind, row.state] -= 1
            self.counts[row.workflow_id, row.kind, to] += 1
        facts = {"kind": row.kind, "dataset": row.dataset, "before": row.state, "after": to, "attempt": row.attempt}
        actor = actor or self.ops.operator.name
        self.lines.append(journal.Line(event=f"step.{verb}", target=f"step {row.id}", actor=actor, reason=reason, facts=facts))
        return True

    def write(self, c: sa.Connection) -> None:
        """Write the counters and the journal's lines of the group."""
        count(c, self.counts)
        journal.write_all(c, self.ops.clock, self.lines)
        self.counts.clear()
        self.lines.clear()


@cache
def _fenced(columns: tuple[str, ...]) -> sa.Update:
    """Give the statement that changes these columns of a step that nobody else has moved; made once for each set of columns."""
    fence = (
        step.c.id == sa.bindparam("the_id"),
        step.c.state == sa.bindparam("was_state"),
        step.c.attempt == sa.bindparam("was_attempt"),
    )
    new = {name: sa.bindparam(f"to_{name}", type_=step.c[name].type) for name in ("state", *columns)}
    return sa.update(step).where(*fence).values(rev=step.c.rev + 1, **new)
