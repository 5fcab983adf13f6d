"""F18 to F23: what goes wrong with engineering telemetry, on board, on the way down and at the sender.

F22 comes in two kinds, as a file may break either of two rules: with ``F22`` the clock of a file stands years ahead, with
its variant ``F22S`` it begins with packets that bear a time hours before the others, so that it covers more than four hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput
from dmsops.core.files import make_folder
from dmsops.core.names import RecorderFileName
from dmsops.interfaces.fos import engineering, layout
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.interfaces.prds import Series
from dmsops.testbed import telemetry_packets
from dmsops.testbed.faults.registry import fault
from dmsops.testbed.recording import recorder_file
from dmsops.testbed.telemetry_conflicts import contradicted, may_change

FILES = "E0000_*.out"
LATER = timedelta(hours=4)
GAP_SECONDS = (2.0, 8.0)
SHORTEST_GAP = 1_500_000
"""Microseconds; a second without samples is what is allowed."""
CONFLICT_SHARE = 0.02
"""Share of a file's packets, in one run, in which values change."""
AHEAD = timedelta(days=20 * 365)
BEHIND = timedelta(hours=5)
EARLY_SHARE = 0.05
POINTED = ("SA_ZATTEST1", "SA_ZFGGSPOSX", "SA_ZFGGSPOSY")
"""Pointing mnemonics of which F19 sends other values: what an exposure near them makes suspect."""
SIMULATOR = "SIMULATOR"
EXTRA_SERIAL = 901


