"""Parameters: typed text in, checked values out. A program id stays text (``01067`` is not a number)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput, DmsError
from dmsops.core.names import VisitId, parse_any, safe_file_name
from dmsops.procedures.index import GIVEN, Runbook
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops


def parse(runbook: Runbook, texts: Iterable[str]) -> dict[str, Any]:
    """Turn ``name=value`` texts into values of the types that the runbook's schema declares.

    Arrays are JSON (``[1, 2]``) or items with commas between; a name may be repeated for an array.

    Raises
    ------
    BadInput
        A text without ``=``, an unknown name, a name given twice, or a value of another type; the field is named.
    """
    values: dict[str, Any] = {}
    known = runbook.own_parameters
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"'{text}' is not a parameter: write name=value", field=text)
        _known(runbook, name)
        read = _READERS[known[name]["type"]](name, value, known[name])
        if name in values and not isinstance(read, list):
            raise BadInput(f"parameter '{name}' of {runbook.id} is given twice", field=name)
        values[name] = values.get(name, []) + read if isinstance(read, list) else read
    return values


def _known(runbook: Runbook, name: str) -> None:
    if name in GIVEN:
        raise BadInput(f"'{name}' is not given as a parameter: it has its own option", field=name)
    if name not in runbook.own_parameters:
        there = ", ".join(runbook.own_parameters) or "none"
        raise BadInput(f"{runbook.id} has no parameter '{name}'; it has {there}", field=name)


def _text(_name: str, value: str, _schema: Mapping[str, Any]) -> str:
    return value


def _integer(name: str, value: str, _schema: Mapping[str, Any]) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,18}", value) is None:
        raise BadInput(f"parameter '{name}' is a whole number, not '{value}'", field=name)
    return int(value)


def _number(name: str, value: str, _schema: Mapping[str, Any]) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if "_" in value or not math.isfinite(number):
        raise BadInput(f"parameter '{name}' is a number, not '{value}'", field=name)
    return number


def _boolean(name: str, value: str, _schema: Mapping[str, Any]) -> bool:
    if value not in {"true", "false"}:
        raise BadInput(f"parameter '{name}' is true or false, not '{value}'", field=name)
    return value == "true"


def _array(name: str, value: str, schema: Mapping[str, Any]) -> list[Any]:
    if value.lstrip().startswith("["):
        try:
            return list(json.loads(value))
        except ValueError:
            raise BadInput(f"parameter '{name}' is not a list that can be read: '{value}'", field=name) from None
    items = schema.get("items", {"type": "string"})
    return [_READERS[items["type"]](name, part.strip(), items) for part in value.split(",") if part.strip()]


_READERS: dict[str, Callable[[str, str, Mapping[str, Any]], Any]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _array,
}


def check(runbook: Runbook, values: Mapping[str, Any]) -> dict[str, Any]:
    """Hold values to the runbook's schema and fill in its defaults.

    Raises
    ------
    BadInput
        A name that the runbook does not have, or a value outside its type, choices, range or pattern.
    """
    from jsonschema import Draft202012Validator

    properties = runbook.parameters["properties"]
    whole = {name: schema["default"] for name, schema in properties.items()} | dict(values)
    for problem in Draft202012Validator(runbook.parameters).iter_errors(whole):
        field = str(problem.path[0]) if problem.path else ""
        if not field:
            field = next((name for name in whole if name not in properties), "parameters")
            raise BadInput(f"{runbook.id} has no parameter '{field}'; it has {', '.join(properties)}", field=field)
        raise BadInput(f"parameter '{field}' of {runbook.id}: {problem.message[:200]}", field=field)
    return whole


def check_on_site(ops: Ops, runbook: Runbook, values: Mapping[str, Any]) -> None:
    """Hold values to the site: a visit id parses, a step exists, a name follows the rules.

    The schema's ``format`` says which; an empty text means *not given* and passes.

    Raises
    ------
    BadInput
        A value means nothing here; the message names the parameter.
    """
    for name, schema in runbook.parameters["properties"].items():
        items = schema.get("items", {})
        form = schema.get("format") or items.get("format")
        given = values.get(name, schema["default"])
        for value in given if isinstance(given, list) else [given]:
            if form in FORMATS and value != "":
                _ask(ops, name, FORMATS[form], value)


def _ask(ops: Ops, name: str, question: Callable[[Ops, Any], object], value: Any) -> None:
    try:
        question(ops, value)
    except DmsError as error:
        raise BadInput(f"parameter '{name}': {error.message}", field=name, value=value) from None


FORMATS: dict[str, Callable[[Ops, Any], object]] = {
    "visit-id": lambda _ops, value: VisitId.parse(value),
    "step-number": queries.step_row,
    "product-name": lambda _ops, value: parse_any(value),
    "file-name": lambda _ops, value: safe_file_name(value),
}
"""Formats that a runbook's schema may name, and the question each asks."""
