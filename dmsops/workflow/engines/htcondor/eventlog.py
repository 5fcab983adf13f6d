"""The event log of a batch's jobs, read: what HTCondor itself wrote of each job. Nothing here touches the disk.

It says why a job was held or removed, which the job-state log does not, and tells of ends that DAGMan did not live to
write down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = "\n...\n"
_HEAD = re.compile(r"(\d{3}) \((\d+)\.\d+\.\d+\) ")
_NODE = re.compile(r'DAG Node: (\S+)|DAGNodeName = "([^"]+)"')
_EXIT = re.compile(r"\(([01])\) \w+ termination \((?:return value|signal) (\d+)\)")
_WHAT = {"000": "submitted", "009": "removed", "012": "held", "013": "released"}
_TERMINATED = "005"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """What became of a job; ``node`` is known where it was submitted, ``words`` say why or how."""

    cluster: int
    what: str
    node: str = ""
    words: str = ""


def read_events(content: bytes) -> tuple[list[JobEvent], int]:
    """Read the whole events of a piece of the event log.

    Returns
    -------
    events : list of JobEvent
        Submitted, held, released, removed, done or failed; other events are passed over.
    size : int
        How many bytes the whole events are: the cursor moves by so much.
    """
    end = content.rfind(_END.encode())
    if end < 0:
        return [], 0
    blocks = content[:end].decode(errors="replace").split(_END)
    return [event for block in blocks if (event := _event(block)) is not None], end + len(_END)


def _event(block: str) -> JobEvent | None:
    head = _HEAD.match(block)
    if head is None:
        return None
    number, cluster = head[1], int(head[2])
    if number == _TERMINATED:
        return _terminated(cluster, block)
    if number not in _WHAT:
        return None
    node = _NODE.search(block)
    more = [line.strip() for line in block.splitlines()[1:]]
    return JobEvent(cluster=cluster, what=_WHAT[number], node=(node[1] or node[2]) if node else "", words=more[0] if more else "")


def _terminated(cluster: int, block: str) -> JobEvent | None:
    how = _EXIT.search(block)
    if how is None:
        return None
    by_itself = how[1] == "1"
    good = by_itself and how[2] == "0"
    return JobEvent(cluster=cluster, what="done" if good else "failed", words=f"{'exit' if by_itself else 'signal'} {how[2]}")
