"""The reference files themselves: a simulated detector's maps, written as the calibration pipeline wants to read them.

Each file states exactly what `dmsops.testbed.detector` does to the light (pedigree SIMULATION), cut to one subarray.
Traps that are kept clear of: bad-pixel planes hold the pipeline's own bits and are two-dimensional; the distortion is
made of plain astropy models, because only those may stand in a distortion file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core import modes
from dmsops.testbed.crds_context import ANY, INSTRUMENT, OBSERVATORY, Reference
from dmsops.testbed.detector import Maps, maps_of
from dmsops.testbed.focal_plane import Cut, aperture, cut
from dmsops.testbed.nircam import FILTERS, MODEL, PUPILS, is_long

DARK_GROUPS = 3
PHOTOM_MJY_SR = 1.5  # MJy/sr per DN/s, for every filter (ours)
STERADIANS_PER_ARCSEC2 = 1 / 4.254517e10
MASK_BITS = ((0, "DO_NOT_USE"), (1, "DEAD"), (2, "HOT"), (3, "REFERENCE_PIXEL"))
WAVEFRONT_VISITS = ("PRIME_WFSC_SENSING_CONTROL", "PRIME_WFSC_SENSING_ONLY", "PRIME_WFSC_ROUTINE")
SLOW = {"NRCA2", "NRCA4", "NRCB1", "NRCB3", "NRCBLONG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where reference files are made: folder, and what has been made so far."""

    folder: Path
    made: list[Reference] = field(default_factory=list)

    def save(self, model: Any, kind: str, match: tuple[str, ...], *, extension: str = "fits", **facts: Any) -> None:
        """Write one reference model under the next free name of its kind."""
        name = f"jwst_{INSTRUMENT}_{kind}_{1 + sum(r.kind == kind for r in self.made):04d}.{extension}"
        _describe(model, kind)
        for key, value in facts.items():
            model[f"meta.{key.replace('__', '.')}"] = value
        model.save(str(self.folder / name))
        self.made.append(Reference(kind=kind, match=match, name=name))


def reference_folder(cache: Path) -> Path:
    """Give the folder of NIRCam's reference files in a cache."""
    return cache / "references" / OBSERVATORY / INSTRUMENT


def _describe(model: Any, kind: str) -> None:
    meta = model.meta
    meta.author, meta.pedigree, meta.description = "DMSOps test bed", "SIMULATION", f"{kind} of the simulated NIRCam"
    meta.useafter, meta.reftype, meta.telescope = "2014-01-01T00:00:00", kind.upper(), "JWST"
    meta.instrument.name = "NIRCAM"


def _place(detector: str, subarray: str, where: Cut) -> dict[str, Any]:
    flipped = detector in SLOW
    return {
        "instrument__detector": detector,
        "subarray__name": subarray,
        "subarray__xstart": where.xstart,
        "subarray__ystart": where.ystart,
        "subarray__xsize": where.xsize,
        "subarray__ysize": where.ysize,
        "subarray__fastaxis": 1 if flipped else -1,
        "subarray__slowaxis": -2 if flipped else 2,
    }


def make_array_files(bench: Bench, detector: str, subarray: str) -> None:
    """Make every pixel-by-pixel reference of one detector and subarray."""
    where = cut(detector, subarray)
    fixed = maps_of(detector, subarray)
    match = (detector, ANY if subarray == "FULL" else subarray)  # the pipeline cuts other subarrays out of the full frame
    place = _place(detector, subarray, where)
    for kind, make in ARRAY_FILES.items():
        model, facts = make(fixed, subarray)
        bench.save(model, kind, match, **place, **facts)


def _flat_array(fixed: Maps, value: float) -> NDArray[np.float32]:
    return np.full(fixed.bias.shape, value, dtype=np.float32)


def _good(fixed: Maps) -> NDArray[np.uint32]:
    return np.zeros(fixed.bias.shape, dtype=np.uint32)


