"""Every runbook and notebook is whole, thin and as it was executed; proved without a kernel."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from dmsops.procedures.canonical import canonical, dumps, faults, notebooks_of
from dmsops.procedures.index import list_runbooks, parameters_cell

ROOT = Path(__file__).resolve().parents[2]
BOOKS = notebooks_of([ROOT / "runbooks", ROOT / "notebooks"])
RUNBOOKS = list_runbooks(ROOT / "runbooks")
STEPS = ("header", "parameters", "open", "gate-words", "gate", "next-words", "close")


def code_cells(path: Path) -> list[dict]:
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.stem)
def test_it_is_canonical_executed_thin_and_small(path):
    assert faults(path) == []


@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.stem)
def test_its_outputs_hold_no_path_or_user_of_the_machine_it_was_made_on(path):
    shown = json.dumps([c["outputs"] for c in code_cells(path)])
    assert "/home/" not in shown
    assert "/tmp/" not in shown
    assert "/root" not in shown


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda r: r.id)
def test_its_parameters_cell_holds_the_defaults_of_its_schema(runbook):
    assert parameters_cell(runbook.path) == {name: s["default"] for name, s in runbook.parameters["properties"].items()}


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda r: r.id)
def test_its_cells_import_only_dmsops(runbook):
    tree = ast.parse("\n".join("".join(c["source"]) for c in code_cells(runbook.path)))
    imported = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = [n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imported]
    assert names
    assert all(name.split(".")[0] == "dmsops" for name in names)


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda r: r.id)
def test_it_has_the_parts_that_every_runbook_has_and_starts_dry(runbook):
    ids = [c["id"] for c in json.loads(runbook.path.read_text())["cells"]]
    assert [i for i in ids if i in STEPS] == list(STEPS)
    assert runbook.parameters["properties"]["dry_run"]["default"] is True
    assert runbook.path.name.startswith(runbook.id.lower() + "_")


@pytest.fixture
def stripped(tmp_path) -> Path:
    document = json.loads(BOOKS[0].read_text())
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell.update(execution_count=None, outputs=[])
    path = tmp_path / "stripped.ipynb"
    path.write_bytes(dumps(canonical(document)))
    return path


def test_a_stripped_notebook_is_found(stripped):
    found = faults(stripped)
    assert len(found) == len(code_cells(BOOKS[0]))
    assert all("was not executed" in text for text in found)


@pytest.mark.parametrize(
    ("source", "words"),
    [("def f():\n    pass", "defines functions"), ("\n".join(["x = 1"] * 13), "13 code lines"), ("class A: pass", "defines functions")],
)
def test_code_that_belongs_in_the_library_is_found(tmp_path, source, words):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "execution_count": 1, "outputs": []}
    path = tmp_path / "thick.ipynb"
    path.write_bytes(dumps(canonical({"cells": [cell], "metadata": {}})))
    assert any(words in text for text in faults(path))


def test_canonical_form_is_a_fixed_point_and_drops_what_differs_from_run_to_run():
    stream = {"output_type": "stream", "name": "stdout", "text": "a"}
    html = {"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": {"text/html": "<b>", "text/plain": "b"}}
    first = {"cell_type": "code", "id": "9f3", "metadata": {"papermill": {}, "step": "look"}, "source": "x", "execution_count": 7}
    second = {"cell_type": "code", "id": "8e1", "metadata": {"step": "look"}, "source": "y", "execution_count": 9, "outputs": []}
    cells = [{**first, "outputs": [stream, stream, html]}, second]
    once = canonical({"cells": cells, "metadata": {"widgets": {}}})
    assert [c["id"] for c in once["cells"]] == ["look", "look-2"]
    assert [c["execution_count"] for c in once["cells"]] == [1, 2]
    assert once["cells"][0]["outputs"][0]["text"] == ["aa"]
    assert list(once["cells"][0]["outputs"][1]["data"]) == ["text/plain"]
    assert canonical(json.loads(dumps(once))) == once
