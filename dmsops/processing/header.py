"""The header contract of level 1b: what plan, status file and telemetry say, in the data model's own words.

Which keyword comes from where follows the jwst package's ``core.schema`` and flight headers (docs/reference/level1b.md).
Marked *ours*: the PPS aperture of wavefront visits, what stands for the target of a dark or a lamp, ``DATAMODE`` of science
exposures, and everything about guide star activities that no public source describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.segments import Segment, whole
from dmsops.processing.circumstances import (
    dashed,
    fill_antenna,
    fill_guide_star,
    fill_program,
    fill_target,
    fill_visit,
    fill_wavefront_neighbours,
    parallel,
)
from dmsops.processing.detectors import detector
from dmsops.processing.instruments import fill_instrument

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


def fill_header(
    model: Any,
    visit: Visit,
    exposure: Exposure,
    readout: Readout,
    frame: Frame,
    times: Timing,
    pedigree: Pedigree,
    segment: Segment | None = None,
) -> None:
    """Fill everything in an uncal header but ephemeris and pointing.

    Parameters
    ----------
    model : Level1bModel
        Changed in place.
    visit, exposure, readout
        What was executed; for times and states what the status file says has already replaced the plan.
    segment : Segment, optional
        Which integrations the product holds; all of them unless given.

    Raises
    ------
    BadVisit
        The detector is not one that level 1b can be made for.
    """
    part = segment or whole(exposure)
    fill_product(model, exposure.product(readout.detector, "uncal", part.label), pedigree)
    fill_program(model, visit)
    _observation(model, visit, exposure, times)
    internal = modes.exposure_type(exposure.exp_type).internal
    fill_visit(model, visit, internal=internal)
    fill_target(model, visit, internal=internal)
    fill_instrument(model, exposure, readout)
    _exposure(model, visit, exposure, readout, pedigree)
    _sampling(model, exposure, readout)
    model.meta.exposure.segment_number, model.meta.exposure.segment_total = part.number, part.total
    model.meta.exposure.integration_start, model.meta.exposure.integration_end = part.first, part.last
    fill_durations(model, times)
    fill_times(model, exposure.start, times)
    fill_subarray(model, readout.detector, frame)
    _dither(model, exposure)
    _aperture(model, visit, frame)
    fill_guide_star(model, visit, internal=internal)
    fill_antenna(model, visit, exposure.start, exposure.end)
    fill_wavefront_neighbours(model, visit, exposure)


def fill_product(model: Any, name: Any, pedigree: Pedigree) -> None:
    """Say what the file is and which versions made it."""
    m = model.meta
    m.filename = str(name)
    m.date = dashed(pedigree.made)
    m.telescope = "JWST"
    m.origin = "DMSOPS-REHEARSAL" if pedigree.rehearsal else "DMSOPS"
    m.time_sys, m.time_unit = "UTC", "s"
    m.data_processing_software_version = pedigree.software
    m.prd_software_version = pedigree.prd
    m.oss_software_version = "SIMULATED" if pedigree.rehearsal else "UNKNOWN"
    m.guide_star_catalog_version = "SIMULATED" if pedigree.rehearsal else "UNKNOWN"
    m.compress = False
    m.hga_move = False


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


def _exposure(model: Any, visit: Visit, exposure: Exposure, readout: Readout, pedigree: Pedigree) -> None:
    x = model.meta.exposure
    x.type, x.readpatt = exposure.exp_type, exposure.readpatt
    x.nints, x.ngroups, x.nframes, x.groupgap = exposure.nints, exposure.ngroups, exposure.nframes, exposure.groupgap
    x.frame_divisor = exposure.nframes
    x.count = next((n for n, e in enumerate(visit.exposures, start=1) if e.name == exposure.name), 1)
    x.prime_parallel = parallel(visit, exposure)
    x.zero_frame = exposure.zero_frame
    x.data_problem = x.psf_reference = x.imprint = x.self_reference_survey = x.hybrid_full_frame = False
    x.sca_num = detector(readout.detector).sca
    x.osf_file = pedigree.osf_file


def _sampling(model: Any, exposure: Exposure, readout: Readout) -> None:
    x, d = model.meta.exposure, detector(readout.detector)
    x.noutputs = d.outputs if exposure.subarray == "FULL" else d.subarray_outputs
    x.nsamples, x.sample_time = 1, 10.0
    x.drop_frames1 = x.drop_frames3 = 0
    x.nresets_at_start = x.nresets_between_ints = 1
    x.datamode = 0
    x.gain_factor = 1.0


def fill_durations(model: Any, times: Timing) -> None:
    """Say how long frame, group, integration and all of it lasted."""
    x = model.meta.exposure
    x.frame_time, x.group_time, x.integration_time = times.frame, times.group, times.integration
    x.exposure_time = x.effective_exposure_time = times.exposure
    x.measurement_time = times.measurement
    x.duration = x.elapsed_exposure_time = times.elapsed


def fill_times(model: Any, start: datetime, times: Timing) -> None:
    """Say when it began, was half-way and ended."""
    x = model.meta.exposure
    x.start_time = x.start_time_mjd = times.start
    x.mid_time = x.mid_time_mjd = times.mid
    x.end_time = x.end_time_mjd = times.end
    x.start_time_eng = dashed(start).replace("T", " ")


def fill_subarray(model: Any, name: str, frame: Frame) -> None:
    """Say which part of the detector was read, and which way."""
    s, d = model.meta.subarray, detector(name)
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
