"""Compiling the library's containers: every layout as fields at fixed bits, with what tells it from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadInput
from dmsops.interfaces.prds.calibration import Polynomial, Spline
from dmsops.interfaces.prds.records import Container, Field, Mnemonic

HEADER = (
    ("PKT_VERSION", 3), ("PKT_TYPE", 1), ("PKT_SECONDARY_HEADER", 1), ("PKT_APID", 11), ("PKT_SEQUENCE_FLAGS", 2),
    ("PKT_SEQUENCE_COUNT", 14), ("PKT_LENGTH", 16), ("PKT_DAY", 16), ("PKT_MILLISECOND", 32), ("PKT_MICROSECOND", 16),
)  # fmt: skip
"""What every packet begins with: names and bits."""
CHECK = ("PKT_CRC32", 32)
"""What every packet ends with."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A container of the library that packets end at: its parameters from the first one on, and what selects it."""

    name: str
    parameters: tuple[Any, ...]
    criteria: Mapping[str, int]


def leaves(path: Path, definition: Any) -> tuple[Layout, ...]:
    """Give the layouts that packets can have: the containers that no other one goes on from."""
    found = [_layout(path, definition, c) for c in definition.containers.values() if not c.inheritors and not c.abstract]
    return tuple(layout for layout in found if layout is not None)


def _layout(path: Path, definition: Any, leaf: Any) -> Layout | None:
    """Put a container behind those that it goes on from; None for one that is only a part of others."""
    chain = [leaf]
    while chain[0].base_container_name:
        chain.insert(0, definition.containers[chain[0].base_container_name])
        if len(chain) > len(definition.containers):
            raise BadInput(f"{path.name}: container {leaf.name} goes on from itself", file=path.name)
    if chain[0].name != definition.root_container_name:
        return None
    criteria = dict(_criterion(path, c.name, each) for c in chain for each in c.restriction_criteria)
    return Layout(leaf.name, tuple(p for c in chain for p in _flat(path, c, 0)), criteria)


def _flat(path: Path, container: Any, depth: int) -> Iterator[Any]:
    if depth > 16:
        raise BadInput(f"{path.name}: container {container.name}: holds containers too deep inside each other", file=path.name)
    for entry in container.entry_list:
        if hasattr(entry, "entry_list"):
            yield from _flat(path, entry, depth + 1)
        else:
            yield entry


def _criterion(path: Path, container: str, comparison: Any) -> tuple[str, int]:
    """Read a comparison; only equality with a number as sent is known."""
    said = getattr(comparison, "required_value", None)
    if said is None or comparison.operator not in {"==", "eq"} or comparison.use_calibrated_value or not str(said).isdecimal():
        raise BadInput(f"{path.name}: container {container}: is not selected by equality with an uncalibrated number", file=path.name)
    return str(comparison.referenced_parameter), int(said)


def compiled(path: Path, layout: Layout, mnemonics: Mapping[str, Mnemonic], periods: Mapping[str, float]) -> Container:
    """Place the parameters of a layout at their bits."""
    fields: list[Field] = []
    lengths = {getattr(p.parameter_type.encoding, "dynamic_length_reference", None): p.name for p in layout.parameters}
    bit = 0
    for parameter in layout.parameters:
        made = _field(path, parameter, bit, mnemonics.get(parameter.name), lengths.get(parameter.name, ""))
        fields.append(made)
        bit = bit + made.width if bit >= 0 and made.width else -1
    begins = tuple((f.name, f.width) for f in fields[: len(HEADER)])
    if begins != HEADER or (fields[-1].name, fields[-1].width) != CHECK or (bit > 0 and bit % 8):
        says = "does not begin with the header and time, end with the check sum, and fill whole bytes"
        raise BadInput(f"{path.name}: container {layout.name} {says}", file=path.name)
    criteria = dict(layout.criteria)
    if (apid := criteria.pop("PKT_APID", None)) is None:
        raise BadInput(f"{path.name}: container {layout.name} is not selected by PKT_APID", file=path.name)
    _check_criteria(path, layout.name, fields, criteria)
    return Container(
        name=layout.name,
        apid=apid,
        size=max(bit, 0) // 8,
        period_seconds=periods[layout.name],
        criteria=criteria,
        fields=tuple(fields),
    )


