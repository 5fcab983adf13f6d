"""What the engineering database knows, as plain rows and arrays for eyes and for the flows; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.core.db import mappings, reading
from dmsops.engineering import reader, suspects
from dmsops.engineering.classify import bits
from dmsops.engineering.columns import HOUR_US, NO_RAW, Columns
from dmsops.engineering.contested import contests
from dmsops.engineering.coverage import gaps
from dmsops.engineering.rules import moment
from dmsops.engineering.states import EngineeringState
from dmsops.engineering.stats import level
from dmsops.engineering.tables import (
    engineering_file,
    engineering_hour,
    engineering_mnemonic,
    engineering_partition,
    engineering_revision,
    engineering_span,
    engineering_suspect,
)  # fmt: skip
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops

__all__ = [
    "conflicts",
    "files",
    "gaps",
    "hourly",
    "latest",
    "mnemonics",
    "revisions",
    "samples",
    "summary",
    "suspect_intervals",
    "violations",
]

Row = dict[str, Any]
_f, _h, _m, _p, _s = (t.c for t in (engineering_file, engineering_hour, engineering_mnemonic, engineering_partition, engineering_suspect))


def us(when: datetime) -> int:
    """Give a time as samples have it: microseconds since 1970."""
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def files(ops: Ops, *, states: Collection[str] = (), delivered: Collection[str] = (), limit: int = 1000) -> list[Row]:
    """Give receipts of engineering files, newest first: the columns of ``engineering_file``, ``first_at``, ``last_at``.

    Parameters
    ----------
    states : collection of str
        Only files in these states.
    delivered : collection of str
        Only files of these names.
    """
    query = sa.select(engineering_file).order_by(_f.id.desc()).limit(limit)
    query = query.where(_f.state.in_(states)) if states else query
    query = query.where(_f.name.in_(delivered)) if delivered else query
    return [{**row, "first_at": _at(row["first_us"]), "last_at": _at(row["last_us"])} for row in mappings(ops.db, query)]


def _at(time_us: int | None) -> datetime | None:
    return None if time_us is None else moment(time_us)


def summary(ops: Ops) -> Row:
    """Count what there is.

    Returns
    -------
    dict
        ``files`` (by state), ``samples`` held, ``new``, ``late``, ``exact``, ``conflict``, ``impossible``, ``damaged`` (of all ingested
        files), ``suspects`` open, ``gaps`` open, ``partitions`` and ``bytes`` current, ``revision``, ``latest_at``, ``mnemonics`` held.
    """
    kinds = ("new", "late", "exact", "conflict", "impossible", "damaged")
    sums = [sa.func.coalesce(sa.func.sum(_f[k]), 0).label(k) for k in kinds]
    with reading(ops.db) as c:
        states = dict(c.execute(sa.select(_f.state, sa.func.count()).group_by(_f.state)).all())
        counts = dict(c.execute(sa.select(*sums).where(_f.state == EngineeringState.INGESTED)).mappings().one())
        held = c.execute(sa.select(sa.func.coalesce(sa.func.sum(_m.samples), 0), sa.func.max(_m.latest_us), sa.func.count())).one()
        parts = c.execute(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(_p.size), 0)).where(_p.retired_in.is_(None))).one()
        revision = c.execute(sa.select(sa.func.max(engineering_revision.c.revision))).scalar() or 0
        open_ = c.execute(sa.select(sa.func.count()).where(_s.state == suspects.OPEN)).scalar() or 0
    return {
        "files": states, **{k: int(v) for k, v in counts.items()}, "samples": int(held[0]), "latest_at": _at(held[1]), "mnemonics": held[2],
        "partitions": parts[0], "bytes": int(parts[1]), "suspects": open_, "revision": revision,
        "gaps": sum(g["decision"] == "open" for g in gaps(ops)),
    }  # fmt: skip


def mnemonics(ops: Ops) -> list[Row]:
    """Give every mnemonic of the telemetry database, by name, with how many samples are held and the newest of them.

    Returns
    -------
    list of dict
        Fields of `dmsops.interfaces.prds.Mnemonic`; ``samples``, ``latest_at``, ``latest_value``, ``latest_raw``, ``word`` (of a state)
        and ``level`` (``red``, ``yellow``, ``in limits``, empty without limits or samples).
    """
    held = {row["number"]: row for row in mappings(ops.db, sa.select(engineering_mnemonic))}
    return [_mnemonic(one, held.get(one.number)) for one in sorted(telemetry_database().mnemonics, key=lambda m: m.name)]


def _mnemonic(one: Mnemonic, row: Row | None) -> Row:
    fields = {name: getattr(one, name) for name in type(one).__dataclass_fields__ if name not in ("states", "limits")}
    fields |= {"states": dict(one.states), "limits": asdict(one.limits) if one.limits else None}
    if row is None:
        return {**fields, "samples": 0, "latest_at": None, "latest_value": None, "latest_raw": None, "word": "", "level": ""}
    value = row["latest_value"]
    known = value is not None
    return {
        **fields, "samples": row["samples"], "latest_at": _at(row["latest_us"]), "latest_value": value, "latest_raw": row["latest_raw"],
        "word": one.states.get(int(value), "") if known and one.states else "", "level": level(value, one.limits) if known else "",
    }  # fmt: skip


def latest(ops: Ops, names: Collection[str] = ()) -> list[Row]:
    """Give the newest sample of the mnemonics that are held, as `mnemonics` does; of some names or of all."""
    wanted = {name.upper() for name in names}
    return [row for row in mnemonics(ops) if row["samples"] and (not wanted or row["name"] in wanted)]


def samples(ops: Ops, name: str, start: datetime, stop: datetime, *, bracket: bool = False) -> Columns:
    """Read the samples of a mnemonic, in order of time.

    Parameters
    ----------
    name : str
        In any case of letters.
    start, stop : datetime
        Both inside.
    bracket : bool
        Give the last sample before and the first one after as well, where there are any.

    Raises
    ------
    NotFound
        The telemetry database has no such mnemonic.
    """
    number = telemetry_database().by_name(name).number
    return reader.samples(ops, number, us(start), us(stop), bracket=bracket)


def hourly(ops: Ops, name: str, start: datetime | None = None, stop: datetime | None = None) -> list[Row]:
    """Give the hourly statistics of a mnemonic, of values that are numbers, by hour.

    Returns
    -------
    list of dict
        ``at`` (start of the hour), samples, minimum, maximum, mean, ``deviation``, yellow, red; where no value was a number ``samples`` is
        0, and minimum, maximum, mean and deviation are None.
    """
    query = sa.select(engineering_hour).where(_h.number == telemetry_database().by_name(name).number).order_by(_h.hour)
    query = query if start is None else query.where(_h.hour >= us(start) // HOUR_US)
    query = query if stop is None else query.where(_h.hour <= us(stop) // HOUR_US)
    return [{**row, **_spread(row), "at": moment(row["hour"] * HOUR_US)} for row in mappings(ops.db, query)]


def _spread(row: Row) -> Row:
    if not row["samples"]:
        return dict.fromkeys(("minimum", "maximum", "mean", "deviation"))
    return {"deviation": float(np.sqrt(row["squares"] / row["samples"]))}


def violations(ops: Ops, *, limit: int = 1000) -> list[Row]:
    """Give the hours in which a mnemonic was outside its limits, newest first.

    Returns
    -------
    list of dict
        ``name``, ``subsystem``, ``unit``, ``at`` (start of the hour), ``samples``, ``yellow``, ``red``, ``minimum``, ``maximum``,
        ``first_at``, ``last_at`` (of the samples outside), ``limits``.
    """
    query = sa.select(engineering_hour).where((_h.yellow > 0) | (_h.red > 0)).order_by(_h.hour.desc(), _h.number).limit(limit)
    found = []
    for row in mappings(ops.db, query):
        one = telemetry_database().by_number(row["number"])
        about = (
            {"name": one.name, "subsystem": one.subsystem, "unit": one.unit, "limits": one.limits} if one else {"name": str(row["number"])}
        )
        when = {"first_at": _at(row["first_violation_us"]), "last_at": _at(row["last_violation_us"]), "at": moment(row["hour"] * HOUR_US)}
        found.append({**row, **about, **when})
    return found


def suspect_intervals(ops: Ops, *, every: bool = False) -> list[Row]:
    """Give the open suspect intervals (with ``every``, the resolved ones too), newest first.

    Returns
    -------
    list of dict
        The columns of ``engineering_suspect``; ``name``, ``container``, ``first_at``, ``last_at``, ``files`` (names of the receipts).
    """
    query = sa.select(engineering_suspect).order_by(_s.first_us.desc(), _s.number)
    rows = mappings(ops.db, query if every else query.where(_s.state == suspects.OPEN))
    receipts = sorted({receipt for row in rows for receipt in row["receipts"]})
    came = {r["id"]: r["name"] for r in mappings(ops.db, sa.select(_f.id, _f.name).where(_f.id.in_(receipts)))} if rows else {}
    return [_suspect(row, came) for row in rows]


def _suspect(row: Row, came: dict[int, str]) -> Row:
    one = telemetry_database().by_number(row["number"])
    names = {"name": one.name if one else str(row["number"]), "container": one.container if one else ""}
    when = {"first_at": _at(row["first_us"]), "last_at": _at(row["last_us"])}
    return {**row, **names, **when, "files": [came.get(r, f"receipt {r}") for r in row["receipts"]]}


def conflicts(ops: Ops, suspect: int, *, limit: int = 1000) -> list[Row]:
    """Give the contested samples of a suspect interval: ``time_us``, ``at``, ``value``, ``raw``, ``file``, ``stream``, ``stands``."""
    row = next((r for r in suspect_intervals(ops, every=True) if r["id"] == suspect), None)
    if row is None:
        return []
    (found,) = contests(ops, [row])
    s, receipts = found.standing, np.unique(found.values.receipt).tolist()
    came = {r["id"]: r for r in mappings(ops.db, sa.select(_f.id, _f.name, _f.stream).where(_f.id.in_(receipts)))}
    stands = dict(zip(s.time.tolist(), zip(s.receipt.tolist(), bits(s.value).tolist(), strict=True), strict=True))
    v = found.values.take(np.arange(min(limit, len(found.values))))
    return [
        {
            "time_us": t, "at": moment(t), "value": value, "raw": None if raw == NO_RAW else raw,
            "file": came[receipt]["name"], "stream": came[receipt]["stream"], "stands": stands.get(t) == (receipt, same),
        }
        for t, value, same, raw, receipt in zip(*(a.tolist() for a in (v.time, v.value, bits(v.value), v.raw, v.receipt)), strict=True)
    ]  # fmt: skip


def revisions(ops: Ops, *, limit: int = 200) -> list[Row]:
    """Give the changes of what is held, newest first: revision, what, subject, actor, at."""
    return mappings(ops.db, sa.select(engineering_revision).order_by(engineering_revision.c.revision.desc()).limit(limit))


def spans(ops: Ops, container: str | None = None) -> list[Row]:
    """Give the times without a gap, by container: container, first_at, last_at."""
    query = sa.select(engineering_span).order_by(engineering_span.c.container, engineering_span.c.first_us)
    query = query if container is None else query.where(engineering_span.c.container == container)
    return [{**row, "first_at": _at(row["first_us"]), "last_at": _at(row["last_us"])} for row in mappings(ops.db, query)]
