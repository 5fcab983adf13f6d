"""The site's database from one schema to another: what the catalogue needs after the way up, what the way down loses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.archive import bulk
from dmsops.core import db, journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.workflow.pulse import engines

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Rows of a table that an older schema cannot hold, as it does now, and what they are."""

    table: str
    rows: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """What going back to an older schema would lose; ``hash`` is the ticket for doing it."""

    now: str
    to: str
    lost: tuple[Lost, ...]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Observations whose rows were made again from their documents, and in words those whose document could not be used."""

    done: int
    faults: tuple[str, ...]


def preview(ops: Ops, to: str) -> Lowering:
    """Say what going back to schema ``to`` (four digits) would lose; nothing changes.

    Raises
    ------
    BadInput
        There is no such older schema.
    """
    now = db.expected_revision()
    older = [revision for revision in db.revisions() if revision < now]
    if to not in older:
        raise BadInput(f"'{to}' is no schema older than {now}: {', '.join(older)}", field="to")
    with reading(ops.db) as c:
        lost = tuple(Lost(table=table, rows=rows, words=words) for table, rows, words in db.losses(c, to))
    return Lowering(now=now, to=to, lost=lost, hash=ticket_of([now, to, [[one.table, one.rows, one.words] for one in lost]]))


def downgrade(ops: Ops, to: str, *, ticket: str, reason: str) -> Lowering:
    """Take the site's database back to an older schema, as previewed; this version of DMSOps cannot work on it afterwards.

    The journal's line is written, and kept, before anything is taken away.

    Raises
    ------
    NotAllowed
        Only a lead may.
    BadInput
        There is no reason, or no such schema.
    StalePlan
        The tables hold something else than they did in the preview.
    Refused
        An engine is at work.
    """
    require(ops.operator, Role.LEAD, "site downgrade")
    need_reason("site downgrade", reason)
    _need_quiet(ops)
    seen = preview(ops, to)
    need_ticket(ticket, seen.hash, "the database holds something else than it did in the preview")
    lost = [f"{one.rows} of {one.table}: {one.words}" for one in seen.lost]
    with ops.db.begin() as c:
        journal.write(
            c, ops.clock, "schema.lowered", to, actor=ops.operator.name, reason=reason, plan=seen.hash, before=seen.now, lost=lost
        )
    ops.db.dispose()
    db.downgrade(ops.settings.database_url, to)
    return seen


def _need_quiet(ops: Ops) -> None:
    working = [row for row in engines(ops) if row["liveness"] != "lost"]
    if working:
        raise Refused(
            f"engine {working[0]['id']} is at work on the site",
            remedy="Stop it (Ctrl-C where it runs; `dmsops engine status` shows it, procedure P07), then give the command again.",
            engine=working[0]["id"],
        )


def rebuild(ops: Ops, progress: bulk.Progress | None = None) -> Rebuilt:
    """Write the catalogue's rows of all observations that have none, from their documents; killed, it goes on where it was.

    A document that is missing or damaged leaves its observation without rows: the doctor finds it, procedure P16 repairs it.
    """
    made = bulk.rebuild(ops, bulk.unbuilt(ops), progress=progress)
    return Rebuilt(done=len(made.done), faults=tuple(f"{name}: {why}" for name, why in made.failed.items()))
