"""States of a step: each has a sentence, a change is a row in a table, a refused change tells its story."""

from __future__ import annotations

import enum

from dmsops.core.transitions import follow


class StepState(enum.StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    RUNNING = "running"
    DONE = "done"
    REUSED = "reused"
    SKIPPED = "skipped"
    FAILED = "failed"
    HELD = "held"
    CANCELLED = "cancelled"


FUTILE = "futile"
"""Shown for a waiting step while something before it failed, is held or was dropped; derived, never stored."""
SENTENCES: dict[StepState, str] = {
    StepState.WAITING: "A product it needs, or a step before it, is not there yet.",
    StepState.READY: "Everything it needs is there; it starts when a worker is free.",
    StepState.LEASED: "An engine has queued it; its pool will start it.",
    StepState.RUNNING: "A worker has it.",
    StepState.DONE: "It ran, and its products passed the gate and were published.",
    StepState.REUSED: "An earlier attempt had already finished the work; its products were published without running again.",
    StepState.SKIPPED: "A person accepted it as done without running it; what follows goes on.",
    StepState.FAILED: "It ran and ended badly; a person has to look.",
    StepState.HELD: "A person holds it; it takes no worker until it is released.",
    StepState.CANCELLED: "A person dropped it; it will not run unless it is rescued.",
}
GOOD = frozenset({StepState.DONE, StepState.REUSED, StepState.SKIPPED})
OPEN = frozenset({StepState.WAITING, StepState.READY, StepState.LEASED, StepState.RUNNING})
BLOCKING = frozenset({StepState.FAILED, StepState.HELD, StepState.CANCELLED})
"""What comes after such a step cannot go on by itself."""
_PLANNED = frozenset({StepState.WAITING, StepState.READY})
_TAKEN = frozenset({StepState.LEASED, StepState.RUNNING})

TRANSITIONS: dict[str, tuple[frozenset[StepState], StepState]] = {
    "complete": (frozenset({StepState.WAITING}), StepState.READY),
    "lease": (_PLANNED, StepState.LEASED),
    "claim": (frozenset({StepState.READY, StepState.LEASED}), StepState.RUNNING),
    "finish": (frozenset({StepState.RUNNING}), StepState.DONE),
    "reuse": (frozenset({StepState.RUNNING}), StepState.REUSED),
    "fail": (_TAKEN, StepState.FAILED),
    "lose": (_TAKEN, StepState.READY),
    "retry": (_TAKEN, StepState.READY),
    "return": (frozenset({StepState.LEASED}), StepState.WAITING),
    "rescue": (frozenset({StepState.FAILED, StepState.CANCELLED, *GOOD}), StepState.WAITING),
    "rewind": (frozenset({*_PLANNED, StepState.LEASED, StepState.FAILED, *GOOD}), StepState.WAITING),
    "hold": (frozenset({*_PLANNED, StepState.LEASED, StepState.FAILED}), StepState.HELD),
    "release": (frozenset({StepState.HELD}), StepState.WAITING),
    "release-failed": (frozenset({StepState.HELD}), StepState.FAILED),
    "stop": (_TAKEN, StepState.HELD),
    "drop": (frozenset({*_PLANNED, StepState.LEASED, StepState.FAILED, StepState.HELD}), StepState.CANCELLED),
    "accept": (frozenset({StepState.FAILED, StepState.HELD, StepState.WAITING, StepState.READY, StepState.CANCELLED}), StepState.SKIPPED),
}
"""verb: (states it may start from, state it leads to)."""


def sources(verb: str) -> frozenset[StepState]:
    """Give the states that a verb applies in."""
    return TRANSITIONS[verb][0]


def target(verb: str, state: StepState, step: str) -> StepState:
    """Give the state that the verb leads to.

    Raises
    ------
    BadTransition
        The verb does not apply in that state; the message says which states it applies in.
    """
    return follow(TRANSITIONS, verb, state, f"step {step}", step=step)
