"""Writing engineering files, for the test bed: packets as the recorder sends them, and the HDF5 form."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput
from dmsops.core.files import write_bytes
from dmsops.interfaces.fos.engineering_packets import IDENTIFICATION, ORIGIN, origins
from dmsops.interfaces.fos.sums import windows
from dmsops.interfaces.prds import Container, Series, TelemetryDatabase, telemetry_database
from dmsops.interfaces.prds.encode import WRAP, encoded, encoded_one, numbers_of, text_of

WRITER = 1
"""Version of the writer, in the identification packet."""
GROUP_ROWS = 200_000
"""Rows of a data group of the HDF5 form (ours)."""
PADDED = 1_000
"""The last data group is padded to a multiple of so many rows (ours)."""
Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Written:
    """Packets of one kind: bytes one after another, and length and time of each (N,)."""

    content: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    times: NDArray[np.int64]


def write_packets(
    path: Path,
    series: Iterable[Series],
    *,
    database: TelemetryDatabase | None = None,
    origin: str = "OTB",
    counters: dict[int, int] | None = None,
    texts: Texts | None = None,
) -> None:
    """Write samples as a recorder file: an identification packet, then packets in the order of time.

    Parameters
    ----------
    series : iterable of Series
        All mnemonics of each container that is to be sent, at the same times (kept to the microsecond).
    origin : str
        OBSERVATORY, OTB, SIMULATOR; empty: no identification packet is written.
    counters : dict, optional
        Sequence count of the next packet by application id, changed in place.
    texts : mapping, optional
        By text mnemonic: the texts of its container's packets; those that are not given are empty.

    Raises
    ------
    BadInput
        A container lacks a mnemonic, its mnemonics are not sampled together, or counts do not fit; the message names the mnemonic.
    """
    database, counters = database or telemetry_database(), {} if counters is None else counters
    written: list[Written] = []
    for name, group in _by_container(series).items():
        container = database.container(name)
        times = _together(container, group)
        first = _count(counters, container.apid, len(times))
        numbers = {f.name: numbers_of(f, group[f.name]) for f in container.measured}
        if container.size:
            rows = encoded(container, times, numbers, first)
            written.append(Written(rows.reshape(-1), np.full(len(times), container.size), times))
        else:
            written.append(_variable(container, times, numbers, texts or {}, first))
    if origin:
        written.insert(0, _identification(database, origin, written, counters))
    write_bytes(path, _merged(written).tobytes())


def _count(counters: dict[int, int], apid: int, packets: int) -> int:
    first = counters.get(apid, 0)
    counters[apid] = (first + packets) % WRAP
    return first


def _by_container(series: Iterable[Series]) -> dict[str, dict[str, Series]]:
    found: dict[str, dict[str, Series]] = {}
    for each in series:
        group = found.setdefault(each.mnemonic.container, {})
        if each.mnemonic.name in group:
            raise BadInput(f"mnemonic {each.mnemonic.name} is given twice", field=each.mnemonic.name)
        group[each.mnemonic.name] = each
    return found


def _together(container: Container, group: Mapping[str, Series]) -> NDArray[np.int64]:
    """Give the times of a container's packets; its mnemonics must all be there, sampled together."""
    names = {f.name for f in container.measured}
    if odd := sorted(names ^ set(group)):
        raise BadInput(f"container {container.name} needs exactly its {len(names)} mnemonics; missing or unknown: {odd}", field=odd[0])
    times = next(iter(group.values())).times
    for name, each in group.items():
        sizes = {len(each.times), len(each.values), len(each.times if each.raw is None else each.raw)}
        if len(sizes) > 1 or not (each.times is times or np.array_equal(each.times, times)):
            raise BadInput(f"container {container.name}: {name} is not sampled at the times of the others", field=name)
    return np.asarray(times, dtype=np.int64)


def _variable(
    container: Container, times: NDArray[np.int64], numbers: Mapping[str, NDArray[np.generic]], texts: Texts, first: int
) -> Written:
    for name in {f.name for f in container.texts} & set(texts):
        if len(texts[name]) != len(times):
            raise BadInput(f"container {container.name}: {name} has not one text for each packet", field=name)
    packets = [
        encoded_one(container, time, {n: v[i].item() for n, v in numbers.items()}, text_of(container, texts, i), (first + i) % WRAP)
        for i, time in enumerate(times.tolist())
    ]
    lengths = np.array([len(p) for p in packets], dtype=np.int64)
    return Written(np.frombuffer(b"".join(packets), dtype=np.uint8), lengths, times)


