"""What the simulated observatory's sensors say: smooth curves, counters and states, as functions of time (all ours).

A signal depends on the time, the seed and the mnemonic, and on nothing else, noise included: whoever asks for the same
time again gets the same samples, however the time is cut.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.prds.records import Container, Field, Limits, Mnemonic, Series
from dmsops.testbed.telemetry_beats import SECOND, Times
from dmsops.testbed.telemetry_scene import Scene

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
WAVES = ((0.5, 2_000.0, 9_000.0), (0.3, 10_000.0, 40_000.0), (0.2, 50_000.0, 100_000.0))
"""Weight, shortest and longest period (seconds) of the curves that a signal is the sum of."""
WANDER, NOISE = 0.002, 0.0005
"""How far a measured number wanders and how much it jumps, of the width of its limits: some mK for a temperature within 4 K."""
WANDER_COUNTS, NOISE_COUNTS = 40, 2
"""The same for an analog-digital converter's counts; never more than a tenth of what the limits leave."""
WIDEST_TABLE = 16
"""Bits up to which all counts are looked at to find those within limits; wider ones have none."""
COUNT_MICROSECONDS = 250_000
"""A counter counts once in that time."""
PAIRS = (("EXPOSING", "IDLE"), ("BUSY", "READY"), ("NO", "NO"), ("ON", "ON"), ("CENTROID", "CENTROID"))
"""States during an exposure and outside of it, for mnemonics that know both."""
WELL = ("GOOD", "TRACK", "SETTL")
"""What names of flags end with that are YES while all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """How one mnemonic goes: its place in the packet, and what it stays between: counts, or engineering units of a float."""

    field: Field
    mnemonic: Mnemonic
    low: float
    high: float

    @property
    def middle(self) -> float:
        """Where the signal lies about: somewhere in the middle third, of its own."""
        return self.low + (self.high - self.low) * (0.35 + 0.3 * (zlib.crc32(self.field.name.encode()) % 997) / 997)


def key_of(*parts: object) -> int:
    """Give a number of 64 bits for some words, the same in every process."""
    text = "/".join(map(str, parts)).encode()
    return zlib.crc32(text) << 32 | zlib.crc32(text[::-1] + b".")


def hashed(times: Times, key: int) -> NDArray[np.uint64]:
    """Give 64 bits that look drawn for each time, the same ones for the same key (splitmix64)."""
    z = times.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def wave(times: Times, key: int) -> Values:
    """Give a smooth curve between -1 and 1."""
    seconds, drawn = times / SECOND, np.random.default_rng(key)
    found = np.zeros(len(times))
    for weight, shortest, longest in WAVES:
        period, phase = drawn.uniform(shortest, longest), drawn.uniform(0, 2 * np.pi)
        found += weight * np.sin(2 * np.pi / period * seconds + phase)
    return found


def signals(container: Container) -> tuple[Signal, ...]:
    """Give the signals of a container; texts are left out."""
    return tuple(_signal(field, field.mnemonic) for field in container.measured if field.mnemonic is not None)


def series(signal: Signal, times: Times, scene: Scene, seed: int) -> Series:
    """Give a mnemonic's samples at some times, while the observatory does what the scene says."""
    key = key_of(signal.mnemonic.name, seed)
    if signal.field.kind == "float":
        return Series(mnemonic=signal.mnemonic, times=times, values=_measured(signal, times, key), raw=None)
    raw = _maker(signal)(signal, times, scene, key)
    return Series(mnemonic=signal.mnemonic, times=times, values=calibrated(signal.field, raw), raw=raw)


def calibrated(field: Field, raw: Counts) -> Values:
    """Turn counts into engineering units as the telemetry database has it."""
    counts = raw.astype(np.float64)
    return counts if field.calibration is None else np.asarray(field.calibration(counts), dtype=np.float64)


def _signal(field: Field, mnemonic: Mnemonic) -> Signal:
    low, high = _units(mnemonic) if field.kind == "float" else _counts(field, mnemonic.limits)
    return Signal(field=field, mnemonic=mnemonic, low=low, high=high)


def _units(mnemonic: Mnemonic) -> tuple[float, float]:
    """Give what a float stays between; without limits its name decides, so that all have values of their own."""
    low, high = _yellow(mnemonic.limits)
    if np.isfinite([low, high]).all():
        return low, high
    if np.isfinite(high):
        return high - max(1.0, abs(high)), high
    low = low if np.isfinite(low) else zlib.crc32(mnemonic.name.encode()) % 200 / 10.0 - 10.0
    return low, low + max(1.0, abs(low))


