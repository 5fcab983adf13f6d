"""What makes a telemetry database sound; each error names the element."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadInput
from dmsops.interfaces.prds.records import Container, Limits, Mnemonic

RAW_TYPES = ("UI8", "UI16", "UI32", "SI8", "SI16", "SI32", "FL32", "FL64", "CS")
FACTS = ("Number", "Subsystem", "RawType", "EUType", "SQLType", "AllPoints")
SCIENCE = range(0x200, 0x300)
"""Application ids that are the detectors'."""


def number(path: Path, name: str, text: str) -> float:
    """Read a finite number of an element."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{path.name}: {name}: '{text[:40]}' is no number", file=path.name)
    return value


def facts(path: Path, parameter: Any, known: Mapping[str, str]) -> None:
    """Check the ancillary data of a mnemonic, and that they fit how it is sent."""
    name, encoding = parameter.name, parameter.parameter_type.encoding
    _demand(path, name, all(known.get(fact) for fact in FACTS), f"needs ancillary data {', '.join(FACTS)}")
    _demand(path, name, name == name.upper() and name.isascii(), "is not written in capital letters")
    text = known["Number"]
    _demand(path, name, text.isdecimal() and len(text) < 6 and 1 <= int(text) <= 65535, "Number is none from 1 to 65535")
    _demand(path, name, known["RawType"] in RAW_TYPES, f"RawType is none of {', '.join(RAW_TYPES)}")
    _demand(path, name, known["AllPoints"] in {"0", "1"}, "AllPoints is neither 0 nor 1")
    states = getattr(parameter.parameter_type, "enumeration", None)
    _demand(path, name, (known["EUType"] == "DS") == (states is not None), "EUType is DS if and only if it is an enumeration")
    if states is not None:
        _demand(path, name, len(set(states.values())) == len(states), "two states of it have the same word")
    kind, bits = known["RawType"][:2], known["RawType"][2:]
    sent = {"IntegerDataEncoding": {"UI", "SI"}, "FloatDataEncoding": {"FL"}, "StringDataEncoding": {"CS"}}[type(encoding).__name__]
    _demand(path, name, kind in sent, f"RawType {known['RawType']} is not how it is sent")
    if kind != "CS":
        fits = encoding.size_in_bits <= int(bits) if kind != "FL" else encoding.size_in_bits == int(bits)
        _demand(path, name, fits, f"{encoding.size_in_bits} bits are not those of RawType {known['RawType']}")
        signed = encoding.encoding not in {"unsigned", "IEEE754", "IEEE754_1985"}
        _demand(path, name, signed == (kind == "SI"), f"its sign is not that of RawType {known['RawType']}")


def mnemonics(path: Path, found: Mapping[str, Mnemonic], numbered: Iterable[str]) -> None:
    """Check that every mnemonic is sent, that numbers are unique, and that yellow limits lie inside red ones."""
    lost = sorted(set(numbered) - set(found))
    if lost:
        raise BadInput(f"{path.name}: mnemonic {lost[0]} is in no container", file=path.name)
    numbers: dict[int, str] = {}
    for mnemonic in found.values():
        other = numbers.setdefault(mnemonic.number, mnemonic.name)
        if other != mnemonic.name:
            raise BadInput(f"{path.name}: mnemonics {other} and {mnemonic.name} have the same number {mnemonic.number}", file=path.name)
        if mnemonic.limits is not None:
            _demand(path, mnemonic.name, _nested(mnemonic.limits), "its yellow limits do not lie inside the red ones")


def _nested(limits: Limits) -> bool:
    order = (limits.red_low, limits.yellow_low, limits.yellow_high, limits.red_high)
    return all(low <= high for low, high in pairwise(v for v in order if v is not None))


def containers(path: Path, found: tuple[Container, ...]) -> None:
    """Check application ids: none of the detectors', and layouts that share one told apart by the same field."""
    seen: dict[int, list[Container]] = {}
    for container in found:
        if container.apid in SCIENCE or not 0 <= container.apid < 0x7FF:
            raise BadInput(
                f"{path.name}: container {container.name}: APID 0x{container.apid:03X} is not one for engineering", file=path.name
            )
        for other in seen.setdefault(container.apid, []):
            _apart(path, container, other)
        seen[container.apid].append(container)


def _apart(path: Path, one: Container, other: Container) -> None:
    """Two layouts of one application id: the same fields at the same bits select them, with different numbers."""
    places = [{name: (c.field(name).bit, c.field(name).width) for name in c.criteria} for c in (one, other)]
    if places[0] != places[1] or dict(one.criteria) == dict(other.criteria):
        says = f"containers {other.name} and {one.name} of APID 0x{one.apid:03X} cannot be told apart"
        raise BadInput(f"{path.name}: {says}", file=path.name)


def _demand(path: Path, name: str, holds: bool, says: str) -> None:
    if not holds:
        raise BadInput(f"{path.name}: parameter {name}: {says}", file=path.name)