def _identification(database: TelemetryDatabase, origin: str, written: list[Written], counters: dict[int, int]) -> Written:
    number = {word: number for number, word in origins(database).items()}.get(origin)
    if number is None:
        raise BadInput(f"origin '{origin}' is none of {', '.join(origins(database).values())}", field="origin")
    container = database.container(IDENTIFICATION)
    when = np.array([min((int(w.times.min()) for w in written if len(w.times)), default=0)], dtype=np.int64)
    numbers = {ORIGIN: np.array([number]), "STREAM_WRITER": np.array([WRITER])}
    rows = encoded(container, when, numbers, _count(counters, container.apid, 1))
    return Written(rows.reshape(-1), np.array([container.size]), when)


def _merged(written: list[Written]) -> NDArray[np.uint8]:
    """Put packets in the order of time; those of one time, and those of one container, stay in the order given."""
    if not written:
        return np.empty(0, dtype=np.uint8)
    lengths = np.concatenate([w.lengths for w in written])
    order = np.argsort(np.concatenate([np.maximum.accumulate(w.times) for w in written]), kind="stable")
    places = np.empty(len(lengths), dtype=np.int64)
    places[order] = np.cumsum(lengths[order]) - lengths[order]
    content, done = np.empty(int(lengths.sum()), dtype=np.uint8), 0
    for part in written:
        mine = places[done : done + len(part.lengths)]
        done += len(part.lengths)
        starts = np.cumsum(part.lengths) - part.lengths
        for length in np.unique(part.lengths).tolist():
            chosen = part.lengths == length
            windows(content, length)[mine[chosen]] = windows(part.content, length)[starts[chosen]]
    return content


def write_hdf5(
    path: Path, series: Iterable[Series], *, database: TelemetryDatabase | None = None, origin: str = "OTB", in_order: bool = True
) -> None:  # fmt: skip
    """Write samples in the HDF5 form, in the order of time or (without ``in_order``) as they are given.

    Every chunk carries a check sum of HDF5's own (Fletcher). Besides the fields of the reference (id, observatoryTime, apid,
    engineeringNumericValue) two are ours: rawValue, the counts (0 where packets carry the value itself), and
    observatoryMicrosecond, of the millisecond.

    Raises
    ------
    BadInput
        The times, values and counts of a series are not of one length.
    """
    columns = _columns(series, database or telemetry_database(), in_order=in_order)
    write_bytes(path, _hdf5(columns, origin))


def _columns(series: Iterable[Series], database: TelemetryDatabase, *, in_order: bool) -> dict[str, NDArray[np.generic]]:
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for each in series:
        size, apid = len(each.times), database.container(each.mnemonic.container).apid
        raw = np.zeros(size, dtype=np.int64) if each.raw is None else each.raw
        if {len(each.values), len(raw)} != {size}:
            raise BadInput(f"mnemonic {each.mnemonic.name}: times, values and counts are not of one length", field=each.mnemonic.name)
        parts.append((np.full(size, each.mnemonic.number), each.times, np.full(size, apid), each.values, raw))
    joined = [np.concatenate([p[i] for p in parts]) if parts else np.empty(0) for i in range(5)]
    order = np.argsort(joined[1], kind="stable") if in_order else np.arange(len(joined[1]))
    ids, times, apids, values, raws = (column[order] for column in joined)
    microseconds = times.astype(np.int64)
    return {
        "id": ids.astype(np.int32),
        "observatoryTime": microseconds // 1000,
        "observatoryMicrosecond": (microseconds % 1000).astype(np.uint16),
        "apid": apids.astype(np.uint16),
        "engineeringNumericValue": values.astype(np.float64),
        "rawValue": raws.astype(np.int64),
    }


def _hdf5(columns: Mapping[str, NDArray[np.generic]], origin: str) -> bytes:
    import h5py

    rows, times = len(columns["id"]), columns["observatoryTime"]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        groups = file.create_group("samples")
        for number, (first, last, padding) in enumerate(_cuts(rows), start=1):
            group = groups.create_group(f"data{number}")
            for name, column in columns.items():
                filled = np.concatenate([column[first:last], np.zeros(padding, dtype=column.dtype)])
                group.create_dataset(name, data=filled, compression="gzip", compression_opts=1, shuffle=True, fletcher32=True)
        file.attrs["dataOrigin"] = np.bytes_(origin or " ")
        file.attrs["numPoints"] = np.int64(sum(last - first + padding for first, last, padding in _cuts(rows)))
        file.attrs["dataStartTime"] = np.int64(times.min() if rows else 0)
        file.attrs["dataStopTime"] = np.int64(times.max() if rows else 0)
    return buffer.getvalue()


def _cuts(rows: int) -> Iterator[tuple[int, int, int]]:
    """Cut rows into data groups: first row, end, and rows of padding behind."""
    for first in range(0, max(rows, 1), GROUP_ROWS):
        last = min(first + GROUP_ROWS, rows)
        yield first, last, -(last - first) % PADDED if last == rows else 0