def _maker(signal: Signal) -> Callable[[Signal, Times, Scene, int], Counts]:
    """Choose how a mnemonic that is sent in counts goes."""
    if signal.mnemonic.states:
        return _states
    if signal.field.calibration is not None or signal.mnemonic.limits is not None:
        return _converted
    return _counted if signal.mnemonic.unit == "count" else _held


def _measured(signal: Signal, times: Times, key: int) -> Values:
    """Give a measured number, as precise as the packet carries it."""
    noise = hashed(times, key).astype(np.float64) / 2.0**63 - 1.0
    values = signal.middle + (signal.high - signal.low) * (WANDER * wave(times, key) + NOISE * noise)
    return values.astype(np.float32).astype(np.float64) if signal.field.width == 32 else values


def _yellow(limits: Limits | None) -> tuple[float, float]:
    if limits is None:
        return -np.inf, np.inf
    lows, highs = (limits.yellow_low, limits.red_low), (limits.yellow_high, limits.red_high)
    low = max((x for x in lows if x is not None), default=-np.inf)
    return low, min((x for x in highs if x is not None), default=np.inf)


def _whole(field: Field) -> tuple[int, int]:
    """Give the lowest and the highest count that a field can carry."""
    if field.kind == "signed":
        return -(1 << (field.width - 1)), (1 << (field.width - 1)) - 1
    return 0, (1 << field.width) - 1


def _counts(field: Field, limits: Limits | None) -> tuple[int, int]:
    """Find the longest run of counts whose engineering values lie within the limits."""
    lowest, highest = _whole(field)
    if limits is None or field.width > WIDEST_TABLE:
        return lowest, highest
    values, (low, high) = calibrated(field, np.arange(lowest, highest + 1, dtype=np.int64)), _yellow(limits)
    inside = np.concatenate([[False], (values >= low) & (values <= high), [False]])
    edges = np.flatnonzero(np.diff(inside.astype(np.int8))).reshape(-1, 2)
    begin, stop = edges[int(np.argmax(edges[:, 1] - edges[:, 0]))].tolist()
    return lowest + begin, lowest + stop - 1


def _converted(signal: Signal, times: Times, scene: Scene, key: int) -> Counts:
    """Give the counts of an analog-digital converter."""
    noise = (hashed(times, key) % np.uint64(2 * NOISE_COUNTS + 1)).astype(np.int64) - NOISE_COUNTS
    wander = min(WANDER_COUNTS, 0.1 * (signal.high - signal.low))
    counts = np.round(signal.middle + wander * wave(times, key)).astype(np.int64) + noise
    return np.asarray(np.clip(counts, int(signal.low), int(signal.high)))


def _counted(signal: Signal, times: Times, scene: Scene, key: int) -> Counts:
    """Give a counter, which begins again at 0 when its bits are full."""
    return np.asarray((times // COUNT_MICROSECONDS + key % 1000) % (int(signal.high) + 1))


def _held(signal: Signal, times: Times, scene: Scene, key: int) -> Counts:
    """Give a setting: a number that stays for one exposure."""
    drawn = hashed(scene.starts, key) % np.uint64(min(int(signal.high), 1000) + 1)
    return np.asarray(drawn.astype(np.int64)[scene.number(times)])


def _states(signal: Signal, times: Times, scene: Scene, key: int) -> Counts:
    """Give the numbers of the states that an enumeration has."""
    numbers = {word: number for number, word in signal.mnemonic.states.items()}
    if "UNKNOWN" in numbers:
        return np.asarray(np.array([_in_beam(numbers, beam, key) for beam in scene.beam])[scene.number(times)])
    busy, calm = _pair(signal.mnemonic.name, numbers, scene)
    return np.where(scene.exposing(times), numbers[busy], numbers[calm]).astype(np.int64)


def _in_beam(numbers: dict[str, int], beam: frozenset[str], key: int) -> int:
    """Choose what a wheel has in the beam: what the exposure asked for, where the wheel has it."""
    wanted = sorted(beam & numbers.keys())
    others = sorted(numbers.keys() - {"UNKNOWN"})
    return numbers[wanted[0] if wanted else others[key_of(key, *sorted(beam)) % len(others)]]


def _pair(name: str, numbers: dict[str, int], scene: Scene) -> tuple[str, str]:
    """Choose the states of a mnemonic during an exposure and outside of it."""
    guider = f"GUIDER{scene.guider}"
    if guider in numbers:
        return guider, guider
    if "YES" in numbers and name.endswith(WELL):
        return "YES", "YES"
    if "YES" in numbers and name.endswith("_MOV"):
        return "NO", "YES"
    first = next(iter(numbers))
    return next(((busy, calm) for busy, calm in PAIRS if busy in numbers and calm in numbers), (first, first))
