"""Samples that come again with other values: what a sender does wrong, done on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.prds import Series, TelemetryDatabase, telemetry_database
from dmsops.testbed.telemetry_signals import calibrated

STEP = 2.0**-16
"""How far a changed engineering value is from what it was, of 1 or of itself if that is more; single precision still carries it."""
Chosen = Mapping[str, NDArray[np.int64]]
"""Mnemonic -> numbers of samples in its series, from 0."""


def may_change(one: Series) -> bool:
    """Say whether any other number makes sense for a mnemonic: not for states, which have few, nor for the guider's number."""
    return not one.mnemonic.states and one.mnemonic.name != "SA_ZFGDETID"


def draw(series: Sequence[Series], count: int, rng: np.random.Generator) -> Chosen:
    """Choose ``count`` samples among all those that can be changed; all of them if there are fewer."""
    able = [s for s in series if may_change(s) and len(s.times)]
    ends = np.cumsum([len(s.times) for s in able])
    total = int(ends[-1]) if able else 0
    drawn = np.sort(rng.choice(total, min(count, total), replace=False)) if total else np.empty(0, dtype=np.int64)
    which = np.searchsorted(ends, drawn, side="right")
    begins = np.concatenate([[0], ends[:-1]]) if able else ends
    return {able[i].mnemonic.name: drawn[which == i] - begins[i] for i in np.unique(which).tolist()}


def contradicted(series: Sequence[Series], chosen: Chosen, database: TelemetryDatabase | None = None) -> list[Series]:
    """Give the series with other values in the chosen samples, each as its packet can carry it; all others are as they were."""
    database = database or telemetry_database()
    return [_changed(s, chosen[s.mnemonic.name], database) if s.mnemonic.name in chosen else s for s in series]


def _changed(one: Series, chosen: NDArray[np.int64], database: TelemetryDatabase) -> Series:
    field = database.container(one.mnemonic.container).field(one.mnemonic.name)
    if one.raw is not None:
        raw = one.raw.copy()
        raw[chosen] ^= 1
        return replace(one, raw=raw, values=calibrated(field, raw))
    values = one.values.copy()
    values[chosen] += STEP * np.maximum(1.0, np.abs(values[chosen]))
    return replace(one, values=values.astype(np.float32).astype(np.float64) if field.width == 32 else values)
