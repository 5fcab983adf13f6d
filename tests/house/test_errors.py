"""Errors lead to procedures."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core import errors

CLASSES = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, errors.DmsError)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_a_remedy_names_a_procedure_or_a_command(error):
    assert re.search(r"\bP(0[1-9]|1[0-9]|2[01])\b|`dmsops [a-z]", error.remedy)


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_an_error_stands_in_the_tree_of_the_docstring(error):
    assert re.search(rf"^\s*[│├└─ ]*{error.__name__}\b", errors.__doc__, re.MULTILINE)


def test_every_code_is_used_once():
    codes = [c.code for c in CLASSES]
    assert sorted(codes) == sorted(set(codes))


def test_every_procedure_that_a_remedy_names_is_listed(root):
    listed = (root / "docs/reference/procedures.md").read_text(encoding="utf-8")
    named = {p for c in CLASSES for p in re.findall(r"\bP\d\d\b", c.remedy)}
    assert {p for p in named if f"| {p} |" not in listed} == set()


def test_errors_are_raised_only_from_the_one_tree(library):
    # ValueError and its like are for mistakes of a programmer, never for what an operator may see.
    defined = {
        f"{m.name}: {line.strip()}"
        for m in library
        if m.name != "dmsops/core/errors.py"
        for line in m.text.splitlines()
        if re.match(r"class [A-Za-z]\w*\((\w*Error|\w*Exception|BadInput|Refused|NotFound|Failed|StepFailed)\):", line)
    }
    assert defined == set()


@given(st.text(), st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda k: k != "remedy"), st.integers()))
def test_an_error_crosses_a_process_border_whole(message, facts):
    before = errors.GateFailed(message, remedy="do this", **{k: v for k, v in facts.items() if k not in {"message", "self"}})
    kind, arguments = before.__reduce__()
    assert kind(*arguments).as_dict() == before.as_dict()
