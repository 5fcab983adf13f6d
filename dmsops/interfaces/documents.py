"""Reading the neighbours' documents with care: JSON and XML that may hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadDelivery
from dmsops.core.xml_schemas import first_fault

if TYPE_CHECKING:
    from lxml.etree import _Element


LONGEST_WORD = 4000
"""Characters of an attribute: more than any fact has, and fewer digits than a number may have."""


def load_json(path: Path) -> Any:
    """Read a JSON document.

    Raises
    ------
    BadDelivery
        The file cannot be read or is no JSON; the message names it.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadDelivery(f"{path.name}: cannot be read as JSON: {error}", file=path.name) from None


def load_xml(path: Path, schema: Path) -> _Element:
    """Read an XML document that follows a schema; nothing outside the file is opened, no entity is resolved.

    Raises
    ------
    BadDelivery
        The file cannot be read, declares a document type, breaks the schema, or has an attribute that is far too long; the
        message names it and the line.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise BadDelivery(f"{path.name}: cannot be read as XML: {error}", file=path.name) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadDelivery(f"{path.name}: a document type declaration is not accepted", file=path.name)
    fault = first_fault(root, schema)
    if fault is not None:
        raise BadDelivery(f"{path.name}: {fault}", file=path.name)
    for element in root.iter():
        for name, text in element.attrib.items():
            field = str(name)
            if len(text) > LONGEST_WORD:
                why = f"attribute '{field}' has {len(text)} characters; {LONGEST_WORD} are the most"
                raise BadDelivery(f"{path.name}: line {element.sourceline}: {why}", file=path.name, field=field)
    return root
