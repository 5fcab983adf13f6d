"""All that a site holds, summed up: to see that a dry run changes nothing."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from dmsops.ops import Ops

RECORDS = ("procedure_run", "journal")
"""Tables in which a run through `run` leaves its own trace, also a dry one."""


def content(ops: Ops) -> str:
    """Sum up the whole database and every file of the store and of what is exchanged, with its bytes."""
    tables = [name for name in sorted(sa.inspect(ops.db).get_table_names()) if name not in RECORDS]
    with ops.db.begin() as c:
        rows = [(name, sorted(map(repr, c.exec_driver_sql(f"SELECT * FROM {name}")))) for name in tables]
    paths = sorted(p for name in ("inbox", "store", "outbox", "quarantine") for p in ops.settings.folder(name).rglob("*") if p.is_file())
    files = [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in paths]
    return hashlib.sha256(repr((rows, files)).encode()).hexdigest()
