"""Engineering files: packets or HDF5, told apart by content; what they hold, and their samples by mnemonic.

`open_engineering` reads by the telemetry database; `scan_engineering` tells what receipt needs, and needs none for packets.
The invariant: the samples that `series` gives, padding, unknown ones, texts and those in damaged packets are all that a file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos.engineering_hdf5 import Hdf5, read_hdf5, scan_hdf5
from dmsops.interfaces.fos.engineering_packets import Packets, kinds_of, read_packets, read_sound
from dmsops.interfaces.fos.engineering_write import write_hdf5, write_packets
from dmsops.interfaces.prds import Series, TelemetryDatabase, telemetry_database

__all__ = ["COARSE", "EngineeringFile", "EngineeringPart", "Series", "open_engineering", "scan_engineering", "write_hdf5", "write_packets"]

HDF5 = b"\x89HDF\r\n\x1a\n"
COARSE = "hdf5-ms"
"""The HDF5 form without microseconds, as the observatory's own files are: times are whole milliseconds."""
UNKNOWN = "UNKNOWN"
"""Origin of a file that does not say where it comes from."""


class Content(Protocol):
    """What lies behind an `EngineeringFile`."""

    def times(self, container: str) -> NDArray[np.int64]:
        """Give the times of a container's packets."""

    def all_times(self) -> NDArray[np.int64]:
        """Give the times of everything that `series` gives."""

    def series(self, start: int | None, stop: int | None) -> Iterator[Series]:
        """Give the samples of a stretch of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineeringFile:
    """What one engineering file holds.

    Attributes
    ----------
    form : str
        packets, hdf5, or `COARSE`: HDF5 whose times are whole milliseconds.
    origin : str
        OBSERVATORY (flight), OTB (the test bed in its place), SIMULATOR ...; UNKNOWN when the file does not say.
    packets, damaged : int
        All packets; those left out: a wrong check sum, or a length that does not fit. Of the HDF5 form both are 0.
    unknown : mapping
        What the telemetry database does not know: 'APID 0x123' to packets (of the HDF5 form: samples), 'id 4711' to samples.
    padding : int
        Rows of the HDF5 form that are no samples (id 0).
    texts : int
        Samples that are texts: they are counted, not given.
    samples : int
        That `series` gives in all.
    first_us, last_us : int or None
        First and last time of the packets that are given, microseconds since 1970-01-01 UTC.
    containers : tuple of str
        What it has packets (samples) of.
    """

    form: str
    origin: str
    packets: int
    damaged: int
    unknown: Mapping[str, int]
    padding: int
    texts: int
    samples: int
    first_us: int | None
    last_us: int | None
    containers: tuple[str, ...]
    content: Content = field(repr=False, compare=False)

    def series(self, start_us: int | None = None, stop_us: int | None = None) -> Iterator[Series]:
        """Give the samples by mnemonic, from a time on (it inside) to another (it outside); only that time is decoded.

        Raises
        ------
        BadDelivery
            The file (HDF5) cannot be read any more.
        """
        return self.content.series(start_us, stop_us)

    def all_times(self) -> NDArray[np.int64]:
        """Give every time at which it has samples, shape (N,), in any order, perhaps repeatedly."""
        return self.content.all_times()

    def container_times(self, container: str) -> NDArray[np.int64]:
        """Give the times of a container's packets, shape (N,), in the order of the file; none when it has none."""
        return self.content.times(container)


def open_engineering(path: Path, database: TelemetryDatabase | None = None) -> EngineeringFile:
    """Open an engineering file of either form.

    Raises
    ------
    BadDelivery
        It is neither, or broken; the message names the byte or the field.
    """
    database = database or telemetry_database()
    if is_hdf5(path):
        return _from_hdf5(read_hdf5(path, database))
    return _from_packets(read_packets(path, database))


def _from_packets(found: Packets) -> EngineeringFile:
    database = found.database
    per_packet = {name: len(database.container(name).measured) for name in found.places}
    times = [found.times(name) for name in found.places]
    return EngineeringFile(
        form="packets",
        origin=found.origin or UNKNOWN,
        packets=len(found.sound.times) + found.sound.damaged,
        damaged=found.damaged,
        unknown=found.unknown,
        padding=0,
        texts=found.texts,
        samples=sum(per_packet[name] * len(places) for name, places in found.places.items()),
        first_us=min((int(t.min()) for t in times), default=None),
        last_us=max((int(t.max()) for t in times), default=None),
        containers=tuple(found.places),
        content=found,
    )


def _from_hdf5(found: Hdf5) -> EngineeringFile:
    return EngineeringFile(
        form=COARSE if found.coarse else "hdf5",
        origin=found.origin or UNKNOWN,
        packets=0,
        damaged=0,
        unknown=dict(found.unknown),
        padding=found.padding,
        texts=found.texts,
        samples=found.samples,
        first_us=found.first_us,
        last_us=found.last_us,
        containers=found.containers,
        content=found,
    )


def is_hdf5(path: Path) -> bool:
    """Say whether a file begins as HDF5 does; raises `BadDelivery` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(HDF5)) == HDF5
    except OSError as error:
        raise BadDelivery(f"{path.name}: cannot be read: {error}", file=path.name) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineeringPart:
    """What one engineering file holds, as receipt asks.

    Attributes
    ----------
    packets, bad_crc : int
        Packets (of the HDF5 form: samples), and those among them whose check sum does not agree.
    first_at, last_at : datetime or None
        None when there are none.
    repeated : int
        Packets whose time another one of the same layout (samples: of the same mnemonic) has as well.
    gaps : tuple of (datetime, datetime)
        Last packet before and first one after each time without packets that is longer than the limit asked for.
    """

    packets: int
    bad_crc: int
    first_at: datetime | None
    last_at: datetime | None
    repeated: int = 0
    gaps: tuple[tuple[datetime, datetime], ...] = ()


def scan_engineering(path: Path, gap_seconds: float = np.inf) -> EngineeringPart:
    """Tell what an engineering file of either form holds; of packets hardly more than header, time and check sum is read.

    Parameters
    ----------
    gap_seconds : float
        Longest time between two packets that is no gap.

    Raises
    ------
    BadDelivery
        It is no engineering file; the message names the byte or the field.
    """
    if is_hdf5(path):
        times, ids = scan_hdf5(path)
        return _part(times, ids, 0, gap_seconds)
    sound = read_sound(path)
    return _part(sound.times, kinds_of(sound), sound.damaged, gap_seconds)


def _part(times: NDArray[np.int64], kinds: NDArray[np.int64], bad: int, gap_seconds: float) -> EngineeringPart:
    order = np.lexsort((times, kinds))
    again = (np.diff(times[order]) == 0) & (np.diff(kinds[order]) == 0)
    ordered = np.sort(times)
    steps = np.diff(ordered) / 1e6
    return EngineeringPart(
        packets=len(times) + bad,
        bad_crc=bad,
        first_at=_at(ordered[0]) if len(ordered) else None,
        last_at=_at(ordered[-1]) if len(ordered) else None,
        repeated=int(again.sum()),
        gaps=tuple((_at(ordered[i]), _at(ordered[i + 1])) for i in np.flatnonzero(steps > gap_seconds)),
    )


def _at(microseconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC).replace(microsecond=int(microseconds) % 1_000_000)
