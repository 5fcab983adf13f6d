"""The engineering database at 50 million samples: classified and stored, against HDF5 files per mnemonic and numpy's sort alone.

Each side works in a process of its own, from the same recorder files, so that processor time and peak memory are its own. The day
is the test bed's, with its resends, supersets, conflicts, late and disordered files; its truth says what every sample must be.
``python -m tests.bench.engineering --samples 300e6`` ingests a whole day, ours only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dmsops.engineering import compact, queries
from dmsops.engineering.ingest import ingest
from dmsops.ops import Ops
from dmsops.testbed.day import Day, fly_day
from dmsops.testing.sites import small_site
from tests.bench.engineering_peers import hdf5_hour, hdf5_store, numpy_limit
from tests.bench.row import Row

SAMPLES, FILES = 50_000_000, 20
DAY = date(2022, 12, 4)
NOW = datetime(2022, 12, 7, tzinfo=UTC)
RATE, SIZE, QUERY, MEMORY = 1.0, 8.0, 5.0, 2048.0
"""Goals: million samples per CPU-second, bytes a sample, milliseconds, MB."""
CLASSES = ("new", "late", "exact", "conflict")
ASKED = ("SA_ZATTEST1", "SA_ZFGGSPOSX")
TURNS = 41


@dataclass(frozen=True)
class Worked:
    """What a side did: what it gave, processor and wall time, and its process's peak memory."""

    result: dict[str, Any]
    cpu: float
    wall: float
    peak_mb: float


def rows(place: Path) -> Iterator[Row]:
    """Make the day once; each side takes it."""
    day = fly_day(place / "day", DAY, samples=SAMPLES, files=FILES, seconds=1440)
    files = recorder_files(day)
    ours = apart(take_all, place / "site", files)
    other = apart(hdf5_store, place / "hdf5", files)
    limit = apart(numpy_limit, files)
    million = sum(ours.result[k] for k in CLASSES) / 1e6
    yield _rate(f"engineering: {million:.0f} million samples classified and stored", million, ours, other, "HDF5 per mnemonic", goal=True)
    yield _rate(f"engineering: the same, nothing kept on the other side, {million:.0f} million", million, ours, limit, "numpy sort alone")
    yield _size(ours, other)
    yield _right(day, ours)
    yield from _queries(place)
    shutil.rmtree(place / "day")
    shutil.rmtree(place / "hdf5")
    shutil.rmtree(place / "site")


def recorder_files(day: Day) -> list[Path]:
    """Give the day's recorder files in the order of their deliveries."""
    return [path for folder in day.deliveries for path in sorted(folder.glob("?0000_*.out"))]


def take_all(site: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Ingest files into a fresh site and compact it; gives counts, bytes held, and the verdicts of every file."""
    ops, counts, verdicts = small_site(site, NOW, mode="rehearsal"), Counter[str](), {}
    for path in files:
        got = ingest(ops, name=path.name, sha256=ops.store.put(path))
        verdicts[path.name] = {key: getattr(got, key) for key in CLASSES}
        counts.update(verdicts[path.name])
        compact.compact(ops)
    compact.compact(ops, compact.several(ops))
    summary = queries.summary(ops)
    return {**counts, "bytes": summary["bytes"], "held": summary["samples"], "verdicts": verdicts}


def apart(work: Callable[..., dict[str, Any]], *given: Any) -> Worked:
    """Do work in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_apart, args=(sender, work, given))
    process.start()
    found: Worked = receiver.recv()
    process.join()
    return found


