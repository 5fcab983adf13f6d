"""A toy runbook, written for each test that needs one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "site": {"type": "string", "default": "", "description": "site"},
        "dry_run": {"type": "boolean", "default": True, "description": "look only"},
        "reason": {"type": "string", "default": "", "description": "why"},
        "program": {"type": "string", "pattern": "^[0-9]{5}$", "default": "01067", "description": "program"},
        "visit": {"type": "string", "format": "visit-id", "default": "", "description": "visit"},
        "steps": {"type": "array", "items": {"type": "integer", "format": "step-number"}, "default": [], "description": "steps"},
        "limit": {"type": "number", "minimum": 1, "maximum": 240, "default": 90.0, "description": "minutes"},
        "mode": {"type": "string", "enum": ["as is", "after repair"], "default": "as is", "description": "mode"},
    },
}
PARAMETERS = "\n".join(f"{name} = {schema['default']!r}" for name, schema in SCHEMA["properties"].items())


def cell(source: str, *, kind: str = "code", tags: tuple[str, ...] = (), step: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
    own = {"execution_count": None, "outputs": []} if kind == "code" else {}
    name = step or f"c{abs(hash(source)) % 10**8}"
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": source.splitlines(keepends=True), **own}


@pytest.fixture
def schema() -> dict[str, Any]:
    return json.loads(json.dumps(SCHEMA))


@pytest.fixture
def write_runbook(tmp_path: Path, schema: dict[str, Any]) -> Callable[..., Path]:
    """Write a runbook P77 with the given code cells; keywords replace metadata."""

    def write(*sources: str, name: str = "p77_toy.ipynb", parameters: str = PARAMETERS, **changes: Any) -> Path:
        about = {
            "id": "P77", "title": "Toy", "purpose": "test", "roles": ["OPS"], "least_role": "operator", "trigger": "a test",
            "hazards": "none", "parameters": schema,
        } | changes  # fmt: skip
        cells = [cell(parameters, tags=("parameters",), step="parameters"), *(cell(s, step=f"cell-{i}") for i, s in enumerate(sources))]
        metadata = {"dmsops": about, "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        folder = tmp_path / "books"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write
