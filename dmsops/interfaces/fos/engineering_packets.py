"""Engineering files that are packets: which container each packet is of, and the samples of a stretch of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import layout as packet_layout
from dmsops.interfaces.fos.chain import Chain, broken, read_chain
from dmsops.interfaces.prds.checks import SCIENCE
from dmsops.interfaces.prds.decode import block_rows, by_library, decoded, read
from dmsops.interfaces.prds.encode import DAY, EPOCH
from dmsops.interfaces.prds.records import Container, Series, TelemetryDatabase
from dmsops.interfaces.prds.xtce import telemetry_database

IDENTIFICATION = "STREAM_IDENTIFICATION"
ORIGIN = "STREAM_ORIGIN"
MOST_VARIABLE = 100_000
"""Packets of variable length in one file: each is decoded by itself, slowly; a day holds some hundreds."""
HEAD = np.dtype(
    [("identification", ">u2"), ("sequencing", ">u2"), ("length", ">u2"), ("day", ">u2"), ("millisecond", ">u4"), ("microsecond", ">u2")]
)
Times = NDArray[np.int64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound packets of a file: where they are, their application ids and times (N,), and how many are not sound."""

    chain: Chain
    apids: NDArray[np.int64]
    times: Times
    damaged: int


def read_sound(path: Path) -> Sound:
    """Find the sound packets of an engineering file.

    Raises
    ------
    BadDelivery
        The chain of packets breaks, no check sum agrees, a packet is a detector's, or a time of day is none.
    """
    whole = read_chain(path)
    sound = whole.sound()
    if not sound.any():
        raise BadDelivery(f"{path.name}: no packet's check sum agrees", file=path.name)
    chain = whole if sound.all() else whole.take(sound)
    heads = chain.heads(HEAD)
    apids = (heads["identification"] & 0x7FF).astype(np.int64)
    _refuse(chain, (apids >= SCIENCE.start) & (apids < SCIENCE.stop), "this is a packet of a detector, not of engineering")
    odd = (heads["millisecond"] >= 86_401_000) | (heads["microsecond"] >= 1000)
    _refuse(chain, odd, "the packet's time is none: more milliseconds than a day has, or more than 999 microseconds")
    milliseconds = heads["day"].astype(np.int64) * (DAY // 1000) + heads["millisecond"]
    return Sound(chain, apids, milliseconds * 1000 + heads["microsecond"] + EPOCH, int((~sound).sum()))


def kinds_of(sound: Sound) -> NDArray[np.int64]:
    """Give each packet a number of its layout, shape (N,): by application id, and by what tells layouts apart where one id has several.

    The telemetry database is asked only when two packets of one application id have the same time.
    """
    kinds = sound.apids.copy()
    order = np.lexsort((sound.times, kinds))
    again = (np.diff(sound.times[order]) == 0) & (np.diff(kinds[order]) == 0)
    for apid in np.unique(kinds[order[1:][again]]).tolist():
        layouts = telemetry_database().of_apid(apid)
        for index, layout in enumerate(layouts[1:], start=1):
            places = np.flatnonzero(sound.apids == apid)
            kinds[places[_matching(sound.chain, layout, places)]] += index << 11
    return kinds


def _told(layout: Container) -> int:
    """Give the bytes at a packet's start that tell its layout."""
    return max(((f.bit + f.width + 7) // 8 for f in map(layout.field, layout.criteria)), default=0)


def _matching(chain: Chain, layout: Container, places: Places) -> NDArray[np.bool_]:
    """Say of packets whether they hold what selects a layout; one that is too short to hold it does not."""
    size = _told(layout)
    mine = (chain.ends - chain.starts)[places] >= size + packet_layout.CHECK.size
    if size:
        heads = chain.cut(chain.starts[places[mine]], size)
        numbers = ((read(layout.field(name), heads), number) for name, number in layout.criteria.items())
        mine[mine] = np.logical_and.reduce([sent == number for sent, number in numbers])
    return mine


def _refuse(chain: Chain, odd: NDArray[np.bool_], why: str) -> None:
    if odd.any():
        raise broken(chain.path, int(chain.starts[int(np.argmax(odd))]), why)


@dataclass(frozen=True, slots=True)
class Variable:
    """Packets of variable length, decoded: values and counts by field, both (N,)."""

    values: Mapping[str, NDArray[np.float64]]
    raw: Mapping[str, NDArray[np.int64]]


@dataclass(slots=True)
class Packets:
    """The packets of a file by container, and what was counted on the way."""

    sound: Sound
    database: TelemetryDatabase
    places: dict[str, Places] = field(default_factory=dict)
    variable: dict[str, Variable] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    damaged: int = 0
    texts: int = 0
    origin: str = ""

    def times(self, container: str) -> Times:
        """Give the times of a container's packets."""
        return np.asarray(self.sound.times[self.places[container]]) if container in self.places else np.empty(0, dtype=np.int64)

    def all_times(self) -> Times:
        """Give the times of all packets that have samples."""
        return np.concatenate([np.empty(0, dtype=np.int64), *(self.times(name) for name in self.places)])

    def series(self, start: int | None, stop: int | None) -> Iterator[Series]:
        """Decode a stretch of time, container after container."""
        for name, places in self.places.items():
            times = self.sound.times[places]
            chosen = np.ones(len(times), dtype=bool)
            chosen &= times >= start if start is not None else True
            chosen &= times < stop if stop is not None else True
            if chosen.any():
                yield from self._decoded(self.database.container(name), places, times, chosen)

    def _decoded(self, container: Container, places: Places, times: Times, chosen: NDArray[np.bool_]) -> Iterator[Series]:
        shared = times[chosen]
        if container.size == 0:
            found = self.variable[container.name]
            for each in container.measured:
                assert each.mnemonic is not None
                raw = found.raw[each.name][chosen] if each.kind != "float" else None
                yield Series(mnemonic=each.mnemonic, times=shared, values=found.values[each.name][chosen], raw=raw)
            return
        chain, starts = self.sound.chain, self.sound.chain.starts[places[chosen]]
        step = block_rows(container)
        blocks = (chain.cut(starts[i : i + step], container.size) for i in range(0, len(starts), step))
        for one in decoded(container, blocks, len(starts)):
            assert one.field.mnemonic is not None
            yield Series(mnemonic=one.field.mnemonic, times=shared, values=one.values, raw=one.raw)


def read_packets(path: Path, database: TelemetryDatabase) -> Packets:
    """Sort the packets of a file by container.

    Raises
    ------
    BadDelivery
        As `read_sound`; or two identification packets contradict each other, or packets of variable length are too many.
    """
    sound = read_sound(path)
    found = Packets(sound, database, damaged=sound.damaged)
    for apid in np.unique(sound.apids).tolist():
        places = np.flatnonzero(sound.apids == apid)
        layouts = database.of_apid(apid)
        if not layouts:
            found.unknown[f"APID 0x{apid:03X}"] = len(places)
        else:
            _sort(found, layouts, places)
    _identify(found)
    return found


def _sort(found: Packets, layouts: tuple[Container, ...], places: Places) -> None:
    """Find the layout of packets of one application id; those too short to tell it count as damaged."""
    chain = found.sound.chain
    lengths = (chain.ends - chain.starts)[places]
    long = lengths >= max((_told(layout) for layout in layouts), default=0) + packet_layout.CHECK.size
    found.damaged += int((~long).sum())
    left = places[long]
    for layout in layouts:
        mine = _matching(chain, layout, left)
        _take(found, layout, left[mine])
        left = left[~mine]
    if len(left):
        found.unknown[f"APID 0x{layouts[0].apid:03X}"] = len(left)


def _take(found: Packets, layout: Container, places: Places) -> None:
    """Take the packets of one layout; those whose length is not that of the layout count as damaged."""
    chain = found.sound.chain
    if layout.size == 0:
        places, found.variable[layout.name] = _one_by_one(found, layout, places)
    else:
        fits = (chain.ends - chain.starts)[places] == layout.size
        found.damaged += int((~fits).sum())
        places = places[fits]
    if len(places):
        found.places[layout.name] = places
        found.texts += len(layout.texts) * len(places)


def _one_by_one(found: Packets, layout: Container, places: Places) -> tuple[Places, Variable]:
    chain = found.sound.chain
    if len(places) > MOST_VARIABLE:
        why = f"it holds more than {MOST_VARIABLE} packets of container {layout.name}"
        raise broken(chain.path, int(chain.starts[places[MOST_VARIABLE]]), why)
    packets = (chain.content[chain.starts[i] : chain.ends[i]].tobytes() for i in places.tolist())
    got = list(by_library(found.database, layout, packets))
    good = [each for each in got if each is not None]
    found.damaged += len(got) - len(good)
    names = [f.name for f in layout.measured]
    return places[np.array([each is not None for each in got], dtype=bool)], Variable(
        {name: np.array([each[name][0] for each in good], dtype=np.float64) for name in names},
        {name: np.array([each[name][1] for each in good], dtype=np.int64) for name in names},
    )


def _identify(found: Packets) -> None:
    """Read where the stream comes from; a file without an identification packet says nothing."""
    places = found.places.pop(IDENTIFICATION, None)
    if places is None:
        return
    container, chain = found.database.container(IDENTIFICATION), found.sound.chain
    numbers = read(container.field(ORIGIN), chain.cut(chain.starts[places], container.size))
    _refuse(chain.take(places), numbers != numbers[0], "the identification packet contradicts the first one of the file")
    found.origin = origins(found.database).get(int(numbers[0]), "")


def origins(database: TelemetryDatabase) -> dict[int, str]:
    """Give the words for the origin of a stream, by their number in an identification packet."""
    kind = database.definition.parameters[ORIGIN].parameter_type
    return dict(kind.enumeration)
