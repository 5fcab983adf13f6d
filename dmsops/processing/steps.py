"""The steps of processing, as the workflow layer runs them: stage inputs, call the verb, pass the gate, name the products."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.errors import StepFailed
from dmsops.core.names import ExposureName, GuideStarName
from dmsops.core.segments import Segment, whole
from dmsops.interfaces.fdf import read_oem
from dmsops.interfaces.fos.osf import read_osf
from dmsops.interfaces.fos.packets import RawExposure, read_exposure
from dmsops.interfaces.pps import visit_from_dict
from dmsops.processing import calibrate, gate
from dmsops.processing.associate import associate
from dmsops.processing.guider import guided, make_guider, suffixes_of
from dmsops.processing.header import Frame, Pedigree, software
from dmsops.processing.level1b import Telemetry, make_level1b, save
from dmsops.workflow.steps import Job, Outcome, step

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Readout, Visit
    from dmsops.interfaces.fos.osf import StatusFile
    from dmsops.ops import Ops
    from dmsops.processing.pointing import TelemetryOf

step("processing.associate", title="Pool and associations", estimate_seconds=5, memory_mb=500)(associate)


def level1b(ops: Ops, job: Job, telemetry: TelemetryOf) -> Outcome:
    """Make the uncal of one detector exposure, or of one segment of it, from its recorder files.

    Parameters
    ----------
    job : Job
        ``params``: ``visit`` (plan), ``exposure``, ``detector``, and the names of the input files: ``osf``, ``oem``,
        ``science`` (a list); ``segment`` (number, total, first, last) of an exposure that is cut.
    telemetry : callable
        Gives what the engineering database has of a time.

    Raises
    ------
    BadDelivery
        A recorder, status or ephemeris file cannot be read; the message names it.
    StepFailed
        The status file does not cover the exposure, nothing arrived, or the ephemeris does not cover it.
    GateFailed
        The uncal is not good.
    """
    p = job.params
    name, detector = ExposureName.parse(p["exposure"]), p["detector"]
    status = read_osf(job.inputs[p["osf"]])
    visit = executed(visit_from_dict(p["visit"]), status)
    exposure, readout = _wanted(visit, status, name, detector, p["osf"])
    segment = Segment(**p["segment"]) if "segment" in p else whole(exposure)
    raw = read_exposure([job.inputs[f] for f in p["science"]], name, detector)
    model, metrics = make_level1b(
        telemetry_of(raw, exposure, readout, segment),
        visit,
        exposure,
        readout,
        ephemeris=read_oem(job.inputs[p["oem"]]),
        ephemeris_name=p["oem"],
        engineering=telemetry(exposure.start, exposure.end),
        frame_seconds=modes.subarray_of(exposure).frame_seconds,
        segment=segment,
        pedigree=_pedigree(ops, p["osf"]),
    )
    path = save(model, job.folder)
    model.close()
    return _good([path], {**metrics, "bytes": path.stat().st_size})


def guidestar(ops: Ops, job: Job, telemetry: TelemetryOf) -> Outcome:
    """Make the uncal files of one guide-star function from its recorder files.

    Parameters
    ----------
    job : Job
        ``params``: as for `level1b`, with ``function`` (its name) in the place of the exposure.

    Raises
    ------
    BadDelivery
        A recorder, status or ephemeris file cannot be read; the message names it.
    StepFailed
        Nothing arrived, or the ephemeris does not cover the function.
    GateFailed
        An uncal is not good.
    """
    p = job.params
    name = GuideStarName.parse(p["function"])
    visit = executed(visit_from_dict(p["visit"]), read_osf(job.inputs[p["osf"]]))
    found = guided(name, read_exposure([job.inputs[f] for f in p["science"]], name, p["detector"]))
    ephemeris, samples = read_oem(job.inputs[p["oem"]]), telemetry(found.start, found.end).samples
    paths = []
    for suffix in suffixes_of(name):
        model = make_guider(found, suffix, visit, ephemeris, p["oem"], samples, _pedigree(ops, p["osf"]))
        paths.append(save(model, job.folder))
        model.close()
    return _good(paths, {"bytes": sum(path.stat().st_size for path in paths), "bad_packets": found.raw.bad_crc})


def _pedigree(ops: Ops, osf: str) -> Pedigree:
    import pysiaf

    rehearsal = ops.settings.mode == "rehearsal"
    return Pedigree(software=software(), osf_file=osf, made=ops.clock.now(), prd=pysiaf.JWST_PRD_VERSION, rehearsal=rehearsal)


def executed(visit: Visit, status: StatusFile) -> Visit:
    """Put what the status file says was executed in the place of what was planned: states, times, guide star, antenna moves."""
    records = {record.name: record for record in status.exposures}
    exposures = tuple(
        replace(e, start=records[e.name].start, end=records[e.name].end, status=records[e.name].status) if e.name in records else e
        for e in visit.exposures
    )
    return replace(
        visit,
        start=status.start,
        end=status.end,
        status=status.status,
        end_reason=status.end_reason,
        guide_star=status.guide_star,
        antenna_moves=status.antenna_moves,
        exposures=exposures,
    )


def _wanted(visit: Visit, status: StatusFile, name: ExposureName, detector: str, osf: str) -> tuple[Exposure, Readout]:
    exposure, record = visit.exposure(name), status.exposure(name)
    readout = next((r for r in exposure.readouts if r.detector == detector), None) if exposure else None
    if exposure is None or readout is None or record is None:
        missing = osf if record is None else f"the plan of {visit.id.v}"
        raise StepFailed(
            f"{missing} does not cover {name} {detector}",
            remedy="Reconcile the visit with procedure P05, then rescue with P08.",
            failure="data",
            exposure=str(name),
            detector=detector,
        )
    return exposure, readout


def telemetry_of(raw: RawExposure, exposure: Exposure, readout: Readout, segment: Segment) -> Telemetry:
    """Put recorder pixels of a segment and the subarray's place together."""
    g, these = raw.header.geometry, slice(segment.first - 1, segment.last)
    frame = Frame(
        subarray=exposure.subarray,
        xstart=g.xstart,
        ystart=g.ystart,
        xsize=g.xsize,
        ysize=g.ysize,
        aperture=modes.subarray_of(exposure).aperture_of(readout.detector),
    )
    return Telemetry(
        pixels=raw.pixels[these],
        filled=raw.filled[these],
        frame=frame,
        bad_packets=raw.bad_crc,
        zeroframe=None if raw.zeroframe is None else raw.zeroframe[these],
        refout=None if raw.refout is None else raw.refout[these],
    )


