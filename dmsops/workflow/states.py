"""States of a step: each has a sentence, a change is a row in a table, a refused change tells its story."""

from __future__ import annotations

import enum

from dmsops.core.transitions import follow


class StepState(enum.StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"


SENTENCES: dict[StepState, str] = {
    StepState.WAITING: "A product it needs, or a step before it, is not there yet.",
    StepState.READY: "Everything it needs is there; it starts when a worker is free.",
    StepState.RUNNING: "A worker has it.",
    StepState.DONE: "It ran, and its products passed the gate and were published.",
    StepState.REUSED: "An earlier attempt had already finished the work; its products were published without running again.",
    StepState.FAILED: "It ran and ended badly; a person has to look.",
}
GOOD = frozenset({StepState.DONE, StepState.REUSED})
OPEN = frozenset({StepState.WAITING, StepState.READY, StepState.RUNNING})

TRANSITIONS: dict[str, tuple[frozenset[StepState], StepState]] = {
    "complete": (frozenset({StepState.WAITING}), StepState.READY),
    "claim": (frozenset({StepState.READY}), StepState.RUNNING),
    "finish": (frozenset({StepState.RUNNING}), StepState.DONE),
    "reuse": (frozenset({StepState.RUNNING}), StepState.REUSED),
    "fail": (frozenset({StepState.RUNNING}), StepState.FAILED),
    "lose": (frozenset({StepState.RUNNING}), StepState.READY),
    "rescue": (frozenset({StepState.FAILED, StepState.DONE, StepState.REUSED}), StepState.WAITING),
    "rewind": (frozenset({StepState.READY, StepState.WAITING, StepState.FAILED, StepState.DONE, StepState.REUSED}), StepState.WAITING),
}
"""verb: (states it may start from, state it leads to)."""


def target(verb: str, state: StepState, step: str) -> StepState:
    """Give the state that the verb leads to.

    Raises
    ------
    BadTransition
        The verb does not apply in that state; the message says which states it applies in.
    """
    return follow(TRANSITIONS, verb, state, f"step {step}", step=step)
