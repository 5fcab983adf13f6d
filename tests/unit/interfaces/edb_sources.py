"""Sources of samples that tests of the engineering database ask."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dmsops.interfaces.edb import bracketed

TYPES = {
    "SA_ZATTEST1": ("FL64", "FL64", "FLOAT"),
    "SA_ZFGDETID": ("UI8", "UI8", "TINYINT"),
    "IGDP_COUNT": ("SI16", "SI16", "SMALLINT"),
    "INRC_STATE": ("UI8", "DS", "VARCHAR(50)"),
    "SEEN_NEVER": ("FL32", "FL32", "REAL"),
}
START_US = 1_670_125_920_000_000
"""2022-12-04 03:52:00 UTC."""


@dataclass
class FakeSource:
    """Samples in memory, in microseconds; remembers what it was asked."""

    held: dict[str, tuple[np.ndarray, np.ndarray]]
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    most: int = 0

    def mnemonics(self):
        return [self.describe(name) for name in self.held]

    def describe(self, name):
        if name not in self.held:
            return None
        raw, eu, sql = TYPES[name]
        known = {"TlmMnemonic": name, "Subsystem": "ACS", "RawType": raw, "EUType": eu, "SQLType": sql, "AllPoints": name != "INRC_STATE"}
        return {**known, "Description": "of a test", "Unit": ""}

    def samples(self, name, start_us, stop_us):
        self.asked.append((name, start_us, stop_us))
        times, values = bracketed(*self.held[name], start_us, stop_us)
        self.most = max(self.most, len(times))
        return times, values.tolist() if values.dtype == object else values


def every(seconds: float, count: int, *, start_us: int = START_US) -> np.ndarray:
    """Give ``count`` times, one every so many seconds."""
    return start_us + np.arange(count, dtype=np.int64) * round(seconds * 1e6)


def usual() -> FakeSource:
    """Give ten samples of everything, one a second; and a mnemonic that was never seen."""
    times = every(1.0, 10)
    words = np.array(["ON", "OFF", 'a "word", quoted'] * 3 + ["ON"], dtype=object)
    return FakeSource(
        {
            "SA_ZATTEST1": (times, np.linspace(0, 0.9, 10)),
            "SA_ZFGDETID": (times, np.ones(10)),
            "IGDP_COUNT": (times, np.arange(10.0)),
            "INRC_STATE": (times, words),
            "SEEN_NEVER": (times[:0], np.zeros(0)),
        }
    )
