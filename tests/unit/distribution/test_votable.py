"""Answers are read back as they were: by astropy's own reader of VOTables, and in the other forms."""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from astropy.io import fits as io_fits
from astropy.io import votable as astropy_votable
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput
from dmsops.distribution.adql.tables import Field
from dmsops.distribution.forms import FORMS, form_of
from dmsops.distribution.votable import Answer, binary2, error_document, escaped, tabledata

SOME = settings(max_examples=120)
FIELDS = (
    Field(name="text", datatype="char", arraysize="*", description="A < B & C"),
    Field(name="words", datatype="unicodeChar", arraysize="*", ucd="meta.note"),
    Field(name="number", datatype="double", unit="deg", utype="x:y.z"),
    Field(name="count", datatype="long"),
    Field(name="small", datatype="int"),
    Field(name="yes", datatype="boolean"),
)
sound = st.characters(blacklist_categories=["Cs"], blacklist_characters="".join(map(chr, [*range(32), 0xFFFE, 0xFFFF])))
rows = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8), st.none() | st.text(sound, max_size=8),
        st.none() | st.floats(), st.none() | st.integers(-(2**63) + 1, 2**63 - 1), st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
        st.none() | st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


def answer(given: Sequence[Sequence[Any]], *, limit: int = 1000, lot: int = 5) -> Answer:
    return Answer(fields=FIELDS, lots=[given[n : n + lot] for n in range(0, len(given), lot)], limit=limit)


def astropy_reads(document: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return astropy_votable.parse(io.BytesIO(document), verify="exception")


def shown(cell: Any, masked: Any) -> Any:
    if np.all(masked):
        return None
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def read_back(document: bytes) -> list[tuple[Any, ...]]:
    table = astropy_reads(document).get_first_table()
    names = [f.name for f in table.fields]
    return [tuple(shown(row[name], row.mask[name] if hasattr(row, "mask") else False) for name in names) for row in table.array]


def expected(given: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Give rows as VOTable can hold them: no text is an empty one, no number is none."""
    return [(row[0] or "", row[1] or "", *(None if isinstance(x, float) and math.isnan(x) else x for x in row[2:])) for row in given]


def same(got: Sequence[tuple[Any, ...]], wanted: Sequence[tuple[Any, ...]]) -> None:
    assert [(row[0] or "", row[1] or "", *row[2:]) for row in got] == list(wanted)


@SOME
@given(given_rows=rows)
def test_astropy_reads_tabledata_back_as_it_was(given_rows: list[tuple[Any, ...]]) -> None:
    # Blanks at the ends of a text are the reader's to keep or not; ours are kept in the document.
    kept = [(row[0] and row[0].strip(), row[1] and row[1].strip(), *row[2:]) for row in given_rows]
    same(read_back(b"".join(tabledata(answer(kept)))), expected(kept))


@SOME
@given(given_rows=rows)
def test_astropy_reads_binary2_back_as_it_was(given_rows: list[tuple[Any, ...]]) -> None:
    kept = [(row[0], row[1] and "".join(sign for sign in row[1] if ord(sign) < 0x10000), *row[2:]) for row in given_rows]
    same(read_back(b"".join(binary2(answer(kept)))), expected(kept))


@SOME
@given(text=st.text(st.characters(), max_size=20))
def test_no_text_breaks_a_document(text: str) -> None:
    fields = (Field(name="a", datatype="char", arraysize="*"), Field(name="b", datatype="unicodeChar", arraysize="*"))
    document = b"".join(tabledata(Answer(fields=fields, lots=[[(text, text), ("x", None)]], limit=9)))
    table = astropy_reads(document).get_first_table()
    assert len(table.array) == 2
    assert "<" not in escaped(text)
    astropy_reads(error_document(text).replace(b' value="ERROR"', b' value="OK"'))


def test_columns_say_what_they_are() -> None:
    document = astropy_reads(b"".join(tabledata(answer([]))))
    found = {f.name: f for f in document.get_first_table().fields}
    assert [(f.datatype, str(f.unit or ""), f.ucd or "", f.utype or "") for f in found.values()][1:3] == [
        ("unicodeChar", "", "meta.note", ""), ("double", "deg", "", "x:y.z"),
    ]  # fmt: skip
    assert found["text"].description == "A < B & C"


@pytest.mark.parametrize("write", [tabledata, binary2])
@pytest.mark.parametrize(("limit", "overflow"), [(3, True), (4, False), (5, False), (0, True)])
def test_more_rows_than_wanted_are_told_and_left_out(write: Any, limit: int, overflow: bool) -> None:
    row = ("a", "b", 1.0, 2, 3, True)
    document = b"".join(write(answer([row] * 4, limit=limit, lot=2)))
    resource = astropy_reads(document).resources[0]
    assert next(info.value for info in resource.infos if info.name == "QUERY_STATUS") == "OK"
    assert (b'value="OVERFLOW"' in document) == overflow
    assert len(resource.tables[0].array) == min(limit, 4)


def test_an_error_is_told_as_the_standard_has_it() -> None:
    assert b'<INFO name="QUERY_STATUS" value="ERROR">a &lt; b</INFO>' in error_document("a < b")


ROWS = [("a,b", 'say "é"', 1.5, 2**40, 3, True), (None, None, None, None, None, None), ("x", "y\nz", math.inf, -1, 0, False)]


def test_csv_and_tsv_hold_the_same() -> None:
    import csv

    for name, separator in (("csv", ","), ("tsv", "\t")):
        text = b"".join(FORMS[name].write(answer(ROWS))).decode()
        got = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        assert got[0] == [f.name for f in FIELDS]
        assert got[1] == ["a,b", 'say "é"', "1.5", str(2**40), "3", "True"]
        assert got[2] == [""] * 6
        assert len(got) == 4


def test_json_holds_the_same() -> None:
    got = json.loads(b"".join(FORMS["json"].write(answer(ROWS, limit=2))))
    assert [column["name"] for column in got["metadata"]] == [f.name for f in FIELDS]
    assert got["data"] == [list(row) for row in ROWS[:2]]
    assert got["overflow"] is True


def test_parquet_holds_the_same() -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(b"".join(FORMS["parquet"].write(answer(ROWS)))))
    assert table.column("count").to_pylist() == [2**40, None, -1]
    assert table.column("words").to_pylist() == ['say "é"', None, "y\nz"]
    assert table.schema.field("number").metadata == {b"unit": b"deg", b"utype": b"x:y.z"}


def test_fits_holds_the_same() -> None:
    with io_fits.open(io.BytesIO(b"".join(FORMS["fits"].write(answer(ROWS))))) as file:
        table = file[1].data
        assert list(table["text"]) == ["a,b", "", "x"]
        assert table["count"][0] == 2**40
        assert math.isnan(table["number"][1])
        assert file[1].columns["number"].unit == "deg"
    with io_fits.open(io.BytesIO(b"".join(FORMS["fits"].write(answer([]))))) as file:
        assert len(file[1].data) == 0


def test_a_form_that_there_is_not_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match="there is no format 'excel'; there are votable"):
        form_of("excel")
    assert form_of("").type == form_of("application/x-votable+xml").type == form_of("VOTable").type
