"""States of an engineering file in the engineering database; receipt has states of its own for the delivered bytes."""

from __future__ import annotations

import enum

from dmsops.core.transitions import follow


class EngineeringState(enum.StrEnum):
    """Where an engineering file stands."""

    WAITING = "waiting"
    INGESTED = "ingested"
    REFUSED = "refused"
    DISCARDED = "discarded"


SENTENCES: dict[EngineeringState, str] = {
    EngineeringState.WAITING: "Being taken, or its ingest was stopped, or a person said to take it after all: the next ingest does.",
    EngineeringState.INGESTED: "Every sample is classified, and what was new is held.",
    EngineeringState.REFUSED: "Not taken, for the reason given; its bytes are kept until a person decides (procedure P03).",
    EngineeringState.DISCARDED: "Was refused, and a person confirmed it; its bytes are kept, nothing of it is held.",
}

TRANSITIONS: dict[str, tuple[tuple[EngineeringState, ...], EngineeringState]] = {
    "ingest": ((EngineeringState.WAITING,), EngineeringState.INGESTED),
    "refuse": ((EngineeringState.WAITING,), EngineeringState.REFUSED),
    "accept": ((EngineeringState.REFUSED, EngineeringState.DISCARDED), EngineeringState.WAITING),
    "discard": ((EngineeringState.REFUSED,), EngineeringState.DISCARDED),
}
"""verb: (states it may start from, state it leads to)."""


def target(verb: str, state: EngineeringState, name: str) -> EngineeringState:
    """Give the state that a verb leads to; raises `BadTransition` when it does not apply."""
    remedy = "`dmsops engineering files` shows where it stands (procedure P03)."
    return follow(TRANSITIONS, verb, state, f"engineering file '{name}'", remedy=remedy, file=name)
