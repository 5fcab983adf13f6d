"""Describe the products of one observation as a CAOM 2.4 observation.

How products become planes and URIs is ours where MAST's own practice is not published: one plane per calibration
level (``level1`` uncal; ``level2`` rate, rateints, dark, cal; ``level3`` combined), artifact URIs ``mast:JWST/product/<file>``.
The same products give the same observation, ids included.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.access import release_of
from dmsops.catalogue.coverage import energy_of, position_of, sees_the_sky, time_of
from dmsops.catalogue.headers import Header, read_header
from dmsops.catalogue.library import quiet_library
from dmsops.core.errors import BadInput
from dmsops.core.names import CombinedProduct, ExposureProduct, GuideStarProduct, parse_any

if TYPE_CHECKING:
    from datetime import datetime

    from caom2 import Artifact, Observation, Plane

COLLECTION = "JWST"
REHEARSAL_COLLECTION = "JWST-REHEARSAL"
"""Rehearsal data are kept out of the operational collection (ours)."""
_LEVEL_1 = ("uncal",)
_ALGORITHMS = {"wfscmb": "wfs_combine", "i2d": "resample", "c1d": "combine_1d"}
"""The step that made a combined product, by its suffix; another suffix stands for itself."""
_NAMESPACE = uuid.UUID("6b1f0f3e-0b53-5a8e-9d55-2f0f7f6f2a77")
"""Makes the ids of ours repeatable (UUID version 5)."""
_CONTENT_TYPES = {
    "fits": "application/fits",
    "jpg": "image/jpeg",
    "json": "application/json",
    "ecsv": "text/plain",
    "asdf": "application/x-asdf",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product to describe: its name, its sum (hex), and where its bytes are."""

    name: str
    sha256: str
    path: Path


def observation_id(name: str) -> str:
    """Give the observation that a product belongs to; raises `BadName`."""
    parsed = parse_any(name)
    if isinstance(parsed, ExposureProduct | GuideStarProduct):
        return parsed.root
    if isinstance(parsed, CombinedProduct):
        return parsed.observation_id
    raise BadInput(f"'{name}' is not a product that is archived in an observation", name=name)


@quiet_library()
def describe(products: Sequence[Product], *, members: Sequence[str] = (), collection: str = COLLECTION) -> Observation:
    """Describe products of one observation.

    Parameters
    ----------
    products : sequence of Product
        All products of the observation; at least one.
    members : sequence of str
        For a combined product: the names of the products it was made from.

    Returns
    -------
    caom2.SimpleObservation or caom2.DerivedObservation
        Derived when the products are combined ones.

    Raises
    ------
    BadInput
        The products belong to several observations, or one cannot be read.
    """
    from caom2.checksum import update_meta_checksum

    ids = {observation_id(p.name) for p in products}
    if len(ids) != 1:
        raise BadInput(f"products of one observation are wanted, these belong to {len(ids)}: {', '.join(sorted(ids))}")
    headers = {p.name: read_header(p.path, p.name) for p in products if p.name.endswith(".fits")}
    if not headers:
        raise BadInput(f"observation {ids.pop()} has no FITS product to describe it from")
    best = _best(list(headers))
    observation = _observation(collection, ids.pop(), best, headers[best], members)
    released = max((h.date for h in headers.values() if h.date is not None), default=None)
    observation.meta_release = _naive(released)
    for level in sorted({_level(p.name) for p in products}):
        mine = [p for p in products if _level(p.name) == level]
        observation.planes.add(_plane(level, mine, headers, released, members, collection))
    _name_entities(observation)
    update_meta_checksum(observation)
    return observation


def _level(name: str) -> int:
    parsed = parse_any(name)
    if isinstance(parsed, CombinedProduct):
        return 3
    return 1 if parsed.suffix.rpartition("-")[2] in _LEVEL_1 else 2


def _best(names: list[str]) -> str:
    """Choose the product that knows most: combined, then cal, then the other calibrated ones."""
    return max(names, key=lambda name: (_level(name), "_cal." in name, name))


