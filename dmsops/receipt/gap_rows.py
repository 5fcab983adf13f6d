"""Exposures of which packets are missing: what is known of them, and what was decided.

A decision is a row: use what is there, or give the exposure up; to wait is to have no row. Packets that come later count
whatever was decided: an exposure that is whole needs no decision any more.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.counting import fitting
from dmsops.core.db import reading
from dmsops.interfaces.fos.packets import counters
from dmsops.receipt.holdings import Holding, holdings, in_doubt
from dmsops.receipt.queries import files_released
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, gap_decision, reported_exposure, rerequest, science_part

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.ops import Ops

USE, GIVE_UP, WAIT = "use", "give-up", "wait"
COMPLETE, WAITING, USED, GIVEN_UP = "complete", "waiting", "used with gaps", "given up"
_STATE_OF = {USE: USED, GIVE_UP: GIVEN_UP}
_d, _r = gap_decision.c, rerequest.c


def gap_report(ops: Ops, visit: str | None = None) -> list[dict[str, Any]]:
    """Tell of every exposure and detector what arrived, what is missing and what was decided.

    Parameters
    ----------
    visit : str, optional
        Eleven digits; default all visits.

    Returns
    -------
    list of dict
        ``visit``, ``exposure``, ``detector``, ``expected`` (packets; None while no exposure header packet is there),
        ``received``, ``missing``, ``missing_fraction``, ``duplicates``, ``bad_crc``, ``files`` (names), ``state``
        (``complete``, ``waiting``, ``used with gaps``, ``given up``), ``decision``, ``decided_by``, ``decided_at``,
        ``reason`` (of the decision, else why it waits), ``due`` (when what was asked for again is wanted; else None).
    """
    return report_of(ops, visit, holdings(ops, visit))


def report_of(ops: Ops, visit: str | None, there: list[Holding]) -> list[dict[str, Any]]:
    """Give the rows of `gap_report` when all holdings of the visit are at hand already."""
    return _report(ops, visit, there, {(h.exposure, h.detector) for h in there})


def open_gaps(ops: Ops) -> list[dict[str, Any]]:
    """Give the rows of `gap_report` of all exposures that are not complete; quick on a site with many that are."""
    with reading(ops.db) as c:
        there = in_doubt(c)
        known = {(row.exposure, row.detector) for row in c.execute(_arrived())}
    return [row for row in _report(ops, None, there, known) if row["state"] != COMPLETE]


def _arrived() -> sa.Select[Any]:
    p, f = science_part.c, delivered_file.c
    return sa.select(p.exposure, p.detector).join(delivered_file, f.sha256 == p.sha256).where(f.state == FileState.RELEASED).distinct()


def _report(ops: Ops, visit: str | None, there: list[Holding], known: set[tuple[str, str]]) -> list[dict[str, Any]]:
    decided, due = decisions(ops, visit), _due(ops)
    rows = [_row(h, decided.get((h.exposure, h.detector)), due) for h in there]
    return rows + [_nothing(*key, decided.get(key[1:])) for key in _reported(ops, visit) if key[1:] not in known]


def _row(h: Holding, decision: sa.Row[Any] | None, due: dict[str, datetime]) -> dict[str, Any]:
    state = COMPLETE if h.complete else WAITING if decision is None else _STATE_OF[decision.decision]
    wanted = [due[name] for name in h.names if name in due]
    return {
        "visit": h.visit, "exposure": h.exposure, "detector": h.detector, "expected": h.expected, "received": h.received,
        "missing": h.missing, "missing_fraction": h.missing / h.expected if h.missing is not None and h.expected else None,
        "duplicates": h.duplicates, "bad_crc": h.bad_crc, "files": list(h.names), "state": state,
        **_decision_of(decision, "" if h.complete else why_waiting(h)), "due": min(wanted) if wanted and not h.complete else None,
    }  # fmt: skip


def _nothing(visit: str, exposure: str, detector: str, decision: sa.Row[Any] | None) -> dict[str, Any]:
    """Give the row of an exposure that the status file reports and of which nothing arrived."""
    return {
        "visit": visit, "exposure": exposure, "detector": detector, "expected": None, "received": 0, "missing": None,
        "missing_fraction": None, "duplicates": 0, "bad_crc": 0, "files": [],
        "state": WAITING if decision is None else _STATE_OF[decision.decision],
        **_decision_of(decision, "nothing of it arrived"), "due": None,
    }  # fmt: skip


def _decision_of(decision: sa.Row[Any] | None, why: str) -> dict[str, Any]:
    if decision is None:
        return {"decision": None, "decided_by": None, "decided_at": None, "reason": why}
    return {"decision": decision.decision, "decided_by": decision.actor, "decided_at": decision.at, "reason": decision.reason}


def why_waiting(h: Holding) -> str:
    """Say in words what an exposure lacks."""
    if h.contradiction:
        return f"{h.contradiction} contradict each other about it"
    if h.sent is None:
        return "no exposure header packet of it is in any file: nobody knows how much was sent"
    return f"{h.missing} of {h.expected} packets {fitting(h.missing or 0, 'is', 'are')} missing"


def decisions(ops: Ops, visit: str | None = None) -> dict[tuple[str, str], sa.Row[Any]]:
    """Give the decisions that stand, by exposure and detector."""
    query = sa.select(gap_decision) if visit is None else sa.select(gap_decision).where(_d.visit == visit)
    with reading(ops.db) as c:
        return {(row.exposure, row.detector): row for row in c.execute(query)}


def _due(ops: Ops) -> dict[str, datetime]:
    """Give when files that were asked for again are wanted, by name."""
    with reading(ops.db) as c:
        rows = c.execute(sa.select(_r.name, sa.func.min(_r.due).label("due")).where(_r.closed_at.is_(None)).group_by(_r.name)).all()
    return {row.name: row.due for row in rows}


def _reported(ops: Ops, visit: str | None) -> list[tuple[str, str, str]]:
    """Give visit, exposure and detector of all that the newest status file of each visit reports as completed."""
    f, e = delivered_file.c, reported_exposure.c
    newest = sa.select(f.visit, f.name, f.version, f.sha256).where(f.kind == "osf", f.state == FileState.RELEASED)
    if visit is not None:
        newest = newest.where(f.visit == visit)
    with reading(ops.db) as c:
        sums = {row.visit: row.sha256 for row in c.execute(newest.order_by(f.name, f.version))}
        query = sa.select(e.visit, e.exposure, e.detectors).where(e.sha256.in_(list(sums.values())), e.status == "completed")
        rows = c.execute(query.order_by(e.exposure)).all()
    return [(row.visit, row.exposure, detector) for row in rows for detector in row.detectors]


def missing_runs(ops: Ops, exposure: str, detector: str) -> list[dict[str, Any]]:
    """Give the rows that are missing: kind of frame, integration and group (from 1), first row (from 0), number of rows.

    Empty when nothing is missing, and while nobody knows what was sent.
    """
    return [
        {"kind": kind, "integration": integration, "group": group, "first_row": first, "rows": rows}
        for h in holdings(ops, exposure=exposure, detector=detector)
        for kind, (integration, group, first, rows) in h.missing_rows()
    ]


def complete(ops: Ops, visit: str) -> frozenset[tuple[str, str]]:
    """Give exposure and detector of all that is whole over all released files of a visit (11 digits)."""
    return frozenset((h.exposure, h.detector) for h in holdings(ops, visit) if h.complete)


def counter_report(ops: Ops, visit: str) -> list[dict[str, Any]]:
    """Follow the sequence counters through a visit's released science files: by detector, file after file in order of time.

    This reads the files. A counter that goes on without a jump says that no packet of its detector is missing between the
    first and the last; what jumps mean for exposures `gap_report` says.

    Returns
    -------
    list of dict
        ``detector``, ``file``, ``first_at``, ``packets``, ``first``, ``last``, ``skipped``, ``back``, ``before``
        (see `dmsops.interfaces.fos.counters.Counted`).
    """
    with tempfile.TemporaryDirectory(prefix="counters-", dir=ops.settings.folder("work")) as view:
        links = []
        for row in files_released(ops, "science", visit):
            links.append(Path(view) / row["name"])
            links[-1].symlink_to(ops.store.path(row["sha256"]))
        return [asdict(counted) for counted in counters(links)]
