"""Telemetry for tests: samples of every mnemonic of a telemetry database, drawn at random."""

from __future__ import annotations

import numpy as np

from dmsops.interfaces.prds import Container, Field, Series, TelemetryDatabase

START_US = 1_670_125_320_000_000


def everything(database: TelemetryDatabase, packets: int, seed: int = 1, start: int = START_US) -> list[Series]:
    """Draw samples of every mnemonic: so many packets of each container."""
    rng = np.random.default_rng(seed)
    return [s for c in database.containers for s in series_of(c, rng, packets, start)]


def series_of(container: Container, rng: np.random.Generator, packets: int, start: int = START_US) -> list[Series]:
    """Draw samples of the mnemonics of one container, sampled together at its rate (a microsecond beside the whole one)."""
    times = start + 1 + np.arange(packets) * int((container.period_seconds or 37.0) * 1e6)
    found = []
    for field in container.measured:
        raw = None if field.kind == "float" else counts(field, rng, packets)
        found.append(Series(mnemonic=field.mnemonic, times=times, values=values(field, rng, raw, packets), raw=raw))
    return found


def counts(field: Field, rng: np.random.Generator, packets: int) -> np.ndarray:
    """Draw counts: states of an enumeration, else anything that fits."""
    if field.mnemonic is not None and field.mnemonic.states:
        return rng.choice(np.array(list(field.mnemonic.states)), packets)
    low, high = (-(1 << field.width - 1), 1 << field.width - 1) if field.kind == "signed" else (0, 1 << field.width)
    return rng.integers(low, high, packets)


def values(field: Field, rng: np.random.Generator, raw: np.ndarray | None, packets: int) -> np.ndarray:
    """Give engineering values: of counts their calibration, else what a float of its width holds."""
    if raw is None:
        drawn = rng.normal(size=packets) * 10.0 ** rng.integers(-5, 6)
        return drawn.astype(np.float32).astype(np.float64) if field.width == 32 else drawn
    return raw.astype(np.float64) if field.calibration is None else field.calibration(raw.astype(np.float64))
