"""Ephemerides received: held against those before them, and what they cover.

A person is needed where one is too far from another, or has a hole. Quarantine is for what cannot be read or cannot be
true; a doubt is for what can be true and is not expected (a manoeuvre moves the observatory away from its prediction),
so the file stays released with its doubts, and level 1b does not use it before a person has accepted it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.files import sha256_of
from dmsops.interfaces.fdf import kind_of_name, read_oem
from dmsops.receipt.ephemeris_checks import coverage_of, residual
from dmsops.receipt.indexing import note_coverage
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, ephemeris_file

if TYPE_CHECKING:
    from dmsops.interfaces.fdf import Ephemeris
    from dmsops.ops import Ops

Row = dict[str, Any]
_e, _f = ephemeris_file.c, delivered_file.c
_HERE = (FileState.VERIFIED, FileState.PROMOTED, FileState.RELEASED)
_MINUTE = timedelta(minutes=1)


def check_received(ops: Ops) -> None:
    """Hold every ephemeris that came and was not checked yet against those before it; given again it goes on where it stopped.

    One that came before ephemerides were checked at all (a site brought up to date) is looked at now.
    """
    for row in _unknown(ops):
        covers = coverage_of(read_named(ops, row), row["name"])
        transact(ops.db, lambda c, row=row, covers=covers: note_coverage(c, row["sha256"], covers))  # type: ignore[misc]
    for row in _rows(ops, _listed(_HERE).where(_e.checked_at.is_(None)).order_by(_f.id)):
        found = _examined(ops, row)
        transact(ops.db, lambda c, row=row, found=found: _write(c, ops, row, found))  # type: ignore[misc]


def _unknown(ops: Ops) -> list[Row]:
    known = sa.select(_e.sha256).where(_e.sha256 == _f.sha256).exists()
    query = sa.select(_f.name, _f.sha256).where(_f.kind == "ephemeris", _f.state.in_(_HERE), sa.not_(known)).order_by(_f.id)
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query).mappings()]


def look_at(ops: Ops, path: Path) -> Row:
    """Check an ephemeris file as receipt would, and hold it against those of the site; nothing changes.

    Returns
    -------
    dict
        ``name``, ``kind``, ``created_at``, ``covers_from``, ``covers_to``, ``vectors``, ``largest_step_seconds``, ``compared_with``
        (name), ``residual_km``, ``residual_km_s``, ``doubts``.

    Raises
    ------
    BadDelivery
        It would be put into quarantine; the message names the file and what is wrong.
    """
    read = read_oem(path)
    covers = asdict(coverage_of(read, path.name))
    row = {"name": path.name, "sha256": sha256_of(path), "created_at": covers.pop("created"), **covers}
    found = _examined(ops, row, read)
    names = {old["sha256"]: old["name"] for old in _rows(ops, _listed(_HERE))}
    return {**row, **found, "compared_with": names.get(found["compared_with"])}


def _examined(ops: Ops, row: Row, read: Ephemeris | None = None) -> Row:
    """Compare one ephemeris with those that its kind is held against; the difference that is nearest its limit is on record."""
    doubts, worst, chosen = [], -1.0, None
    if row["largest_step_seconds"] > ops.settings.ephemeris_step_seconds:
        doubts.append(
            f"there are {row['largest_step_seconds']:.0f} s between two of its vectors, and {ops.settings.ephemeris_step_seconds:.0f} s "
            "is the limit"
        )
    new = read
    for old in _held_against(ops, row):
        new = new or read_named(ops, row)
        apart = residual(new, read_named(ops, old))
        if apart is None:
            continue
        limits = _limits(ops, row, old)
        share = max(apart[0] / limits[0], apart[1] / limits[1])
        if share > worst:
            worst, chosen = share, (old["sha256"], *apart)
        if share > 1:
            doubts.append(
                f"it is {apart[0]:.1f} km and {apart[1]:.6f} km/s from {old['name']} where both speak; the limits are "
                f"{limits[0]:g} km and {limits[1]:g} km/s"
            )
    compared, km, km_s = chosen or (None, None, None)
    return {"compared_with": compared, "residual_km": km, "residual_km_s": km_s, "doubts": doubts}


def _held_against(ops: Ops, row: Row) -> list[Row]:
    """Give the newest definitive and the newest predicted ephemeris that are in use and speak of a time that this one speaks of."""
    overlap = (_e.covers_from <= row["covers_to"], _e.covers_to >= row["covers_from"], _e.sha256 != row["sha256"])
    query = _listed(_HERE).where(*overlap, _e.checked_at.is_not(None))
    found: dict[str, Row] = {}
    for other in _newest_first(r for r in _rows(ops, query) if not r["needs_person"]):
        found.setdefault(other["kind"], other)
    return list(found.values())


def _limits(ops: Ops, row: Row, old: Row) -> tuple[float, float]:
    s = ops.settings
    if row["kind"] == old["kind"] == "Definitive":
        return s.ephemeris_definitive_km, s.ephemeris_definitive_km_s
    return s.ephemeris_predicted_km, s.ephemeris_predicted_km_s


def read_named(ops: Ops, row: Row) -> Ephemeris:
    """Read an ephemeris of the store under the name that it was delivered with."""
    with tempfile.TemporaryDirectory(prefix="ephemeris-", dir=ops.settings.folder("work")) as folder:
        link = Path(folder) / row["name"]
        link.symlink_to(ops.store.path(row["sha256"]))
        return read_oem(link)


def _write(c: sa.Connection, ops: Ops, row: Row, found: Row) -> None:
    fresh = (_e.sha256 == row["sha256"], _e.checked_at.is_(None))
    if not c.execute(sa.update(ephemeris_file).where(*fresh).values(checked_at=ops.clock.now(), **found)).rowcount:
        return
    outcome = "failed" if found["doubts"] else "done"
    journal.write(
        c, ops.clock, "ephemeris.checked", row["name"], actor=ops.operator.name, outcome=outcome, sha256=row["sha256"], **found
    )  # fmt: skip


def _listed(states: tuple[FileState, ...]) -> sa.Select[Any]:
    columns = (_f.id, _f.name, _f.version, _f.size, _f.state, _f.delivery_id, _f.changed_at, *(c for c in _e if c.name != "kind"))
    joined = delivered_file.join(ephemeris_file, _e.sha256 == _f.sha256)
    return sa.select(*columns).select_from(joined).where(_f.kind == "ephemeris", _f.state.in_(states))


def _rows(ops: Ops, query: sa.Select[Any]) -> list[Row]:
    with reading(ops.db) as c:
        found = [dict(row) for row in c.execute(query).mappings()]
    return [{**row, "kind": kind_of_name(row["name"]), "needs_person": _needs_person(row)} for row in found]


def _needs_person(row: Row) -> bool:
    return bool(row["doubts"]) and row["accepted_at"] is None and row["state"] in _HERE


def _newest_first(rows: Any) -> list[Row]:
    """Order by when the sender wrote them; among equals, and where a sender does not say, the later received is newer."""
    return sorted(rows, key=lambda r: (r["created_at"] or r["covers_from"], r["id"]), reverse=True)


def usable(ops: Ops) -> list[Row]:
    """Give the released ephemerides that may be used (checked, and not in doubt unless accepted): definitive first, then the newest."""
    found = [r for r in _rows(ops, _listed((FileState.RELEASED,)).where(_e.checked_at.is_not(None))) if not r["needs_person"]]
    return sorted(_newest_first(found), key=lambda r: r["kind"] != "Definitive")


def choose(rows: Sequence[Row], start: datetime, end: datetime) -> Row | None:
    """Give the one to use for an exposure: the first that covers it, from the minute before its start to its end.

    Parameters
    ----------
    rows : sequence of dict
        As `usable` gives them: a definitive one is taken before a predicted one, a newer before an older.
    """
    return next((r for r in rows if r["covers_from"] <= start - _MINUTE and r["covers_to"] >= end), None)


def coverage(ops: Ops) -> list[Row]:
    """Give all ephemerides that came, in the order of the times that they cover.

    Each with ``name``, ``version``, ``kind``, ``covers_from``, ``covers_to``, ``largest_step_seconds``, ``residual_km``,
    ``residual_km_s``, ``compared_with`` (name), ``state``, ``needs_person``, ``doubts``, ``accepted_by``.
    """
    shown = (*_HERE, FileState.SUPERSEDED, FileState.WITHDRAWN)
    rows = _rows(ops, _listed(shown).order_by(_e.covers_from, _f.name, _f.version))
    names = {row["sha256"]: row["name"] for row in rows}
    return [{**row, "compared_with": names.get(row["compared_with"])} for row in rows]


def holes(ops: Ops) -> list[Row]:
    """Give what no usable ephemeris covers: times between the first and the last of them, and planned visits that are not over.

    Each with ``what``, ``covers_from``, ``covers_to``.
    """
    spans = _joined([(r["covers_from"], r["covers_to"]) for r in usable(ops)])
    gaps = [("between ephemerides", a[1], b[0]) for a, b in itertools.pairwise(spans)]
    gaps += [
        (f"visit V{visit.visit}", visit.covers_from, visit.covers_to)
        for visit in _planned(ops)
        if not any(start <= visit.covers_from and visit.covers_to <= stop for start, stop in spans)
    ]
    return [{"what": what, "covers_from": start, "covers_to": stop} for what, start, stop in gaps]


def _planned(ops: Ops) -> list[Any]:
    ahead = (_f.kind == "plan", _f.state == FileState.RELEASED, _f.covers_to > ops.clock.now())
    with reading(ops.db) as c:
        return list(c.execute(sa.select(_f.visit, _f.covers_from, _f.covers_to).where(*ahead).order_by(_f.covers_from)))


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Join the spans that touch: at one minute's distance nothing is missing."""
    joined: list[tuple[datetime, datetime]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1] + _MINUTE:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
