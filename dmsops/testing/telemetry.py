"""Pointing telemetry by itself, as files had it before there was a telemetry database: small engineering files for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput
from dmsops.interfaces.fos.engineering import open_engineering, write_packets
from dmsops.interfaces.fos.telemetry import POINTING_MNEMONICS
from dmsops.interfaces.prds import Series, telemetry_database

Samples = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""By mnemonic: times (N,), unix seconds UTC, and values (N,), engineering units."""


def write_engineering(
    path: Path,
    samples: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    counters: dict[int, int] | None = None,
) -> None:
    """Write pointing telemetry, and nothing else, as an engineering recorder file.

    Parameters
    ----------
    samples : mapping
        For each of `POINTING_MNEMONICS`: times (N,) in unix seconds UTC, the same for all, and values (N,).
        Times are kept to the microsecond.
    counters : dict, optional
        Sequence count of the next packet by APID, changed in place.

    Raises
    ------
    BadInput
        A mnemonic is missing or unknown, or the mnemonics are not sampled together.
    """
    if odd := sorted(set(samples) ^ set(POINTING_MNEMONICS)):
        raise BadInput(
            f"pointing telemetry needs exactly its {len(POINTING_MNEMONICS)} mnemonics; missing or unknown: {odd}", field="samples"
        )
    database = telemetry_database()
    series = [
        Series(mnemonic=database.by_name(name), times=np.round(times * 1e6).astype(np.int64), values=values, raw=None)
        for name, (times, values) in samples.items()
    ]
    write_packets(path, series, database=database, origin="", counters=counters)


def read_engineering(paths: Iterable[Path]) -> Samples:
    """Read the pointing telemetry of some files, in the order of the files; damaged packets are left out.

    Raises
    ------
    BadDelivery
        A file is no engineering file; the message names the byte where it stops being it.
    """
    found: dict[str, list[Series]] = {name: [] for name in POINTING_MNEMONICS}
    for path in paths:
        for series in open_engineering(path).series():
            if series.mnemonic.name in found:
                found[series.mnemonic.name].append(series)
    return {name: (_joined([s.times / 1e6 for s in parts]), _joined([s.values for s in parts])) for name, parts in found.items()}


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *parts])
