"""Products made anew for a better ephemeris: keywords, time tables and the image's place; no pixel changes.

What depends on the ephemeris: the ephemeris keywords, light travel times, the tables INT_TIMES and GROUP, the velocity
aberration, and (through the guide star's aberration) where the image lies. Pointing is calculated again from the same
telemetry by the same code that level 1b uses; everything that changed in the uncal is then written into the products
made from it. A calibrated image gets its WCS anew by the pipeline's own step, as no pixel of it depends on the WCS.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import StepFailed
from dmsops.interfaces.fdf import read_oem
from dmsops.processing import gate
from dmsops.processing.calibrate import in_words
from dmsops.processing.ephemeris import fill_ephemeris, observer
from dmsops.processing.level1b import save
from dmsops.processing.pointing import point
from dmsops.processing.timing import SECONDS_PER_DAY, at_mjd
from dmsops.workflow.steps import Job, Outcome, step
from dmsops.workflow.tables import product

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.processing.pointing import TelemetryOf

IN_PLACE = ("uncal", "rate", "rateints", "cal", "wfscmb", "i2d")
"""Kinds of product that can be made anew for an ephemeris; others (catalogues, segmentation maps) have nothing of it."""
_OWN = ("meta.filename", "meta.date", "meta.model_type")
"""What belongs to a file itself and is never taken over from another."""
_FROM_MEMBER = ("meta.ephemeris.", "meta.time.", "meta.velocity_aberration.", "meta.exposure.start_time_tdb", "meta.exposure.mid_time_tdb",
                "meta.exposure.end_time_tdb", "meta.wcsinfo.velosys")  # fmt: skip
_PLACE = ("meta.wcsinfo.", "meta.pointing.")
_COLUMNS = (("int_start_BJD_TDB", "int_start_MJD_UTC"), ("int_mid_BJD_TDB", "int_mid_MJD_UTC"), ("int_end_BJD_TDB", "int_end_MJD_UTC"))


def exposure(ops: Ops, job: Job, telemetry: TelemetryOf) -> Outcome:
    """Write all products of one detector exposure for another ephemeris; they are published together.

    Parameters
    ----------
    job : Job
        ``makes``: the products, the uncal among them. ``params``: ``oem``, ``planned_pa`` (degrees, for want of telemetry).
    telemetry : callable
        Gives what the engineering database has of a time.

    Raises
    ------
    StepFailed
        A product is made again by another step meanwhile, or the ephemeris does not cover the exposure.
    """
    p = job.params
    before = _staged(ops, job)
    uncal = next(name for name in before if name.endswith("_uncal.fits"))
    changed, shift = _uncal(before[uncal], job, telemetry)
    moved = 0.0
    for name in before:
        if name != uncal:
            moved = max(moved, _follow(before[name], job, changed, shift))
    return _good(ops, job, before, {"moved_pixels": moved, "ephemeris": p["oem"]})


@step("ephemeris.refresh_combined", title="Ephemeris of a combined image made anew", estimate_seconds=3, memory_mb=1500)
def combined(ops: Ops, job: Job) -> Outcome:
    """Write a combined product's ephemeris keywords as its member has them that gave it its header.

    A wavefront pair's image lies where its first member lies and takes over its WCS. A resampled image keeps its own: the plan
    saw to it that the move is below the site's limit.

    Parameters
    ----------
    job : Job
        ``makes``: the products. ``params``: ``members`` (names of input files), ``oem`` (the ephemeris that they have now).
    """
    before = _staged(ops, job)
    members = [job.inputs[name] for name in job.params["members"]]
    moved = max(_like_member(path, job, members) for path in before.values())
    return _good(ops, job, before, {"moved_pixels": moved})


def _good(ops: Ops, job: Job, before: Mapping[str, Path], metrics: dict[str, Any]) -> Outcome:
    """Pass the products through the gate, if nobody has made them again meanwhile."""
    says = [f"{name}: {word}" for name in job.makes for word in gate.check(job.folder / name, _suffix(name))]
    for name, sha256 in _current(ops, job).items():
        if ops.store.path(sha256) != before[name].readlink():
            raise _made_again(name)
    return Outcome(products=job.makes, metrics={**metrics, "warnings": says})


def _suffix(name: str) -> str:
    return Path(name).stem.rpartition("_")[2].partition("-")[0]


def _staged(ops: Ops, job: Job) -> dict[str, Path]:
    """Give the current versions of the products, under their own names and apart from what is made."""
    apart = job.folder / "before"
    apart.mkdir()
    found = {}
    for name, sha256 in _current(ops, job).items():
        ops.store.verify(sha256)
        found[name] = apart / name
        found[name].symlink_to(ops.store.path(sha256))
    return found


def _current(ops: Ops, job: Job) -> dict[str, str]:
    """Give the sha256 of the current version of each product; refuse while one is being made again."""
    query = sa.select(product.c.name, product.c.sha256).where(product.c.name.in_(job.makes), product.c.current)
    with reading(ops.db) as c:
        there = {row.name: row.sha256 for row in c.execute(query)}
    for name in job.makes:
        if name not in there:
            raise _made_again(name)
    return {name: there[name] for name in sorted(job.makes)}


def _made_again(name: str) -> StepFailed:
    return StepFailed(
        f"{name} is being made again by another step",
        remedy="Wait until that step has ended, then rescue this one with procedure P08.",
        failure="data",
        product=name,
    )


def _uncal(path: Path, job: Job, telemetry: TelemetryOf) -> tuple[dict[str, Any], float]:
    """Write the uncal anew; give what changed of its metadata, and the new difference of BJD (TDB) and MJD (UTC), days."""
    from stdatamodels.exceptions import ValidationWarning

    oem = job.params["oem"]
    with _opened(path) as model, warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        old = _flat(model)
        where = observer(read_oem(job.inputs[oem]), model.meta.exposure.mid_time, oem)
        earlier = model.meta.time.barycentric_correction
        fill_ephemeris(model, where)
        delay = model.meta.time.barycentric_correction
        shift = (delay + where.tdb_minus_utc) / SECONDS_PER_DAY
        _int_times(model, shift)
        if model.hasattr("group"):
            model.group["bary_end_time"] += (delay - earlier) / SECONDS_PER_DAY
        with in_words(path.name):
            times = model.meta.exposure
            point(model, telemetry(at_mjd(times.start_time), at_mjd(times.end_time)), job.params["planned_pa"])
        model.validate()
        changed = {key: value for key, value in _flat(model).items() if old.get(key) != value and key not in _OWN}
        _note(model, oem)
        save(model, job.folder)
    return changed, shift


def _int_times(model: Any, shift: float) -> None:
    if not model.hasattr("int_times"):
        return
    table = model.int_times
    for corrected, plain in _COLUMNS:
        table[corrected] = table[plain] + shift


def _follow(path: Path, job: Job, changed: Mapping[str, Any], shift: float) -> float:
    """Write into a product what changed in its uncal; give by how many pixels its image moved."""
    with _opened(path) as model:
        _take(model, changed)
        _int_times(model, shift)
        if _suffix(path.name) == "cal":
            _is_image(model, path.name)
        if _wcs(model) is None or _suffix(path.name) == "i2d":
            _keep(model, job)
            return 0.0
        with _placed(model, path.name) as placed:
            moved = moved_pixels(model.meta.wcs, placed.meta.wcs, model.shape[-2:])
            _keep(placed, job)
    return moved


def _is_image(model: Any, name: str) -> None:
    """Refuse what is calibrated and is no image: its slits have each a WCS of their own, and its pixels depend on it."""
    from jwst.lib.exposure_types import IMAGING_TYPES

    if str(model.meta.exposure.type).lower() not in IMAGING_TYPES:
        raise StepFailed(
            f"{name} is no image ({model.meta.exposure.type}): its pixels depend on where it lies",
            remedy="Reprocess the exposure with procedure P11; its uncal gets the ephemeris that is in use then.",
            failure="data",
            product=name,
        )


def _wcs(model: Any) -> Any:
    return getattr(model.meta, "wcs", None)


def _placed(model: Any, name: str) -> Any:
    """Give a calibrated image with its WCS made anew by the pipeline's own step."""
    from jwst.assign_wcs import AssignWcsStep

    with in_words(name), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return AssignWcsStep.call(model, configure_log=False)


