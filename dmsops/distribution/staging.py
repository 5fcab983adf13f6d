"""Large requests: files that somebody wants together are laid ready, and kept ready for a while.

A request is a row; who lays its files ready can be killed at any moment, and whoever looks at the request next begins again. The policy
judges each file twice: when the request is made, and again when the file goes out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings, reading, transact
from dmsops.core.errors import BadInput, NotFound, StoreDamaged, TooMany
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.accounts import need_scope
from dmsops.distribution.files import Held, Judgement, judge, refusal, sound_path, unknown
from dmsops.distribution.tables import staging

if TYPE_CHECKING:
    from dmsops.ops import Ops

REQUESTED, READY, ENDED = "requested", "ready", "ended"
MOST_FILES, MOST_OPEN = 10_000, 20
"""Files of a request, and requests of one owner that have not ended."""
KEPT = timedelta(days=30)
"""How long a request that has ended stays on the lists; what was given and refused is on record for ever."""
BY_STAFF = "the archive's staff ended it: "
"""Begins what is on record of a request that staff ended (`dmsops.distribution.staging_ending`); the rest is the reason."""
_s = staging.c
Lookup = Callable[[Sequence[str]], Mapping[str, Held]]
"""Finds files by their URIs, as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A large request as it is now.

    Attributes
    ----------
    refused : tuple of (str, str)
        Files that its owner does not get, each with why.
    why : str
        What its owner reads of an end that was not theirs; empty where there was none.
    """

    id: str
    owner: str
    state: str
    uris: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    size: int
    made_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    why: str = ""


def owner_of(asker: Requester) -> str:
    """Name the owner of a request: staff and accounts may have the same names."""
    return f"staff:{asker.name}"[:64] if asker.kind is Kind.STAFF else asker.name


def make(ops: Ops, asker: Requester, uris: Sequence[str], lookup: Lookup) -> tuple[Staged, dict[str, tuple[Held, Judgement]]]:
    """Make a request for files; gives it, and how each file that exists was judged, for the record.

    Raises
    ------
    NotSignedIn, NotAllowed
        Nobody known asks, the token has not the scope ``subscribe``, or the owner may have none of the files.
    BadInput
        No file is named, too many are, or they are too large together.
    TooMany
        The owner has too many requests that have not ended.
    """
    need_scope(asker, Scope.SUBSCRIBE, "a staged request")
    wanted = list(dict.fromkeys(uris))
    if not 0 < len(wanted) <= MOST_FILES:
        raise BadInput(f"a staged request names 1 to {MOST_FILES:,} files, not {len(wanted):,}", field="uris")
    found, now = lookup(wanted), ops.clock.now()
    judged = {uri: (held, judge(asker, held, now)) for uri, held in found.items()}
    given = [uri for uri in wanted if uri in judged and judged[uri][1].allowed]
    refused = [(uri, _why(asker, uri, judged)) for uri in wanted if uri not in set(given)]
    size = sum(judged[uri][0].size for uri in given)
    if size > ops.settings.serve_stage_gigabytes * 1e9:
        most = ops.settings.serve_stage_gigabytes
        raise BadInput(f"these files have {size / 1e9:,.1f} GB together; a request may have {most:,g} GB: ask in parts", field="uris")
    row = {
        "id": secrets.token_hex(16), "owner": owner_of(asker), "state": REQUESTED, "uris": given, "refused": refused, "size": size,
        "made_at": now, "ready_at": None, "expires_at": None, "error": "",
    }  # fmt: skip
    if given:
        transact(ops.db, lambda c: _insert(c, row, now))
    return _staged(row, now), judged


def _why(asker: Requester, uri: str, judged: Mapping[str, tuple[Held, Judgement]]) -> str:
    error = refusal(asker, uri, judged[uri][1]) if uri in judged else unknown(uri)
    return error.message


def _insert(c: sa.Connection, row: dict[str, Any], now: datetime) -> None:
    """Write a request down, and forget those that ended long ago."""
    c.execute(sa.delete(staging).where(_s.expires_at < now - KEPT))
    number = c.execute(sa.select(sa.func.count()).where(_s.owner == row["owner"], _state(now) != ENDED)).scalar_one()
    if number >= MOST_OPEN:
        raise TooMany(f"{row['owner']} has {number} staged requests that have not ended: end one of them first", after=60)
    c.execute(sa.insert(staging).values(**row))


def _state(now: datetime) -> sa.ColumnElement[str]:
    return sa.case((sa.or_(_s.state == ENDED, _s.expires_at <= now), ENDED), else_=_s.state)


def find(ops: Ops, asker: Requester, number: str) -> Staged:
    """Find one's own request; raises `NotFound` where there is none, or it is another's."""
    with reading(ops.db) as c:
        found = look_up(c, number, ops.clock.now())
    if found is None or found.owner != owner_of(asker):
        raise NotFound(f"you have no staged request '{number[:40]}'", remedy="GET /api/v0.1/stage lists yours (procedure P17).")
    return found


def look_up(c: sa.Connection, number: str, now: datetime) -> Staged | None:
    """Give a request as it is now, whoever's it is; None where there is none."""
    row = c.execute(sa.select(staging).where(_s.id == number)).mappings().one_or_none()
    return None if row is None else _staged(row, now)


