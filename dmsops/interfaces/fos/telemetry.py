"""Pointing telemetry in engineering recorder files: one packet per sample of all pointing mnemonics (layout ours)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.files import write_bytes
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import Chain, broken, read_chain

POINTING_MNEMONICS = (
    *(f"SA_ZATTEST{i}" for i in (1, 2, 3, 4)),
    *(f"SA_ZRFGS2J{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)),
    "SA_ZADUCMDX",
    "SA_ZADUCMDY",
    "SA_ZFGGSCMDX",
    "SA_ZFGGSCMDY",
    "SA_ZFGDETID",
    "SA_ZFGGSPOSX",
    "SA_ZFGGSPOSY",
)
"""The mnemonics that the pointing of an exposure is computed from, in the order of the packet."""

Samples = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""By mnemonic: times (N,), unix seconds UTC, and values (N,), engineering units."""

PACKET = np.dtype(
    [
        ("identification", ">u2"),
        ("sequencing", ">u2"),
        ("length", ">u2"),
        ("day", ">u2"),
        ("millisecond", ">u4"),
        ("microsecond", ">u2"),
        ("values", ">f8", (len(POINTING_MNEMONICS),)),
        ("check", ">u4"),
    ]
)
_DAY = 86_400_000_000
_EPOCH_MICROSECONDS = int(layout.EPOCH.timestamp()) * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineeringPart:
    """What one engineering file holds.

    Attributes
    ----------
    packets, bad_crc : int
        Packets, and those among them whose check sum does not agree.
    first_at, last_at : datetime or None
        None when all are damaged.
    repeated : int
        Packets whose time another one has as well.
    gaps : tuple of (datetime, datetime)
        Last sample before and first one after each time without samples that is longer than the limit asked for.
    """

    packets: int
    bad_crc: int
    first_at: datetime | None
    last_at: datetime | None
    repeated: int = 0
    gaps: tuple[tuple[datetime, datetime], ...] = ()


def write_engineering(
    path: Path,
    samples: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    counters: dict[int, int] | None = None,
) -> None:
    """Write pointing telemetry as an engineering recorder file.

    Parameters
    ----------
    samples : mapping
        For each of `POINTING_MNEMONICS`: times (N,) in unix seconds UTC, the same for all, and values (N,).
        Times are kept to the microsecond.
    counters : dict, optional
        Sequence count of the next packet by APID, changed in place.

    Raises
    ------
    BadInput
        A mnemonic is missing or unknown, or the mnemonics are not sampled together.
    """
    if set(samples) != set(POINTING_MNEMONICS):
        odd = sorted(set(samples) ^ set(POINTING_MNEMONICS))
        raise BadInput(
            f"pointing telemetry needs exactly its {len(POINTING_MNEMONICS)} mnemonics; missing or unknown: {odd}", field="samples"
        )
    times = samples[POINTING_MNEMONICS[0]][0]
    for mnemonic, (when, values) in samples.items():
        if not np.array_equal(when, times) or values.shape != times.shape:
            raise BadInput(f"pointing telemetry: {mnemonic} is not sampled at the times of the others", field=mnemonic)
    counters = {} if counters is None else counters
    first = counters.get(layout.POINTING_APID, 0)
    counters[layout.POINTING_APID] = (first + len(times)) % layout.COUNTER_WRAP
    packets = _filled(times, np.column_stack([samples[m][1] for m in POINTING_MNEMONICS]), first)
    content = memoryview(packets.tobytes())
    size, check = PACKET.itemsize, layout.CHECK.size
    packets["check"] = [zlib.crc32(content[i : i + size - check]) for i in range(0, len(content), size)]
    write_bytes(path, packets.tobytes())


def _filled(times: NDArray[np.float64], values: NDArray[np.float64], first: int) -> NDArray[np.void]:
    packets = np.zeros(len(times), dtype=PACKET)
    since = np.round(times * 1e6).astype(np.int64) - _EPOCH_MICROSECONDS
    packets["identification"] = (1 << 11) | layout.POINTING_APID
    packets["sequencing"] = (layout.WHOLE << 14) | ((first + np.arange(len(times))) % layout.COUNTER_WRAP)
    packets["length"] = PACKET.itemsize - layout.PRIMARY.size - 1
    packets["day"] = since // _DAY
    packets["millisecond"] = since % _DAY // 1000
    packets["microsecond"] = since % 1000
    packets["values"] = values
    return packets


def read_engineering(paths: Iterable[Path]) -> Samples:
    """Read the pointing telemetry of some files, in the order of the files; damaged packets are left out.

    Raises
    ------
    BadDelivery
        A file is no pointing telemetry; the message names the byte where it stops being it.
    """
    packets = np.concatenate([np.empty(0, dtype=PACKET), *(_read(path)[0] for path in paths)])
    times = _seconds(packets)
    values = packets["values"].astype(np.float64)
    return {mnemonic: (times, values[:, i].copy()) for i, mnemonic in enumerate(POINTING_MNEMONICS)}


def scan_engineering(path: Path, gap_seconds: float = np.inf) -> EngineeringPart:
    """Tell what an engineering recorder file holds.

    Parameters
    ----------
    gap_seconds : float
        Longest time between two samples that is no gap.

    Raises
    ------
    BadDelivery
        The file is no pointing telemetry; the message names the byte where it stops being it.
    """
    packets, bad = _read(path)
    times = np.sort(_seconds(packets))
    steps = np.diff(times)
    return EngineeringPart(
        packets=len(packets) + bad,
        bad_crc=bad,
        first_at=_at(times[0]) if len(times) else None,
        last_at=_at(times[-1]) if len(times) else None,
        repeated=int((steps == 0).sum()),
        gaps=tuple((_at(times[i]), _at(times[i + 1])) for i in np.flatnonzero(steps > gap_seconds)),
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _seconds(packets: NDArray[np.void]) -> NDArray[np.float64]:
    since = packets["day"].astype(np.int64) * _DAY + packets["millisecond"].astype(np.int64) * 1000 + packets["microsecond"]
    return np.asarray((since + _EPOCH_MICROSECONDS) / 1e6, dtype=np.float64)


def _read(path: Path) -> tuple[NDArray[np.void], int]:
    chain = read_chain(path)
    sound = chain.sound()
    good = chain.take(sound)
    packets = good.heads(PACKET)
    _check(good, packets)
    if not sound.any():
        raise BadDelivery(f"{path.name}: no packet's check sum agrees", file=path.name)
    return packets, int((~sound).sum())


def _check(chain: Chain, packets: NDArray[np.void]) -> None:
    right = ((packets["identification"] & 0x7FF) == layout.POINTING_APID) & (chain.ends - chain.starts == PACKET.itemsize)
    right &= (packets["millisecond"] < 86_401_000) & (packets["microsecond"] < 1000)
    if not right.all():
        raise broken(chain.path, chain.starts[int(np.argmin(right))], "this is no packet of pointing telemetry")
