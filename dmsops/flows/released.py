"""What has been released of one visit: plan, current status file, ephemerides, telemetry; nothing here changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import NotFound
from dmsops.core.names import VisitId
from dmsops.core.records import Exposure, Visit
from dmsops.engineering.steps import report_name
from dmsops.interfaces import pps
from dmsops.interfaces.fos.osf import StatusFile, read_osf
from dmsops.receipt import ephemerides, gaps, reports
from dmsops.receipt import queries as received

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
KINDS = ("plan", "osf", "ephemeris", "engineering", "science")
NEEDED = {"plan": "plan (PPS)", "osf": "Observatory Status File (FOS)", "ephemeris": "ephemeris (FDF)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The released files of one visit.

    Attributes
    ----------
    ephemerides : tuple of dict
        All that may be used, in the order in which one is chosen.
    engineering : tuple of str
        Names of the reports of the ingest of its engineering files: when they are there, so are the samples.
    science : dict
        Names of the science files by exposure and detector.
    gaps : dict
        What is known of missing packets, by exposure and detector.
    rows : tuple of dict
        Every file but ephemerides and engineering: name, version, sha256, size.
    """

    visit: Visit
    osf: StatusFile
    osf_name: str
    ephemerides: tuple[Row, ...]
    engineering: tuple[str, ...]
    science: dict[tuple[str, str], list[str]]
    gaps: dict[tuple[str, str], Row]
    received_at: datetime
    rows: tuple[Row, ...]

    def ephemeris_of(self, exposure: Exposure) -> Row | None:
        """Give the ephemeris for an exposure, at the time at which it was taken; None when none that may be used covers it."""
        taken = self.osf.exposure(exposure.name) or exposure
        return ephemerides.choose(list(self.ephemerides), taken.start, taken.end)


def released(ops: Ops, visit: VisitId) -> Released:
    """Give the released files of a visit; raises `NotFound` when its plan, status file or ephemeris is not among them."""
    by_kind = {kind: received.files_released(ops, kind, str(visit)) for kind in KINDS}
    for kind, words in NEEDED.items():
        if not by_kind[kind]:
            remedy = {"osf": "Procedure P05 asks for a missing status file.", "ephemeris": "Procedure P06 loads an ephemeris."}.get(
                kind, "Procedure P04 asks for what is missing."
            )
            raise NotFound(f"visit {visit.v} has no released {words}", remedy=remedy, visit=str(visit))
    plan = max(by_kind["plan"], key=lambda r: (r["name"], r["version"]))
    osf = reports.current_report(ops, str(visit)) or by_kind["osf"][-1]
    science: dict[tuple[str, str], list[str]] = {}
    for part in received.parts_of(ops, str(visit)):
        science.setdefault((part["exposure"], part["detector"]), []).append(part["name"])
    return Released(
        visit=pps.read_plan(ops.store.path(plan["sha256"])),
        osf=read_osf(ops.store.path(osf["sha256"])),
        osf_name=osf["name"],
        ephemerides=tuple(ephemerides.usable(ops)),
        engineering=tuple(sorted(report_name(r["name"], r["version"]) for r in by_kind["engineering"])),
        science=science,
        gaps={(row["exposure"], row["detector"]): row for row in gaps.gap_report(ops, str(visit))},
        received_at=received.arrival(ops, str(visit)) or ops.clock.now(),
        rows=tuple(row for kind, rows in by_kind.items() if kind not in ("ephemeris", "engineering") for row in rows),
    )
