"""The rule of the description's own sums (CAOM 2.4: metaChecksum, accMetaChecksum)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.checksums import sums
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import planes, uri


@rule("C47", "error", "Describe the observation again from its products (P16).", source="description", fix="describe")
def has_its_own_sums(case: Case) -> Iterator[Seen]:
    """Find a metaChecksum or accMetaChecksum that is not that of what it stands for."""
    try:
        found = list(sums(case.observation))
    except (ValueError, TypeError, AttributeError) as error:
        yield uri(case.observation), "values that sums can be made of", str(error)[:200]
        return
    names: dict[int, str] | None = None
    for entity, own, whole in found:
        for kind, computed in (("meta_checksum", own), ("acc_meta_checksum", whole)):
            written = getattr(entity, kind)
            wanted = f"md5:{computed.hex()}"
            if written is None or written.uri != wanted:
                names = names or {id(part): name for part, name in _named(case.observation)}
                address = names.get(id(entity), uri(case.observation))
                yield address, f"{kind} {wanted}", "none" if written is None else written.uri


def _named(observation: Any) -> Iterator[tuple[Any, str]]:
    yield observation, uri(observation)
    for plane in planes(observation):
        yield plane, uri(observation, plane)
        for artifact in plane.artifacts.values():
            yield artifact, artifact.uri
            for part in artifact.parts.values():
                yield part, f"{artifact.uri}[{part.name}]"
