"""Engineering telemetry of a flight: every mnemonic of the telemetry database, while a visit is carried out.

The pointing mnemonics are those of `dmsops.testbed.pointing`, unchanged. All others are made up (`telemetry_signals`);
between two exposures and around them the observatory says what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.records import Visit
from dmsops.interfaces.fos import engineering
from dmsops.interfaces.prds import Series, TelemetryDatabase, telemetry_database
from dmsops.testbed import pointing, telemetry_scene, telemetry_signals
from dmsops.testbed.recording import recorder_file
from dmsops.testbed.telemetry_beats import MILLISECOND, SECOND, Moments, Pace, Times, beat
from dmsops.testbed.telemetry_signals import Signal

FILE = 24 * 60 * SECOND
"""Microseconds of telemetry in one file."""
ORIGIN = "OTB"
MESSAGE = "ICTM_EVENT_MSG_ID"
Velocity = Callable[[datetime], NDArray[np.float64]]


def telemetry(visit: Visit, velocity: Velocity, *, seed: int = 1, database: TelemetryDatabase | None = None) -> list[Series]:
    """Make the telemetry of a visit: every mnemonic, at the rate of its container, over the time of its pointing telemetry.

    Containers that are sent when something changes are sent at the begin and where an exposure starts or ends. Texts are
    left out: they are no samples.

    Parameters
    ----------
    visit : Visit
        With its guide star on the sky, and only the exposures that were carried out.
    velocity : callable
        See `dmsops.testbed.pointing.telemetry`.
    seed : int
        Decides every drawn number; values at one time are the same however long the visit is.

    Returns
    -------
    list of Series
        Those of one container share their times. Empty for a visit without exposures.
    """
    pointed = pointing.telemetry(visit, velocity)
    if not pointed:
        return []
    database = database or telemetry_database()
    times = np.round(next(iter(pointed.values()))[0] * SECOND).astype(np.int64)
    start, stop = int(times[0]), int(times[-1]) + 1
    scene = telemetry_scene.of_visit(visit)
    moments = np.unique(np.append(scene.moments(), -(-start // MILLISECOND) * MILLISECOND))
    made = [s for s in sampled(signals(database), _paces(database, moments), scene, start, stop, seed) if s.mnemonic.name not in pointed]
    return [Series(mnemonic=database.by_name(name), times=times, values=values, raw=None) for name, (_, values) in pointed.items()] + made


def signals(database: TelemetryDatabase) -> dict[str, tuple[Signal, ...]]:
    """Give the signals of every container that has samples, by its name."""
    return {c.name: telemetry_signals.signals(c) for c in database.containers if c.measured}


def _paces(database: TelemetryDatabase, moments: Times) -> dict[str, Pace]:
    """Give when the packets of each container are made in a visit."""
    return {c.name: beat(c.name, c.period_seconds) if c.period_seconds else Moments(at=moments) for c in database.containers}


def sampled(
    known: Mapping[str, Sequence[Signal]], paces: Mapping[str, Pace], scene: telemetry_scene.Scene, start: int, stop: int, seed: int
) -> Iterator[Series]:
    """Give the samples of containers from ``start`` to before ``stop`` (microseconds since 1970), container by container."""
    for name, theirs in known.items():
        times = paces[name].times(start, stop)
        yield from (telemetry_signals.series(signal, times, scene, seed) for signal in theirs)


def record(series: Sequence[Series], delivery: Path, *, first: int = 1) -> list[Path]:
    """Write telemetry as engineering files of 24 minutes each, named by the time they begin and numbered from ``first``."""
    if not series:
        return []
    start, stop = min(int(s.times[0]) for s in series if len(s.times)), max(int(s.times[-1]) for s in series if len(s.times)) + 1
    counters: dict[int, int] = {}
    paths = []
    for serial, begin in enumerate(range(start, stop, FILE), start=first):
        path = delivery / recorder_file("E", datetime.fromtimestamp(begin // SECOND, UTC), serial)
        write(path, cut(series, begin, begin + FILE), counters)
        paths.append(path)
    return paths


def write(path: Path, series: Sequence[Series], counters: dict[int, int], database: TelemetryDatabase | None = None) -> None:
    """Write an engineering file of the test bed; ``counters`` go on from file to file."""
    messages: list[int] = next((s.values.astype(int).tolist() for s in series if s.mnemonic.name == MESSAGE), [])
    texts = {"ICTM_EVENT_MSG_SRC": ["OTB"] * len(messages), "ICTM_EVENT_MSG": [f"message {number}" for number in messages]}
    engineering.write_packets(path, series, database=database, origin=ORIGIN, counters=counters, texts=texts)


def cut(series: Iterable[Series], start: int, stop: int) -> list[Series]:
    """Cut series, in order of their times, to what lies from ``start`` to before ``stop``; series that share times still do."""
    shared: dict[int, tuple[slice, Times]] = {}
    found = []
    for one in series:
        if id(one.times) not in shared:
            where = slice(*np.searchsorted(one.times, [start, stop]).tolist())
            shared[id(one.times)] = (where, one.times[where])
        where, times = shared[id(one.times)]
        found.append(replace(one, times=times, values=one.values[where], raw=None if one.raw is None else one.raw[where]))
    return found
