"""What a cell shows."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dmsops.procedures.sheet import Note, Table, words


def test_a_table_reads_as_text_and_as_markdown():
    table = Table.of([{"a": 1, "b": None}, {"a": True, "b": "x|y"}], ("a", "b"))
    assert repr(table) == "a    b\n1    -\nyes  x|y"
    assert table._repr_markdown_().splitlines() == ["| a | b |", "|---|---|", "| 1 | - |", r"| yes | x\|y |"]


def test_an_empty_table_says_so():
    assert repr(Table.of([], ("a",), empty="no failures")) == "(no failures)"


def test_values_are_put_into_words():
    when = datetime(2022, 12, 4, 4, 5, 50, tzinfo=UTC)
    assert [words(v) for v in (when, 1.23456789, ["a", 2], False, "two\nlines", "")] == [
        "2022-12-04 04:05:50Z",
        "1.23456789",
        "a, 2",
        "no",
        "two lines",
        "-",
    ]


@given(st.text(alphabet="<>|*_`[]\\ab"))
def test_text_from_outside_never_becomes_markup(text):
    shown = Note(text)._repr_markdown_()
    bare = shown.replace("\\\\", "")
    assert all(bare[i - 1] == "\\" for i, mark in enumerate(bare) if mark in "<>|*_`[]")
