"""What plans and Observatory Status Files say, as rows tied to their bytes; and which of several is the current one.

Of the released status files of a visit the one written last is current, of several written at the same moment the one with
the highest issue. Other bytes under the same name are a retransmission: receipt supersedes the file, and its rows with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.plain import to_plain
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, delivery, planned_exposure, reported_exposure, reported_visit, science_part

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Visit
    from dmsops.interfaces.fos.osf import ExposureRecord, StatusFile
    from dmsops.ops import Ops

Row = dict[str, Any]
_f = delivered_file.c
_r = reported_visit.c


def index_plan(c: sa.Connection, sha256: str, visit: Visit) -> None:
    """Write down what a plan says of each exposure; the same bytes given again change nothing."""
    if _known(c, planned_exposure, sha256):
        return
    rows = [_exposure(sha256, e, [r.detector for r in e.readouts]) for e in visit.exposures]
    if rows:
        c.execute(sa.insert(planned_exposure), rows)


def index_report(c: sa.Connection, sha256: str, report: StatusFile) -> None:
    """Write down what a status file says of its visit and of each exposure; the same bytes given again change nothing."""
    if _known(c, reported_visit, sha256):
        return
    head = {
        "sha256": sha256, "visit": str(report.visit_id), "issue": report.issue, "status": report.status, "end_reason": report.end_reason,
        "target_acquisition": report.target_acquisition, "guiding": report.guiding.outcome if report.guiding else "",
        "attempt": report.guiding.attempt if report.guiding else None, "acquisitions": to_plain(report.acquisitions),
        "start": report.start, "end": report.end, "written": report.written,
    }  # fmt: skip
    c.execute(sa.insert(reported_visit).values(head))
    rows = [{**_exposure(sha256, e, list(e.detectors)), "status": e.status} for e in report.exposures]
    if rows:
        c.execute(sa.insert(reported_exposure), rows)


def _known(c: sa.Connection, table: sa.Table, sha256: str) -> bool:
    return c.execute(sa.select(table.c.sha256).where(table.c.sha256 == sha256).limit(1)).scalar() is not None


def _exposure(sha256: str, exposure: Exposure | ExposureRecord, detectors: list[str]) -> Row:
    return {
        "sha256": sha256, "exposure": str(exposure.name), "visit": str(exposure.name.visit), "exp_type": exposure.exp_type,
        "detectors": detectors, "start": exposure.start, "end": exposure.end,
    }  # fmt: skip


def current_reports(c: sa.Connection, visit: str | None = None) -> dict[str, Row]:
    """Give the current status file of each visit (of one: 11 digits): what it says, its name, version and sha256."""
    query = (
        sa.select(reported_visit, _f.name, _f.version)
        .join(delivered_file, _f.sha256 == _r.sha256)
        .where(_f.kind == "osf", _f.state == FileState.RELEASED)
        .order_by(_r.written, _r.issue, _f.version)
    )
    return {row["visit"]: dict(row) for row in c.execute(_of(query, _r.visit, visit)).mappings()}


def current_plans(c: sa.Connection, visit: str | None = None) -> dict[str, Row]:
    """Give the released plan of each visit (of one: 11 digits): name, version, sha256, start and end of the visit as planned."""
    query = (
        sa.select(_f.visit, _f.name, _f.version, _f.sha256, _f.covers_from.label("start"), _f.covers_to.label("end"))
        .where(_f.kind == "plan", _f.state == FileState.RELEASED, _f.visit.is_not(None))
        .order_by(_f.name, _f.version)
    )
    return {row["visit"]: dict(row) for row in c.execute(_of(query, _f.visit, visit)).mappings()}


def last_arrivals(c: sa.Connection, visit: str | None = None) -> dict[str, Any]:
    """Give for each visit (of one: 11 digits) when the last delivery with its plan or science files was announced."""
    query = (
        sa.select(_f.visit, sa.func.max(delivery.c.received_at).label("at"))
        .join(delivery, delivery.c.id == _f.delivery_id)
        .where(_f.kind.in_(("plan", "science")), _f.state == FileState.RELEASED, _f.visit.is_not(None))
        .group_by(_f.visit)
    )
    return {row.visit: row.at for row in c.execute(_of(query, _f.visit, visit))}


def unreported(c: sa.Connection) -> set[str]:
    """Give the visits of which a plan or packets have been released, and no status file."""
    here = _f.state == FileState.RELEASED
    planned = sa.select(_f.visit).where(_f.kind == "plan", here, _f.visit.is_not(None))
    came = sa.select(science_part.c.visit).join(delivered_file, _f.sha256 == science_part.c.sha256).where(here)
    reported = sa.select(_f.visit).where(_f.kind == "osf", here, _f.visit.is_not(None))
    return set(c.execute(sa.union(planned, came)).scalars()) - set(c.execute(reported).scalars())


def exposures(c: sa.Connection, table: sa.Table, current: Iterable[Row], visit: str | None = None) -> dict[str, dict[str, Row]]:
    """Give what the current plans (or reports) say of each exposure: visit to exposure to its row."""
    wanted = {row["sha256"] for row in current}
    found: dict[str, dict[str, Row]] = {}
    for row in c.execute(_of(sa.select(table).order_by(table.c.start, table.c.exposure), table.c.visit, visit)).mappings():
        if row["sha256"] in wanted:
            found.setdefault(row["visit"], {})[row["exposure"]] = dict(row)
    return found


def _of(query: Any, column: Any, visit: str | None) -> Any:
    return query if visit is None else query.where(column == visit)


def current_report(ops: Ops, visit: str) -> Row | None:
    """Give the current status file of a visit (11 digits): what it says, its name, version and sha256; None when there is none."""
    with reading(ops.db) as c:
        return current_reports(c, visit).get(visit)
