"""Typed text becomes checked values; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadInput
from dmsops.core.people import Role
from dmsops.procedures.index import Runbook, read_runbook
from dmsops.procedures.parameters import check, check_on_site, parse


@pytest.fixture
def runbook(write_runbook) -> Runbook:
    return read_runbook(write_runbook())


@pytest.mark.parametrize("text", ["01067", "01089", "00000", "1:30", "1_0", "nan", "false", " x "])
def test_text_stays_the_text_that_was_typed(runbook, text):
    assert parse(runbook, [f"program={text}"]) == {"program": text}


def test_each_type_is_read_as_declared(runbook):
    values = parse(runbook, ["steps=3,4", "steps=[5]", "limit=30.5", "mode=after repair"])
    assert values == {"steps": [3, 4, 5], "limit": 30.5, "mode": "after repair"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nothing", "nothing"), ("unknown=1", "unknown"), ("limit=nan", "limit"), ("limit=1e999", "limit"), ("limit=1_0", "limit"),
        ("steps=1.5", "steps"), ("steps=[1", "steps"), ("steps=x", "steps"), ("site=/tmp", "site"), ("dry_run=false", "dry_run"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(runbook, text, field):
    with pytest.raises(BadInput) as caught:
        parse(runbook, [text])
    assert caught.value.facts["field"] == field


def test_a_name_given_twice_is_refused(runbook):
    with pytest.raises(BadInput, match="twice"):
        parse(runbook, ["mode=as is", "mode=as is"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"program": "1067"}, "program"), ({"program": 1067}, "program"), ({"limit": 0}, "limit"), ({"mode": "quick"}, "mode"),
        ({"steps": ["1"]}, "steps"), ({"colour": "red"}, "colour"), ({"dry_run": "false"}, "dry_run"),
    ],
)  # fmt: skip
def test_a_value_outside_its_schema_is_named(runbook, values, field):
    with pytest.raises(BadInput) as caught:
        check(runbook, values)
    assert caught.value.facts["field"] == field


def test_what_is_left_out_takes_its_default(runbook):
    assert check(runbook, {"limit": 5})["program"] == "01067"


def test_a_step_that_does_not_exist_is_refused_before_anything_starts(ops, runbook):
    with pytest.raises(BadInput, match=r"steps.*no step 12"):
        check_on_site(ops, runbook, {"steps": [12]})


def test_a_visit_id_that_does_not_parse_is_refused(ops, runbook):
    check_on_site(ops, runbook, {"visit": ""})
    check_on_site(ops, runbook, {"visit": "V02726402001"})
    with pytest.raises(BadInput, match="visit"):
        check_on_site(ops, runbook, {"visit": "2726402001"})


TWO = {"name": {"type": "string", "default": ""}, "many": {"type": "array", "items": {"type": "integer"}, "default": []}}
SMALL = Runbook(
    id="P77",
    title="t",
    purpose="p",
    roles=("OPS",),
    least_role=Role.VIEWER,
    trigger="t",
    hazards="h",
    parameters={"properties": TWO},
    path=Path("p77.ipynb"),
)


@given(st.text())
def test_any_text_comes_through_unchanged(text):
    assert parse(SMALL, [f"name={text}"]) == {"name": text}


@given(st.lists(st.integers(min_value=-(10**17), max_value=10**17)))
def test_any_list_of_numbers_comes_back(numbers):
    assert parse(SMALL, ["many=" + ",".join(map(str, numbers))]) == {"many": numbers}


@given(st.text())
def test_no_text_breaks_the_reader_in_another_way_than_in_words(text):
    with pytest.raises(BadInput) as caught:
        parse(SMALL, [f"many={text}", "unknown"])
    assert "field" in caught.value.facts
