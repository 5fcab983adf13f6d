"""One detector of one exposure: drawn, exposed, and the truth about it written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dmsops.core import modes
from dmsops.core.files import write_json
from dmsops.core.records import Exposure, Readout, Visit
from dmsops.testbed import focal_plane, nircam
from dmsops.testbed.detector import Readings, Timing, expose, maps_of, seed_of
from dmsops.testbed.pointing import attitude, guide_position
from dmsops.testbed.scene import Image, Star, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What to make: a detector's part of an exposure, and where its pixels (``.npy``) and its truth go."""

    visit: Visit
    exposure: Exposure
    readout: Readout
    stars: tuple[Star, ...]
    seed: int
    pixels: Path
    truth: Path

    def beside(self, plane: str) -> Path:
        """Give the file of what is read beside the groups: ``zero`` (first reads) or ``reference`` (reference output)."""
        return self.pixels.with_suffix(f".{plane}.npy")

    def planes(self) -> dict[str, np.ndarray]:
        """Open what was taken: ``pixels``, and ``zero`` and ``reference`` where there are such."""
        files = {"pixels": self.pixels, "zero": self.beside("zero"), "reference": self.beside("reference")}
        return {name: np.load(path, mmap_mode="r") for name, path in files.items() if path.exists()}

    def forget(self) -> None:
        """Remove what was taken."""
        for path in (self.pixels, self.beside("zero"), self.beside("reference")):
            path.unlink(missing_ok=True)


def timing(exposure: Exposure) -> Timing:
    """Give how an exposure is read out."""
    return Timing(
        nints=exposure.nints,
        ngroups=exposure.ngroups,
        frame_seconds=modes.subarray_of(exposure).frame_seconds,
        frames=exposure.nframes,
        gap=exposure.groupgap,
    )


def take(shot: Shot) -> Path:
    """Make the pixels and the truth of a shot; the same for the same seed, in any process.

    Returns
    -------
    Path
        The pixel file: uint16, shape (nints, ngroups, rows, columns).
    """
    exposure, readout = shot.exposure, shot.readout
    scene, images = render(shot.visit, exposure, readout, shot.stars)
    seed = seed_of("noise", shot.seed, exposure.name, readout.detector)
    fixed = maps_of(readout.detector, exposure.subarray)
    readings = expose(
        scene,
        fixed,
        timing(exposure),
        seed,
        full_frame=exposure.subarray == "FULL",
        zero_frame=exposure.zero_frame,
        reference_output=modes.instrument_of(readout.detector) == "MIRI",
    )
    root = exposure.product(readout.detector, "truth").root
    beside = {name: plane for name, plane in (("zero", readings.zero), ("reference", readings.reference)) if plane is not None}
    kept: dict[str, Any] = {"scene": scene, **beside}
    np.savez_compressed(shot.truth / f"{root}.npz", **kept)
    write_json(shot.truth / f"{root}.json", describe(shot, images, readings))
    for name, plane in beside.items():
        np.save(shot.beside(name), plane)
    np.save(shot.pixels, readings.pixels)
    return shot.pixels


def describe(shot: Shot, images: tuple[Image, ...], readings: Readings) -> dict[str, Any]:
    """Write the truth of a shot as plain data.

    ``x`` and ``y`` are 0-based pixels of the cut; ``cosmic_rays`` are (integration, group, y, x, electrons), 0-based;
    ``attitude`` turns V into the sky; the guide star's place is on guider 1, arcsec in its ideal frame.
    """
    matrix, star = attitude(shot.visit, shot.exposure), shot.visit.guide_star
    where = focal_plane.cut(shot.readout.detector, shot.exposure.subarray)
    return {
        "exposure": str(shot.exposure.name),
        "detector": shot.readout.detector,
        "simulated": True,
        "seed": shot.seed,
        "stars": [{"ra": i.star.ra, "dec": i.star.dec, "e_per_s": i.rate, "x": i.x, "y": i.y} for i in images],
        "cosmic_rays": [list(ray) for ray in readings.rays],
        "geometry": asdict(where),
        "detector_model": asdict(nircam.MODEL),
        "gain": nircam.MODEL.gain,
        "frame_seconds": modes.subarray_of(shot.exposure).frame_seconds,
        "attitude": matrix.tolist(),
        "guide_star": None if star is None else {**asdict(star), "on_guider_1": list(guide_position(matrix, star, 1))},
    }
