"""Engineering files in the HDF5 form: every sample by itself, in data groups.

Groups samples/data1 .. dataN, each with the fields id, observatoryTime (milliseconds since 1970 UTC), apid and
engineeringNumericValue; attributes of the root: dataOrigin, numPoints, dataStartTime, dataStopTime. Rows of id 0 are padding,
rows of APID 712 are dropped and counted (the rules of a public reader of the observatory's files). A data group may be a group
with one dataset for each field, or one dataset with compound rows. Two fields are ours and may be missing: rawValue (counts),
observatoryMicrosecond (of the millisecond).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.fos.hdf5_rows import Rows, data_rows
from dmsops.interfaces.prds import Series, TelemetryDatabase

DROPPED_APID = 712
NAMED = 100
"""Unknown ids that are counted each; further ones are counted together."""
OTHERS = "other ids"
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Hdf5:
    """What an HDF5 file holds, counted; its samples are read from the file again when they are asked for.

    ``coarse`` says that times, of some groups at least, are whole milliseconds.
    """

    path: Path
    database: TelemetryDatabase
    origin: str = ""
    padding: int = 0
    texts: int = 0
    coarse: bool = False
    samples: int = 0
    first_us: int | None = None
    last_us: int | None = None
    unknown: Counter[str] = field(default_factory=Counter)
    numbers: Counter[int] = field(default_factory=Counter)

    @property
    def containers(self) -> tuple[str, ...]:
        """The containers whose mnemonics have samples, in the order of the database."""
        seen = {m.container for m in self.database.mnemonics if self.numbers[m.number] and not m.text}
        return tuple(c.name for c in self.database.containers if c.name in seen)

    def times(self, container: str) -> Ints:
        """Give the times of a container's packets: those of the mnemonic of it that has most samples."""
        numbers = [m.number for m in self.database.mnemonics if m.container == container and not m.text and self.numbers[m.number]]
        if not numbers:
            return np.empty(0, dtype=np.int64)
        number = max(numbers, key=lambda n: (self.numbers[n], -n))
        parts = (block.times()[(block.ids() == number) & _given(block)] for block in data_rows(self.path))
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def all_times(self) -> Ints:
        """Give the times of all samples."""
        known = _numbers(self.database)
        parts = (block.times()[_given(block) & np.isin(block.ids(), known)] for block in data_rows(self.path))
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def series(self, start: int | None, stop: int | None) -> Iterator[Series]:
        """Give the samples of a stretch of time, mnemonic after mnemonic."""
        parts = [_samples(block, self.database, start, stop) for block in data_rows(self.path)]
        if not parts:
            return
        counted = all(part[4] for part in parts)
        ids, times, values, raws = (np.concatenate([part[i] for part in parts]) for i in range(4))
        del parts  # a file of ten million rows is half a gigabyte
        order = np.argsort(ids, kind="stable")
        edges = np.flatnonzero(np.diff(ids[order])) + 1
        for places in np.split(order, edges) if len(order) else ():
            mnemonic = self.database.by_number(int(ids[places[0]]))
            assert mnemonic is not None
            raw = raws[places] if counted and mnemonic.counts else None
            yield Series(mnemonic=mnemonic, times=times[places], values=values[places], raw=raw)


def _given(block: Rows) -> NDArray[np.bool_]:
    """Say of every row whether it is a sample that is not dropped."""
    return np.asarray((block.ids() != 0) & (block.apids() != DROPPED_APID))


def _numbers(database: TelemetryDatabase) -> Ints:
    return np.array([m.number for m in database.mnemonics if not m.text], dtype=np.int64)


Columns = tuple[NDArray[np.int32], Ints, NDArray[np.float64], Ints, bool]
"""Numbers of mnemonics, times, values and counts of some samples, and whether the counts are there."""


def _samples(block: Rows, database: TelemetryDatabase, start: int | None, stop: int | None) -> Columns:
    """Read the samples of a stretch of time from a block; what is not needed is not read."""
    chosen, times = _given(block) & np.isin(block.ids(), _numbers(database)), block.times()
    chosen &= times >= start if start is not None else True
    chosen &= times < stop if stop is not None else True
    if not chosen.any():
        nothing = np.empty(0, dtype=np.int64)
        return nothing.astype(np.int32), nothing, np.empty(0), nothing, block.has_raw
    raws = block.raws()[chosen] if block.has_raw else np.zeros(int(chosen.sum()), dtype=np.int64)
    return block.ids()[chosen].astype(np.int32), times[chosen], block.values()[chosen], raws, block.has_raw


def read_hdf5(path: Path, database: TelemetryDatabase) -> Hdf5:
    """Count what an HDF5 file holds, block after block.

    Raises
    ------
    BadDelivery
        It is not of this form; the message names the field.
    """
    found = Hdf5(path, database)
    known, texts = _numbers(database), np.array([m.number for m in database.mnemonics if m.text], dtype=np.int64)
    for block in data_rows(path):
        found.origin = block.origin
        found.coarse |= not block.is_fine
        ids = block.ids()
        found.padding += int((ids == 0).sum())
        dropped = (ids != 0) & (block.apids() == DROPPED_APID)
        if dropped.any():
            found.unknown[f"APID 0x{DROPPED_APID:03X}"] += int(dropped.sum())
        given = _given(block)
        _count_ids(found, ids[given], known, texts)
        times = block.times()[given & np.isin(ids, known)]
        if len(times):
            found.first_us = min(int(times.min()), int(times.min()) if found.first_us is None else found.first_us)
            found.last_us = max(int(times.max()), int(times.max()) if found.last_us is None else found.last_us)
    return found


def _count_ids(found: Hdf5, ids: Ints, known: Ints, texts: Ints) -> None:
    kinds, counts = np.unique(ids, return_counts=True)
    is_known, is_text = np.isin(kinds, known), np.isin(kinds, texts)
    for number, count in zip(kinds[is_known].tolist(), counts[is_known].tolist(), strict=True):
        found.numbers[number] += count
    found.samples += int(counts[is_known].sum())
    found.texts += int(counts[is_text].sum())
    for number, count in zip(kinds[~is_known & ~is_text].tolist(), counts[~is_known & ~is_text].tolist(), strict=True):
        name = f"id {number}"
        found.unknown[name if name in found.unknown or len(found.unknown) < NAMED else OTHERS] += count


def scan_hdf5(path: Path) -> tuple[Ints, Ints]:
    """Give times and ids of all samples, shape (N,) each, padding and dropped ones left out."""
    parts = [(block.times()[given], block.ids()[given]) for block in data_rows(path) for given in (_given(block),)]
    nothing = np.empty(0, dtype=np.int64)
    return np.concatenate([nothing, *(p[0] for p in parts)]), np.concatenate([nothing, *(p[1] for p in parts)])
