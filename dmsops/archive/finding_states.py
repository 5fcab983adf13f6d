"""States of a finding of the doctor: a sentence each, changes as a table."""

from __future__ import annotations

import enum

from dmsops.core.transitions import follow


class FindingState(enum.StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    WAIVED = "waived"
    FIXED = "fixed"


SENTENCES: dict[FindingState, str] = {
    FindingState.OPEN: "Found, and nobody has said anything about it.",
    FindingState.ACKNOWLEDGED: "Found, and a person works on it.",
    FindingState.WAIVED: "A person accepts it as it is; it opens again when something else is seen there, or when the waiver ends.",
    FindingState.FIXED: "A later audit looked there and did not find it any more.",
}
STANDING = (FindingState.OPEN, FindingState.ACKNOWLEDGED, FindingState.WAIVED)

TRANSITIONS: dict[str, tuple[tuple[FindingState, ...], FindingState]] = {
    "acknowledge": ((FindingState.OPEN,), FindingState.ACKNOWLEDGED),
    "waive": ((FindingState.OPEN, FindingState.ACKNOWLEDGED), FindingState.WAIVED),
    "reopen": ((FindingState.ACKNOWLEDGED, FindingState.WAIVED), FindingState.OPEN),
    "find": ((FindingState.FIXED, FindingState.WAIVED), FindingState.OPEN),
    "fix": (STANDING, FindingState.FIXED),
}
"""verb: (states it may start from, state it leads to). ``find`` and ``fix`` are the doctor's, the others a person's."""
ACTS = ("acknowledge", "waive", "reopen")


def target(verb: str, state: FindingState, number: int) -> FindingState:
    """Give the state that a verb leads to; raises `BadTransition` when it does not apply."""
    remedy = "`dmsops doctor findings` shows where it stands (procedure P16)."
    return follow(TRANSITIONS, verb, state, f"finding {number}", remedy=remedy, finding=number)
