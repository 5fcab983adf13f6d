"""What a delivered file holds: one reader per kind, each through its interface; what cannot be read is said plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import BadDelivery, BadName
from dmsops.interfaces.fdf import read_oem
from dmsops.interfaces.fos.manifest import kind_of
from dmsops.interfaces.fos.osf import read_osf, status_file_name
from dmsops.interfaces.fos.packets import scan, scan_engineering
from dmsops.interfaces.pps import read_plan
from dmsops.receipt.ephemeris_checks import Coverage, coverage_of

if TYPE_CHECKING:
    from dmsops.core.records import Visit
    from dmsops.interfaces.fos.osf import StatusFile
    from dmsops.interfaces.fos.packets import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was read: the visit it speaks of, the time it covers (UTC), the science parts, plan, report or ephemeris it holds."""

    visit: str | None = None
    covers_from: datetime | None = None
    covers_to: datetime | None = None
    parts: tuple[Part, ...] = ()
    plan: Visit | None = None
    report: StatusFile | None = None
    ephemeris: Coverage | None = None


def _science(path: Path) -> Content:
    parts = tuple(scan(path))
    if not parts:
        raise BadDelivery(f"{path.name}: holds no science packet", file=path.name)
    visits = {str(p.exposure.visit) for p in parts}
    return Content(
        visit=visits.pop() if len(visits) == 1 else None,
        covers_from=min(p.first_at for p in parts),
        covers_to=max(p.last_at for p in parts),
        parts=parts,
    )


def _engineering(path: Path) -> Content:
    part = scan_engineering(path)
    return Content(covers_from=part.first_at, covers_to=part.last_at)


def _status(path: Path) -> Content:
    report = read_osf(path)
    named = str(status_file_name(report.written, report.issue))
    if named != path.name:
        raise BadDelivery(f"{path.name}: what it says it is (written, issue) would be named {named}", file=path.name, field="issue")
    return Content(visit=str(report.visit_id), covers_from=report.start, covers_to=report.end, report=report)


def _plan(path: Path) -> Content:
    visit = read_plan(path)
    return Content(visit=str(visit.id), covers_from=visit.start, covers_to=visit.end, plan=visit)


def _ephemeris(path: Path) -> Content:
    found = coverage_of(read_oem(path), path.name)
    return Content(covers_from=found.covers_from, covers_to=found.covers_to, ephemeris=found)


READERS: dict[str, Callable[[Path], Content]] = {
    "science": _science,
    "engineering": _engineering,
    "osf": _status,
    "ephemeris": _ephemeris,
    "plan": _plan,
}


def check_name(name: str, kind: str) -> None:
    """Check that a file's name is one that its kind has.

    Raises
    ------
    BadName
        The name does not parse, or belongs to another kind.
    """
    named = kind_of(name)
    if named != kind:
        raise BadName(f"'{name}' is the name of a file of kind {named}; the manifest says {kind}", name=name)
