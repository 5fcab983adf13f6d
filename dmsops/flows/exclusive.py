"""Change a program's exclusive access, or release it: shown first for every observation, then each described again.

The days are written down first, then observations are described again one by one, those that others are made from first: a combined
one follows the latest of its members. Each is a transaction of its own; what a kill leaves, the same change given again finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.describing import collection_of
from dmsops.archive.ingest import again, ingest_again
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, observation, observation_member, plane
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.names import need_program
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

_o, _p, _a, _m = observation.c, plane.c, archived_product.c, observation_member.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One observation and its release (UTC; None: it has none) now, and after the change."""

    observation_id: str
    now: datetime | None
    then: datetime
    combined: bool

    def effect(self, at: datetime) -> str:
        """Say what changes for the public."""
        was, becomes = self.now is not None and self.now <= at, self.then <= at
        if was == becomes:
            return "stays public" if was else "stays exclusive"
        return "becomes public at once" if becomes else "is taken back from the public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change of exclusive access would do; ``hash`` is the ticket for doing it."""

    program: str
    days_now: int | None
    days: int
    items: tuple[Item, ...]
    at: datetime
    hash: str = ""

    def counts(self) -> dict[str, int]:
        """Count the observations by what changes for the public."""
        found: dict[str, int] = {}
        for item in self.items:
            effect = item.effect(self.at)
            found[effect] = found.get(effect, 0) + 1
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of it: observations that were described again, and those that could not be, with why."""

    done: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def preview(ops: Ops, program: str, days: int) -> Change:
    """Say what changing a program's exclusive access to so many days (from archiving) would do; nothing changes.

    Only observations whose release would differ are items. 0 days release the program.

    Raises
    ------
    BadInput
        The program is not five digits, or the days are out of range.
    """
    need_program(program)
    if not 0 <= days <= proposals.MOST_DAYS:
        raise BadInput(f"field 'days': {days} is not 0 to {proposals.MOST_DAYS}", field="days")
    with reading(ops.db) as c:
        items = tuple(_items(c, ops, program, days))
        chosen = proposals.exclusive_days(c, program)
    made = Change(program=program, days_now=chosen, days=days, items=items, at=ops.clock.now())
    facts = [program, chosen, days, [[i.observation_id, i.now, i.then] for i in items]]
    return replace(made, hash=ticket_of(facts))


def _items(c: sa.Connection, ops: Ops, program: str, days: int) -> Iterator[Item]:
    mine = (_o.proposal_id == program, _o.state == ARCHIVED, _o.collection == collection_of(ops))
    first = sa.select(_a.observation_id, sa.func.min(_a.archived_at, type_=_a.archived_at.type).label("at")).group_by(_a.observation_id)
    since = {row.observation_id: row.at for row in c.execute(first.join(observation, _o.id == _a.observation_id).where(*mine))}
    release = sa.func.max(_p.data_release, type_=_p.data_release.type).label("release")
    held = sa.select(_o.id, release).outerjoin(plane, _p.observation_id == _o.id).where(*mine).group_by(_o.id).order_by(_o.id)
    now = {row.id: row.release for row in c.execute(held)}
    members = _members(c, mine)
    then = {name: since[name] + timedelta(days=days) for name in now if name in since}
    for name in sorted(then.keys() & members.keys()):
        others = [then.get(member) or now.get(member) for member in members[name]]
        then[name] = max([then[name], *(when for when in others if when is not None)])
    for name in sorted(then, key=lambda name: (name in members, name)):
        if now[name] is None or abs(now[name] - then[name]) > timedelta(seconds=1):
            yield Item(observation_id=name, now=now[name], then=then[name], combined=name in members)


def _members(c: sa.Connection, mine: tuple[Any, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in c.execute(sa.select(_m.observation_id, _m.member).join(observation, _o.id == _m.observation_id).where(*mine)):
        found.setdefault(row.observation_id, []).append(row.member.rpartition("/")[2])
    return found


def change(
    ops: Ops, program: str, days: int, *, ticket: str, reason: str, progress: Callable[[int, int, str], None] | None = None
) -> Changed:  # fmt: skip
    """Change a program's exclusive access as it was shown.

    Parameters
    ----------
    ticket : str
        Hash of the preview.
    progress : callable, optional
        Is told how many observations of how many are done, and the last one.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        As `preview`; or no reason is given.
    StalePlan
        What is archived, or its releases, changed since the preview.
    """
    require(ops.operator, Role.LEAD, "access change")
    need_reason("access change", reason)
    seen = preview(ops, program, days)
    need_ticket(ticket, seen.hash, f"what is archived of program {program}, or its releases, changed since the preview",
                remedy="Make the preview again, and read it (procedure P18).")  # fmt: skip
    proposals.put(ops, program, exclusive_days=days, reason=reason)
    done, failed = [], []
    for number, item in enumerate(seen.items, 1):
        try:
            ingest_again(ops, again(ops, item.observation_id), reason=reason)
            done.append(item.observation_id)
        except DmsError as error:
            failed.append((item.observation_id, error.message))
        if progress is not None:
            progress(number, len(seen.items), item.observation_id)
    return Changed(done=tuple(done), failed=tuple(failed))