def _like_member(path: Path, job: Job, members: list[Path]) -> float:
    with _opened(path) as model:
        source = _header_member(model, members)
        with _opened(source) as member:
            placed = _suffix(path.name) == "wfscmb"
            wanted = (*_FROM_MEMBER, *(_PLACE if placed else ()))
            _take(model, {key: value for key, value in _flat(member).items() if key.startswith(wanted)})
            moved = 0.0
            if placed and _wcs(model) is not None:
                moved = moved_pixels(model.meta.wcs, member.meta.wcs, model.shape[-2:])
                model.meta.wcs = member.meta.wcs
            _keep(model, job)
    return moved


def _header_member(model: Any, members: list[Path]) -> Path:
    """Find the member whose header a combined product has: the one of the same middle, else the earliest."""
    times = {}
    for path in members:
        with _opened(path) as member:
            times[path] = (abs(member.meta.exposure.mid_time - model.meta.exposure.mid_time) > 1e-9, member.meta.exposure.start_time)
    return min(times, key=times.__getitem__)


def _keep(model: Any, job: Job) -> None:
    _note(model, job.params["oem"])
    save(model, job.folder)


def _note(model: Any, oem: str) -> None:
    model.add_history_entry(f"Ephemeris keywords made anew from {oem}")


def _opened(path: Path) -> Any:
    from stdatamodels.jwst import datamodels

    return datamodels.open(path)


def _flat(model: Any) -> dict[str, Any]:
    flat: dict[str, Any] = model.to_flat_dict(include_arrays=False)
    return {key: value for key, value in flat.items() if key.startswith("meta.") and not key.startswith("meta.wcs.")}


def _take(model: Any, changed: Mapping[str, Any]) -> None:
    for key, value in changed.items():
        model[key] = value


def moved_pixels(before: Any, after: Any, shape: tuple[int, int]) -> float:
    """Give the longest way, in pixels, that a place on the sky moves over the image from one WCS to another.

    Parameters
    ----------
    before, after : gwcs.WCS
        Of the same image.
    shape : (int, int)
        Rows and columns: corners and centre are looked at.
    """
    import numpy as np

    rows, columns = shape
    x = np.array([0, columns - 1, 0, columns - 1, (columns - 1) / 2])
    y = np.array([0, 0, rows - 1, rows - 1, (rows - 1) / 2])
    sky = before(x, y, with_bounding_box=False)
    there = after.invert(*sky, with_bounding_box=False)
    back = before.invert(*sky, with_bounding_box=False)
    return float(np.hypot(there[0] - back[0], there[1] - back[1]).max())
