"""What a person decides about an ephemeris that is in doubt: it may be used after all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.errors import NotFound, Refused, StalePlan
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.receipt.ephemerides import coverage
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import ephemeris_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

_REMEDY = "`dmsops ephemeris list` shows the ephemerides and their doubts (procedure P06)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What accepting an ephemeris would mean; ``hash`` is the ticket for doing it."""

    name: str
    version: int
    kind: str
    sha256: str
    doubts: tuple[str, ...]
    compared_with: str | None
    residual_km: float | None
    residual_km_s: float | None
    hash: str


def preview_acceptance(ops: Ops, name: str) -> Acceptance:
    """Say what is in doubt about an ephemeris that a person may accept; nothing changes.

    Raises
    ------
    NotFound
        No released ephemeris has that name.
    Refused
        It is not in doubt.
    """
    row = next((r for r in coverage(ops) if r["name"] == name and r["state"] == FileState.RELEASED), None)
    if row is None:
        raise NotFound(f"no ephemeris '{name}' is released on this site", remedy=_REMEDY, file=name)
    if not row["needs_person"]:
        raise Refused(f"ephemeris '{name}' is not in doubt: there is nothing to accept", remedy=_REMEDY, file=name)
    facts = [row["sha256"], row["version"], row["doubts"]]
    return Acceptance(
        **{k: row[k] for k in ("name", "version", "kind", "sha256", "compared_with", "residual_km", "residual_km_s")},
        doubts=tuple(row["doubts"]),
        hash=ticket_of(facts),
    )


def accept(ops: Ops, name: str, *, ticket: str, reason: str) -> Acceptance:
    """Let an ephemeris be used in spite of its doubts.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        There is no reason.
    StalePlan
        Its doubts, or the file, are others than in the preview.
    """
    require(ops.operator, Role.LEAD, "ephemeris accept")
    need_reason("ephemeris accept", reason)
    found = preview_acceptance(ops, name)
    need_ticket(ticket, found.hash, f"ephemeris '{name}' is another one than in the preview, or its doubts are")
    e = ephemeris_file.c
    values = {"accepted_at": ops.clock.now(), "accepted_by": ops.operator.name, "accepted_reason": reason}
    with ops.db.begin() as c:
        if not c.execute(sa.update(ephemeris_file).where(e.sha256 == found.sha256, e.accepted_at.is_(None)).values(values)).rowcount:
            raise StalePlan(f"ephemeris '{name}' was accepted a moment ago", seen=ticket)
        journal.write(
            c, ops.clock, "ephemeris.accepted", name, actor=ops.operator.name, reason=reason, sha256=found.sha256, plan=found.hash,
            doubts=list(found.doubts),
        )  # fmt: skip
    return found
