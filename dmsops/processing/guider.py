"""Level 1b of the guiders: what they read while they found and held the guide star, as `GuiderRawModel` files.

Names, sizes and keywords: jwst documentation, *Guide star data products*, its data model's schemas, and the flight headers
that come with the jwst package. Ours: the id of the activity (there is none in our packets), and the strips of an
identification, which overlap by eight columns of which the earlier strip's are kept.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.clock import iso
from dmsops.core.errors import StepFailed
from dmsops.core.names import GuideStarName, GuideStarProduct
from dmsops.processing.circumstances import dashed, fill_antenna, fill_guide_star, fill_program, fill_target, fill_visit
from dmsops.processing.detectors import detector
from dmsops.processing.ephemeris import fill_ephemeris, observer
from dmsops.processing.guider_tables import fill_tables
from dmsops.processing.header import Frame, Pedigree, fill_durations, fill_product, fill_subarray, fill_times
from dmsops.processing.timing import Timing, mjd, timing

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np

    from dmsops.core.records import GuideStar, Visit
    from dmsops.interfaces.fos.packets import RawExposure
    from dmsops.processing.pointing import Samples

OVERLAP = 8
SUFFIXES = {"gs-id": ("stacked-uncal", "image-uncal")}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guided:
    """One guide-star function as the recorder tells of it, with what `timing` and the header ask of an exposure."""

    name: GuideStarName
    detector: str
    function: modes.GuideFunction
    raw: RawExposure
    start: datetime
    end: datetime
    nints: int
    ngroups: int
    nframes: int
    groupgap: int
    exposure_seconds: float


def suffixes_of(name: GuideStarName) -> tuple[str, ...]:
    """Say which level 1b products a function gives: identification a stack of strips and the image they make, others one."""
    return SUFFIXES.get(name.function, ("uncal",))


def guided(name: GuideStarName, raw: RawExposure) -> Guided:
    """Put together what the packets say of a function.

    Raises
    ------
    StepFailed
        Nothing at all arrived.
    """
    if not raw.filled.any():
        remedy = "Ask for the recorder file again with procedure P04, then rescue with P08."
        raise StepFailed(f"{name}: no row of this guide-star function arrived", remedy=remedy, product=str(name))
    head, function = raw.header, modes.guide_function(name.function)
    frames = head.nints * (1 + (head.ngroups - 1) * (head.nframes + head.groupgap) + head.nframes)
    seconds = frames * modes.frame_seconds(function.subarray, "FGS")
    return Guided(
        name=name,
        detector=head.detector,
        function=function,
        raw=raw,
        start=head.start,
        end=head.start + timedelta(seconds=seconds),
        nints=head.nints,
        ngroups=head.ngroups,
        nframes=head.nframes,
        groupgap=head.groupgap,
        exposure_seconds=seconds,
    )


def make_guider(found: Guided, suffix: str, visit: Visit, ephemeris: Any, ephemeris_name: str, samples: Samples, pedigree: Pedigree) -> Any:
    """Make one uncal model of a guide-star function.

    Parameters
    ----------
    suffix : str
        ``uncal``, ``stacked-uncal`` or ``image-uncal`` (see `suffixes_of`).
    visit : Visit
        As executed: target, guide star, antenna moves.
    samples : dict
        Pointing telemetry: mnemonic to (unix seconds, values); may be empty.

    Raises
    ------
    StepFailed
        The ephemeris does not cover the function.
    """
    import numpy as np
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst.datamodels import GuiderRawModel

    image = suffix == "image-uncal"
    pixels = mosaic(found.raw.pixels) if image else found.raw.pixels
    times = _durations(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        model = GuiderRawModel(data=pixels.astype(np.float32))
        model.meta.bunit_data = "DN"
        fill_product(model, GuideStarProduct(found.name, suffix), pedigree)
        _circumstances(model, visit, found)
        _function(model, found, times, pedigree, exp_type="FGS_ID-IMAGE" if image else found.function.exp_type)
        _place(model, found, pixels.shape[-1])
        fill_ephemeris(model, observer(ephemeris, times.mid, ephemeris_name))
        _point(model, visit, found)
        fill_tables(model, found, visit, samples)
        model.validate()
    return model


def _durations(found: Guided) -> Timing:
    times = timing(found, modes.frame_seconds(found.function.subarray, "FGS"))
    integration = found.function.integration_seconds or times.integration
    return replace(times, integration=integration, exposure=found.nints * integration)


def mosaic(stack: np.ndarray) -> np.ndarray:
    """Put the strips of an identification together: shape (nints, ngroups, rows, strips x width) to the image they cover."""
    import numpy as np

    width = modes.subarray("2048X64", "FGS").rows
    strips = np.split(stack, stack.shape[-1] // width, axis=-1)
    return np.concatenate([strips[0], *(strip[..., OVERLAP:] for strip in strips[1:])], axis=-1)


def _circumstances(model: Any, visit: Visit, found: Guided) -> None:
    fill_program(model, visit)
    fill_visit(model, visit)
    fill_target(model, visit)
    fill_guide_star(model, visit, internal=False)
    fill_antenna(model, visit, found.start, found.end)
    o, g, v = model.meta.observation, model.meta.guidestar, model.meta.visit
    o.date, o.time = dashed(found.start).split("T")
    o.date_beg, o.date_end = dashed(found.start), dashed(found.end)
    o.obs_id, o.visit_id = f"{visit.id.v}P0000000000000", str(visit.id)
    o.program_number, o.observation_number, o.visit_number = visit.id.program, visit.id.observation, visit.id.visit
    o.observation_label = visit.title
    v.total_exposures = 0
    g.gs_start_time = g.gs_function_start_time = _spaced(found.start)
    g.gs_stop_time = g.gs_function_end_time = _spaced(found.end)
    g.data_start, g.data_end = mjd(found.start), mjd(found.end)


def _spaced(when: datetime) -> str:
    return iso(when).removesuffix("Z").replace("T", " ")


def _function(model: Any, found: Guided, times: Timing, pedigree: Pedigree, *, exp_type: str) -> None:
    x, i = model.meta.exposure, model.meta.instrument
    i.name, i.detector, i.focus_position = "FGS", found.detector, 0.0
    x.type, x.readpatt = exp_type, found.function.readpatt
    x.nints, x.ngroups, x.nframes, x.groupgap = found.nints, found.ngroups, found.nframes, found.groupgap
    x.frame_divisor, x.drop_frames1, x.drop_frames3 = 1, 0, found.function.dropped
    x.nsamples, x.sample_time = 1, 10.0
    x.nresets_at_start = x.nresets_between_ints = 1
    x.integration_start, x.integration_end, x.segment_number, x.segment_total = 1, found.nints, 1, 1
    x.zero_frame, x.data_problem = False, not found.raw.complete
    x.sca_num, x.datamode = detector(found.detector).sca, found.function.datamode
    x.osf_file = pedigree.osf_file
    fill_durations(model, times)
    fill_times(model, found.start, times)


def _place(model: Any, found: Guided, columns: int) -> None:
    g = found.raw.header.geometry
    aperture = modes.subarray(found.function.subarray, "FGS").aperture_of(found.detector)
    frame = Frame(
        subarray=found.function.subarray, xstart=g.xstart, ystart=g.ystart, xsize=columns, ysize=g.ysize, aperture=aperture
    )  # fmt: skip
    fill_subarray(model, found.detector, frame)
    model.meta.aperture.name, model.meta.aperture.position_angle = aperture, 0.0
    s = model.meta.subarray
    s.detxcor = s.detycor = s.detxsiz = s.detysiz = 0


def _point(model: Any, visit: Visit, found: Guided) -> None:
    """Set the WCS by the guide star, as the jwst package does; the star's pixel is the planned one.

    The guiders' own telemetry, of which the package would take that pixel, is not simulated.
    """
    from jwst.lib.set_telescope_pointing import update_wcs

    from dmsops.interfaces.edb import serve

    with serve({}) as address:
        update_wcs(model, engdb_url=address, allow_default=True, default_roll_ref=visit.position_angle)
    if visit.guide_star is not None:
        column, row = star_pixel(visit.guide_star)
        g = found.raw.header.geometry
        model.meta.wcsinfo.crpix1, model.meta.wcsinfo.crpix2 = column - g.xstart + 1, row - g.ystart + 1


def star_pixel(star: GuideStar) -> tuple[float, float]:
    """Give where a guide star should fall on its guider: 1-based column and row of the whole detector, science frame."""
    import pysiaf

    siaf, name = pysiaf.Siaf("FGS"), f"FGS{star.guider}_FULL"
    x, y = siaf[name].tel_to_sci(*siaf[f"{name}_OSS"].idl_to_tel(star.x, star.y))
    return float(x), float(y)
