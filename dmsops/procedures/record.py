"""The record of a run: opened before the first cell, closed with the executed notebook, chained, signed off.

Each closed run carries the hash of the one closed before it; `verify` shows a row or a notebook that was
changed or removed since. The executed notebook goes under its final name once, read-only.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.core.db import reading
from dmsops.core.errors import BadTransition, NotFound
from dmsops.core.files import copy_file, sha256_of, sync_folder
from dmsops.core.people import Role, require
from dmsops.procedures.tables import procedure_run, procedure_step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_GENESIS = "0" * 64
_READ_ONLY = 0o444
OUTCOMES: dict[str, str] = {
    "running": "Its cells are being carried out.",
    "completed": "Every cell was carried out.",
    "failed": "A cell stopped with an error; the cells after it were not carried out.",
    "interrupted": "Someone or something stopped it between or within cells.",
    "lost": "Its process is gone and never wrote how it ended.",
}
_CHAINED = (
    "id", "procedure", "parameters", "dry_run", "reason", "operator", "resumes", "started_at", "ended_at", "outcome", "error",
    "notebook", "notebook_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of a procedure; ``outcome`` is a key of `OUTCOMES`, ``notebook`` a file in the site's ``runs`` folder."""

    id: int
    procedure: str
    parameters: dict[str, Any]
    dry_run: bool
    reason: str
    operator: str
    resumes: int | None
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    error: str | None
    notebook: str | None
    notebook_sha256: str | None
    hash: str | None
    signed_by: str | None
    remark: str | None


def _record(row: Mapping[str, Any]) -> RunRecord:
    return RunRecord(**{name: row[name] for name in RunRecord.__slots__})


def get(ops: Ops, run_id: int) -> RunRecord:
    """Give one run; raises `NotFound`."""
    with reading(ops.db) as c:
        return _record(_row(c, run_id))


