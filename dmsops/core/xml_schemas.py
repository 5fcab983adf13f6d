"""XML schemas: each is read once, and one thread at a time asks them.

The library underneath makes its tables of types at the first schema without a lock: two threads that read one at once are told
that the schema itself is broken.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lxml.etree import _Element

_TURN = Lock()


def first_fault(root: _Element, schema: Path) -> str | None:
    """Hold a document against a schema of ours; give the first fault with its line in words, or None."""
    with _TURN:
        found = _read(schema)
        if found.validate(root):
            return None
        first = found.error_log[0]
        return f"line {first.line}: {first.message}"


@cache
def _read(schema: Path) -> Any:
    from lxml import etree

    return etree.XMLSchema(etree.parse(schema, etree.XMLParser(no_network=True)))
