"""Rows that did not arrive: what else must not be used follows from where reference pixels and amplifiers are."""

from __future__ import annotations

import numpy as np
import pytest

from dmsops.processing.lost_rows import spoilt_rows

FULL = {"first_row": 1, "first_column": 1, "columns": 2048}
INSIDE = {"first_row": 1889, "first_column": 870, "columns": 64}


def lost(rows: int, *which: range) -> np.ndarray:
    """Lose rows of the second of two groups."""
    mask = np.zeros((1, 2, rows), dtype=bool)
    for some in which:
        mask[0, 1, some.start : some.stop] = True
    return mask


def spoilt(mask: np.ndarray, **where) -> list[int]:
    found = spoilt_rows(mask, **where)
    assert not found[0, 0].any()
    return np.flatnonzero(found[0, 1]).tolist()


def test_without_reference_pixels_only_the_nearest_rows_are_spoilt():
    assert spoilt(lost(64, range(20, 30)), **INSIDE) == list(range(18, 32))


def test_side_reference_pixels_spoil_rows_as_far_as_their_running_median():
    assert spoilt(lost(2048, range(1000, 1015)), **FULL) == list(range(989, 1026))


@pytest.mark.parametrize("rows", [range(15), range(2040, 2048), range(3, 4), range(2044, 2045)], ids=str)
def test_a_frame_that_lacks_reference_rows_is_spoilt_as_a_whole(rows):
    assert spoilt(lost(2048, rows), **FULL) == list(range(2048))


@pytest.mark.parametrize("rows", [range(4, 5), range(2043, 2044)], ids=str)
def test_rows_beside_the_reference_rows_do_not_spoil_the_frame(rows):
    assert len(spoilt(lost(2048, rows), **FULL)) < 30


def test_rows_that_cut_through_all_amplifiers_spoil_the_frame():
    assert spoilt(lost(2048, range(1000, 1015)), **FULL, transposed=True) == list(range(2048))


@pytest.mark.parametrize(("row", "column"), [(1, 870), (1985, 870), (870, 1), (870, 1985)])
def test_a_subarray_with_reference_pixels_is_spoilt_as_a_whole(row, column):
    assert spoilt(lost(64, range(20, 30)), first_row=row, first_column=column, columns=64) == list(range(64))


def test_a_frame_of_miri_is_spoilt_as_a_whole():
    assert spoilt(lost(1024, range(500, 531)), first_row=1, first_column=1, columns=1032, miri=True) == list(range(1024))


def test_nothing_lost_spoils_nothing():
    assert not spoilt_rows(lost(2048), **FULL).any()
