"""Fixity: objects of the archive read again, those never or longest not read first, at a bounded rate.

What came of it is written down in batches, so that a killed audit loses at most one. A damaged object is read again before it
is called so: a disk or a network may err once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dmsops.archive import checks_storage
from dmsops.archive.findings import Facts, record
from dmsops.archive.reconcile import CORRECT, DIFF_CHECKSUM, MISSING, trouble_of
from dmsops.archive.tables import archived_product, fixity, observation
from dmsops.catalogue.naming import observation_uri, product_uri, version_uri
from dmsops.catalogue.registry import RULES, Finding, Scope
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import NotFound, StoreDamaged
from dmsops.core.people import Role, require

if TYPE_CHECKING:
    from dmsops.ops import Ops

_BATCH = 50
_AHEAD = 2000
_TRIES = 3
_PIECE = 0.2
_MB = 1_000_000
_p, _f, _o = archived_product.c, fixity.c, observation.c
_CHECKS = {MISSING: "C11", DIFF_CHECKSUM: "C14"}
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One object that was read again: outcome in CADC's names, and what was seen (another sum, another kind)."""

    sha256: str
    size: int
    outcome: str
    observed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an audit of bytes did: objects and bytes read, counts by outcome, the bad ones, whether it was stopped before its end."""

    objects: int
    bytes: int
    counts: dict[str, int]
    bad: tuple[Read, ...]
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be read again: objects and bytes never read or read too long ago, the oldest reading, seconds at the site's rate."""

    objects: int
    bytes: int
    never: int
    oldest: datetime | None
    seconds: float
    damaged: int


def due(ops: Ops) -> Due:
    """Say how much has not been read again for longer than the setting ``fixity_days``, and how long that takes."""
    held = _held().subquery()
    late = sa.or_(_f.checked_at.is_(None), _f.checked_at < ops.clock.now() - timedelta(days=ops.settings.fixity_days))
    joined = sa.outerjoin(held, fixity, _f.sha256 == held.c.sha256)
    sums = sa.select(
        sa.func.count().label("objects"), sa.func.coalesce(sa.func.sum(held.c.size), 0).label("bytes"),
        sa.func.sum(sa.case((_f.checked_at.is_(None), 1), else_=0)).label("never"), sa.func.min(_f.checked_at, type_=_f.checked_at.type),
    )  # fmt: skip
    with reading(ops.db) as c:
        objects, size, never, oldest = c.execute(sums.select_from(joined).where(late)).one()
        bad = c.execute(sa.select(sa.func.count()).select_from(fixity).where(_f.outcome.in_(list(_CHECKS)), is_held())).scalar_one()
    seconds = int(size) / (ops.settings.fixity_mb_s * _MB)
    return Due(objects=objects, bytes=int(size), never=int(never or 0), oldest=oldest, seconds=seconds, damaged=bad)


