"""Records as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.names import VisitId
from dmsops.core.plain import SPARSE, from_plain, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    count: int
    size: float = 1.0
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    visit: VisitId
    at: datetime
    on: bool
    text: str
    leaves: tuple[Leaf, ...]
    best: Leaf | None


trees = st.builds(
    Tree,
    visit=st.integers(0, 10**11 - 1).map(lambda n: VisitId.parse(f"{n:011d}")),
    at=st.datetimes(timezones=st.just(UTC)),
    on=st.booleans(),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    leaves=st.lists(st.builds(Leaf, count=st.integers(), size=st.floats(allow_nan=False, allow_infinity=False))).map(tuple),
    best=st.none() | st.builds(Leaf, count=st.integers(), kind=st.sampled_from(["a", "b"])),
)
PLAIN = {"visit": "02726402001", "at": "2022-12-04T00:00:00Z", "on": True, "text": "", "leaves": [{"count": 1}], "best": None}


@given(trees)
def test_a_record_survives_being_plain(tree):
    assert from_plain(Tree, json.loads(json.dumps(to_plain(tree))), source="f") == tree


def test_defaults_fill_what_is_left_out():
    assert from_plain(Tree, PLAIN, source="f").leaves == (Leaf(count=1, size=1.0, kind="a"),)
    assert from_plain(Tree, {k: v for k, v in PLAIN.items() if k != "best"}, source="f").best is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on": 1}, "field 'on' is 1, not true or false"),
        ({"text": 1}, "field 'text' is 1, not text"),
        ({"visit": 2726402001}, "field 'visit' is not usable"),
        ({"at": 5}, "field 'at' is 5, not a time"),
        ({"leaves": [{"count": True}]}, r"field 'leaves\[0\].count' is True, not a whole number"),
        ({"leaves": [{"count": 1}, {}]}, r"field 'leaves\[1\].count' is missing"),
        ({"best": {"count": 1, "kind": "c"}}, "field 'best.kind' is 'c'; it may be a, b"),
        ({"best": {"count": 1, "size": float("inf")}}, "field 'best.size' is not a finite number"),
        ({"more": 1}, "field 'more' is not known"),
    ],
)
def test_a_wrong_field_is_named(change, said):
    with pytest.raises(BadDelivery, match=f"^some.json: {said}"):
        from_plain(Tree, {**PLAIN, **change}, source="some.json", error=BadDelivery)


@pytest.mark.parametrize("plain", [None, 3, "text", [], [{}]])
def test_what_is_no_table_is_refused(plain):
    with pytest.raises(BadInput, match="f: the whole document is not a table of fields"):
        from_plain(Tree, plain, source="f")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seldom:
    count: int
    lamp: str = field(default="", metadata=SPARSE)


@pytest.mark.parametrize(("record", "plain"), [(Seldom(count=1), {"count": 1}), (Seldom(count=1, lamp="LED"), {"count": 1, "lamp": "LED"})])
def test_a_field_that_few_records_need_is_written_only_when_it_says_something(record, plain):
    assert to_plain(record) == plain
    assert from_plain(Seldom, plain, source="f") == record
