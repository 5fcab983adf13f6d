"""Tables of the guiders' products: where the telescope was (POINTING), where the star was (FGS CENTROID PACKET, TRACK SUBARRAY).

Columns are those of the data model's schema. The observatory's own centroids are made on board and come in engineering
telemetry that is not simulated: here they are measured on the pixels themselves, and the pointing table is made of the
attitude telemetry (ours).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.clock import iso

if TYPE_CHECKING:
    import numpy as np

    from dmsops.core.records import Visit
    from dmsops.processing.guider import Guided
    from dmsops.processing.pointing import Samples

HELD = ("gs-track", "gs-fg")
IDENTIFIED = "gs-id"
NO_FLAG = b"GOOD"
ARCSEC = 3600.0


def fill_tables(model: Any, found: Guided, visit: Visit, samples: Samples) -> None:
    """Add the tables that a function's product has; which, as the jwst documentation lists them."""
    if found.name.function == IDENTIFIED:
        _stars(model, found, visit)
    if found.name.function not in HELD:
        return
    _centroids(model, found, visit)
    _pointing(model, found, visit, samples)
    if found.name.function == "gs-track":
        _boxes(model, found)


def _stars(model: Any, found: Guided, visit: Visit) -> None:
    """List the guide star as planned, and as found: no reference stars are simulated."""
    import numpy as np

    star = visit.guide_star
    planned = np.zeros(1 if star else 0, dtype=model.get_dtype("planned_star_table"))
    flown = np.zeros(len(planned), dtype=model.get_dtype("flight_star_table"))
    if star is not None:
        planned["guide_star_order"], planned["reference_star_id"] = 1, star.catalogue_id
        planned["ra"], planned["dec"], planned["fgs_mag"] = star.ra, star.dec, star.magnitude
        for table in (planned, flown):
            table["id_x"], table["id_y"] = star.x, star.y
        flown["reference_star_id"] = "GS"
        flown["count_rate"] = float(rates(found).sum(axis=(1, 2)).max())
    model.planned_star_table, model.flight_star_table = planned, flown
    model.meta.numrefst = 0


def rates(found: Guided) -> np.ndarray:
    """Give DN/s per pixel of every integration: last group less first, by the time between; shape (nints, rows, columns)."""
    import numpy as np

    pixels = found.raw.pixels.astype(np.float64)
    group = (found.nframes + found.groupgap) * modes.frame_seconds(found.function.subarray, "FGS")
    return np.asarray((pixels[:, -1] - pixels[:, 0]) / (group * (found.ngroups - 1)))


def _times(found: Guided) -> list[Any]:
    """Give the end of every integration."""
    each = found.exposure_seconds / found.nints
    return [found.start + timedelta(seconds=each * (i + 1)) for i in range(found.nints)]


def _stamps(found: Guided) -> list[str]:
    return [iso(when).removesuffix("Z") for when in _times(found)]


def _centroids(model: Any, found: Guided, visit: Visit) -> None:
    import numpy as np

    light = rates(found)
    table = np.zeros(found.nints, dtype=model.get_dtype("centroid_table"))
    table["observatory_time"] = table["centroid_time"] = _stamps(found)
    x, y = _ideal(found, *_middles(light))
    table["guide_star_position_x"], table["guide_star_position_y"] = x, y
    table["guide_star_instrument_counts_per_sec"] = light.sum(axis=(1, 2))
    noise = np.std(light - light.mean(axis=0), axis=(1, 2)) * light[0].size ** 0.5
    table["signal_to_noise_current_frame"] = light.sum(axis=(1, 2)) / np.maximum(noise, 1e-9)
    for column in ("bad_pixel_flag", "bad_centroid_dq_flag"):
        table[column] = NO_FLAG
    for column in ("cosmic_ray_hit_flag", "sw_subwindow_loc_change_flag"):
        table[column] = b"NO"
    for column in ("guide_star_at_detector_subwindow_boundary_flag", "subwindow_out_of_FOV_flag"):
        table[column] = b"NO"
    model.centroid_table = table
    model.meta.detector_id = found.detector
    model.meta.guide_star_state = "FINE_GUIDE" if found.name.function == "gs-fg" else "TRACK"


