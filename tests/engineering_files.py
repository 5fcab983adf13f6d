"""Small engineering files for tests, in the HDF5 form: any samples in any order, put into a site's store and ingested."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from dmsops.engineering.ingest import Ingested, ingest
from dmsops.interfaces.fos.engineering import write_hdf5
from dmsops.interfaces.prds import Series, telemetry_database
from dmsops.ops import Ops

Row = tuple[str, int, float]
"""Mnemonic, microseconds since 1970, value."""
FLOATS = ("SA_ZATTEST1", "SA_ZATTEST2", "SA_ZATTEST3", "SA_ZADUCMDX")
NAME = "E0000_2022338040000_001.h5"
T0 = 1_670_126_400_000_000
"""2022-12-04T04:00:00Z."""
SECOND = 1_000_000


def series_of(rows: Iterable[Row]) -> list[Series]:
    """Put rows together by mnemonic, each in the order given."""
    by_name: dict[str, list[tuple[int, float]]] = {}
    for name, time, value in rows:
        by_name.setdefault(name, []).append((time, value))
    database = telemetry_database()
    return [
        Series(
            mnemonic=database.by_name(name),
            times=np.array([t for t, _ in samples], np.int64),
            values=np.array([v for _, v in samples], np.float64),
            raw=None,
        )
        for name, samples in by_name.items()
    ]


def put(ops: Ops, rows: Iterable[Row], name: str = NAME, origin: str = "OBSERVATORY", *, coarse: bool = False) -> str:
    """Write a file of these samples (``coarse``: without their microseconds) into the site's store; gives its sha256."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_hdf5(path, series_of(rows), origin=origin, in_order=False)
        if coarse:
            with h5py.File(path, "a") as file:
                for group in file["samples"].values():
                    del group["observatoryMicrosecond"]
        return ops.store.put(path)


def take(ops: Ops, rows: Iterable[Row], name: str = NAME, origin: str = "OBSERVATORY", *, coarse: bool = False) -> Ingested:
    """Ingest a file of these samples."""
    return ingest(ops, name=name, sha256=put(ops, rows, name, origin, coarse=coarse))


def named(number: int, stream: str = "E") -> str:
    """Name the n-th file."""
    return f"{stream}0000_2022338040000_{number:03d}.h5"


def seconds(first: int, last: int, name: str = "SA_ZATTEST1", value: float | None = None) -> list[Row]:
    """Give a sample a second, from one second after 04:00 UTC to another (not inside); its value is the second unless given."""
    return [(name, T0 + s * SECOND, float(s if value is None else value)) for s in range(first, last)]


HOUR_OF_T0 = T0 // (3600 * SECOND)
