"""Engineering packets handled as bytes: taken out, put together anew, their times moved. For what goes wrong on the way down."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.files import write_bytes
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.engineering_packets import HEAD, IDENTIFICATION
from dmsops.interfaces.prds import telemetry_database
from dmsops.interfaces.prds.encode import DAY, EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """The packets of some file: bytes, application ids and times (N,), microseconds since 1970."""

    content: tuple[bytes, ...]
    apids: NDArray[np.int64]
    times: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Packets:
        """Give some of the packets."""
        numbers = np.arange(len(self.content))[chosen]
        return Packets(content=tuple(self.content[i] for i in numbers.tolist()), apids=self.apids[chosen], times=self.times[chosen])

    def and_then(self, others: Packets) -> Packets:
        """Give these packets and others behind them."""
        apids, times = np.concatenate([self.apids, others.apids]), np.concatenate([self.times, others.times])
        return Packets(content=self.content + others.content, apids=apids, times=times)

    def write(self, path: Path) -> None:
        """Write the packets as a file."""
        write_bytes(path, b"".join(self.content))


def identification() -> int:
    """Give the application id of the packet that says where a file's stream comes from."""
    return telemetry_database().container(IDENTIFICATION).apid


def read(path: Path) -> Packets:
    """Read the packets of a recorder file, damaged ones too."""
    chain = read_chain(path)
    heads = chain.heads(HEAD)
    since = heads["day"].astype(np.int64) * DAY + heads["millisecond"].astype(np.int64) * 1000 + heads["microsecond"]
    whole = chain.content.tobytes()
    return Packets(
        content=tuple(whole[a:b] for a, b in zip(chain.starts.tolist(), chain.ends.tolist(), strict=True)),
        apids=(heads["identification"] & 0x7FF).astype(np.int64),
        times=since + EPOCH,
    )


def moved(packets: Packets, by: int) -> Packets:
    """Move the times of packets by so many microseconds; their check sums agree again."""
    times = packets.times + by
    content = tuple(_at(packet, time) for packet, time in zip(packets.content, times.tolist(), strict=True))
    return replace(packets, content=content, times=times)


def _at(packet: bytes, microseconds: int) -> bytes:
    since = microseconds - EPOCH
    time = layout.TIME.pack(since // DAY, since % DAY // 1000, since % 1000)
    head, check = layout.PRIMARY.size, layout.CHECK.size
    body = packet[:head] + time + packet[head + len(time) : -check]
    return body + layout.CHECK.pack(zlib.crc32(body))
