"""Describe the products of one observation as a CAOM 2.4 observation.

How products become planes and URIs is ours where MAST's own practice is not published: one plane per calibration
level (``level1`` uncal; ``level2`` rate, rateints, dark, cal; ``level3`` combined), artifact URIs ``mast:JWST/product/<file>``.
The same products give the same observation, ids included.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.access import read_group, release_of
from dmsops.catalogue.checksums import write_sums
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


def observation_id(name: str) -> str:
    """Give the observation that a product belongs to; raises `BadName`."""
    parsed = parse_any(name)
    if isinstance(parsed, ExposureProduct | GuideStarProduct):
        return parsed.root
    if isinstance(parsed, CombinedProduct):
        return parsed.observation_id
    raise BadInput(f"'{name}' is not a product that is archived in an observation", name=name)


@quiet_library()
def describe(
    products: Sequence[Product],
    *,
    members: Sequence[str] = (),
    collection: str = COLLECTION,
    archived_at: datetime | None = None,
    exclusive_days: int | None = None,
    member_release: datetime | None = None,
) -> Observation:
    """Describe products of one observation.

    Parameters
    ----------
    products : sequence of Product
        All products of the observation; at least one.
    members : sequence of str
        For a combined product: the names of the products it was made from.
    archived_at : datetime, optional
        When its first product came into the archive: exclusive access counts from then; default the newest header DATE.
    exclusive_days : int, optional
        Days of exclusive access that the program chose; default what its category gives.
    member_release : datetime, optional
        The latest release of its members: a combined product is not public before.

    Returns
    -------
    caom2.SimpleObservation or caom2.DerivedObservation
        Derived when the products are combined ones.

    Raises
    ------
    BadInput
        The products belong to several observations, or one cannot be read.
    """
    ids = {observation_id(p.name) for p in products}
    if len(ids) != 1:
        raise BadInput(f"products of one observation are wanted, these belong to {len(ids)}: {', '.join(sorted(ids))}")
    headers = {p.name: p.header() for p in products if p.name.endswith(".fits")}
    if not headers:
        raise BadInput(
            f"observation {min(ids)} has no FITS product to describe it from",
            remedy="Look why the science product is missing (P08), then ingest again (P15).",
            observation=min(ids),
            kind="preview_only",
        )
    best = _best(list(headers))
    observation = _observation(collection, ids.pop(), best, headers[best], members)
    since = archived_at or max((h.date for h in headers.values() if h.date is not None), default=None)
    public = _public(headers[best], since, exclusive_days, member_release)
    observation.meta_release = _naive(since)
    for level in sorted({level_of(p.name) for p in products}):
        mine = [p for p in products if level_of(p.name) == level]
        made = _plane(level, mine, headers, members, collection)
        made.meta_release, made.data_release = _naive(since), _naive(public)
        if public is not None and since is not None and public > since:
            made.data_read_groups.add(read_group(collection, headers[best].program))
        observation.planes.add(made)
    _name_entities(observation)
    write_sums(observation)
    return observation


def _public(head: Header, since: datetime | None, days: int | None, member_release: datetime | None) -> datetime | None:
    """Give when the data become public: a combined product never before the last of its members."""
    own = release_of(head.category, since, days)
    return own if member_release is None or own is None else max(own, member_release)


def level_of(name: str) -> int:
    """Give the calibration level of a product (1 raw, 2 calibrated, 3 combined), which names its plane; raises `BadName`."""
    parsed = parse_any(name)
    if isinstance(parsed, CombinedProduct):
        return 3
    return 1 if parsed.suffix.rpartition("-")[2] in _LEVEL_1 else 2


def content_type_of(name: str) -> str | None:
    """Give the content type of a product by its ending; None of one that we do not know."""
    return _CONTENT_TYPES.get(name.rpartition(".")[2])


def _best(names: list[str]) -> str:
    """Choose the product that knows most: combined, then cal, then the other calibrated ones."""
    return max(names, key=lambda name: (level_of(name), "_cal." in name, name))


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
        observation.proposal.keywords.add(f"CATEGORY={head.category or 'UNKNOWN'}")
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


def _plane(level: int, products: list[Product], headers: dict[str, Header], members: Sequence[str], collection: str) -> Plane:
    import caom2

    named = [p.name for p in products if p.name in headers]
    head = headers[_best(named or list(headers))]
    plane = caom2.Plane(f"level{level}", calibration_level=caom2.CalibrationLevel(level), data_product_type=caom2.DataProductType.IMAGE)
    plane.provenance = _provenance(level, head, members, collection)
    plane.provenance.keywords.update(_mixed([headers[name] for name in named], level))
    plane.position = position_of(head)
    plane.energy = energy_of(head)
    plane.time = time_of(head)
    for product in products:
        plane.artifacts.add(_artifact(product))
    return plane


def _mixed(heads: list[Header], level: int) -> set[str]:
    """Say as keywords in which versions the products of one plane differ; of raw products none is meant to agree."""
    versions = {"CAL_VER": {h.cal_version for h in heads} - {""}, "CRDS_CTX": {h.crds_context for h in heads} - {""}}
    return {f"MIXED_{name}={' and '.join(sorted(found))}" for name, found in versions.items() if level > 1 and len(found) > 1}


def _provenance(level: int, head: Header, members: Sequence[str], collection: str) -> Any:
    import caom2

    version = head.software_version if level == 1 else head.cal_version
    provenance = caom2.Provenance("DMSOps level 1" if level == 1 else "CALJWST", version=version or None, project="JWST", producer="DMSOps")
    provenance.last_executed = _naive(head.date)
    if head.crds_context and level > 1:
        provenance.keywords.add(f"CRDS_CTX={head.crds_context}")
    if head.pointing:
        provenance.keywords.add(f"ENGQLPTG={head.pointing}")
    for member in sorted(set(members)):
        uri = caom2.ObservationURI(f"caom:{collection}/{observation_id(member)}")
        provenance.inputs.add(caom2.PlaneURI.get_plane_uri(uri, f"level{level_of(member)}"))
    return provenance


def _artifact(product: Product) -> Artifact:
    import caom2

    extension = product.name.rsplit(".", 1)[-1]
    kind = {"fits": caom2.ProductType.THIS, "jpg": caom2.ProductType.PREVIEW}.get(extension, caom2.ProductType.AUXILIARY)
    return caom2.Artifact(
        f"mast:JWST/product/{product.name}",
        kind,
        caom2.ReleaseType.DATA,
        content_type=content_type_of(product.name),
        content_length=product.length(),
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
    return None if when is None else when.astimezone(UTC).replace(tzinfo=None)