def audit(
    ops: Ops,
    *,
    megabytes: float | None = None,
    objects: int | None = None,
    sums: Collection[str] | None = None,
    rate_mb_s: float | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Report:
    """Read objects again, those never or longest not read first; the damaged ones become findings (C11, C14).

    Parameters
    ----------
    megabytes, objects : optional
        No more than so much, or so many; without either all that is held.
    sums : collection of str, optional
        Only these objects.
    rate_mb_s : float, optional
        Megabytes per second that it may read; default the setting ``fixity_mb_s``.
    progress : callable, optional
        Told how many objects of how many were read, and the last one's sum.
    stop : callable, optional
        Asked before each object, and while it waits; True ends the audit, and what was read is written down.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    """
    require(ops.operator, Role.OPERATOR, "archive fixity")
    began = ops.clock.now()
    stop = stop or (lambda: False)
    chosen = list(itertools.islice(_limited(_oldest(ops, sums), megabytes), objects))
    done: list[Read] = []
    paced = _paced(ops, chosen, rate_mb_s or ops.settings.fixity_mb_s, stop)
    for batch in itertools.batched(paced, _BATCH):
        _note(ops, batch)
        done += batch
        if progress is not None:
            progress(len(done), len(chosen), batch[-1].sha256[:12])
    report = _report(done, stopped=len(done) < len(chosen))
    transact(ops.db, lambda c: _record(c, ops, report, began))
    return report


def _report(done: list[Read], *, stopped: bool) -> Report:
    counts = Counter(one.outcome for one in done)
    bad = tuple(one for one in done if one.outcome != CORRECT)
    return Report(objects=len(done), bytes=sum(one.size for one in done), counts=dict(sorted(counts.items())), bad=bad, stopped=stopped)


def _held() -> Any:
    """Ask for every object that the archive answers for: products of all versions, and documents."""
    products = sa.select(_p.sha256, sa.func.max(_p.size).label("size")).group_by(_p.sha256)
    documents = sa.select(_o.xml_sha256.label("sha256"), sa.literal(0).label("size")).where(_o.xml_sha256.is_not(None))
    return sa.union(products, documents)


def is_held() -> Any:
    """Say of a reading whether the archive still answers for its object: a document that was written anew is nobody's any more."""
    product = sa.select(_p.id).where(_p.sha256 == _f.sha256)
    document = sa.select(_o.xml_sha256).where(_o.xml_sha256.is_not(None))  # read once: it has no index
    return sa.or_(product.exists(), _f.sha256.in_(document))


def _oldest(ops: Ops, sums: Collection[str] | None) -> Iterator[tuple[str, int]]:
    """Give sums and sizes, never read ones first; in pages, so that no transaction stays open while bytes are read."""
    held = _held().subquery()
    when = sa.func.coalesce(_f.checked_at, "", type_=sa.String)
    query = sa.select(held.c.sha256, sa.func.max(held.c.size).label("size"), sa.func.max(when).label("checked"))
    query = query.select_from(sa.outerjoin(held, fixity, _f.sha256 == held.c.sha256)).group_by(held.c.sha256)
    rows = (query if sums is None else query.where(held.c.sha256.in_(sums))).subquery()
    last = ("", "")
    while True:
        after = sa.or_(rows.c.checked > last[0], sa.and_(rows.c.checked == last[0], rows.c.sha256 > last[1]))
        page = sa.select(rows).where(after).order_by(rows.c.checked, rows.c.sha256).limit(_AHEAD)
        with reading(ops.db) as c:
            found = c.execute(page).all()
        yield from ((row.sha256, int(row.size)) for row in found)
        if len(found) < _AHEAD:
            return
        last = (found[-1].checked, found[-1].sha256)


def _limited(objects: Iterable[tuple[str, int]], megabytes: float | None) -> Iterator[tuple[str, int]]:
    left = float("inf") if megabytes is None else megabytes * _MB
    for sha256, size in objects:
        if left <= 0:
            return
        left -= size
        yield sha256, size


def _paced(ops: Ops, chosen: Iterable[tuple[str, int]], rate: float, stop: Callable[[], bool]) -> Iterator[Read]:
    """Read objects no faster than the rate, by the site's clock."""
    began, read = ops.clock.now(), 0
    for sha256, size in chosen:
        if stop():
            return
        one = _read(ops, sha256, size)
        read += one.size
        yield one
        while (ahead := read / (rate * _MB) - (ops.clock.now() - began).total_seconds()) > 0:
            if stop():
                return
            ops.clock.sleep(min(ahead, _PIECE) if ahead > 1e-3 else 1e-3)


def _read(ops: Ops, sha256: str, size: int) -> Read:
    """Read an object, again when it seems to be bad."""
    try:
        trouble = trouble_of(ops, sha256, tries=_TRIES)
    except NotFound:
        return Read(sha256=sha256, size=size, outcome=MISSING)
    if trouble is None:
        return Read(sha256=sha256, size=size or ops.store.size(sha256), outcome=CORRECT)
    if isinstance(trouble, StoreDamaged):
        return Read(sha256=sha256, size=size, outcome=DIFF_CHECKSUM, observed=f"sha256:{trouble.facts.get('found', '?')}")
    return Read(sha256=sha256, size=size, outcome="unreadable", observed=str(trouble)[:200])


def _note(ops: Ops, batch: Iterable[Read]) -> None:
    now = ops.clock.now()
    rows = {one.sha256: {"sha256": one.sha256, "checked_at": now, "outcome": one.outcome, "observed": one.observed} for one in batch}
    transact(ops.db, lambda c: note(c, list(rows.values())))


def note(c: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Write down what came of reading objects again; the newest reading of each is kept."""
    if not rows:
        return
    first: Any = (postgresql if c.dialect.name == "postgresql" else sqlite).insert(fixity)
    newest = {name: first.excluded[name] for name in ("checked_at", "outcome", "observed")}
    c.execute(first.on_conflict_do_update(index_elements=[_f.sha256], set_=newest), rows)


def _record(c: sa.Connection, ops: Ops, report: Report, began: datetime) -> None:
    facts = Facts(kind="fixity", scope=Scope(deep=True), started_at=began, looked_at=report.objects, counts=report.counts)
    done = record(c, ops, facts, _findings(c, report.bad))
    journal.write(
        c, ops.clock, "store.read", "archive", actor=ops.operator.name, outcome="failed" if report.bad else "done",
        audit=done.audit, objects=report.objects, bytes=report.bytes, counts=report.counts, bad=[one.sha256 for one in report.bad[:100]],
    )  # fmt: skip


def _findings(c: sa.Connection, bad: Iterable[Read]) -> Iterator[Finding]:
    """Say of whom each bad object is; in the words that a reconciliation would use, so that both mean one finding."""
    assert checks_storage.is_in_the_store is not None  # its import registers C11 and C14
    for one in bad:
        rule = RULES.get(_CHECKS.get(one.outcome, ""))
        if rule is None:
            continue
        sha256 = one.sha256
        words = {"C11": (f"object {sha256[:12]}... in the store", "it is not there"),
                 "C14": (f"sha256:{sha256}", f"its bytes have {one.observed} (read again)")}[rule.id]  # fmt: skip
        for row in c.execute(sa.select(_p.observation_id, _p.name, _p.version, _p.current).where(_p.sha256 == sha256)).all():
            uri = product_uri(row.name) if row.current else version_uri(row.name, row.version)
            yield rule.finding(row.observation_id, uri, *words)
        for owner in c.execute(sa.select(_o.id, _o.collection).where(_o.xml_sha256 == sha256)).all():
            yield rule.finding(owner.id, observation_uri(owner.collection, owner.id), *words)