def _observation(collection: str, identity: str, best: str, head: Header, members: Sequence[str]) -> Observation:
    import caom2

    if "-" in identity.split("_", maxsplit=1)[0]:
        suffix = parse_any(best).suffix
        observation = caom2.DerivedObservation(collection, identity, caom2.Algorithm(_ALGORITHMS.get(suffix, suffix)))
        for member in sorted(set(members)):
            observation.members.add(caom2.ObservationURI(f"caom:{collection}/{observation_id(member)}"))
    else:
        observation = caom2.SimpleObservation(collection, identity)
    observation.intent = _intent(caom2, head)
    observation.type = head.exp_type or None
    observation.telescope = caom2.Telescope("JWST")
    if head.program:
        observation.proposal = caom2.Proposal(head.program, pi_name=head.pi_name or None, title=head.title or None)
    if head.instrument:
        observation.instrument = caom2.Instrument(head.instrument)
        observation.instrument.keywords.update(word for word in (head.detector, head.light, head.pupil) if word)
    if not sees_the_sky(head.exp_type):
        return observation
    if head.target:
        observation.target = caom2.Target(head.target)
    if head.target_ra is not None and head.target_dec is not None:
        observation.target_position = caom2.TargetPosition(caom2.Point(head.target_ra, head.target_dec), "ICRS")
    return observation


def _intent(caom2: Any, head: Header) -> Any:
    calibrating = "WFSC" in head.visit_type.upper() or head.category in ("CAL", "COM", "ENG")
    return caom2.ObservationIntentType.CALIBRATION if calibrating else caom2.ObservationIntentType.SCIENCE


def _plane(
    level: int, products: list[Product], headers: dict[str, Header], released: datetime | None, members: Sequence[str], collection: str
) -> Plane:  # fmt: skip
    import caom2

    named = [p.name for p in products if p.name in headers]
    head = headers[_best(named or list(headers))]
    plane = caom2.Plane(f"level{level}", calibration_level=caom2.CalibrationLevel(level), data_product_type=caom2.DataProductType.IMAGE)
    plane.meta_release = _naive(released)
    plane.data_release = _naive(release_of(head.category, released))
    plane.provenance = _provenance(level, head, members, collection)
    plane.position = position_of(head)
    plane.energy = energy_of(head)
    plane.time = time_of(head)
    for product in products:
        plane.artifacts.add(_artifact(product))
    return plane


def _provenance(level: int, head: Header, members: Sequence[str], collection: str) -> Any:
    import caom2

    version = head.software_version if level == 1 else head.cal_version
    provenance = caom2.Provenance("DMSOps level 1" if level == 1 else "CALJWST", version=version or None, project="JWST", producer="DMSOps")
    provenance.last_executed = _naive(head.date)
    if head.crds_context and level > 1:
        provenance.keywords.add(f"CRDS_CTX={head.crds_context}")
    for member in sorted(set(members)):
        uri = caom2.ObservationURI(f"caom:{collection}/{observation_id(member)}")
        provenance.inputs.add(caom2.PlaneURI.get_plane_uri(uri, f"level{_level(member)}"))
    return provenance


def _artifact(product: Product) -> Artifact:
    import caom2

    extension = product.name.rsplit(".", 1)[-1]
    kind = {"fits": caom2.ProductType.THIS, "jpg": caom2.ProductType.PREVIEW}.get(extension, caom2.ProductType.AUXILIARY)
    return caom2.Artifact(
        f"mast:JWST/product/{product.name}",
        kind,
        caom2.ReleaseType.DATA,
        content_type=_CONTENT_TYPES.get(extension),
        content_length=product.path.stat().st_size,
        content_checksum=caom2.ChecksumURI(f"sha256:{product.sha256}"),
    )


def _name_entities(observation: Observation) -> None:
    """Give every entity the id that follows from its URI, so that describing again gives the same document."""
    root = f"{observation.collection}/{observation.observation_id}"
    observation._id = uuid.uuid5(_NAMESPACE, root)  # noqa: SLF001 - the library offers no other way
    for plane in observation.planes.values():
        plane._id = uuid.uuid5(_NAMESPACE, f"{root}/{plane.product_id}")  # noqa: SLF001 - the library offers no other way
        for artifact in plane.artifacts.values():
            artifact._id = uuid.uuid5(_NAMESPACE, f"{root}/{plane.product_id}/{artifact.uri}")  # noqa: SLF001 - the library offers no other way


def _naive(when: datetime | None) -> datetime | None:
    """CAOM's library speaks of UTC without saying so."""
    return None if when is None else when.replace(tzinfo=None)
