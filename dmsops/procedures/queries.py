"""Reading for eyes: runs of procedures and their steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.procedures.tables import procedure_run, procedure_step

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]


def runs(ops: Ops, *, procedure: str = "", unsigned: bool = False, limit: int = 200) -> list[Row]:
    """Give runs, newest first; ``unsigned``: only ended ones that nobody has signed off."""
    query = sa.select(procedure_run).order_by(procedure_run.c.id.desc()).limit(limit)
    if procedure:
        query = query.where(procedure_run.c.procedure == procedure.upper())
    if unsigned:
        query = query.where(procedure_run.c.signed_by.is_(None), procedure_run.c.outcome != "running")
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(query).mappings()]


def steps(ops: Ops, run_id: int) -> list[Row]:
    """Give the steps of a run in the order they began."""
    query = sa.select(procedure_step).where(procedure_step.c.run_id == run_id).order_by(procedure_step.c.begun_at, procedure_step.c.name)
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(query).mappings()]


def said(ops: Ops, run_id: int) -> list[str]:
    """Give what a run's cells said, as plain text in their order; empty when no notebook was kept."""
    with reading(ops.db) as c:
        name = c.execute(sa.select(procedure_run.c.notebook).where(procedure_run.c.id == run_id)).scalar()
    if name is None:
        return []
    cells = json.loads((ops.settings.folder("runs") / name).read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    texts = ("".join(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs)
    return [text.rstrip() for text in texts if text.strip()]
