"""The numbers of a sender's deliveries: which are missing between those that came, and which came late."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.receipt.states import DeliveryState
from dmsops.receipt.tables import delivery

if TYPE_CHECKING:
    from dmsops.ops import Ops


def sequence_gaps(ops: Ops) -> list[dict[str, Any]]:
    """Give what is odd in the numbers of each sender's deliveries, as plain rows.

    Each row: ``sender``, ``what`` (``missing``, ``late`` or ``twice``), ``first`` and ``last`` number, ``deliveries`` (for
    missing ones those just before and after, else the ones that it is about), ``since`` (UTC: when a later number came
    first, which is when a missing one was noticed), and ``words``. Numbers before a sender's first one are not missed.
    """
    d = delivery.c
    numbered = sa.select(d.id, d.sender, d.sequence, d.received_at).where(d.sequence.is_not(None), d.state != DeliveryState.QUARANTINED)
    with reading(ops.db) as c:
        rows = c.execute(numbered.order_by(d.sender, d.sequence, d.received_at, d.id)).all()
    return [row for _, mine in itertools.groupby(rows, lambda r: r.sender) for row in _of_sender(list(mine))]


def _of_sender(rows: list[sa.Row[Any]]) -> list[dict[str, Any]]:
    found = []
    first_after = list(reversed(list(itertools.accumulate(reversed([r.received_at for r in rows]), min))))
    for i, (before, after) in enumerate(itertools.pairwise(rows)):
        if after.sequence == before.sequence:
            found.append(_row(after, "twice", (before.sequence, before.sequence), [before.id, after.id], after.received_at))
        elif after.sequence > before.sequence + 1:
            span = (before.sequence + 1, after.sequence - 1)
            found.append(_row(after, "missing", span, [before.id, after.id], first_after[i + 1]))
        if first_after[i + 1] < before.received_at and after.sequence != before.sequence:
            found.append(_row(before, "late", (before.sequence, before.sequence), [before.id], first_after[i + 1]))
    return found


def _row(row: sa.Row[Any], what: str, span: tuple[int, int], deliveries: list[str], since: Any) -> dict[str, Any]:
    number = f"{span[0]}" if span[0] == span[1] else f"{span[0]} to {span[1]}"
    words = {
        "missing": f"delivery {number} of {row.sender} has not come, between {' and '.join(deliveries)}: ask for it (procedure P04)",
        "late": f"delivery {number} of {row.sender} ({deliveries[0]}) came after later ones",
        "twice": f"the number {number} of {row.sender} was given to {' and '.join(deliveries)}",
    }[what]
    return {
        "sender": row.sender, "what": what, "first": span[0], "last": span[1], "deliveries": deliveries, "since": since, "words": words,
    }  # fmt: skip
