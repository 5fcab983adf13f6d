"""Missing packets are asked for again, by the file that they are missing from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.db import transact
from dmsops.core.people import Role, require
from dmsops.interfaces.fos import coverage
from dmsops.receipt import answers, requests
from dmsops.receipt.gap_rows import USED, WAITING, report_of, why_waiting
from dmsops.receipt.holdings import HeldFile, Holding, holdings
from dmsops.receipt.tables import rerequest

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from dmsops.interfaces.fos.coverage import Sent
    from dmsops.ops import Ops


_r = rerequest.c


def ask_for_gaps(ops: Ops, visit: str, reason: str = "") -> list[str]:
    """Ask for the files again in which packets of a visit are missing, and stop asking where none are; asks for nothing twice.

    A gap lies within a file when the same file holds the packets before and after it. Else it lies between two files, or
    at the end of one, and the files on its sides are asked for: what is missing was recorded beside what they hold.

    Parameters
    ----------
    reason : str
        Why now, for the journal and the sender; the gap is named after it.

    Returns
    -------
    list of str
        The files that are asked for anew.
    """
    require(ops.operator, Role.OPERATOR, "gaps ask")
    everywhere = holdings(ops, visit)
    state = {(row["exposure"], row["detector"]): row["state"] for row in report_of(ops, visit, everywhere)}
    wanted: _Wanted = {}
    open_still: set[tuple[str, str]] = set()
    for h in everywhere:
        files = _beside(h) if state[h.exposure, h.detector] in {WAITING, USED} else []
        open_still |= {(file.delivery_id, file.name) for file in files}
        if state[h.exposure, h.detector] == WAITING:
            for file in files:
                wanted.setdefault((file.delivery_id, file.name), []).append(f"{h.exposure} {h.detector}: {why_waiting(h)}")
    mended = {(file.delivery_id, file.name) for h in everywhere for file in h.files} - open_still
    asked = transact(ops.db, lambda c: _write(c, ops, wanted, mended, reason))
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return asked


_Wanted = dict[tuple[str, str], list[str]]
"""By delivery and file: what is missing there, in words."""


def _write(c: sa.Connection, ops: Ops, wanted: _Wanted, mended: Collection[tuple[str, str]], reason: str) -> list[str]:
    asked = []
    for (delivery_id, name), words in wanted.items():
        if c.execute(sa.select(_r.id).where(_r.delivery_id == delivery_id, _r.name == name)).scalar() is None:
            answers.ask(c, ops, delivery_id, name, "; ".join([reason, *words] if reason else words))
            answers.send(c, ops, _r.delivery_id == delivery_id, _r.name == name)
            requests.refresh(c, [delivery_id])
            asked.append(name)
    for delivery_id, name in sorted(mended):
        _close(c, ops, delivery_id, name)
    return asked


def _close(c: sa.Connection, ops: Ops, delivery_id: str, name: str) -> None:
    """Close the request for a released file: only its gaps can have been asked for, and it has none any more that matter."""
    why = "no packets are missing from it any more"
    here = (_r.delivery_id == delivery_id, _r.name == name, _r.closed_at.is_(None))
    if c.execute(sa.update(rerequest).where(*here).values(closed_at=ops.clock.now(), closed_by=why)).rowcount:
        journal.write(c, ops.clock, "rerequest.closed", name[:200], actor=ops.operator.name, by=why, delivery=delivery_id)
        requests.refresh(c, [delivery_id])


def _beside(h: Holding) -> list[HeldFile]:
    """Give the files on the sides of what is missing; all of them when nobody knows what was sent."""
    if h.sent is None:
        return list(h.files)
    found: dict[str, HeldFile] = {}
    for kind, gaps in h.gaps().items():
        held = [(file, _held(h.sent[kind], file, kind)) for file in h.files]
        for begin, end in gaps.tolist():
            before = [file for file, spans in held if _holds(spans, begin - 1)]
            after = [file for file, spans in held if _holds(spans, end)]
            both = [file for file in before if file in after]
            found |= {file.name: file for file in both or before + after or h.files}
    return list(found.values())


def _held(sent: Sent, file: HeldFile, kind: str) -> NDArray[np.int64]:
    return coverage.held(sent, (file.runs or {}).get(kind, ()))


def _holds(spans: NDArray[np.int64], packet: int) -> bool:
    i = int(np.searchsorted(spans[:, 0], packet, side="right")) - 1
    return i >= 0 and packet < int(spans[i, 1])
