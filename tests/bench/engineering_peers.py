"""What the engineering database is measured against: a store of one HDF5 file per mnemonic, and numpy's own sort and unique.

The HDF5 store is shaped like a public trending archive of the observatory's telemetry (a file per mnemonic with times and values,
duplicates dropped by a look at the tail), but keeps late samples and conflicts, which that one does not: so both do the same work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from dmsops.interfaces.fos.engineering import open_engineering

CHUNK = 16_384


def hdf5_store(folder: Path, files: Sequence[Path]) -> dict[str, int]:
    """Take files into a store of one HDF5 file per mnemonic; gives what was counted, and the store's bytes."""
    folder.mkdir()
    counts: Counter[str] = Counter()
    for path in files:
        for series in open_engineering(path).series():
            counts.update(_append(folder / f"{series.mnemonic.name}.h5", series.times, series.values))
    return {**counts, "bytes": sum(p.stat().st_size for p in folder.iterdir())}


def _append(path: Path, times: np.ndarray, values: np.ndarray) -> Counter[str]:
    """Judge samples beside the tail that they overlap, and write the tail anew."""
    with h5py.File(path, "a") as file:
        if "times" not in file:
            for name, kind in (("times", np.int64), ("values", np.float64)):
                file.create_dataset(
                    name, (0,), kind, maxshape=(None,), chunks=(CHUNK,), compression="gzip", compression_opts=1, shuffle=True
                )
            file.create_dataset("conflicts", (0, 2), np.float64, maxshape=(None, 2), chunks=(CHUNK, 2))
        held = file["times"]
        size = len(held)
        start = int(np.searchsorted(held[:], times.min())) if size and held[size - 1] >= times.min() else size
        old_times, old_values = held[start:], file["values"][start:]
        all_times, all_values = np.concatenate([old_times, times]), np.concatenate([old_values, values])
        order = np.argsort(all_times, kind="stable")
        t, v = all_times[order], all_values[order]
        first = np.append(True, t[1:] != t[:-1])
        leader = v[np.maximum.accumulate(np.where(first, np.arange(len(t)), 0))]
        differs = ~first & (v != leader) & ~(np.isnan(v) & np.isnan(leader))
        kept = int(first.sum())
        for name, column in (("times", t[first]), ("values", v[first])):
            file[name].resize((start + kept,))
            file[name][start:] = column
        if differs.any():
            there = len(file["conflicts"])
            file["conflicts"].resize((there + int(differs.sum()), 2))
            file["conflicts"][there:] = np.column_stack([t[differs], v[differs]])
    new = kept - len(old_times)
    return Counter(new=new, conflict=int(differs.sum()), exact=len(times) - new - int(differs.sum()))


def hdf5_hour(folder: Path, name: str, start: int, stop: int) -> int:
    """Read the samples of one mnemonic in a time; gives their number."""
    with h5py.File(folder / f"{name}.h5") as file:
        times = file["times"][:]
        first, last = np.searchsorted(times, [start, stop])
        return len(file["values"][first:last])


def numpy_limit(files: Sequence[Path]) -> dict[str, int]:
    """Find new samples, duplicates and conflicts of each file by sorting it alone: no store, nothing held, nothing written."""
    counts: Counter[str] = Counter()
    for path in files:
        for series in open_engineering(path).series():
            pairs = np.empty(len(series.times), dtype=[("time", np.int64), ("value", np.float64)])
            pairs["time"], pairs["value"] = series.times, series.values
            order = np.argsort(series.times, kind="stable")
            _, at = np.unique(pairs["time"][order], return_index=True)
            counts["new"] += len(at)
            counts["exact"] += len(order) - len(at)
    return dict(counts)
