"""Runbooks say what they are, and are held to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.errors import BadInput, NotFound
from dmsops.core.people import Role
from dmsops.procedures.index import find_runbook, list_runbooks, parameters_cell, read_runbook


def test_a_runbook_is_read_without_a_kernel(write_runbook):
    runbook = read_runbook(write_runbook())
    assert (runbook.id, runbook.title, runbook.least_role) == ("P77", "Toy", Role.OPERATOR)
    assert "site" not in runbook.own_parameters
    assert runbook.own_parameters["program"]["default"] == "01067"


def test_the_parameters_cell_says_what_the_schema_says(write_runbook, schema):
    path = write_runbook()
    assert parameters_cell(path) == {name: s["default"] for name, s in schema["properties"].items()}


@pytest.mark.parametrize("source", ["import os", "x = open('f')", "a, b = 1, 2", "x = = 1"])
def test_a_parameters_cell_holds_only_names_and_literals(write_runbook, source):
    with pytest.raises(BadInput, match="names and literals"):
        parameters_cell(write_runbook(parameters=source))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "8"}, "id"),
        ({"least_role": "king"}, "least_role"),
        ({"roles": []}, "roles"),
        ({"colour": 1}, "metadata.dmsops"),
        ({"title": ""}, "title"),
    ],
)
def test_metadata_that_breaks_a_rule_is_named(write_runbook, change, field):
    with pytest.raises(BadInput) as caught:
        read_runbook(write_runbook(**change))
    assert caught.value.facts["field"] == field
    assert "p77_toy.ipynb" in caught.value.message


def test_a_parameter_that_looks_like_a_secret_is_refused(write_runbook, schema):
    schema["properties"]["api_token"] = {"type": "string", "default": "", "description": "x"}
    with pytest.raises(BadInput, match="secret"):
        read_runbook(write_runbook())


def test_a_default_outside_its_own_type_is_refused(write_runbook, schema):
    schema["properties"]["program"]["default"] = 1067
    with pytest.raises(BadInput, match="program"):
        read_runbook(write_runbook())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', "\x00"])
def test_a_file_that_is_no_notebook_is_refused_in_words(tmp_path: Path, content):
    path = tmp_path / "p01_x.ipynb"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"p01_x\.ipynb"):
        read_runbook(path)


def test_runbooks_are_found_by_id_in_either_case(write_runbook):
    folder = write_runbook().parent
    assert find_runbook("p77", folder).id == "P77"
    with pytest.raises(NotFound, match="P77"):
        find_runbook("P99", folder)


def test_two_runbooks_with_one_id_are_refused(write_runbook):
    write_runbook()
    folder = write_runbook(name="p77_other.ipynb").parent
    with pytest.raises(BadInput, match="P77"):
        list_runbooks(folder)
