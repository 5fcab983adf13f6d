"""F39 and F40: what goes wrong between the archive and those who are told what happens in it.

F40 comes in two kinds: a release date that is too early (``F40``), and one that is too late (``F40L``).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.archive.ingest import again, ingest_again
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, plane, proposal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.distribution.notices import Channel, Standing
from dmsops.distribution.tables import subscription
from dmsops.testbed.faults.registry import fault
from dmsops.testbed.subscriber import take_down

if TYPE_CHECKING:
    from dmsops.ops import Ops

DOWN = timedelta(hours=1)
LATE_DAYS = 10 * 365
REASON = "test bed: described before the program's choice was known"
_o, _s = observation.c, subscription.c


@fault("F39", "a subscriber is down for an hour", stage="archive", found_by="distribution", repaired_by="P17")
def subscriber_is_down(ops: Ops, rng: np.random.Generator) -> str:
    """Take the test bed's receiver of a webhook down for an hour of the site's clock."""
    query = sa.select(_s.id).where(_s.channel == Channel.WEBHOOK, _s.state == Standing.ACTIVE).order_by(_s.id)
    with reading(ops.db) as c:
        found = c.execute(query).scalars().all()
    if not found:
        raise BadInput("fault F39 finds no active subscription by webhook", fault="F39")
    number = found[int(rng.integers(len(found)))]
    take_down(ops, number, ops.clock.now() + DOWN)
    return f"the receiver of subscription {number} hangs up until {ops.clock.now() + DOWN:%Y-%m-%d %H:%M} UTC"


@fault("F40", "a release date is too early", stage="archive", found_by="CAOM audit", repaired_by="P18")
def release_too_early(ops: Ops, rng: np.random.Generator) -> str:
    """Describe a program's held data as public at once, whatever the program chose."""
    now = ops.clock.now()
    name = _program(ops, rng, "F40", _o.id.in_(sa.select(plane.c.observation_id).where(plane.c.data_release > now)))
    return f"{_described(ops, name, 0)} observations of program {name} are public at once"


@fault("F40L", "a release date is too late", stage="archive", found_by="CAOM audit", repaired_by="P18")
def release_too_late(ops: Ops, rng: np.random.Generator) -> str:
    """Describe a program's data as held for ten years, whatever the program chose."""
    name = _program(ops, rng, "F40L", sa.true())
    return f"{_described(ops, name, LATE_DAYS)} observations of program {name} are held for ten years"


def _program(ops: Ops, rng: np.random.Generator, known: str, which: sa.ColumnElement[bool]) -> str:
    query = sa.select(_o.proposal_id).where(_o.state == ARCHIVED, _o.proposal_id.is_not(None), which).distinct().order_by(_o.proposal_id)
    with reading(ops.db) as c:
        found = list(c.execute(query).scalars())
    if not found:
        raise BadInput(f"fault {known} finds no program whose data's release could be wrong so", fault=known)
    return str(found[int(rng.integers(len(found)))])


def _described(ops: Ops, program: str, days: int) -> int:
    """Describe a program's observations by another choice than its own, which is then as it was."""
    with reading(ops.db) as c:
        chosen = c.execute(sa.select(proposal.c.exclusive_days).where(proposal.c.id == program)).scalar()
        query = sa.select(_o.id).where(_o.proposal_id == program, _o.state == ARCHIVED)
        names = list(c.execute(query.order_by(_o.kind.desc(), _o.id)).scalars())  # what is combined of others comes after them
    _choose(ops, program, days)
    try:
        for name in names:
            ingest_again(ops, again(ops, name), reason=REASON)
    finally:
        _choose(ops, program, chosen)
    return len(names)


def _choose(ops: Ops, program: str, days: Any) -> None:
    with ops.db.begin() as c:
        c.execute(sa.update(proposal).where(proposal.c.id == program).values(exclusive_days=days))