def _row(c: sa.Connection, run_id: int) -> Any:
    row = c.execute(sa.select(procedure_run).where(procedure_run.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no run {run_id} on this site", remedy="`dmsops runbook runs` lists them (procedure P01).", run=run_id)
    return row


def begin(ops: Ops, procedure: str, parameters: Mapping[str, Any], *, dry_run: bool, reason: str, resumes: int | None = None) -> int:
    """Write down that a run begins and give its number.

    Raises
    ------
    BadTransition
        ``resumes`` names a run of another procedure or other parameters, or one that is running or completed.
    """
    me = psutil.Process()
    with ops.db.begin() as c:
        if resumes is not None:
            _may_resume(_row(c, resumes), procedure, parameters)
        values = {
            "procedure": procedure, "parameters": dict(parameters), "dry_run": dry_run, "reason": reason, "operator": ops.operator.name,
            "resumes": resumes, "host": socket.gethostname(), "pid": me.pid, "pid_started": me.create_time(),
            "started_at": ops.clock.now(), "outcome": "running",
        }  # fmt: skip
        run_id = int(c.execute(sa.insert(procedure_run).values(values)).inserted_primary_key[0])  # type: ignore[index]
        journal.write(
            c, ops.clock, "procedure.begun", f"{procedure} run {run_id}", actor=ops.operator.name, reason=reason or None, dry_run=dry_run
        )
    return run_id


def _may_resume(row: Any, procedure: str, parameters: Mapping[str, Any]) -> None:
    if row["outcome"] in {"running", "completed"}:
        raise BadTransition(f"run {row['id']} is {row['outcome']}: there is nothing to resume", run=row["id"])
    if row["procedure"] != procedure or row["parameters"] != dict(parameters):
        raise BadTransition(f"run {row['id']} was {row['procedure']} with other parameters: a run resumes only itself", run=row["id"])


def close(ops: Ops, run_id: int, outcome: str, *, error: str | None = None, notebook: Path | None = None) -> RunRecord:
    """Write down how a run ended and keep its executed notebook.

    Raises
    ------
    BadTransition
        The run is closed already.
    """
    opened = get(ops, run_id)
    kept = _keep(ops, opened, notebook) if notebook is not None and notebook.is_file() else None
    with ops.db.begin() as c:
        if c.dialect.name == "postgresql":
            c.execute(sa.text("SELECT pg_advisory_xact_lock(732002)"))
        row = dict(_row(c, run_id))
        if row["outcome"] != "running":
            raise BadTransition(f"run {run_id} is closed already: {row['outcome']}", run=run_id)
        row |= {"outcome": outcome, "error": error, "ended_at": ops.clock.now()}
        row |= {"notebook": kept.name if kept else None, "notebook_sha256": sha256_of(kept) if kept else None}
        row["previous"] = _last_hash(c)
        row["hash"] = _digest(row, _steps(c, run_id))
        c.execute(sa.update(procedure_run).where(procedure_run.c.id == run_id).values(row))
        journal.write(
            c, ops.clock, "procedure.ended", f"{row['procedure']} run {run_id}", actor=row["operator"], reason=row["reason"] or None,
            outcome="done" if outcome == "completed" else "failed", how=outcome, dry_run=row["dry_run"], error=error, hash=row["hash"],
        )  # fmt: skip
    return _record(row)


def _keep(ops: Ops, run: RunRecord, notebook: Path) -> Path:
    """Give the executed notebook its final name; one that is there (a close that was cut short) stays as it is."""
    folder = ops.settings.folder("runs")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{run.id:06d}_{run.procedure.lower()}.ipynb"
    if not target.exists():
        whole = notebook.with_suffix(".whole")
        copy_file(notebook, whole)
        whole.chmod(_READ_ONLY)
        os.link(whole, target)
        whole.unlink()
        sync_folder(folder)
    return target


def _last_hash(c: sa.Connection) -> str:
    """Give the hash at the chain's end: the one that no other run names as the one before it."""
    after = procedure_run.alias("after")
    query = sa.select(procedure_run.c.hash).where(
        procedure_run.c.hash.is_not(None), ~sa.exists().where(after.c.previous == procedure_run.c.hash)
    )
    return c.execute(query).scalar() or _GENESIS


def _steps(c: sa.Connection, run_id: int) -> list[list[Any]]:
    query = sa.select(procedure_step).where(procedure_step.c.run_id == run_id).order_by(procedure_step.c.name)
    return [[r.name, r.ended_at is not None, r.result] for r in c.execute(query)]


def _digest(row: Mapping[str, Any], steps: list[list[Any]]) -> str:
    plain = [iso(v) if isinstance(v, datetime) else v for v in (row[name] for name in _CHAINED)]
    return hashlib.sha256(json.dumps([row["previous"], plain, steps], sort_keys=True).encode()).hexdigest()


def verify(ops: Ops) -> list[str]:
    """Recompute the chain and every notebook's sum; give a sentence for each thing that does not fit.

    What it cannot see: removal of the newest runs together with their journal lines.
    """
    with reading(ops.db) as c:
        rows = {r["previous"]: r for r in c.execute(sa.select(procedure_run).where(procedure_run.c.hash.is_not(None))).mappings()}
        ordered, previous = [], _GENESIS
        while previous in rows:
            row = rows.pop(previous)
            ordered.append((row, _digest(row, _steps(c, row["id"]))))
            previous = row["hash"]
    wrong = [f"run {row['id']}: its record was changed" for row, digest in ordered if digest != row["hash"]]
    wrong += [f"run {row['id']}: the run before it is missing from the chain" for row in rows.values()]
    return wrong + [text for row, _ in ordered if (text := _notebook_fault(ops, row))]


def _notebook_fault(ops: Ops, row: Mapping[str, Any]) -> str:
    if row["notebook"] is None:
        return ""
    path = ops.settings.folder("runs") / row["notebook"]
    if not path.is_file():
        return f"run {row['id']}: its notebook {row['notebook']} is gone"
    return "" if sha256_of(path) == row["notebook_sha256"] else f"run {row['id']}: its notebook {row['notebook']} was changed"


def sign(ops: Ops, run_id: int, *, remark: str = "") -> RunRecord:
    """Sign a run off: the person has read the executed notebook and answers for it.

    Raises
    ------
    NotAllowed
        The person may only look.
    BadTransition
        The run is still going, or signed already.
    """
    require(ops.operator, Role.OPERATOR, "runbook sign")
    with ops.db.begin() as c:
        row = _row(c, run_id)
        if row["outcome"] == "running" or row["signed_by"] is not None:
            why = "still running" if row["outcome"] == "running" else f"signed by {row['signed_by']} already"
            raise BadTransition(f"run {run_id} is {why}", run=run_id)
        values = {"signed_by": ops.operator.name, "signed_at": ops.clock.now(), "remark": remark}
        c.execute(sa.update(procedure_run).where(procedure_run.c.id == run_id).values(values))
        journal.write(c, ops.clock, "procedure.signed", f"{row['procedure']} run {run_id}", actor=ops.operator.name, reason=remark or None)
    return get(ops, run_id)


def close_lost(ops: Ops) -> list[int]:
    """Close the runs whose process on this machine is gone (kill -9, power cut) as *lost*; give their numbers."""
    with reading(ops.db) as c:
        query = sa.select(procedure_run).where(procedure_run.c.outcome == "running", procedure_run.c.host == socket.gethostname())
        gone = [r.id for r in c.execute(query) if not _alive(r.pid, r.pid_started)]
    for run_id in gone:
        close(ops, run_id, "lost", error="its process is gone", notebook=draft_of(ops, run_id))
    return gone


def _alive(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) <= 1.0
    except psutil.NoSuchProcess:
        return False


def draft_of(ops: Ops, run_id: int) -> Path:
    """Give the file that a run's notebook is written to while its cells are carried out."""
    return ops.settings.folder("work") / "runs" / f"{run_id:06d}.ipynb"


def step_begun(ops: Ops, run_id: int, name: str) -> None:
    """Write down that a step of a run begins (again)."""
    key = (procedure_step.c.run_id == run_id, procedure_step.c.name == name)
    with ops.db.begin() as c:
        c.execute(sa.delete(procedure_step).where(*key))
        c.execute(sa.insert(procedure_step).values(run_id=run_id, name=name, begun_at=ops.clock.now()))


def step_ended(ops: Ops, run_id: int, name: str, result: dict[str, Any]) -> None:
    """Write down a step's result."""
    key = (procedure_step.c.run_id == run_id, procedure_step.c.name == name)
    with ops.db.begin() as c:
        c.execute(sa.update(procedure_step).where(*key).values(ended_at=ops.clock.now(), result=result))


def step_result(ops: Ops, run_id: int, name: str) -> dict[str, Any] | None:
    """Find a step's recorded result: in this run, or in one that it resumes."""
    with reading(ops.db) as c:
        here: int | None = run_id
        while here is not None:
            key = (procedure_step.c.run_id == here, procedure_step.c.name == name, procedure_step.c.ended_at.is_not(None))
            row = c.execute(sa.select(procedure_step.c.result).where(*key)).one_or_none()
            if row is not None:
                return dict(row.result)
            here = c.execute(sa.select(procedure_run.c.resumes).where(procedure_run.c.id == here)).scalar()
    return None
