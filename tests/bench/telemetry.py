"""Engineering telemetry: compiled decoders against the XTCE library, and both forms of a file against what bare libraries give."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering, write_hdf5, write_packets
from dmsops.interfaces.prds import telemetry_database
from tests.bench.row import Row
from tests.telemetry import START_US, series_of

TURNS = 5
SECONDS = 4 * 3600
"""Of a file: the longest that the observatory sends."""
LIBRARY_PACKETS = 300
"""Packets of each container that the library decodes: it needs minutes for a file."""
GOAL_RATE = 40.0
"""Million samples per CPU-second."""


def rows(place: Path) -> Iterator[Row]:
    """Write a file of four hours in both forms, and read it ours and the bare way in turns."""
    packets, hdf5 = place / "E0000_2022338034200_001.out", place / "E0000_2022338034200_001.h5"
    sent = [s for c in telemetry_database().containers if c.measured for s in series_of(c, np.random.default_rng(1), _count(c), START_US)]
    write_packets(packets, sent)
    write_hdf5(hdf5, sent)
    yield _decoding(packets)
    yield _whole_file(packets, hdf5)
    yield _scan(packets)
    packets.unlink()
    hdf5.unlink()


def _count(container: object) -> int:
    period = getattr(container, "period_seconds", 0.0)
    return int(SECONDS / (period or 60.0))


def _decoding(path: Path) -> Row:
    """Compare samples per CPU-second: the compiled decoders over the file, the library over some packets of each container."""
    found = open_engineering(path)
    definition, chain = telemetry_database().definition, read_chain(path)
    chosen = np.unique(np.linspace(0, len(chain.starts) - 1, LIBRARY_PACKETS).astype(int))
    some = [chain.content[chain.starts[i] : chain.ends[i]].tobytes() for i in chosen]
    per_packet = found.samples / found.packets
    ours, library = _turns(lambda: sum(len(s.values) for s in found.series()), lambda: [definition.parse_bytes(p) for p in some])
    rate, theirs = found.samples / ours / 1e6, per_packet * len(some) / library / 1e6
    return Row(
        row=f"decoding {found.samples / 1e6:.1f} million samples of {found.packets} packets",
        ours=rate,
        against=theirs,
        against_what=f"space-packet-parser over {len(some)} of the packets",
        ratio=rate / theirs,
        goal=f">= {GOAL_RATE:g} million samples/CPU-s",
        met=rate >= GOAL_RATE,
        unit="million samples/CPU-s",
    )


def _whole_file(packets: Path, hdf5: Path) -> Row:
    """Compare opening and decoding a packet file with the HDF5 form of the same samples."""
    ours, other = _turns(lambda: _read(packets), lambda: _read(hdf5))
    samples = open_engineering(packets).samples / 1e6
    sizes = f"{packets.stat().st_size / 1e6:.0f} MB of packets, {hdf5.stat().st_size / 1e6:.0f} MB of HDF5"
    return Row(
        row=f"opening and decoding a file of four hours ({sizes})",
        ours=samples / ours,
        against=samples / other,
        against_what="the same samples as HDF5",
        ratio=other / ours,
        goal="none",
        met=None,
        unit="million samples/CPU-s",
    )


def _scan(packets: Path) -> Row:
    count = len(read_chain(packets).starts)
    ours, bare = _turns(lambda: scan_engineering(packets), lambda: int(np.fromfile(packets, dtype=np.uint8).sum(dtype=np.uint64)))
    return Row(
        row=f"scan_engineering of {count} packets of {len(telemetry_database().containers)} layouts",
        ours=count / ours / 1000,
        against=count / bare / 1000,
        against_what="numpy.fromfile and a sum",
        ratio=bare / ours,
        goal="none",
        met=None,
        unit="thousand packets/CPU-s",
    )


def _read(path: Path) -> int:
    return sum(len(s.values) for s in open_engineering(path).series())


def _turns(*asked: Callable[[], object]) -> list[float]:
    """Give the least CPU time of each, taken in turns."""
    times: list[list[float]] = [[] for _ in asked]
    for _ in range(TURNS):
        for ask, found in zip(asked, times, strict=True):
            begun = time.process_time()
            ask()
            found.append(time.process_time() - begun)
    return [min(found) for found in times]
