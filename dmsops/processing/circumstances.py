"""What the header says of the circumstances of an exposure: its visit, its target, the guide star, what else happened meanwhile.

The guiders' own products say most of this too. Facts come from the plan (PPS) and, as they happened, from the status file.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import iso

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Visit


def dashed(when: datetime) -> str:
    """Write a time as headers do: ``2022-12-04T03:42:02.580``."""
    return iso(when).removesuffix("Z")


def fill_program(model: Any, visit: Visit) -> None:
    """Say whose observation it is."""
    p = model.meta.program
    p.title, p.pi_name, p.category = visit.title, visit.pi_name, visit.category


def fill_visit(model: Any, visit: Visit, *, internal: bool = False) -> None:
    """Say of which visit it is, and how that ended."""
    v = model.meta.visit
    v.type, v.status = visit.visit_type, visit.status
    v.start_time = dashed(visit.start).replace("T", " ")
    v.total_exposures = len(visit.exposures)
    v.internal_target = internal
    v.tsovisit = v.too_visit = v.crowded_field = v.exp_only = False
    v.engineering_quality = "OK"
    v.engdb_pointing_quality = "PLANNED"


def fill_target(model: Any, visit: Visit, *, internal: bool = False) -> None:
    """Name the target; a dark or a lamp has none, and its coordinates say where the telescope was pointed meanwhile."""
    t, target = model.meta.target, visit.target
    t.proposer_name = t.catalog_name = "NONE" if internal else target.name
    t.type = "FIXED"
    t.ra = t.proposer_ra = target.ra
    t.dec = t.proposer_dec = target.dec
    t.ra_uncertainty = t.dec_uncertainty = 0.0
    t.proper_motion_ra = t.proper_motion_dec = 0.0
    t.source_type_apt = "UNKNOWN" if internal else "POINT"


def parallel(visit: Visit, exposure: Exposure) -> str:
    """Say whether an exposure was the prime one: all of a parallel visit's are pure parallels, else sequences 2 to 5 are coordinated."""
    if visit.visit_type.startswith("PARALLEL_"):
        return "PARALLEL_PURE"
    return "PRIME" if exposure.name.sequence == "1" else "PARALLEL_COORDINATED"


def control_mode(visit: Visit, *, internal: bool) -> str:
    """Say how the pointing was held: on the guide star, else coarsely, else (a dark or a lamp) it did not matter."""
    if visit.guide_star is not None:
        return visit.guide_star.control
    return "NONE" if internal else "COARSE"


def fill_guide_star(model: Any, visit: Visit, *, internal: bool) -> None:
    """Say which star held the observatory, and how."""
    g, star = model.meta.guidestar, visit.guide_star
    g.visit_end_time = dashed(visit.end).replace("T", " ")
    g.gs_pcs_mode = control_mode(visit, internal=internal)
    if star is None:
        return
    g.gs_order, g.gs_id, g.gs_mag = 1, star.catalogue_id, star.magnitude
    g.gs_ra, g.gs_dec = star.ra, star.dec
    g.gs_ideal_x, g.gs_ideal_y = star.x, star.y
    g.fgs_aperture = f"FGS{star.guider}_FULL_OSS"
    g.gs_v3_pa_science = visit.position_angle
    g.gs_acq_exec_stat = "SUCCESSFUL"
    g.gs_epoch = "2016.0"
    g.gs_function_start_time = dashed(visit.start).replace("T", " ")
    g.gs_function_end_time = dashed(visit.end).replace("T", " ")


def fill_antenna(model: Any, visit: Visit, start: datetime, end: datetime) -> None:
    """Say whether the high-gain antenna moved meanwhile, and when (HGA_MOVE, HGA_STRT, HGA_STOP): it shakes the telescope."""
    during = [move for move in visit.antenna_moves if move.start < end and move.end > start]
    model.meta.hga_move = bool(during)
    if during:
        model.meta.hga_start_time = dashed(min(move.start for move in during)).replace("T", " ")
        model.meta.hga_stop_time = dashed(max(move.end for move in during)).replace("T", " ")


def fill_wavefront_neighbours(model: Any, visit: Visit, exposure: Exposure) -> None:
    """Say when the wavefront was sensed before and after this exposure, within its visit (PWFSEET, NWFSEST)."""
    from dmsops.processing.timing import mjd

    if not visit.is_wavefront:
        return
    sensing = [e for e in visit.exposures if e.dither.pattern == "WFSC" and e.name != exposure.name]
    before = [mjd(e.end) for e in sensing if e.end <= exposure.start]
    after = [mjd(e.start) for e in sensing if e.start >= exposure.end]
    if before:
        model.meta.pwfseet = max(before)
    if after:
        model.meta.nwfsest = min(after)
