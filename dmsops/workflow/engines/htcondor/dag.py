"""A batch on paper: the flat DAG, its submit file and our own rescue file. Nothing here touches the disk."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

DAG = "batch.dag"
RESCUE = f"{DAG}.rescue001"
SUBMIT = "step.sub"
CONFIG = "dagman.config"
ADDRESS = "node.json"
JOBSTATE = "batch.jobstate"
STATUS = "batch.status"
JOBS_LOG = "jobs.log"
_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step in a batch: ``before`` are the ids of the steps of the same batch that must be done first."""

    step_id: int
    kind: str
    rank: int
    before: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """Name of the node, as an operator sees it in the pool's queue: ``detector1_17``."""
        word = re.sub(r"\W", "_", self.kind.rsplit(".", 1)[-1], flags=re.ASCII)
        tail = f"_{self.step_id}"
        return word[: _NAME_LIMIT - len(tail)] + tail


def dag_text(nodes: Iterable[Node]) -> str:
    """Write the DAG: flat (a hold does not reach sub-DAGs), no POST scripts (they would hide how the job ended)."""
    by_id = {node.step_id: node for node in nodes}
    lines = [f"JOBSTATE_LOG {JOBSTATE}", f"NODE_STATUS_FILE {STATUS} 1 ALWAYS-UPDATE"]
    for node in by_id.values():
        lines += [f"JOB {node.name} {SUBMIT}", f'VARS {node.name} step="{node.step_id}"', f"PRIORITY {node.name} {priority(node.rank)}"]
    for node in by_id.values():
        if node.before:
            parents = " ".join(by_id[i].name for i in sorted(node.before))
            lines.append(f"PARENT {parents} CHILD {node.name}")
    return "\n".join(lines) + "\n"


def priority(rank: int) -> int:
    """Turn our rank (lower first) into HTCondor's priority (higher first)."""
    return -rank


def rescue_text(done: Collection[str]) -> str:
    """Write the rescue file that makes DAGMan take the named nodes as done and run all others."""
    return "".join(["# Rescue DAG file: the steps that the site's database has as done\n", *(f"DONE {name}\n" for name in sorted(done))])


def config_text() -> str:
    """Write DAGMan's settings for the batch: a child follows its parent within two seconds."""
    return "DAGMAN_USER_LOG_SCAN_INTERVAL = 1\nDAGMAN_SUBMIT_DELAY = 0\n"


def submit_text(*, argv: Iterable[str], environment: Mapping[str, str], attributes: Mapping[str, str]) -> str:
    """Write the submit file that all nodes share.

    Parameters
    ----------
    argv : iterable of str
        Program and arguments; ``$(step)`` and ``$(Cluster)`` are filled in by HTCondor.
    attributes : mapping
        ClassAd attributes of the job, as expressions.
    """
    program, *rest = argv
    pairs = " ".join(_quote(f"{name}={value}") for name, value in environment.items())
    lines = [
        "universe = local",
        f"executable = {program}",
        f'arguments = "{" ".join(map(_quote, rest))}"',
        f'environment = "{pairs}"',
        "output = $(step).out",
        "error = $(step).err",
        f"log = {JOBS_LOG}",
        *(f"My.{name} = {value}" for name, value in attributes.items()),
        "queue",
    ]
    return "\n".join(lines) + "\n"


def _quote(word: str) -> str:
    """Quote a word of HTCondor's new argument syntax."""
    escaped = word.replace('"', '""').replace("'", "''")
    return f"'{escaped}'" if re.search(r"[\s']", escaped) or not escaped else escaped
