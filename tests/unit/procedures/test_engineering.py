"""Engineering files of a delivery: what they hold, and what is odd about them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from dmsops.interfaces.fos.packets import POINTING_MNEMONICS, write_engineering
from dmsops.procedures import engineering
from dmsops.receipt import accept
from dmsops.testing.deliveries import START, small_visit, write_delivery

NAME = "E0000_2022338025116_001.out"


def written(folder, seconds):
    folder.mkdir(exist_ok=True)
    times = START.timestamp() + np.asarray(seconds, dtype=float)
    write_engineering(folder / NAME, {m: (times, np.zeros(len(times))) for m in POINTING_MNEMONICS})
    return folder


@pytest.mark.parametrize(
    ("seconds", "odd"),
    [
        (np.arange(0, 60, 0.25), ""),
        ([0, 0.25, 0.5, 20, 20.25], "1 times without samples"),
        ([0, 0.25, 0.25, 0.5], "1 packets have the time of another"),
        (np.arange(0, 5 * 3600, 1.0), "it covers 5.0 h, more than 4 h"),
        ([3 * 86400, 3 * 86400 + 1], "it ends in the future"),
    ],
)
def test_what_is_odd_about_a_file_is_said(ops, tmp_path, seconds, odd):
    ops.clock.advance(START + timedelta(days=1) - ops.clock.now())
    (file,) = engineering.look(ops, written(tmp_path / "D1", seconds))
    assert (file.name, file.stream, file.packets, file.odd) == (NAME, "recorded", len(seconds), odd)


def test_the_longest_gap_is_given(ops, tmp_path):
    (file,) = engineering.look(ops, written(tmp_path / "D1", [0, 5, 5.5, 17.5]))
    assert (file.gaps, file.longest_gap_seconds) == (2, 12.0)


def test_damaged_packets_and_unreadable_files_are_said(ops, tmp_path):
    folder = written(tmp_path / "D1", [0, 0.25, 0.5])
    content = bytearray((folder / NAME).read_bytes())
    content[60] ^= 1
    (folder / NAME).write_bytes(bytes(content))
    (folder / "C0000_2022338025116_002.out").write_bytes(b"no packets at all")
    real_time, recorded = engineering.look(ops, folder)
    assert (recorded.damaged, recorded.odd) == (1, "1 packets are damaged and left out")
    assert (real_time.stream, real_time.packets) == ("real time", 0)
    assert "byte 0" in real_time.odd


def test_files_that_were_received_are_looked_into_in_the_store(ops, tmp_path):
    accept(ops, write_delivery(tmp_path / "D0001", small_visit()))
    (file,) = engineering.held(ops, "D0001")
    assert (file.packets, file.gaps) == (30, 29)
