"""What a board of distribution reads that may be long: accesses counted and by pages, who had files, whose turn to be told is overdue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings, reading
from dmsops.distribution.accounts import is_good, stands
from dmsops.distribution.audit import DENIED, GRANTED, matching
from dmsops.distribution.notices import Delivery, Standing
from dmsops.distribution.tables import access_grant, access_record, account, account_token, notice_delivery, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
COUNTED = 100_000
"""As many accesses are counted; what is more is more than a person reads."""
OVERDUE = timedelta(minutes=15)
"""What was to be told this long ago, and was not tried, has no dispatcher (ours)."""
_MANY = 500
_r, _d, _s = access_record.c, notice_delivery.c, subscription.c
_a, _t, _g = account.c, account_token.c, access_grant.c


def access(ops: Ops, number: int) -> Row | None:
    """Give one access; None where there is none of that number."""
    return next(iter(mappings(ops.db, sa.select(access_record).where(_r.id == number))), None)


def number(ops: Ops, *, verdict: str = "", who: str = "", uris: Sequence[str] = (), after: int = 0, most: int = COUNTED) -> int:
    """Count accesses, those after a number where one is given; not beyond ``most``."""
    tests = matching(verdict=verdict, who=who, uris=uris) + ([_r.id > after] if after else [])
    some = sa.select(_r.id).where(*tests).limit(most).subquery()
    with reading(ops.db) as c:
        return int(c.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def page_before(ops: Ops, *, verdict: str = "", who: str = "", uris: Sequence[str] = (), first: int, limit: int = 100) -> int:
    """Give the ``before`` of the page of newer rows that ends where a page begins; 0 where that is the newest page.

    Parameters
    ----------
    first : int
        ``id`` of the first row of the page.
    """
    query = sa.select(_r.id).where(*matching(verdict=verdict, who=who, uris=uris), _r.id > first).order_by(_r.id).limit(limit + 1)
    with reading(ops.db) as c:
        newer = list(c.execute(query).scalars())
    return newer[limit] if len(newer) > limit else 0


def askers(ops: Ops, uris: Sequence[str]) -> list[Row]:
    """Give who asked for any of some files: ``who, granted, denied, bytes, last_at``, who was last first."""
    each = {word: sa.func.sum(sa.case((_r.verdict == word, 1), else_=0)).label(word) for word in (GRANTED, DENIED)}
    sums = (*each.values(), sa.func.coalesce(sa.func.sum(_r.size), 0).label("bytes"), sa.func.max(_r.at, type_=_r.at.type).label("last_at"))
    found: dict[str, Row] = {}
    for some in batched(dict.fromkeys(uris), _MANY):
        for row in mappings(ops.db, sa.select(_r.who, *sums).where(_r.uri.in_(some)).group_by(_r.who)):
            found[row["who"]] = _added(found.get(row["who"]), row)
    return sorted(found.values(), key=lambda row: row["last_at"], reverse=True)


def _added(one: Row | None, other: Row) -> Row:
    fresh = {**other, **{word: int(other[word]) for word in (GRANTED, DENIED, "bytes")}}
    if one is None:
        return fresh
    counts = {word: one[word] + fresh[word] for word in (GRANTED, DENIED, "bytes")}
    return {**fresh, **counts, "last_at": max(one["last_at"], fresh["last_at"])}


def accounts(ops: Ops) -> list[Row]:
    """Give the accounts, open ones first, each with the number of its good ``tokens`` and of its ``grants`` that stand."""
    now = ops.clock.now()
    tokens = sa.select(sa.func.count()).where(_t.account == _a.name, *is_good(now))
    held = sa.select(sa.func.count()).where(_g.account == _a.name, *stands(now))
    columns = (*_a, tokens.scalar_subquery().label("tokens"), held.scalar_subquery().label("grants"))
    return mappings(ops.db, sa.select(*columns).order_by(_a.closed_at.is_not(None), _a.name))


def grants_of_programs(ops: Ops) -> dict[str, int]:
    """Count the grants that stand, by program."""
    query = sa.select(_g.program, sa.func.count()).where(*stands(ops.clock.now())).group_by(_g.program)
    with reading(ops.db) as c:
        return {row[0]: int(row[1]) for row in c.execute(query)}


def trouble(ops: Ops) -> Row:
    """Say who is not told.

    Returns
    -------
    dict
        ``not_through`` (active subscriptions that fail), ``stopped`` (those that failed for days), and whether anybody tells at all:
        ``lanes`` (subscriptions whose next notice was due long ago, and not tried) and ``since``.
    """
    failing = sa.select(sa.func.count()).where(_s.state == Standing.ACTIVE, _s.failing_since.is_not(None))
    stopped = sa.select(sa.func.count()).where(_s.state == Standing.STOPPED)
    mine = (_d.state == Delivery.WAITING, _s.state == Standing.ACTIVE)
    first = sa.select(sa.func.min(_d.id)).join(subscription, _s.id == _d.subscription_id).where(*mine).group_by(_d.subscription_id)
    late = (_d.id.in_(first), _d.next_at <= ops.clock.now() - OVERDUE)
    query = sa.select(sa.func.count().label("lanes"), sa.func.min(_d.next_at, type_=_d.next_at.type).label("since")).where(*late)
    with reading(ops.db) as c:
        found = dict(c.execute(query).mappings().one())
        return found | {"not_through": int(c.execute(failing).scalar_one()), "stopped": int(c.execute(stopped).scalar_one())}
