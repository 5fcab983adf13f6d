"""Missing packets: what is known (`gap_report`), what is asked for again (`ask_for_gaps`), what a person decides (`decide`).

Comes in: the index of released files, and status files that say what was taken. Goes out: which exposures are whole,
which are used without some of their packets, which are given up; re-requests that name the gap.
"""

from dmsops.receipt.gap_decisions import GapDecision, decide, decide_overdue, preview
from dmsops.receipt.gap_requests import ask_for_gaps
from dmsops.receipt.gap_rows import (
    COMPLETE,
    GIVE_UP,
    GIVEN_UP,
    USE,
    USED,
    WAIT,
    WAITING,
    complete,
    counter_report,
    gap_report,
    missing_runs,
    open_gaps,
)

__all__ = [
    "COMPLETE",
    "GIVEN_UP",
    "GIVE_UP",
    "USE",
    "USED",
    "WAIT",
    "WAITING",
    "GapDecision",
    "ask_for_gaps",
    "complete",
    "counter_report",
    "decide",
    "decide_overdue",
    "gap_report",
    "missing_runs",
    "open_gaps",
    "preview",
]
