"""Visit definitions: visits as files that people write (TOML), and those that come with the test bed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadVisit
from dmsops.core.files import write_bytes
from dmsops.core.records import Visit
from dmsops.interfaces.pps import visit_from_dict, visit_to_dict
from dmsops.testbed.osslog import read_log

_FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """Give the definitions that come with the test bed, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def open_visit(path: Path) -> Visit:
    """Read a visit from a definition (``.toml``) or else from an event log; raises `BadVisit`."""
    return load_visit(path) if path.suffix == ".toml" else read_log(path)


def load_visit(path: Path) -> Visit:
    """Read a visit definition.

    Raises
    ------
    BadVisit
        The file is no TOML, or a field is unknown, missing, of another type or contradicts another; the message
        names file and field.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadVisit(f"{path.name}: cannot be read as TOML: {error}", file=path.name) from None
    return visit_from_dict(plain, source=path.name, error=BadVisit)


def write_visit(visit: Visit, path: Path) -> None:
    """Write a visit definition, whole or not there."""
    write_bytes(path, _document(visit_to_dict(visit)).encode())


def _document(plain: dict[str, Any]) -> str:
    scalars = {k: v for k, v in plain.items() if not isinstance(v, dict | list) or v == []}
    tables = {k: v for k, v in plain.items() if isinstance(v, dict)}
    lists = {k: v for k, v in plain.items() if isinstance(v, list)}
    parts = [_lines(scalars)]
    parts += [f"[{name}]\n{_lines(table)}" for name, table in tables.items()]
    parts += [f"[[{name}]]\n{_lines(item)}" for name, items in lists.items() for item in items]
    return "\n".join(parts)


def _lines(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower() if isinstance(value, bool) else repr(value)
