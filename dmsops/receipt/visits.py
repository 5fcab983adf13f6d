"""Which visits a delivery has to do with: those that its files speak of, and those whose time they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, science_part

if TYPE_CHECKING:
    from dmsops.ops import Ops


def visits_touched(ops: Ops, delivery_id: str) -> list[str]:
    """Give the visits (11 digits) that may have become ready by a delivery.

    By its science files' parts, by the visit of its status files and plans, and, for engineering files and ephemerides,
    by the time they cover: visits whose status file or plan overlaps it.
    """
    mine, about = delivered_file.alias("mine"), delivered_file.alias("about")
    here = (mine.c.delivery_id == delivery_id, mine.c.state == FileState.RELEASED)
    parts = sa.select(science_part.c.visit).join(mine, mine.c.sha256 == science_part.c.sha256).where(*here)
    spoken = sa.select(mine.c.visit).where(*here, mine.c.visit.is_not(None))
    overlap = (about.c.covers_from <= mine.c.covers_to, about.c.covers_to >= mine.c.covers_from)
    kinds = (mine.c.kind.in_(("engineering", "ephemeris")), about.c.kind.in_(("osf", "plan")), about.c.state == FileState.RELEASED)
    covered = sa.select(about.c.visit).join(mine, sa.and_(*overlap)).where(*here, *kinds, about.c.visit.is_not(None))
    with reading(ops.db) as c:
        return sorted(c.execute(sa.union(parts, spoken, covered)).scalars())
