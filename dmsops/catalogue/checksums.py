"""A description's own sums (CAOM 2.4: metaChecksum, accMetaChecksum): the library's bytes, each entity's made once.

The library's own ``update_meta_checksum`` makes every sum below an entity anew for each entity above it, and asks each object what
fields it has; what fields a class has is asked once here. A test holds these bytes against the library's; a value of a kind that is
not known here is left to the library.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the library's times say UTC by saying nothing
Pieces = list[bytes]
Add = Callable[[Pieces, Any], None]
"""Adds the bytes that a value stands for."""


def sums(entity: Any) -> Iterator[tuple[Any, bytes, bytes]]:
    """Give every entity of a tree with its own sum and that of it and all below it (MD5 digests), from below up.

    Raises
    ------
    ValueError, TypeError, AttributeError
        A field has a value that the library cannot sum.
    """
    pieces: Pieces = []
    _add_object(pieces, entity)
    own = hashlib.md5(b"".join(pieces)).digest()  # noqa: S324 - the sum that CAOM prescribes
    whole = hashlib.md5(own)  # noqa: S324 - as above
    below = {child._id: child for child in _children(entity)}  # noqa: SLF001 - CAOM orders children by their ids
    for key in sorted(below):
        for found in sums(below[key]):
            yield found
        whole.update(found[2])  # the child itself comes last of its tree
    yield entity, own, whole.digest()


def _children(entity: Any) -> list[Any]:
    for name in ("planes", "artifacts", "parts"):
        found = getattr(entity, name, None)
        if found is not None:
            return list(found.values())
    return list(getattr(entity, "chunks", ()))


def _add_object(pieces: Pieces, entity: Any) -> None:
    """Add an object's fields in the order of their names; an entity's id and producer come before them."""
    kind: Any = type(entity)
    identified, names = _fields(kind)
    if identified:
        _add(pieces, entity._id)  # noqa: SLF001 - as above
        if entity._meta_producer:  # noqa: SLF001 - as above
            _add(pieces, entity._meta_producer)  # noqa: SLF001 - as above
    for name in _with_own(entity, names):
        value = getattr(entity, name)
        if value is not None and not callable(value):
            _add(pieces, value)


@cache
def _fields(kind: type) -> tuple[bool, tuple[str, ...]]:
    """Say whether a class is one of entities, and name its fields, those that are the sums and times of an entity left out."""
    from caom2.common import AbstractCaomEntity

    out = set(dir(AbstractCaomEntity))
    names = (name for name in dir(kind) if not name.startswith("_") and name not in out)
    return issubclass(kind, AbstractCaomEntity), tuple(name for name in names if not callable(getattr(kind, name)))


def _with_own(entity: Any, names: tuple[str, ...]) -> tuple[str, ...] | list[str]:
    """Add fields that an object has and its class has not: the library sums them too."""
    own = [name for name in vars(entity) if name[0] != "_" and name not in names]
    return sorted({*names, *own}) if own else names


def _add(pieces: Pieces, value: Any) -> None:
    kind: Any = type(value)
    _adder(kind)(pieces, value)


@cache
def _adder(kind: type) -> Add:
    """Give what adds values of a class; classes are asked for in the library's order."""
    from caom2.caom_util import TypedList, TypedSet, int_32
    from caom2.checksum import Enum
    from caom2.common import CaomObject, ChecksumURI, ObservationURI

    adders: tuple[tuple[tuple[type, ...], Add], ...] = (
        ((ObservationURI, ChecksumURI), lambda pieces, value: pieces.append(value.uri.encode())),
        ((CaomObject,), _add_object),
        ((bytes,), lambda pieces, value: pieces.append(value)),
        ((bool,), _packing("!?")),
        ((float,), _packing("!d")),
        ((int_32,), _packing("!l")),
        ((int,), _packing("!q")),
        ((str,), lambda pieces, value: pieces.append(value.strip().encode())),
        ((datetime,), lambda pieces, value: pieces.append(struct.pack("!q", int((value - _EPOCH).total_seconds())))),
        ((set, TypedSet), _add_set),
        ((list, TypedList), _add_list),
        ((Enum,), lambda pieces, value: _add(pieces, value.value)),
        ((UUID,), lambda pieces, value: pieces.append(value.bytes)),
    )
    return next((add for kinds, add in adders if issubclass(kind, kinds)), _add_otherwise)


def _packing(form: str) -> Add:
    pack = struct.Struct(form).pack
    return lambda pieces, value: pieces.append(pack(value))


def _add_set(pieces: Pieces, values: Any) -> None:
    for value in sorted(values):
        _add(pieces, value)


def _add_list(pieces: Pieces, values: Any) -> None:
    from caom2.common import AbstractCaomEntity

    for value in values:
        if not isinstance(value, AbstractCaomEntity):
            _add(pieces, value)


class _Collector:
    """Stands for the MD5 that the library writes to."""

    def __init__(self, pieces: Pieces) -> None:
        self.update = pieces.append


def _add_otherwise(pieces: Pieces, value: Any) -> None:
    """Leave a value to the library: its dictionaries, and the refusal of what it does not know."""
    from caom2.checksum import update_checksum

    update_checksum(_Collector(pieces), value)


def write_sums(observation: Any) -> None:
    """Set the sums of an observation and of all that it holds; raises as `sums` does."""
    from caom2 import ChecksumURI

    for entity, own, whole in sums(observation):
        entity.meta_checksum = ChecksumURI(f"md5:{own.hex()}")
        entity.acc_meta_checksum = ChecksumURI(f"md5:{whole.hex()}")
