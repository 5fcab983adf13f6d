"""The header contract of level 1b: what plan, status file and telemetry say, in the data model's own words.

Which keyword comes from where follows the jwst package's ``core.schema`` and flight headers. Marked *ours*: the
PPS aperture of wavefront visits and everything about guide star activities that no public source describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import iso
from dmsops.processing.detectors import detector

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Readout, Visit
    from dmsops.processing.timing import Timing

WAVEFRONT_PPS_APERTURE = "NRCA3_FP1"
"""Aperture by which full-frame wavefront exposures are pointed (ours: seen in association pools, not in the plan we are given)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The subarray as read: name, 1-based corner and size in the science frame, SIAF aperture."""

    subarray: str
    xstart: int
    ystart: int
    xsize: int
    ysize: int
    aperture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pedigree:
    """Which versions made a product, and which status file covers it."""

    software: str
    osf_file: str
    made: datetime
    prd: str
    rehearsal: bool = False


def software() -> str:
    """Name the software that makes level 1b, as ``SDP_VER`` shows it."""
    from dmsops import __version__

    return f"DMSOps {__version__}"


def dashed(when: datetime) -> str:
    """Write a time as headers do: ``2022-12-04T03:42:02.580``."""
    return iso(when).removesuffix("Z")


def fill_header(model: Any, visit: Visit, exposure: Exposure, readout: Readout, frame: Frame, times: Timing, pedigree: Pedigree) -> None:
    """Fill everything in an uncal header but ephemeris and pointing.

    Parameters
    ----------
    model : Level1bModel
        Changed in place.
    visit, exposure, readout
        What was executed; for times and states what the status file says has already replaced the plan.

    Raises
    ------
    BadVisit
        The detector is not one that level 1b can be made for.
    """
    _product(model, exposure.product(readout.detector, "uncal"), pedigree)
    _program(model, visit)
    _observation(model, visit, exposure, times)
    _visit(model, visit)
    _target(model, visit)
    _instrument(model, readout)
    _exposure(model, visit, exposure, readout, times, pedigree)
    _times(model, exposure, times)
    _subarray(model, readout, frame)
    _dither(model, exposure)
    _aperture(model, visit, frame)
    _guide_star(model, visit)
    _wavefront_neighbours(model, visit, exposure)


def _product(model: Any, name: Any, pedigree: Pedigree) -> None:
    m = model.meta
    m.filename = str(name)
    m.date = dashed(pedigree.made)
    m.telescope = "JWST"
    m.origin = "DMSOPS-REHEARSAL" if pedigree.rehearsal else "DMSOPS"
    m.time_sys = "UTC"
    m.data_processing_software_version = pedigree.software
    m.prd_software_version = pedigree.prd
    m.oss_software_version = "SIMULATED" if pedigree.rehearsal else "UNKNOWN"
    m.guide_star_catalog_version = "SIMULATED" if pedigree.rehearsal else "UNKNOWN"
    m.compress = False
    m.hga_move = False


def _program(model: Any, visit: Visit) -> None:
    p = model.meta.program
    p.title, p.pi_name, p.category = visit.title, visit.pi_name, visit.category


def _observation(model: Any, visit: Visit, exposure: Exposure, times: Timing) -> None:
    from datetime import timedelta

    o, name = model.meta.observation, exposure.name
    start, end = exposure.start, exposure.start + timedelta(seconds=times.elapsed)
    o.date, o.time = dashed(start).split("T")
    o.date_beg, o.date_end = dashed(start), dashed(end)
    o.obs_id, o.visit_id = name.obs_id, str(visit.id)
    o.program_number, o.observation_number, o.visit_number = visit.id.program, visit.id.observation, visit.id.visit
    o.visit_group, o.sequence_id, o.activity_id = name.group, name.sequence, name.activity.upper()
    o.exposure_number = str(name.number)
    o.template = visit.template
    o.observation_label = visit.title
    o.bkgdtarg = False


def _visit(model: Any, visit: Visit) -> None:
    v = model.meta.visit
    v.type, v.status = visit.visit_type, visit.status
    v.start_time = dashed(visit.start).replace("T", " ")
    v.total_exposures = len(visit.exposures)
    v.tsovisit = v.internal_target = v.too_visit = v.crowded_field = v.exp_only = False
    v.engineering_quality = "OK"
    v.engdb_pointing_quality = "PLANNED"


def _target(model: Any, visit: Visit) -> None:
    t, target = model.meta.target, visit.target
    t.proposer_name = t.catalog_name = target.name
    t.type = "FIXED"
    t.ra = t.proposer_ra = target.ra
    t.dec = t.proposer_dec = target.dec
    t.ra_uncertainty = t.dec_uncertainty = 0.0
    t.proper_motion_ra = t.proper_motion_dec = 0.0
    t.source_type_apt = "POINT"


def _instrument(model: Any, readout: Readout) -> None:
    i, d = model.meta.instrument, detector(readout.detector)
    i.name, i.detector, i.module, i.channel = "NIRCAM", readout.detector, d.module, d.channel
    i.filter, i.pupil = readout.filter, readout.pupil
    i.pupil_imaging_lens = False


def _exposure(model: Any, visit: Visit, exposure: Exposure, readout: Readout, times: Timing, pedigree: Pedigree) -> None:
    x = model.meta.exposure
    x.type, x.readpatt = exposure.exp_type, exposure.readpatt
    x.nints, x.ngroups, x.nframes, x.groupgap = exposure.nints, exposure.ngroups, exposure.nframes, exposure.groupgap
    x.frame_divisor = exposure.nframes
    x.integration_start, x.integration_end = 1, exposure.nints
    x.segment_number = x.segment_total = 1
    x.count = next((n for n, e in enumerate(visit.exposures, start=1) if e.name == exposure.name), 1)
    x.prime_parallel = "PRIME" if exposure.name.sequence == "1" else "PARALLEL_COORDINATED"
    x.noutputs = 4 if exposure.subarray == "FULL" else 1
    x.nsamples, x.sample_time = 1, 10.0
    x.drop_frames1 = x.drop_frames3 = 0
    x.nresets_at_start = x.nresets_between_ints = 1
    x.zero_frame = x.data_problem = x.psf_reference = x.imprint = x.self_reference_survey = x.hybrid_full_frame = False
    x.sca_num = detector(readout.detector).sca
    x.gain_factor = 1.0
    x.osf_file = pedigree.osf_file
    x.frame_time, x.group_time, x.integration_time = times.frame, times.group, times.integration
    x.exposure_time = x.effective_exposure_time = times.exposure
    x.measurement_time = times.measurement
    x.duration = x.elapsed_exposure_time = times.elapsed


def _times(model: Any, exposure: Exposure, times: Timing) -> None:
    x = model.meta.exposure
    x.start_time = x.start_time_mjd = times.start
    x.mid_time = x.mid_time_mjd = times.mid
    x.end_time = x.end_time_mjd = times.end
    x.start_time_eng = dashed(exposure.start).replace("T", " ")


def _subarray(model: Any, readout: Readout, frame: Frame) -> None:
    s, d = model.meta.subarray, detector(readout.detector)
    s.name = frame.subarray
    s.xstart, s.ystart, s.xsize, s.ysize = frame.xstart, frame.ystart, frame.xsize, frame.ysize
    s.fastaxis, s.slowaxis = d.fastaxis, d.slowaxis


def _dither(model: Any, exposure: Exposure) -> None:
    d, dither = model.meta.dither, exposure.dither
    d.primary_type = d.primary_dither_type = dither.pattern
    d.position_number, d.total_points = dither.index, dither.total
    d.primary_points = dither.total
    d.pattern_start, d.pattern_size = 1, "DEFAULT"
    d.subpixel_pattern, d.subpixel_total_points = "NONE", 1
    d.x_offset, d.y_offset = dither.x, dither.y


def _aperture(model: Any, visit: Visit, frame: Frame) -> None:
    a = model.meta.aperture
    a.name = frame.aperture
    a.pps_name = WAVEFRONT_PPS_APERTURE if visit.is_wavefront and frame.subarray == "FULL" else frame.aperture


def _guide_star(model: Any, visit: Visit) -> None:
    g, star = model.meta.guidestar, visit.guide_star
    g.visit_end_time = dashed(visit.end).replace("T", " ")
    g.gs_pcs_mode = "FINEGUIDE" if star else "COARSE"
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


def _wavefront_neighbours(model: Any, visit: Visit, exposure: Exposure) -> None:
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
