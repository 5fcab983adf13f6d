"""What the boards read beside `queries`: plain rows, nothing is changed or logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.workflow.tables import dispatcher, note, product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dmsops.ops import Ops

Row = dict[str, Any]
TAIL_LINES = 40


def acting(ops: Ops) -> str:
    """Give the engine that acts on the site; empty when none does or its time has run out."""
    with reading(ops.db) as c:
        row = c.execute(sa.select(dispatcher)).one_or_none()
    return str(row.owner) if row is not None and row.until >= ops.clock.now() else ""


def notes(ops: Ops, step_id: int, fingerprint: str | None) -> list[Row]:
    """Give the notes on a step and on its kind of failure, oldest first."""
    about = note.c.step_id == step_id
    if fingerprint:
        about = sa.or_(about, note.c.fingerprint == fingerprint)
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(sa.select(note).where(about).order_by(note.c.id)).mappings()]


def versions(ops: Ops, names: Sequence[str]) -> dict[str, list[Row]]:
    """Give the versions of products by name, the newest first."""
    query = sa.select(product).where(product.c.name.in_(names[:500])).order_by(product.c.name, product.c.version.desc())
    found: dict[str, list[Row]] = {name: [] for name in names}
    with reading(ops.db) as c:
        for row in c.execute(query).mappings():
            found[row["name"]].append(dict(row))
    return found


def log_tail(ops: Ops, step_id: int, n: int, lines: int = TAIL_LINES) -> str:
    """Give the end of one attempt's log; empty when there is none."""
    path = ops.settings.folder("logs") / "steps" / f"{step_id:06d}" / f"{n}.log"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200 * lines))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
