"""CAOM 2.4 XML: written, held against the schema, and read back without letting the document reach outside."""

from __future__ import annotations

import io
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput
from dmsops.core.xml_schemas import first_fault

if TYPE_CHECKING:
    from caom2 import Observation


def to_xml(observation: Observation) -> bytes:
    """Write an observation, the same bytes each time; the schema is not asked (see `schema_fault`)."""
    from caom2.obs_reader_writer import CAOM24, ObservationWriter
    from lxml import etree

    stream = io.BytesIO()
    ObservationWriter(validate=False).write(observation, stream)
    root = etree.fromstring(stream.getvalue(), etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True))
    # The library keeps keywords, members and inputs in sets, whose order changes from process to process.
    for unordered in root.iter(*(f"{CAOM24}{name}" for name in ("keywords", "members", "inputs"))):
        unordered[:] = sorted(unordered, key=lambda element: element.text or "")
    document: bytes = etree.tostring(root.getroottree(), pretty_print=True, encoding="UTF-8", xml_declaration=True)
    return document


def from_xml(document: bytes, *, source: str = "observation.xml") -> Observation:
    """Read an observation.

    Raises
    ------
    BadInput
        The document has a DOCTYPE, is no CAOM 2.4, or does not follow the schema.
    """
    fault = schema_fault(document)
    if fault is not None:
        raise BadInput(f"{source}: {fault}", file=source)
    try:
        observation: Observation = _reader()(validate=False).read(io.BytesIO(document))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BadInput(f"{source}: {error}", file=source) from None
    return observation


@cache
def _reader() -> Any:
    """Give the library's reader, made to look through an element's children once, not once for each of them that it asks for."""
    from caom2.obs_reader_writer import ObservationReader

    class Reader(ObservationReader):  # type: ignore[misc,unused-ignore]
        def __init__(self, *, validate: bool) -> None:
            super().__init__(validate=validate)
            self._children: dict[Any, dict[Any, Any]] = {}

        def _get_child_element(self, element_tag: str, parent: Any, ns: str, required: bool) -> Any:
            children = self._children.get(parent)
            if children is None:
                children = self._children[parent] = {child.tag: child for child in reversed(parent)}  # the first of a name stays
            found = children.get(f"{{{ns}}}{element_tag}")
            return super()._get_child_element(element_tag, parent, ns, required) if found is None and required else found

    return Reader


@lru_cache(maxsize=1)
def schema_fault(document: bytes) -> str | None:
    """Hold a document against the CAOM-2.4 schema; give the first fault in words, or None.

    The last answer is kept: a document that was read is held against the rules next, the schema among them.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        tree = etree.fromstring(document, parser).getroottree()
    except etree.XMLSyntaxError as error:
        return f"is no XML: {error}"
    if getattr(tree.docinfo, "doctype", ""):
        return "has a DOCTYPE, which is not allowed"
    return first_fault(tree.getroot(), _schema())


@cache
def _schema() -> Path:
    """Give where the CAOM library keeps the schema (it is installed as files)."""
    from importlib.util import find_spec

    found = find_spec("caom2")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("data") / "CAOM-2.4.xsd"
