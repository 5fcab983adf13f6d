"""Differences of two descriptions, field by field, in words; sums and ids that only follow from other fields are left out."""

from __future__ import annotations

from typing import Any

from dmsops.catalogue.xml import to_xml

_FOLLOWS = frozenset(("id", "lastModified", "maxLastModified", "metaChecksum", "accMetaChecksum", "metaProducer"))
"""Attributes that change when something else does."""
_NAMED_BY = {"plane": "productID", "artifact": "uri", "part": "name"}
"""Elements that come several times, and the child that tells them apart."""
_MOST = 120
"""Characters of a value that are shown."""


def differences(was: Any, now: Any) -> tuple[str, ...]:
    """Say what differs between two observations (caom2), as `document_differences` does of their documents."""
    return document_differences(to_xml(was), to_xml(now))


def document_differences(was: bytes, now: bytes) -> tuple[str, ...]:
    """Say what differs between two documents as `dmsops.catalogue.xml.to_xml` writes them.

    Returns
    -------
    tuple of str
        One sentence for each field: where it stands, what it was, what it is; empty when nothing differs.
    """
    before, after = _fields(was), _fields(now)
    return tuple(
        f"{path}: {_shown(before.get(path))} becomes {_shown(after.get(path))}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    )  # fmt: skip


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= _MOST else f"{value[:_MOST]}... ({len(value)} characters)"


def _fields(document: bytes) -> dict[str, str]:
    from lxml import etree

    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    found: dict[str, str] = {}
    _walk(root, "", found)
    return found


def _walk(element: Any, path: str, found: dict[str, str]) -> None:
    for key, value in element.attrib.items():
        name = key.rpartition("}")[2]
        if name not in _FOLLOWS:
            found[f"{path}@{name}"] = value
    if not len(element):
        found[path or "observation"] = (element.text or "").strip()
    counted: dict[str, int] = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name in _FOLLOWS:
            continue
        counted[name] = counted.get(name, 0) + 1
        _walk(child, f"{path}/{_step(child, name, counted[name])}".lstrip("/"), found)


def _step(child: Any, name: str, number: int) -> str:
    """Name an element within its parent: by what tells it apart, else by its number."""
    told = next((c.text or "" for c in child if c.tag.rpartition("}")[2] == _NAMED_BY.get(name)), None)
    if told is not None:
        return f"{name}[{told}]"
    return name if number == 1 else f"{name}[{number}]"