@step("processing.detector1", title="Ramps to slopes (calwebb_detector1)", estimate_seconds=6, memory_mb=2000)
def detector1(ops: Ops, job: Job) -> Outcome:
    """Fit the ramps of one uncal: rate and rateints."""
    (uncal,) = job.inputs.values()
    calibrate.detector1(uncal, job.folder)
    return _good([job.folder / name for name in job.makes], {})


@step("processing.dark", title="Dark ramps (calwebb_dark)", estimate_seconds=4, memory_mb=2000)
def dark(ops: Ops, job: Job) -> Outcome:
    """Correct the ramps of one dark uncal: dark."""
    (uncal,) = job.inputs.values()
    calibrate.dark(uncal, job.folder)
    return _good([job.folder / name for name in job.makes], {})


@step("processing.image2", title="Calibrated image (calwebb_image2)", estimate_seconds=3, memory_mb=1200)
def image2(ops: Ops, job: Job) -> Outcome:
    """Calibrate one rate by its association: cal, and i2d where the mode makes one."""
    rates = [path for name, path in job.inputs.items() if name.endswith(".fits")]
    calibrate.image2(_association(job), rates, job.folder)
    return _good([job.folder / name for name in job.makes], {})


@step("processing.wfs_image3", title="Wavefront pair combined (calwebb_wfs-image3)", estimate_seconds=2, memory_mb=1500)
def wfs_image3(ops: Ops, job: Job) -> Outcome:
    """Combine one wavefront pair: wfscmb."""
    calibrate.wfs_image3(_association(job), job.folder)
    return _good([job.folder / name for name in job.makes], {})


@step("processing.image3", title="Combined image (calwebb_image3)", estimate_seconds=20, memory_mb=3000)
def image3(ops: Ops, job: Job) -> Outcome:
    """Combine an imaging association: i2d, and with it the catalogue and segmentation map if sources were found."""
    calibrate.image3(_association(job), job.folder)
    root = job.makes[0].removesuffix("_i2d.fits")
    others = tuple(name for name in (f"{root}_cat.ecsv", f"{root}_segm.fits") if (job.folder / name).is_file())
    made = _good([job.folder / name for name in job.makes], {})
    return replace(made, products=(*made.products, *others))


def _association(job: Job) -> Path:
    return job.inputs[job.params["association"]]


def suffix_of(name: str) -> str:
    """Give the suffix of a product's file name: ``cal``, ``wfscmb`` (the activity after it does not count)."""
    return Path(name).stem.rpartition("_")[2].partition("-")[0]


def _good(paths: list[Path], metrics: dict[str, Any]) -> Outcome:
    """Pass every product through the gate; warnings become the step's ``warnings``."""
    warnings = [f"{path.name}: {says}" for path in paths for says in gate.check(path, suffix_of(path.name))]
    return Outcome(products=tuple(path.name for path in paths), metrics={**metrics, "warnings": warnings})
