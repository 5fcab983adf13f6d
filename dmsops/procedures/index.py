"""The runbooks there are: their metadata, read and held to its rules without starting a kernel."""

from __future__ import annotations

import ast
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadInput, NotFound
from dmsops.core.people import Role

FOLDER = Path(__file__).resolve().parents[2] / "runbooks"
"""The project's own runbooks."""
GIVEN = ("site", "dry_run", "reason")
"""Parameters that every runbook has and that `run` gives; an operator does not type them as parameters."""
_SECRETS = ("password", "secret", "token", "credential")
_WORDS = {"type": "string", "minLength": 1}
_METADATA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "title", "purpose", "roles", "least_role", "trigger", "hazards", "parameters"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^P[0-9]{2}$"},
        "title": _WORDS,
        "purpose": _WORDS,
        "roles": {"type": "array", "items": _WORDS, "minItems": 1},
        "least_role": {"enum": [role.word for role in Role]},
        "trigger": _WORDS,
        "hazards": _WORDS,
        "parameters": {
            "type": "object",
            "required": ["type", "properties", "additionalProperties"],
            "properties": {
                "additionalProperties": {"const": False},
                "properties": {
                    "type": "object",
                    "required": list(GIVEN),
                    "additionalProperties": {"type": "object", "required": ["type", "default", "description"]},
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """One procedure.

    ``parameters`` is a JSON Schema (draft 2020-12) of an object; ``least_role`` is needed to change anything
    (a dry run needs none beyond looking).
    """

    id: str
    title: str
    purpose: str
    roles: tuple[str, ...]
    least_role: Role
    trigger: str
    hazards: str
    parameters: dict[str, Any]
    path: Path

    @property
    def own_parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters that an operator may give, by name."""
        return {name: schema for name, schema in self.parameters["properties"].items() if name not in GIVEN}


def read_runbook(path: Path) -> Runbook:
    """Read one runbook's metadata.

    Raises
    ------
    BadInput
        The file is not a notebook, or its ``dmsops`` metadata breaks a rule; the message names file and field.
    """
    found = _document(path).get("metadata", {}).get("dmsops")
    _validate(path, found)
    roles = tuple(found["roles"])
    return Runbook(**{**found, "roles": roles, "least_role": Role.named(found["least_role"]), "path": path})


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} is not a notebook that can be read: {error}", file=str(path)) from None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise BadInput(f"{path.name} is not a notebook: it has no cells", file=str(path), field="cells")
    return document


def _validate(path: Path, found: Any) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    for problem in Draft202012Validator(_METADATA).iter_errors(found):
        field = ".".join(str(part) for part in problem.path) or "metadata.dmsops"
        raise BadInput(f"{path.name}: field '{field}': {problem.message[:200]}", file=str(path), field=field)
    try:
        Draft202012Validator.check_schema(found["parameters"])
    except SchemaError as error:
        raise BadInput(f"{path.name}: field 'parameters': {error.message[:200]}", file=str(path), field="parameters") from None
    for name, schema in found["parameters"]["properties"].items():
        if any(word in name.lower() for word in _SECRETS):
            raise BadInput(
                f"{path.name}: parameter '{name}' looks like a secret: those never go into a notebook", file=str(path), field=name
            )
        for problem in Draft202012Validator(schema).iter_errors(schema["default"]):
            raise BadInput(f"{path.name}: default of parameter '{name}': {problem.message[:200]}", file=str(path), field=name)


def list_runbooks(folder: Path | None = None) -> list[Runbook]:
    """Give all runbooks of a folder (default: the project's own), by id.

    Raises
    ------
    BadInput
        One of them breaks a rule, or two have the same id.
    """
    found = sorted((read_runbook(path) for path in sorted((folder or FOLDER).glob("*.ipynb"))), key=lambda r: r.id)
    for one, other in itertools.pairwise(found):
        if one.id == other.id:
            raise BadInput(f"{one.path.name} and {other.path.name} both say they are {one.id}", field="id")
    return found


def find_runbook(procedure: str, folder: Path | None = None) -> Runbook:
    """Find a runbook by its id (``P08``, also ``p08``).

    Raises
    ------
    NotFound
        There is none.
    """
    found = list_runbooks(folder)
    for runbook in found:
        if runbook.id == procedure.upper():
            return runbook
    there = ", ".join(r.id for r in found) or "none"
    raise NotFound(f"there is no runbook {procedure}; there are {there}", remedy="`dmsops runbook list` names them (procedure P01).")


def parameters_cell(path: Path) -> dict[str, Any]:
    """Read the values that the notebook's ``parameters`` cell assigns (literals only; nothing is run).

    Raises
    ------
    BadInput
        There is not exactly one such cell, or it holds something other than names and literals.
    """
    cells = [c for c in _document(path)["cells"] if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(cells) != 1:
        raise BadInput(f"{path.name} has {len(cells)} cells tagged 'parameters'; it needs one", file=str(path), field="tags")
    try:
        return dict(_assigned(node) for node in ast.parse("".join(cells[0]["source"])).body)
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{path.name}: the 'parameters' cell holds more than names and literals: {error}", file=str(path)) from None


def _assigned(node: ast.stmt) -> tuple[str, Any]:
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
        raise ValueError(ast.unparse(node))
    return node.targets[0].id, ast.literal_eval(node.value)
