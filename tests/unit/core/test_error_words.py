"""Errors are sentences: one that quotes what was given stays short."""

from __future__ import annotations

from dmsops.core.errors import LONGEST, BadInput


def test_a_message_that_quotes_a_whole_file_is_cut_and_says_so() -> None:
    error = BadInput("x" * 1_000_000)
    assert len(error.message) < LONGEST + 50
    assert error.message.endswith("(1000000 characters)")
    assert str(error) == error.message


def test_a_sentence_stays_as_it_is() -> None:
    assert BadInput("the plan has no exposure").message == "the plan has no exposure"
