"""A warm process: runs light steps one after another, and leaves a line for each that is over.

Its folder holds the working folder of its step, emptied between two steps, what its steps say until they are over,
and their endings, one line each. A line outlives a process that is killed, but not always a power cut: what is
durable is the database, and a light step is soon done again. Whoever acts next on the site finds in the lines what
a killed engine could not write down any more (`left_over`), and does not run it again.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.workflow import execute
from dmsops.workflow.choose import parts
from dmsops.workflow.states import GOOD
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from dmsops.ops import Ops
    from dmsops.workflow.lease import Claim

_LEFT = "left"


def folder(ops: Ops, name: str = "") -> Path:
    """Give the folder of a warm process."""
    return ops.settings.folder("work") / "warm" / name


def main(site: str, name: str, line: Connection, seconds: float) -> None:
    """Run the attempts that come down the line, and answer each with its ending, until a bad one; the entry of a warm process."""
    ops = execute.enter(site, seconds)
    home = folder(ops, name)
    job, said = home / "job", home / "said"
    job.mkdir(parents=True)
    execute.log_to(said)
    with (home / "endings").open("ab", buffering=0) as endings:
        while True:
            item: Claim = line.recv()
            ending = execute.attempt(ops, item, job, said)
            found = json.dumps(ending, default=str)
            sys.stdout.flush()
            sys.stderr.flush()
            endings.write(found.encode() + b"\n")
            _empty(job)
            keep_log(ops, name, item)
            line.send(found)
            if not ending["ok"]:
                return  # what comes next was handed ahead and is not begun here


def _empty(job: Path) -> None:
    if any(os.scandir(job)):
        shutil.rmtree(job)
        job.mkdir()


def keep_log(ops: Ops, name: str, item: Claim) -> None:
    """Put what a step has said, if anything, where its log is looked for."""
    said = folder(ops, name) / "said"
    if not said.exists() or not said.stat().st_size:
        return
    log = execute.log_of(ops, item)
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(said, log)
    os.truncate(said, 0)


def last_ending(ops: Ops, name: str, item: Claim) -> execute.Found | None:
    """Read the ending of a step whose process died before it could answer; None when it never wrote it."""
    for found in _lines(folder(ops, name)):
        if (found["step"], found["attempt"]) == (item.step_id, item.attempt):
            return execute.ending_of(found)
    return None


def good_endings(ops: Ops, name: str) -> dict[str, dict[str, Any]]:
    """Give the good endings of one process by content key."""
    return {found["key"]: found for found in _lines(folder(ops, name)) if found["ok"]}


def left_over(ops: Ops) -> dict[str, dict[str, Any]]:
    """Give the good endings, by content key, of steps that are still open: what earlier engines could not write down.

    Only for the engine that acts: the folders of the warm processes of earlier ones are removed.
    """
    homes = sorted(folder(ops).glob("*"))
    if not homes:
        return {}
    found = {line["step"]: line for home in homes for line in _lines(home) if line["ok"]}
    still_open = _open(ops, list(found))
    left = {line["key"]: line for step_id, line in found.items() if step_id in still_open}
    _keep(folder(ops, _LEFT), left)
    for home in [h for h in homes if h.name != _LEFT]:
        shutil.rmtree(home, ignore_errors=True)
    return left


def _lines(home: Path) -> Iterator[dict[str, Any]]:
    with suppress(FileNotFoundError):
        for text in (home / "endings").read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):  # torn by a power cut
                yield json.loads(text)


def _open(ops: Ops, ids: list[int]) -> set[int]:
    found: set[int] = set()
    with reading(ops.db) as c:
        for part in parts(ids):
            found.update(c.execute(sa.select(step.c.id).where(step.c.id.in_(part), step.c.state.not_in([s.value for s in GOOD]))).scalars())
    return found


def _keep(home: Path, left: dict[str, dict[str, Any]]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    partial = home / "endings.part"
    partial.write_text("".join(json.dumps(line) + "\n" for line in left.values()), encoding="utf-8")
    partial.replace(home / "endings")