def _check_criteria(path: Path, container: str, fields: list[Field], criteria: Mapping[str, int]) -> None:
    placed = {f.name: f for f in fields if f.kind == "unsigned" and f.bit >= 0}
    for name, number in criteria.items():
        if name not in placed or number >= 1 << placed[name].width:
            raise BadInput(f"{path.name}: container {container}: is selected by {name}, which cannot be {number} in it", file=path.name)


def _field(path: Path, parameter: Any, bit: int, mnemonic: Mnemonic | None, length_of: str) -> Field:
    encoding = parameter.parameter_type.encoding
    kind = {"IntegerDataEncoding": "integer", "FloatDataEncoding": "float", "StringDataEncoding": "text"}.get(type(encoding).__name__)
    if (
        kind is None
        or getattr(encoding, "byte_order", None) == "leastSignificantByteFirst"
        or getattr(encoding, "context_calibrators", None)
    ):
        says = "only big-endian integers, floats and texts with one calibrator are known"
        raise BadInput(f"{path.name}: parameter {parameter.name}: {says}", file=path.name)
    if kind == "text":
        return Field(name=parameter.name, bit=bit, width=_text_width(path, parameter), kind=kind, mnemonic=mnemonic)
    width, calibrator = encoding.size_in_bits, encoding.default_calibrator
    if kind == "integer":
        kind = "unsigned" if encoding.encoding == "unsigned" else "signed"
    odd = (
        encoding.encoding not in {"IEEE754", "IEEE754_1985"} or bit % 8
        if kind == "float"
        else not 1 <= width <= (63 if kind == "unsigned" else 64)
    )
    if odd or (kind == "float" and calibrator is not None):
        says = "a float is IEEE 754, begins at a whole byte and has no calibrator; an integer has at most 64 bits, 63 when unsigned"
        raise BadInput(f"{path.name}: parameter {parameter.name}: {says}", file=path.name)
    calibration = _calibration(path, parameter.name, calibrator)
    return Field(name=parameter.name, bit=bit, width=width, kind=kind, calibration=calibration, mnemonic=mnemonic, length_of=length_of)


def _text_width(path: Path, parameter: Any) -> int:
    """Give the bits of a text of fixed length; 0 when another field gives its bytes."""
    encoding = parameter.parameter_type.encoding
    if encoding.fixed_length and encoding.fixed_length % 8 == 0:
        return int(encoding.fixed_length)
    adjust, asked = encoding.length_linear_adjuster, encoding.dynamic_length_reference
    if not asked or encoding.use_calibrated_value or adjust is None or (adjust(0), adjust(1), adjust(2)) != (0, 8, 16):
        says = "a text has whole bytes, or an uncalibrated field that gives its bytes (slope 8)"
        raise BadInput(f"{path.name}: parameter {parameter.name}: {says}", file=path.name)
    return 0


def _calibration(path: Path, name: str, calibrator: Any) -> Polynomial | Spline | None:
    if calibrator is None:
        return None
    if hasattr(calibrator, "coefficients"):
        terms = tuple((float(c.coefficient), int(c.exponent)) for c in calibrator.coefficients)
        if not terms or any(not 0 <= exponent <= 9 for _, exponent in terms):
            raise BadInput(f"{path.name}: parameter {name}: a polynomial has exponents 0 to 9", file=path.name)
        return Polynomial(terms)
    raw = tuple(float(p.raw) for p in calibrator.points)
    if len(raw) < 2 or len(set(raw)) < len(raw) or not calibrator.extrapolate:
        raise BadInput(f"{path.name}: parameter {name}: a spline has two different points or more, and extrapolates", file=path.name)
    return Spline(raw, tuple(float(p.calibrated) for p in calibrator.points), calibrator.order)
