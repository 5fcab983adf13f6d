"""Rules of files: sums, lengths, types, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.naming import PRODUCTS
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, file_name, word
from dmsops.core.errors import DmsError

_VOCABULARY = frozenset(
    (
        "this", "auxiliary", "bias", "calibration", "coderived", "dark", "documentation", "error", "flat", "noise", "preview",
        "preview-image", "preview-plot", "thumbnail", "weight",
    )
)  # fmt: skip
"""CAOM 2.4's terms without the deprecated ones (``science``, ``info``)."""


@rule("C16", "error", "Take the sums from the store: describe it again (P16).", source="store", fix="describe")
def has_checksums(case: Case) -> Iterator[Seen]:
    """Find an artifact without a usable checksum."""
    for _, artifact in artifacts(case.observation):
        found = artifact.content_checksum.uri if artifact.content_checksum else "none"
        if re.fullmatch(r"sha256:[0-9a-f]{64}", found) is None:
            yield artifact.uri, "sha256: and 64 hexadecimal digits", found


@rule("C15", "error", "Describe the observation again from its products (P16).", source="file names", fix="describe")
def has_its_type(case: Case) -> Iterator[Seen]:
    """Find an artifact whose content type is not that of its bytes."""
    from dmsops.catalogue.describe import content_type_of

    for _, artifact in artifacts(case.observation):
        wanted = content_type_of(file_name(artifact))
        if artifact.content_type != wanted:
            yield artifact.uri, f"content type {wanted or 'none'}", artifact.content_type or "none"


@rule("C18", "error", "Make the product again (P08).", source="store", fix="describe")
def has_bytes(case: Case) -> Iterator[Seen]:
    """Find an artifact that is empty."""
    for _, artifact in artifacts(case.observation):
        if not isinstance(artifact.content_length, int) or artifact.content_length <= 0:
            yield artifact.uri, "a length above 0", str(artifact.content_length)


@rule("C20", "error", "Ingest the product under its own observation (P15).", source="file names", fix="describe")
def is_named_right(case: Case) -> Iterator[Seen]:
    """Find an artifact whose URI does not follow the naming rules or names another observation."""
    from dmsops.catalogue.describe import observation_id

    mine = case.observation.observation_id
    for _, artifact in artifacts(case.observation):
        place, _, name = artifact.uri.rpartition("/")
        try:
            owner = observation_id(name)
        except DmsError:
            owner = "no product name"
        if place != PRODUCTS or owner != mine:
            yield artifact.uri, f"{PRODUCTS}/ and a product of {mine}", owner if owner != mine else place


@rule("C37", "error", "Describe the observation again from its products (P16).", source="vocabulary", fix="describe")
def has_its_product_type(case: Case) -> Iterator[Seen]:
    """Find an artifact whose product type is outside the vocabulary, or not that of its file."""
    for plane, artifact in artifacts(case.observation):
        kind, ending = word(artifact.product_type), file_name(artifact).rpartition(".")[2]
        if kind not in _VOCABULARY:
            yield artifact.uri, "a product type of CAOM 2.4", kind
        elif (ending == "fits") is not (kind == "this") and _has_science(plane):  # a plane without is C05's
            yield artifact.uri, "'this' for a FITS product, another type for what is not", kind


def _has_science(plane: Any) -> bool:
    return any(word(a.product_type) == "this" for a in plane.artifacts.values())
