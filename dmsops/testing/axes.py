"""A chunk with world coordinates for tests: sound, and that of the small product's plane, but for what is asked otherwise."""

from __future__ import annotations

from typing import Any


def chunk_with(
    *,
    ctype1: str = "RA---TAN",
    cd: tuple[float, float, float, float] = (-3.42e-6, 0.0, 0.0, 9.766e-6),
    energy: str = "WAVE",
    time_unit: str = "d",
    naxis: int = 4,
) -> Any:
    """Give a chunk (caom2) of a detector's image: sky, wavelength, time."""
    from caom2 import wcs
    from caom2.chunk import Chunk, SpatialWCS, SpectralWCS, TemporalWCS

    chunk = Chunk(naxis=naxis, position_axis_1=1, position_axis_2=2, energy_axis=3, time_axis=4)
    sky = wcs.CoordAxis2D(wcs.Axis(ctype1, "deg"), wcs.Axis("DEC--TAN", "deg"))
    corner = wcs.Coord2D(wcs.RefCoord(1024.5, 80.0), wcs.RefCoord(1024.5, -69.5))
    sky.function = wcs.CoordFunction2D(wcs.Dimension2D(2048, 2048), corner, *cd)
    chunk.position = SpatialWCS(sky, coordsys="ICRS")
    light = wcs.CoordAxis1D(wcs.Axis(energy, "m"))
    light.function = wcs.CoordFunction1D(1, 2.5e-8, wcs.RefCoord(0.5, 2.109e-6))
    chunk.energy = SpectralWCS(light, "TOPOCENT", bandpass_name="F212N;WLM8")
    times = wcs.CoordAxis1D(wcs.Axis("TIME", time_unit))
    times.function = wcs.CoordFunction1D(1, 0.1, wcs.RefCoord(0.5, 59917.1))
    chunk.time = TemporalWCS(times, timesys="UTC", exposure=30.0)
    return chunk
