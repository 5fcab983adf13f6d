"""Sequence counters, followed across files: wrap is no jump, loss is counted, disorder is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.packets import APIDS, Counted, Geometry, RecorderWriter, counters

BOX = Geometry(1, 1, 8, 8)


def write(path: Path, exposure, counts: dict[int, int], minutes: int) -> Path:
    """Write six frames of two detectors, minutes after the exposure's start."""
    at = exposure.start + timedelta(minutes=minutes)
    with RecorderWriter(path, counts) as recorder:
        for group in range(6):
            for readout in exposure.readouts:
                recorder.frame(replace(exposure, ngroups=6), readout, BOX, 1, group + 1, np.ones((8, 8), np.uint16), at)
    return path


def reorder(path: Path, order: list[int]) -> None:
    chain = read_chain(path)
    pieces = [chain.content[a:b].tobytes() for a, b in zip(chain.starts, chain.ends, strict=True)]
    path.write_bytes(b"".join(pieces[i] for i in order))


@pytest.fixture
def files(tmp_path, exposure) -> list[Path]:
    counts = {APIDS["NRCA3"]: 16380, APIDS["NRCALONG"]: 5}
    return [write(tmp_path / f"S0000_{n}.out", exposure, counts, n) for n in (1, 2, 3)]


def told(files: list[Path], detector: str = "NRCA3") -> list[Counted]:
    return [c for c in counters(files) if c.detector == detector]


def test_a_counter_that_wraps_and_goes_on_in_the_next_file_has_no_jump(files):
    first, second, third = told([files[2], files[0], files[1]])
    assert [c.file for c in (first, second, third)] == ["S0000_1.out", "S0000_2.out", "S0000_3.out"]
    assert (first.first, first.last, second.first) == (16380, 1, 2)
    assert [(c.packets, c.skipped, c.back, c.before) for c in (first, second, third)] == [(6, 0, 0, None), (6, 0, 0, 0), (6, 0, 0, 0)]


def test_packets_that_are_missing_within_a_file_and_between_files_are_counted(files):
    reorder(files[0], [0, 1, 3, 5, 6, 7, 8, 9, 10, 11])
    reorder(files[1], [2, 3, 4, 5, 6, 7, 8, 9])
    assert [(c.skipped, c.back, c.before) for c in told(files)] == [(2, 0, None), (0, 0, 1), (0, 0, 1)]
    assert [(c.skipped, c.back, c.before) for c in told(files, "NRCALONG")] == [(0, 0, None), (0, 0, 1), (0, 0, 1)]


def test_a_file_that_is_missing_shows_between_its_neighbours(files):
    assert [c.before for c in told([files[0], files[2]])] == [None, 6]


def test_packets_that_came_twice_or_out_of_order_make_the_counter_go_back(files):
    reorder(files[0], [0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 8, 9])
    assert [(c.packets, c.back) for c in told(files[:1])] == [(7, 2)]


def test_a_file_that_is_no_science_file_is_refused(tmp_path):
    (tmp_path / "S0000_1.out").write_bytes(b"no packet at all, but long enough to be one")
    with pytest.raises(BadDelivery, match=r"S0000_1\.out: byte 0"):
        counters([tmp_path / "S0000_1.out"])
