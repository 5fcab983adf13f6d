"""Planes and artifacts: what one calibration level of an observation is described as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.chunks import part_of
from dmsops.catalogue.coverage import energy_of, position_of, time_of
from dmsops.catalogue.headers import Header, read_header
from dmsops.catalogue.makers import PRODUCER, PROJECT, maker_of
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.core import modes
from dmsops.core.errors import BadInput
from dmsops.core.names import CombinedProduct, ExposureProduct, GuideStarProduct, parse_any

if TYPE_CHECKING:
    from caom2 import Artifact, Plane

_LEVEL_1 = ("uncal",)
_KINDS = {"x1d": "spectrum", "c1d": "spectrum", "s3d": "cube", "x1dints": "timeseries", "whtlt": "timeseries", "phot": "timeseries"}
"""Data product types by suffix, where the suffix tells (ours: MAST's own practice is by exposure type)."""
CONTENT_TYPES = {
    "fits": "application/fits",
    "jpg": "image/jpeg",
    "json": "application/json",
    "ecsv": "text/plain",
    "asdf": "application/x-asdf",
}
"""By the ending of a product's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product to describe: its name, its sum (hex), where its bytes are; ``head`` and ``size`` are read from them unless given."""

    name: str
    sha256: str
    path: Path
    head: Header | None = None
    size: int | None = None

    def header(self) -> Header:
        """Give its header; raises `BadInput` when it cannot be read."""
        return self.head if self.head is not None else read_header(self.path, self.name)

    def length(self) -> int:
        """Give its size in bytes."""
        return self.size if self.size is not None else self.path.stat().st_size


_parsed = lru_cache(maxsize=64)(parse_any)
"""Kept for a moment: the rules ask one after another about the same names."""


def observation_id(name: str) -> str:
    """Give the observation that a product belongs to; raises `BadName`."""
    parsed = _parsed(name)
    if isinstance(parsed, ExposureProduct | GuideStarProduct):
        return parsed.root
    if isinstance(parsed, CombinedProduct):
        return parsed.observation_id
    raise BadInput(f"'{name}' is not a product that is archived in an observation", name=name)


def level_of(name: str) -> int:
    """Give the calibration level of a product (1 raw, 2 calibrated, 3 combined), which names its plane; raises `BadName`."""
    parsed = _parsed(name)
    if isinstance(parsed, CombinedProduct):
        return 3
    return 1 if parsed.suffix.rpartition("-")[2] in _LEVEL_1 else 2


def content_type_of(name: str) -> str | None:
    """Give the content type of a product by its ending; None of one that we do not know."""
    return CONTENT_TYPES.get(name.rpartition(".")[2])


def best_of(names: list[str]) -> str:
    """Choose the product that knows most: combined, then cal, then the other calibrated ones."""
    return max(names, key=lambda name: (level_of(name), "_cal." in name, name))


def kind_of(name: str, exp_type: str | None) -> str:
    """Give the data product type of a plane by the best of its products and the exposure type; raises `BadName`."""
    dispersed = modes.exposure_type(exp_type or "").stage2 == "spec2"
    return _KINDS.get(_parsed(name).suffix, "spectrum" if dispersed else "image")


def plane_of(level: int, products: list[Product], headers: dict[str, Header], members: Sequence[str], collection: str) -> Plane:
    """Describe the products of one level by the best of their headers, or by another level's where they have none."""
    import caom2

    named = [p.name for p in products if p.name in headers]
    best = best_of(named or list(headers))
    head = headers[best]
    kind = caom2.DataProductType(kind_of(best, head.exp_type))
    plane = caom2.Plane(f"level{level}", calibration_level=caom2.CalibrationLevel(level), data_product_type=kind)
    plane.provenance = _provenance(level, head, members, collection)
    plane.provenance.keywords.update(_mixed([headers[name] for name in named], level))
    plane.position = position_of(head)
    plane.energy = energy_of(head)
    plane.time = time_of(head)
    for product in products:
        plane.artifacts.add(_artifact(product, headers.get(product.name)))
    return plane


def _mixed(heads: list[Header], level: int) -> set[str]:
    """Say as keywords in which versions the products of one plane differ; of raw products none is meant to agree."""
    versions = {"CAL_VER": {h.cal_version for h in heads} - {""}, "CRDS_CTX": {h.crds_context for h in heads} - {""}}
    return {f"MIXED_{name}={' and '.join(sorted(found))}" for name, found in versions.items() if level > 1 and len(found) > 1}


def _provenance(level: int, head: Header, members: Sequence[str], collection: str) -> Any:
    import caom2

    version = head.software_version if level == 1 else head.cal_version
    provenance = caom2.Provenance(maker_of(f"level{level}"), version=version or None, project=PROJECT, producer=PRODUCER)
    provenance.last_executed = naive(head.date)
    if head.crds_context and level > 1:
        provenance.keywords.add(f"CRDS_CTX={head.crds_context}")
    if head.pointing:
        provenance.keywords.add(f"ENGQLPTG={head.pointing}")
    for member in sorted(set(members)):
        uri = caom2.ObservationURI(observation_uri(collection, observation_id(member)))
        provenance.inputs.add(caom2.PlaneURI.get_plane_uri(uri, f"level{level_of(member)}"))
    return provenance


def _artifact(product: Product, head: Header | None) -> Artifact:
    import caom2

    extension = product.name.rsplit(".", 1)[-1]
    kind = {"fits": caom2.ProductType.THIS, "jpg": caom2.ProductType.PREVIEW}.get(extension, caom2.ProductType.AUXILIARY)
    artifact = caom2.Artifact(
        product_uri(product.name),
        kind,
        caom2.ReleaseType.DATA,
        content_type=content_type_of(product.name),
        content_length=product.length(),
        content_checksum=caom2.ChecksumURI(f"sha256:{product.sha256}"),
    )
    part = part_of(head) if head is not None else None
    if part is not None:
        artifact.parts.add(part)
    return artifact


def naive(when: datetime | None) -> datetime | None:
    """CAOM's library speaks of UTC without saying so."""
    return None if when is None else when.astimezone(UTC).replace(tzinfo=None)