def _apart(sender: Any, work: Callable[..., dict[str, Any]], given: tuple[Any, ...]) -> None:
    began, cpu = time.monotonic(), time.process_time()
    result = work(*given)
    cpu, wall = time.process_time() - cpu, time.monotonic() - began
    sender.send(Worked(result, cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _rate(title: str, million: float, ours: Worked, other: Worked, what: str, *, goal: bool = False) -> Row:
    mine, theirs = million / ours.cpu, million / other.cpu
    return Row(
        row=title,
        ours=mine,
        against=theirs,
        against_what=what,
        ratio=mine / theirs,
        goal=f">= {RATE:g} million/CPU-s, <= {MEMORY:g} MB" if goal else "-",
        met=(mine >= RATE and ours.peak_mb <= MEMORY) if goal else None,
        peak_mb=ours.peak_mb,
        unit="million samples/CPU-s",
        why=f"wall {ours.wall:.0f} s against {other.wall:.0f} s; peak of the other {other.peak_mb:.0f} MB",
    )


def _size(ours: Worked, other: Worked) -> Row:
    mine, theirs = ours.result["bytes"] / ours.result["held"], other.result["bytes"] / other.result["new"]
    return Row(
        row="engineering: bytes a held sample, value, counts and receipt",
        ours=mine,
        against=theirs,
        against_what="HDF5 per mnemonic, value alone",
        ratio=mine / theirs,
        goal=f"<= {SIZE:g}",
        met=mine <= SIZE,
        unit="B",
    )


def _right(day: Day, ours: Worked) -> Row:
    truth = {row["file"]: row for row in json.loads(day.truth.read_text())["files"]}
    wrong = 0
    for name, got in ours.result["verdicts"].items():
        want = {**{k: truth[name][k] for k in ("exact", "conflict", "late")}, "new": truth[name]["new"] - truth[name]["late"]}
        wrong += sum(abs(got[k] - want[k]) for k in CLASSES)
    samples = sum(ours.result[k] for k in CLASSES)
    return Row(
        row="engineering: samples classified right",
        ours=100.0 * (1 - wrong / samples),
        against=100.0,
        against_what=f"the truth of {len(truth)} files",
        ratio=None,
        goal="100 %",
        met=wrong == 0,
        unit="%",
        why=", ".join(f"{ours.result[k]:,} {k}" for k in CLASSES),
    )


def _queries(place: Path) -> Iterator[Row]:
    ops = reader_of(place / "site")
    start = datetime(2022, 12, 4, 3, tzinfo=UTC)
    stop = start + timedelta(hours=1)
    us = [queries.us(t) for t in (start, stop)]
    for name in ASKED:
        ours = _median(lambda name=name: queries.samples(ops, name, start, stop))  # type: ignore[misc]
        other = _median(lambda name=name: hdf5_hour(place / "hdf5", name, *us))  # type: ignore[misc]
        yield Row(
            row=f"engineering: an hour of {name}, {len(queries.samples(ops, name, start, stop)):,} samples",
            ours=ours,
            against=other,
            against_what="HDF5 per mnemonic",
            ratio=ours / other,
            goal=f"<= {QUERY:g} ms",
            met=ours <= QUERY,
            unit="ms",
        )
    ops.db.dispose()


def reader_of(site: Path) -> Ops:
    """Open a site that another process filled."""
    from dmsops.core.clock import SimulatedClock
    from dmsops.core.people import Person, Role
    from dmsops.ops import connect

    return connect(site, operator=Person("reader", Role.VIEWER), clock=SimulatedClock(NOW))


def _median(work: Callable[[], Any]) -> float:
    took = []
    for _ in range(TURNS):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def main() -> None:
    """Ingest a day of any size, ours only, and print the figures."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--samples", type=float, default=300e6)
    words.add_argument("--files", type=int, default=60)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        day = fly_day(Path(folder) / "day", DAY, samples=int(given.samples), files=given.files, seconds=1440)
        ours = apart(take_all, Path(folder) / "site", recorder_files(day))
        samples = sum(ours.result[k] for k in CLASSES)
        counts = {k: ours.result[k] for k in CLASSES}
        size = ours.result["bytes"] / ours.result["held"]
        print(f"{samples / 1e6:.1f} million samples in {day.files} files: {counts}")
        rate = samples / ours.cpu / 1e6
        print(f"{ours.cpu:.0f} CPU-s, {ours.wall:.0f} s, {rate:.2f} million/CPU-s, peak {ours.peak_mb:.0f} MB, {size:.2f} B a sample")
        print(_right(day, ours).line())


if __name__ == "__main__":
    main()
