"""Receipt against a plain copy with fsync of the same files in the same run: many small science recorder files, and large ones.

Beside it stands the bare sum of what no receipt can leave out: reading, sha256, CRC-32, writing and fsync, on many threads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from dmsops.core.files import sync_folder
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter
from dmsops.receipt import accept
from dmsops.testing.deliveries import START, small_visit
from dmsops.testing.sites import small_site
from tests.bench.row import Row

SMALL, SMALL_ROWS, SMALL_GROUPS = 2000, 64, 6
LARGE, LARGE_ROWS, LARGE_GROUPS = 6, 2048, 12
_GOAL_SMALL, _GOAL_LARGE = 1500.0, 0.65
_AGAINST = "plain copy with fsync of each"
_THREADS, _PIECE = 16, 256 * 1024


def rows(place: Path) -> Iterator[Row]:
    """Measure; the files lie in the page cache on both sides."""
    place = place / "receipt"
    small = [_science(place / "small", n, SMALL_ROWS, SMALL_GROUPS) for n in range(SMALL)]
    for title, deliveries in (("one delivery", 1), ("10 deliveries", 10)):
        yield _small(place, small, title, deliveries)
    shutil.rmtree(place)
    large = [_science(place / "large", n, LARGE_ROWS, LARGE_GROUPS) for n in range(LARGE)]
    yield _large(place, large)


def _science(folder: Path, number: int, edge: int, groups: int) -> Path:
    """Write a recorder file with one exposure of one detector."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"S0000_{2022001000000 + number}_{number % 999 + 1:03d}.out"
    exposure = replace(small_visit().exposures[0], ngroups=groups)
    geometry, pixels = Geometry(1, 1, edge, edge), np.random.default_rng(number).integers(0, 60_000, (edge, edge)).astype(np.uint16)
    with RecorderWriter(path) as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], geometry, exposure.start)
        for group in range(1, groups + 1):
            recorder.frame(exposure, exposure.readouts[0], geometry, 1, group, pixels + group, exposure.start + timedelta(seconds=group))
    return path


def _small(place: Path, files: list[Path], title: str, deliveries: int) -> Row:
    plain, bare, ours = _best(place, files, deliveries)
    rate, limit, size = len(files) / ours, len(files) / plain, files[0].stat().st_size / 1000
    return Row(
        row=f"receipt of {len(files)} files of {size:.0f} kB, {title}", ours=rate, against=limit, against_what=_AGAINST,
        ratio=rate / limit, goal=f">= {_GOAL_SMALL:.0f} files/s", met=rate >= _GOAL_SMALL, unit="files/s",
        why=_of_bare(bare / ours, len(files) / bare, "files/s"),
    )  # fmt: skip


def _large(place: Path, files: list[Path]) -> Row:
    plain, bare, ours = _best(place, files, 1)
    size = sum(path.stat().st_size for path in files) / 1e6
    return Row(
        row=f"receipt of {len(files)} files of {size / len(files):.0f} MB", ours=size / ours, against=size / plain, against_what=_AGAINST,
        ratio=plain / ours, goal=f">= {_GOAL_LARGE} of it", met=plain / ours >= _GOAL_LARGE, unit="MB/s",
        why=_of_bare(bare / ours, size / bare, "MB/s"),
    )  # fmt: skip


def _of_bare(ratio: float, rate: float, unit: str) -> str:
    return f"{ratio:.2f} of the bare sum of read, sha256, CRC-32, write and fsync on {_THREADS} threads, {rate:.0f} {unit}"


def _best(place: Path, files: list[Path], deliveries: int) -> tuple[float, float, float]:
    """Do all three in turns, three times, and give the best seconds of each: the first copy pays for fresh memory.

    Nothing is removed between the turns: ext4 keeps the inodes of removed files back for seconds, and whoever makes files then
    pays for the search for others.
    """
    places = [place / f"{len(files)}-{deliveries}-{turn}" for turn in range(3)]
    plain, bare, ours = zip(*((_plain(at, files), _bare(at, files), _ours(at, files, deliveries)) for at in places), strict=True)
    return min(plain), min(bare), min(ours)


def _bare(place: Path, files: list[Path]) -> float:
    """Do what no receipt can leave out, and nothing else; gives the seconds."""
    target = place / "bare"
    target.mkdir(parents=True)
    os.sync()
    began = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(_copied, files, [target / path.name for path in files]))
    sync_folder(target)
    return time.perf_counter() - began


def _copied(source: Path, target: Path) -> tuple[str, int]:
    digest, crc = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as file, target.open("xb", buffering=0) as copy:
        while piece := file.read(_PIECE):
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            copy.write(piece)
        os.fsync(copy.fileno())
    return digest.hexdigest(), crc


def _plain(place: Path, files: list[Path]) -> float:
    """Copy one file after another, each synced, and the folder at the end; gives the seconds."""
    target = place / "plain"
    target.mkdir(parents=True)
    os.sync()
    began = time.perf_counter()
    for path in files:
        shutil.copyfile(path, target / path.name)
        descriptor = os.open(target / path.name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    sync_folder(target)
    return time.perf_counter() - began


def _ours(place: Path, files: list[Path], deliveries: int) -> float:
    """Receive the files, in so many deliveries; gives the seconds."""
    ops = small_site(place / "site", START + timedelta(hours=2))
    folders = []
    for n in range(deliveries):
        folder = ops.settings.folder("inbox") / f"D{n:02d}"
        folder.mkdir()
        for path in files[n::deliveries]:
            (folder / path.name).hardlink_to(path)
        write_manifest(folder, delivery_id=folder.name, sender="FOS", sequence=n, created=START)
        folders.append(folder)
    os.sync()
    began = time.perf_counter()
    for folder in folders:
        assert not accept(ops, folder).quarantined
    took = time.perf_counter() - began
    ops.db.dispose()
    return took
