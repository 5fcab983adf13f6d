"""Deliveries of which packets are missing: taken out of the recorder files before the manifest is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from dmsops.core.records import Visit
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.testing.deliveries import small_visit, write_delivery

EXPOSURE = "jw02726402001_03104_00001"
FILE = "S0000_2022338025616_001.out"
Lost = Callable[[np.void], bool]


def visit(*, exposures: int = 2) -> Visit:
    """Give a small visit whose exposures have six groups: six packets each on either detector."""
    small = small_visit(exposures=exposures)
    return replace(small, exposures=tuple(replace(e, ngroups=6) for e in small.exposures))


def deliver(
    folder: Path, lost: Lost, *, file: str = FILE, delivery_id: str = "D0001", only: str | None = None, as_name: str | None = None
) -> Path:
    """Write the visit's delivery without the packets of a file that are lost; ``only`` that file, perhaps under another name."""
    write_delivery(folder, visit(), delivery_id=delivery_id)
    (folder / MANIFEST).unlink()
    thin(folder / file, lost)
    if only is not None:
        for path in folder.iterdir():
            if path.name != only:
                path.unlink()
        if as_name is not None:
            (folder / only).rename(folder / as_name)
    created = visit().end + timedelta(minutes=40)
    write_manifest(folder, delivery_id=delivery_id, sender="FOS", sequence=1, created=created)
    return folder


def thin(path: Path, lost: Lost) -> None:
    """Take packets out of a file."""
    chain = read_chain(path)
    heads = chain.heads(layout.HEAD_DTYPE)
    kept = [not lost(head) for head in heads]
    pairs = zip(chain.starts.tolist(), chain.ends.tolist(), kept, strict=True)
    content = b"".join(chain.content[a:b].tobytes() for a, b, keep in pairs if keep)
    del chain
    path.write_bytes(content)


def groups(*numbers: int, detector: str = "NRCA3") -> Lost:
    """Lose a detector's frames of these groups."""
    return lambda head: head["kind"] == layout.FRAME and int(head["frame_group"]) in numbers and _is(head, detector)


def headers(detector: str = "NRCA3") -> Lost:
    """Lose a detector's exposure headers."""
    return lambda head: head["kind"] == layout.EXPOSURE and _is(head, detector)


def nothing(head: np.void) -> bool:
    """Lose nothing."""
    return False


def all_but(lost: Lost) -> Lost:
    """Lose everything else."""
    return lambda head: not lost(head)


def _is(head: np.void, detector: str) -> bool:
    return int(head["identification"]) & 0x7FF == layout.APIDS[detector]
