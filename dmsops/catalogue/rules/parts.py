"""What rules share: the parts of an observation, and how they are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.naming import observation_uri, product_name


def uri(observation: Any, plane: Any = None) -> str:
    """Give the URI of an observation or of one of its planes."""
    root = observation_uri(observation.collection, observation.observation_id)
    return root if plane is None else f"{root}/{plane.product_id}"


def planes(observation: Any) -> list[Any]:
    """Give the planes in order of their product ids."""
    return [observation.planes[key] for key in sorted(observation.planes)]


def artifacts(observation: Any) -> Iterator[tuple[Any, Any]]:
    """Give every artifact with its plane."""
    for plane in planes(observation):
        for key in sorted(plane.artifacts):
            yield plane, plane.artifacts[key]


def word(term: Any) -> str:
    """Write a term of a vocabulary; ``none`` when there is none."""
    return "none" if term is None else str(getattr(term, "value", term))


def vertices(plane: Any) -> list[tuple[float, float]] | None:
    """Give the vertices of a plane's polygon (degrees); None when it has no polygon."""
    points = getattr(getattr(plane.position, "bounds", None), "points", None)
    return None if points is None else [(p.cval1, p.cval2) for p in points]


def keywords(provenance: Any) -> dict[str, str]:
    """Give provenance keywords ``NAME=value`` by name."""
    words = provenance.keywords if provenance else ()
    return {name: value for name, _, value in (w.partition("=") for w in sorted(words))}


def is_derived(observation: Any) -> bool:
    """Say whether an observation is combined from others."""
    return hasattr(observation, "members")


def file_name(artifact: Any) -> str:
    """Give the file name at the end of an artifact's URI."""
    return product_name(str(artifact.uri))
