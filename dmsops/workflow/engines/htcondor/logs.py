"""What DAGMan writes, read: the job-state log, the node status file, rescue files. Nothing here touches the disk.

htcondor2's own reader of rescue files takes leading D, O, N and E off the names (25.14.1), so this one stands alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ENDED = {"JOB_SUCCESS": "done", "JOB_FAILURE": "failed", "SUBMIT_FAILURE": "failed"}
MOVES = {"SUBMIT": "submitted", "EXECUTE": "running", "JOB_HELD": "held", "JOB_RELEASED": "submitted", "JOB_EVICTED": "submitted", **ENDED}
"""Event of the job-state log: what it makes of its node; other events change nothing."""
NODE_STATUS = {
    0: "planned", 1: "planned", 2: "planned", 3: "submitted", 4: "running", 5: "done", 6: "failed", 7: "futile",
}  # fmt: skip
FINAL = frozenset({"done", "failed", "futile", "returned"})
"""A node that stands so will not run again."""
_CUT_SHORT = "Was STATUS_"
"""So DAGMan's last word begins on a node that had not ended when DAGMan was removed; it calls that an error."""
_STATUS_AD = re.compile(r'Type = "NodeStatus";\s*Node = "([^"]+)";\s*NodeStatus = (\d+);[^\n]*\n\s*StatusDetails = "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the job-state log; ``node`` is empty for what concerns the whole DAG."""

    at: int
    node: str
    event: str
    cluster: int | None = None
    exit_code: int | None = None


def read_jobstate(content: bytes) -> tuple[list[Event], int]:
    """Read the whole lines of a piece of the job-state log.

    Returns
    -------
    events : list of Event
        What was understood; a damaged line is passed over.
    size : int
        How many bytes the whole lines are: the cursor moves by so much.
    """
    size = content.rfind(b"\n") + 1
    lines = content[:size].decode(errors="replace").splitlines()
    return [event for line in lines if (event := _event(line.split()))], size


def _event(words: list[str]) -> Event | None:
    if len(words) < 4 or not words[0].isdigit():
        return None
    if words[1:3] == ["INTERNAL", "***"]:
        code = words[4] if words[3] == "DAGMAN_FINISHED" and len(words) > 4 else ""
        return Event(at=int(words[0]), node="", event=words[3], exit_code=int(code) if code.lstrip("-").isdigit() else None)
    ended = words[2] in ENDED
    number = words[3].split(".")[0]
    known = number.lstrip("-").isdigit()
    return Event(
        at=int(words[0]),
        node=words[1],
        event=words[2],
        cluster=int(number) if known and not ended else None,
        exit_code=int(number) if known and ended else None,
    )


def read_status(text: str) -> dict[str, tuple[str, str]]:
    """Read the node status file: name to (what it stands at, DAGMan's own words)."""
    return {name: (_standing(int(number), details), details) for name, number, details in _STATUS_AD.findall(text)}


def _standing(number: int, details: str) -> str:
    return "submitted" if details.startswith(_CUT_SHORT) else NODE_STATUS.get(number, "planned")


def read_done(text: str) -> set[str]:
    """Read a rescue file: the nodes that count as done."""
    lines = (line.split() for line in text.splitlines())
    return {words[1] for words in lines if len(words) == 2 and words[0] == "DONE"}