@fault("F18", "engineering telemetry comes twice", stage="after", found_by="engineering", repaired_by="P14", hits=FILES)
def repeat(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send a file's packets again through the real-time stream, with the first half of the next file's where there is one."""
    packets = telemetry_packets.read(file)
    following = [p for p in sorted(delivery.glob(FILES)) if p.name > file.name]
    if following:
        half = telemetry_packets.read(following[0])
        half = half.take(half.apids != telemetry_packets.identification())
        packets = packets.and_then(half.take(half.times < half.times.min() + np.ptp(half.times) // 2))
    name = _named(packets.times, "C", file)
    again = _further(delivery, lambda folder: packets.write(folder / name))
    return f"{again.name} brings the {len(packets.content)} packets of {name} a second time"


@fault("F19", "engineering samples come again with other values", stage="after", found_by="engineering", repaired_by="P14", hits=FILES)
def contradict(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send some seconds of a file again, in which some pointing mnemonics and one other container have other values."""
    times = np.unique(telemetry_packets.read(file).times)
    count = max(1, int(CONFLICT_SHARE * len(times)))
    first = int(rng.integers(max(1, len(times) - count)))
    start, stop = int(times[first]), int(times[min(first + count, len(times) - 1)]) + 1
    series = list(engineering.open_engineering(file).series(start, stop))
    hit = {*POINTED, *_housekeeping(series, rng)}
    changed = contradicted(series, {s.mnemonic.name: np.arange(len(s.times)) for s in series if s.mnemonic.name in hit})
    name = _named(np.array([start]), "E", file, 1)
    again = _further(delivery, lambda folder: engineering.write_packets(folder / name, changed))
    differing = sum(int((a.values != b.values).sum()) for a, b in zip(series, changed, strict=True))
    return f"{again.name} brings {name}, in which {differing} samples of {file.name} have other values"


@fault("F20", "engineering telemetry has a gap", stage="sending", found_by="engineering", repaired_by="P03", hits=FILES)
def lose(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take the packets of all containers out of a file for some seconds."""
    packets = telemetry_packets.read(file)
    first, last = int(packets.times.min()), int(packets.times.max())
    length = min(int(rng.uniform(*GAP_SECONDS) * 1_000_000), (last - first) // 4)
    if length < SHORTEST_GAP:
        raise BadInput(f"fault F20 finds no room for a gap in {file.name}", fault="F20")
    start = int(rng.integers(first + length, last - 2 * length))
    lost = (packets.times >= start) & (packets.times < start + length) & (packets.apids != telemetry_packets.identification())
    packets.take(~lost).write(file)
    return f"{int(lost.sum())} packets are missing from {file.name}: {length / 1e6:.1f} s from {_said(start)}"


@fault("F21", "a simulator's telemetry is in the flight stream", stage="sending", found_by="engineering", repaired_by="P03", hits=FILES)
def simulate(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Put a file of a simulator beside a flight file: the same time, the values backwards."""
    name = replace(RecorderFileName.parse(file.name), serial=f"{EXTRA_SERIAL}")
    backwards = [
        replace(s, values=s.values[::-1].copy(), raw=None if s.raw is None else s.raw[::-1].copy())
        for s in engineering.open_engineering(file).series()
    ]
    engineering.write_packets(delivery / str(name), backwards, origin=SIMULATOR)
    return f"{name} is a simulator's, for the time of {file.name}"


@fault("F22", "engineering telemetry ends in the future", stage="sending", found_by="engineering", repaired_by="P20", hits=FILES)
def run_ahead(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Let the clock of a whole file stand years ahead; its name keeps the time at which it was written."""
    packets = telemetry_packets.read(file)
    ahead = telemetry_packets.moved(packets, int(AHEAD / timedelta(microseconds=1)))
    ahead.write(file)
    return f"the times in {file.name} are {AHEAD.days} days ahead: it ends {_said(int(ahead.times.max()))}"


@fault("F22S", "an engineering file covers more than four hours", stage="sending", found_by="engineering", repaired_by="P20", hits=FILES)
def stretch(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Put copies of a file's first packets before it that bear a time hours before; all others stay."""
    packets = telemetry_packets.read(file)
    says = packets.apids == telemetry_packets.identification()
    rest = packets.take(~says)
    early = rest.take(np.argsort(rest.times, kind="stable")[: max(1, int(EARLY_SHARE * len(rest.times)))])
    early = telemetry_packets.moved(early, -int(BEHIND / timedelta(microseconds=1)))
    packets.take(says).and_then(early).and_then(rest).write(file)
    hours = (int(rest.times.max()) - int(early.times.min())) / 3.6e9
    return f"{len(early.times)} packets in {file.name} are {BEHIND.seconds // 3600} h early: it covers {hours:.1f} h"


@fault("F23", "there is no pointing telemetry", stage="sending", found_by="engineering", repaired_by="P12", hits=FILES)
def blind(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take the pointing packets out of every engineering file; a file that has nothing else is not sent."""
    lost = 0
    for path in sorted(delivery.glob(FILES)):
        packets = telemetry_packets.read(path)
        pointing = packets.apids == layout.POINTING_APID
        lost += int(pointing.sum())
        if np.isin(packets.apids[~pointing], telemetry_packets.identification()).all():
            path.unlink()
        else:
            packets.take(~pointing).write(path)
    return f"{lost} packets of pointing telemetry were never sent"


def _housekeeping(series: Sequence[Series], rng: np.random.Generator) -> list[str]:
    """Choose a container, besides the pointing, and give those of its mnemonics that may have other values."""
    able = [s.mnemonic for s in series if s.raw is not None and may_change(s)]
    containers = sorted({m.container for m in able})
    chosen = containers[int(rng.integers(len(containers)))] if containers else ""
    return [m.name for m in able if m.container == chosen]


def _said(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _named(times: NDArray[np.int64], stream: str, file: Path, more: int = 0) -> str:
    """Name a file that repeats another one."""
    serial = int(RecorderFileName.parse(file.name).serial) + (EXTRA_SERIAL if more else 0)
    return recorder_file(stream, datetime.fromtimestamp(int(times.min()) // 1_000_000, UTC), serial)


def _further(delivery: Path, write: Callable[[Path], None]) -> Path:
    """Make the next further delivery beside one that is there, some hours later; gives its folder."""
    number = 2
    while delivery.with_name(f"{delivery.name}-{number}").exists():
        number += 1
    folder = make_folder(delivery.with_name(f"{delivery.name}-{number}"))
    write(folder)
    before = read_manifest(delivery / MANIFEST)
    write_manifest(
        folder,
        delivery_id=f"{before.delivery_id}-{number}",
        sender=before.sender,
        sequence=before.sequence + number - 1,
        created=before.created + LATER,
    )
    return folder