def _middles(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the centre of light of every integration, 0-based column and row; the median of the edge is taken off."""
    import numpy as np

    edge = np.concatenate([light[:, 0], light[:, -1], light[:, :, 0], light[:, :, -1]], axis=1)
    clean = np.clip(light - np.median(edge, axis=1)[:, None, None], 0.0, None)
    total = np.maximum(clean.sum(axis=(1, 2)), 1e-9)
    rows, columns = np.arange(light.shape[1]), np.arange(light.shape[2])
    return (clean.sum(axis=1) * columns).sum(axis=1) / total, (clean.sum(axis=2) * rows).sum(axis=1) / total


def _ideal(found: Guided, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn pixels of the box into the guider's ideal frame (arcsec), as the guide star's own coordinates are."""
    import numpy as np
    import pysiaf

    g, siaf = found.raw.header.geometry, pysiaf.Siaf("FGS")
    name = modes.subarray("FULL", "FGS").aperture_of(found.detector)
    v2, v3 = siaf[name].sci_to_tel(g.xstart + columns, g.ystart + rows)
    x, y = siaf[f"{name}_OSS"].tel_to_idl(v2, v3)
    return np.asarray(x), np.asarray(y)


def _boxes(model: Any, found: Guided) -> None:
    import numpy as np

    g = found.raw.header.geometry
    table = np.zeros(found.nints, dtype=model.get_dtype("track_sub_table"))
    table["observatory_time"] = _stamps(found)
    table["x_corner"], table["y_corner"], table["x_size"], table["y_size"] = g.xstart, g.ystart, g.xsize, g.ysize
    model.track_sub_table = table


def _pointing(model: Any, found: Guided, visit: Visit, samples: Samples) -> None:
    """Say how the observatory turned meanwhile: the differences of its J axis from their mean, degrees; jitter in mas."""
    import numpy as np

    from dmsops.processing.pointing import cut

    inside = cut(samples, found.start.timestamp(), found.end.timestamp() + 1.0)
    parts = [inside.get(f"SA_ZATTEST{i}") for i in (1, 2, 3, 4)]
    whole = all(part is not None for part in parts) and len({len(part[0]) for part in parts if part is not None}) == 1
    times = parts[0][0] if whole and parts[0] is not None else np.empty(0)
    table = np.zeros(len(times), dtype=model.get_dtype("pointing_table"))
    table["time"] = times - found.start.timestamp()
    table["HGA_motion"] = [b"MOVING" if _moving(visit, t) else b"AT REST" for t in times.tolist()]
    if whole and len(times):
        axes = _axes(np.column_stack([part[1] for part in parts if part is not None]))
        differences = axes - axes.mean(axis=0)
        for name, column in zip(("{}_ra", "{}_dec", "{}_pa"), differences.T, strict=True):
            for axis in ("j3", "v3", "aperture") if name == "{}_pa" else ("j1", "v1", "ddc"):
                table["delta_" + name.format(axis)] = column
        table["jitter"] = np.hypot(differences[:, 0], differences[:, 1]) * ARCSEC * 1000
        model.meta.ra_j1, model.meta.dec_j1, model.meta.pa_j3 = (float(v) for v in axes.mean(axis=0))
        model.meta.jitter_average, model.meta.jitter_min, model.meta.jitter_max = (
            float(f(table["jitter"])) for f in (np.mean, np.min, np.max)
        )  # fmt: skip
    model.meta.pointing_time = iso(found.start).removesuffix("Z")
    model.pointing_table = table


def _moving(visit: Visit, seconds: float) -> bool:
    return any(move.start.timestamp() <= seconds <= move.end.timestamp() for move in visit.antenna_moves)


def _axes(quaternions: np.ndarray) -> np.ndarray:
    """Give right ascension and declination of the J1 axis and position angle of J3, degrees; shape (n, 3)."""
    import numpy as np
    from scipy.spatial.transform import Rotation

    to_sky = Rotation.from_quat(quaternions).as_matrix()
    first, third = to_sky[:, :, 0], to_sky[:, :, 2]
    ra, dec = np.arctan2(first[:, 1], first[:, 0]), np.arcsin(np.clip(first[:, 2], -1, 1))
    east = np.column_stack([-np.sin(ra), np.cos(ra), np.zeros(len(ra))])
    north = np.cross(first, east)
    angle = np.arctan2((third * east).sum(axis=1), (third * north).sum(axis=1))
    return np.degrees(np.column_stack([ra, dec, angle]))
