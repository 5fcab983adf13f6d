"""Numbers in sentences."""

import pytest

from dmsops.core.counting import counted, fitting


@pytest.mark.parametrize(("number", "words"), [(0, "0 gaps"), (1, "1 gap"), (2, "2 gaps"), (1.0, "1.0 gap"), (21, "21 gaps")])
def test_only_one_is_one(number, words):
    assert counted(number, "gap") == words


def test_words_that_take_no_s_are_given():
    assert [counted(n, "copy", "copies") for n in (0, 1, 2)] == ["0 copies", "1 copy", "2 copies"]


def test_what_is_said_of_the_things_fits_their_number():
    assert [counted(n, "gap is", "gaps are") for n in (0, 1, 2)] == ["0 gaps are", "1 gap is", "2 gaps are"]
    assert [fitting(n, "is", "are") for n in (0, 1, 2)] == ["are", "is", "are"]
    assert [fitting(n, "row") for n in (1, 2)] == ["row", "rows"]


def test_a_number_is_written_as_its_place_writes_it():
    assert counted(12345, "sample") == "12345 samples"
    assert counted(12345, "sample", form=",") == "12,345 samples"
    assert counted(60.0, "minute", form="g") == "60 minutes"
