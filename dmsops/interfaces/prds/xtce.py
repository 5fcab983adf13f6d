"""Reading the telemetry database: an XTCE document, by the library, and what that leaves out by ourselves.

Library: space-packet-parser (containers, encodings, calibrators, enumerations). Ours: limits (StaticAlarmRanges, warning
is yellow and critical red), ancillary data, and the compilation of each container to fields at fixed bits.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput
from dmsops.interfaces.prds import checks
from dmsops.interfaces.prds.compiled import Layout, compiled, leaves
from dmsops.interfaces.prds.records import Limits, Mnemonic, TelemetryDatabase

if TYPE_CHECKING:
    from lxml.etree import _Element

OWN = Path(__file__).with_name("telemetry.xml")
XTCE = "{http://www.omg.org/spec/XTCE/20180204}"
LARGEST = 64 * 1024 * 1024
"""Bytes of a telemetry database above which it is refused unread."""


def telemetry_database(path: Path | None = None) -> TelemetryDatabase:
    """Load a telemetry database; the same one is loaded once.

    Parameters
    ----------
    path : Path, optional
        An XTCE 1.2 document; the one of the library when left out.

    Raises
    ------
    BadInput
        It is no XTCE document, or not sound; the message names the element.
    """
    path = path or OWN
    try:
        stat = path.stat()
    except OSError as error:
        raise BadInput(f"{path.name}: cannot be read: {error.strerror}", file=path.name) from None
    if stat.st_size > LARGEST:
        raise BadInput(f"{path.name}: is larger than {LARGEST} bytes: this is no telemetry database", file=path.name)
    return _load(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int, _size: int) -> TelemetryDatabase:
    content = path.read_bytes()
    root = _tree(path, content)
    definition = _definition(path, content)
    layouts = leaves(path, definition)
    mnemonics = _mnemonics(path, root, layouts)
    containers = tuple(compiled(path, layout, mnemonics, _periods(path, root)) for layout in layouts)
    checks.containers(path, containers)
    header = root.find(f"{XTCE}Header")
    return TelemetryDatabase(
        version="" if header is None else str(header.get("version", "")),
        sha256=hashlib.sha256(content).hexdigest(),
        mnemonics=tuple(sorted(mnemonics.values(), key=lambda m: m.number)),
        containers=containers,
        definition=definition,
    )


def _mnemonics(path: Path, root: _Element, layouts: tuple[Layout, ...]) -> dict[str, Mnemonic]:
    """Give the mnemonics by name: the parameters that have a number."""
    facts = {str(e.get("name")): _ancillary(path, e) for e in root.iterfind(f".//{XTCE}ParameterSet/{XTCE}Parameter")}
    facts = {name: known for name, known in facts.items() if "Number" in known}
    limits = {str(kind.get("name")): _limits(path, kind) for kind in root.iterfind(f".//{XTCE}ParameterTypeSet/*")}
    periods = _periods(path, root)
    found: dict[str, Mnemonic] = {}
    for layout in layouts:
        for parameter in layout.parameters:
            if (known := facts.get(parameter.name)) is None:
                continue
            checks.facts(path, parameter, known)
            if parameter.name in found:
                where = f"{found[parameter.name].container} and {layout.name}"
                raise BadInput(f"{path.name}: mnemonic {parameter.name} stands twice: in {where}", file=path.name)
            period = periods[layout.name] if known["AllPoints"] == "1" else 0.0
            limit = limits[parameter.parameter_type.name]
            found[parameter.name] = _mnemonic(parameter, known, layout.name, period, limit)
    checks.mnemonics(path, found, facts)
    return found


def _tree(path: Path, content: bytes) -> _Element:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise BadInput(f"{path.name}: is no XML document: {error}", file=path.name) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadInput(f"{path.name}: has a document type declaration, which is not allowed", file=path.name)
    if root.tag != f"{XTCE}SpaceSystem":
        raise BadInput(f"{path.name}: element {root.tag}: is no SpaceSystem of XTCE 1.2", file=path.name)
    return root


def _definition(path: Path, content: bytes) -> Any:
    """Load by the library; whatever that finds wrong is said in one sentence."""
    from space_packet_parser.xtce.definitions import XtcePacketDefinition

    try:
        return XtcePacketDefinition.from_xtce(BytesIO(content))
    except Exception as error:  # noqa: BLE001 - the library raises whatever its own reading stumbles over
        said = f"{type(error).__name__}: {error}"
        raise BadInput(f"{path.name}: the XTCE library cannot use it: {said}", file=path.name) from None


def _ancillary(path: Path, element: _Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for data in element.iterfind(f"{XTCE}AncillaryDataSet/{XTCE}AncillaryData"):
        name = str(data.get("name"))
        if name in found:
            raise BadInput(f"{path.name}: {element.get('name')}: ancillary data {name} stands twice", file=path.name)
        found[name] = (data.text or "").strip()
    return found


def _periods(path: Path, root: _Element) -> dict[str, float]:
    found = {}
    for element in root.iterfind(f".//{XTCE}ContainerSet/{XTCE}SequenceContainer"):
        name = str(element.get("name"))
        found[name] = checks.number(path, name, _ancillary(path, element).get("PeriodSeconds", "0"))
    return found


def _limits(path: Path, kind: _Element) -> Limits | None:
    ranges = kind.find(f"{XTCE}DefaultAlarm/{XTCE}StaticAlarmRanges")
    if ranges is None:
        return None

    def side(level: str, end: str) -> float | None:
        element = ranges.find(f"{XTCE}{level}Range")
        text = None if element is None else element.get(end)
        return None if text is None else checks.number(path, str(kind.get("name")), text)

    return Limits(
        red_low=side("Critical", "minInclusive"),
        yellow_low=side("Warning", "minInclusive"),
        yellow_high=side("Warning", "maxInclusive"),
        red_high=side("Critical", "maxInclusive"),
    )


def _mnemonic(parameter: Any, facts: dict[str, str], container: str, period: float, limits: Limits | None) -> Mnemonic:
    kind = parameter.parameter_type
    return Mnemonic(
        number=int(facts["Number"]),
        name=parameter.name,
        subsystem=facts["Subsystem"],
        description=parameter.short_description or "",
        unit=" ".join(kind.unit) if isinstance(kind.unit, tuple) else kind.unit or "",
        container=container,
        raw_type=facts["RawType"],
        eu_type=facts["EUType"],
        sql_type=facts["SQLType"],
        all_points=facts["AllPoints"] == "1",
        period_seconds=period,
        states=dict(getattr(kind, "enumeration", {})),
        limits=limits,
    )