def own(ops: Ops, asker: Requester) -> list[Staged]:
    """Give one's own requests, newest first."""
    with reading(ops.db) as c:
        rows = c.execute(sa.select(staging).where(_s.owner == owner_of(asker)).order_by(_s.made_at.desc(), _s.id).limit(100)).mappings()
        return [_staged(row, ops.clock.now()) for row in rows]


def _staged(row: Any, now: datetime) -> Staged:
    ended = row["expires_at"] is not None and row["expires_at"] <= now
    refused = tuple((uri, why) for uri, why in row["refused"])
    names = ("id", "owner", "size", "made_at", "ready_at", "expires_at")
    state = ENDED if ended else row["state"]
    why = row["error"] if row["error"].startswith(BY_STAFF) else ""
    return Staged(**{name: row[name] for name in names}, state=state, uris=tuple(row["uris"]), refused=refused, why=why)


def lay_ready(ops: Ops, number: str, lookup: Lookup) -> None:
    """Lay the files of a request ready: each is brought to this machine and looked at. Done twice, or by two, it does no harm.

    A file that is damaged or gone by now is refused with why. What else goes wrong is raised, and the request waits for the next try.
    A request that is ended meanwhile is left at once: none of its files after that is fetched.
    """
    with reading(ops.db) as c:
        row = c.execute(sa.select(staging).where(_s.id == number, _s.state == REQUESTED)).mappings().one_or_none()
    if row is None:
        return
    found, bad = lookup(row["uris"]), {}
    for uri in row["uris"]:
        if is_stopped(ops, number):
            return
        try:
            sound_path(ops, found[uri])
        except KeyError:
            bad[uri] = unknown(uri).message
        except StoreDamaged as error:
            bad[uri] = error.message
    good = [uri for uri in row["uris"] if uri not in bad]
    now = ops.clock.now()
    values = {
        "state": READY if good else ENDED, "uris": good, "refused": [*row["refused"], *bad.items()], "ready_at": now,
        "size": sum(found[uri].size for uri in good), "expires_at": now + timedelta(hours=ops.settings.serve_stage_hours),
        "error": f"{len(bad)} damaged or gone: procedure P16" if bad else "",
    }  # fmt: skip
    transact(ops.db, lambda c: c.execute(sa.update(staging).where(_s.id == number, _s.state == REQUESTED).values(**values)))


def is_stopped(ops: Ops, number: str) -> bool:
    """Tell whether somebody has ended a request: what is being laid ready or sent for it stops. One whose time is over is not."""
    with reading(ops.db) as c:
        return c.execute(sa.select(_s.state).where(_s.id == number)).scalar() in (ENDED, None)


def end(ops: Ops, asker: Requester, number: str) -> None:
    """End one's own request; raises `NotFound` as `find` does."""
    find(ops, asker, number)
    values = {"state": ENDED, "expires_at": ops.clock.now()}
    transact(ops.db, lambda c: c.execute(sa.update(staging).where(_s.id == number, _s.owner == owner_of(asker)).values(**values)))


def requests(ops: Ops, *, state: str = "", owner: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """Give requests for eyes, newest first: ``id, owner, state, files, refused, size, made_at, ready_at, expires_at, error``."""
    shown = _state(ops.clock.now())
    tests = [column == value for column, value in ((_s.owner, owner), (shown, state)) if value]
    files, refused = (sa.func.json_array_length(column).label(name) for name, column in (("files", _s.uris), ("refused", _s.refused)))
    columns = (_s.id, _s.owner, shown.label("state"), files, refused, _s.size, _s.made_at, _s.ready_at, _s.expires_at, _s.error)
    return mappings(ops.db, sa.select(*columns).where(*tests).order_by(_s.made_at.desc(), _s.id).limit(limit))


def counts(ops: Ops) -> dict[str, int]:
    """Count requests by state, and the bytes of those that are ready (``bytes``)."""
    state = _state(ops.clock.now())
    with reading(ops.db) as c:
        rows = c.execute(sa.select(state, sa.func.count(), sa.func.sum(_s.size)).group_by(state)).all()
    return {
        **dict.fromkeys((REQUESTED, READY, ENDED), 0), **{row[0]: int(row[1]) for row in rows},
        "bytes": sum(int(row[2] or 0) for row in rows if row[0] == READY),
    }  # fmt: skip