def _mask(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels
    from stdatamodels.jwst.datamodels import dqflags

    bits = dqflags.pixel
    dq = _good(fixed)
    dq[fixed.dead] = bits["DO_NOT_USE"] | bits["DEAD"]
    dq[fixed.hot] |= bits["HOT"]
    dq[fixed.reference] |= bits["REFERENCE_PIXEL"]
    model = datamodels.MaskModel(dq=dq)
    rows = [(bit, 1 << bit, name, name.replace("_", " ").lower()) for bit, name in MASK_BITS]
    model.dq_def = np.array(rows, dtype=[("BIT", "<i4"), ("VALUE", "<u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])
    return model, {}


def _superbias(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels

    return datamodels.SuperBiasModel(data=fixed.bias, dq=_good(fixed)), {"exposure__readpatt": "ANY"}


def _saturation(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels

    return datamodels.SaturationModel(data=_flat_array(fixed, MODEL.saturation), dq=_good(fixed)), {}


def _linearity(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels

    coefficients = np.stack([_flat_array(fixed, c) for c in (0.0, 1.0, MODEL.curvature)])
    return datamodels.LinearityModel(coeffs=coefficients, dq=_good(fixed)), {}


def _gain(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels

    return datamodels.GainModel(data=_flat_array(fixed, MODEL.gain)), {}


def _readnoise(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    """State the noise of a difference of two reads, in DN, as the pipeline's reference does."""
    from stdatamodels.jwst import datamodels

    return datamodels.ReadnoiseModel(data=_flat_array(fixed, MODEL.read_noise / MODEL.gain * 2**0.5)), {}


def _flat(fixed: Maps, _: str) -> tuple[Any, dict[str, Any]]:
    from stdatamodels.jwst import datamodels

    model = datamodels.FlatModel(data=fixed.flat, dq=_good(fixed), err=_flat_array(fixed, 1e-3))
    return model, {"exposure__type": "ANY"}


def _dark(fixed: Maps, subarray: str) -> tuple[Any, dict[str, Any]]:
    """Make a dark of three groups: the pipeline goes on in a straight line beyond them, which is what our dark does."""
    from stdatamodels.jwst import datamodels

    seconds = modes.frame_seconds(subarray) * np.arange(1, DARK_GROUPS + 1, dtype=np.float32)
    ramp = fixed.dark_rate()[None] * seconds[:, None, None]
    facts = {
        "exposure__nframes": 1,
        "exposure__groupgap": 0,
        "exposure__ngroups": DARK_GROUPS,
        "exposure__average_dark_current": MODEL.dark * MODEL.gain,
    }
    return datamodels.DarkModel(data=ramp.astype(np.float32), dq=_good(fixed)), facts


ARRAY_FILES: dict[str, Callable[[Maps, str], tuple[Any, dict[str, Any]]]] = {
    "mask": _mask,
    "superbias": _superbias,
    "saturation": _saturation,
    "linearity": _linearity,
    "gain": _gain,
    "readnoise": _readnoise,
    "flat": _flat,
    "dark": _dark,
}


def make_detector_files(bench: Bench, detector: str) -> None:
    """Make what belongs to a detector as a whole: distortion and flux calibration."""
    from stdatamodels.jwst import datamodels

    full = aperture(detector, "FULL")
    module, channel = detector[3], "LONG" if is_long(detector) else "SHORT"
    place = {"instrument__detector": detector}
    distortion = datamodels.DistortionModel(model=distortion_model(full), input_units="pixel", output_units="arcsec")
    facts: dict[str, Any] = {
        "exposure__p_exptype": "NRC_IMAGE|NRC_TACQ|NRC_TACONFIRM|NRC_CORON|NRC_FOCUS|NRC_TSIMAGE|",
        "instrument__p_pupil": "".join(f"{p}|" for p in PUPILS),
        "instrument__module": module,
        "instrument__channel": channel,
        "title": "simulated distortion, from the SIAF",
    }
    bench.save(distortion, "distortion", (detector,), extension="asdf", **place, **facts)
    rows = [(f, p, PHOTOM_MJY_SR, PHOTOM_MJY_SR / 100) for f in FILTERS for p in PUPILS]
    kinds = [("filter", "S12"), ("pupil", "S12"), ("photmjsr", "<f4"), ("uncertainty", "<f4")]
    area = float(abs(full.XSciScale * full.YSciScale))
    facts = {
        "exposure__type": "ANY",
        "photometry__pixelarea_arcsecsq": area,
        "photometry__pixelarea_steradians": area * STERADIANS_PER_ARCSEC2,
    }
    bench.save(datamodels.NrcImgPhotomModel(phot_table=np.array(rows, dtype=kinds)), "photom", (detector,), **place, **facts)


def distortion_model(full: Any) -> Any:
    """Make the transform from 0-based full-frame science pixels to V2, V3 (arcsec), with its inverse.

    The SIAF's polynomials, and the flat-sky step from ideal to V2, V3 that ``pysiaf`` itself takes.
    """
    from astropy.modeling.models import AffineTransformation2D, Mapping, Shift

    fold = Mapping((0, 1, 0, 1), n_inputs=2)
    to_ideal = fold | _polynomial(full, "Sci2IdlX") & _polynomial(full, "Sci2IdlY")
    to_ideal.inverse = fold | _polynomial(full, "Idl2SciX") & _polynomial(full, "Idl2SciY")
    from_corner = Shift(1 - full.XSciRef) & Shift(1 - full.YSciRef)
    angle, parity = np.deg2rad(full.V3IdlYAngle), int(full.VIdlParity)
    turn = [[parity * np.cos(angle), np.sin(angle)], [-parity * np.sin(angle), np.cos(angle)]]
    return from_corner | to_ideal | AffineTransformation2D(matrix=turn, translation=[float(full.V2Ref), float(full.V3Ref)])


def _polynomial(full: Any, prefix: str) -> Any:
    """Carry one SIAF polynomial over: its coefficient ``ij`` belongs to x**(i-j) y**j."""
    from astropy.modeling.models import Polynomial2D

    degree = int(full.Sci2IdlDeg)
    terms = {f"c{i - j}_{j}": float(getattr(full, f"{prefix}{i}{j}")) for i in range(degree + 1) for j in range(i + 1)}
    return Polynomial2D(degree, **terms)


def make_common_files(bench: Bench) -> None:
    """Make what belongs to all detectors: aperture corrections, magnitudes' offsets, pipeline parameters."""
    from astropy.table import Table
    from stdatamodels.jwst import datamodels

    shares = ((0.3, 1.2), (0.5, 2.2), (0.7, 4.0))  # of the energy, within pixels (ours: only the source catalogue asks)
    rows = [(f, p, share, radius, 1 / share, 8.0, 12.0) for f in FILTERS for p in PUPILS for share, radius in shares]
    numbers = [(name, "<f4") for name in ("eefraction", "radius", "apcorr", "skyin", "skyout")]
    table = np.array(rows, dtype=[("filter", "S12"), ("pupil", "S15"), *numbers])
    bench.save(datamodels.NrcImgApcorrModel(apcorr_table=table), "apcorr", ("NRC_IMAGE",), exposure__type="NRC_IMAGE")
    pairs = [(f, p) for f in FILTERS for p in PUPILS]
    offsets = datamodels.ABVegaOffsetModel()
    offsets.abvega_offset = Table({"filter": [f for f, _ in pairs], "pupil": [p for _, p in pairs], "abvega_offset": [1.8] * len(pairs)})
    bench.save(offsets, "abvegaoffset", (), extension="asdf")
    _make_pipeline_parameters(bench)


def _make_pipeline_parameters(bench: Bench) -> None:
    """Say through CRDS how pipelines vary: no resampled image for wavefront visits, and a name for darks."""
    skip = {"class": "jwst.resample.resample_step.ResampleStep", "name": "resample", "parameters": {"skip": True}}
    wavefront = {"class": "jwst.pipeline.calwebb_image2.Image2Pipeline", "name": "Image2Pipeline", "parameters": {}, "steps": [skip]}
    exp_types = ("NRC_IMAGE", "NRC_TACQ")
    matches = [(exp_type, visit_type) for exp_type in exp_types for visit_type in WAVEFRONT_VISITS]
    _save_parameters(bench, "pars-image2pipeline", matches, wavefront)
    dark = {"class": "jwst.pipeline.calwebb_dark.DarkPipeline", "name": "DarkPipeline", "parameters": {"suffix": "dark"}, "steps": []}
    _save_parameters(bench, "pars-darkpipeline", [(ANY,)], dark)


def _save_parameters(bench: Bench, kind: str, matches: Sequence[tuple[str, ...]], tree: dict[str, Any]) -> None:
    import asdf

    name = f"jwst_{INSTRUMENT}_{kind}_0001.asdf"
    meta = {
        "author": "DMSOps test bed",
        "date": "2022-01-01T00:00:00",
        "description": f"parameters: {kind}",
        "instrument": {"name": "NIRCAM"},
        "origin": "DMSOps",
        "pedigree": "SIMULATION",
        "reftype": kind,
        "telescope": "JWST",
        "useafter": "2014-01-01T00:00:00",
    }
    asdf.AsdfFile({**tree, "meta": meta}).write_to(bench.folder / name)
    bench.made.extend(Reference(kind=kind, match=match, name=name) for match in matches)
