"""A description's own sums (CAOM 2.4: metaChecksum, accMetaChecksum), by the library's code, each made once.

The library's own ``update_meta_checksum`` makes every sum below an entity anew for each entity above it: four times the work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any


def sums(entity: Any) -> Iterator[tuple[Any, bytes, bytes]]:
    """Give every entity of a tree with its own sum and that of it and all below it (MD5 digests), from below up.

    Raises
    ------
    ValueError, TypeError, AttributeError
        A field has a value that the library cannot sum.
    """
    from caom2.checksum import update_caom_checksum

    mine = hashlib.md5()  # noqa: S324 - the sum that CAOM prescribes
    update_caom_checksum(mine, entity)
    own = mine.digest()
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


def write_sums(observation: Any) -> None:
    """Set the sums of an observation and of all that it holds; raises as `sums` does."""
    from caom2 import ChecksumURI

    for entity, own, whole in sums(observation):
        entity.meta_checksum = ChecksumURI(f"md5:{own.hex()}")
        entity.acc_meta_checksum = ChecksumURI(f"md5:{whole.hex()}")
