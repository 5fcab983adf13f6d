"""Describe the products of one observation as a CAOM 2.4 observation.

How products become planes and URIs is ours where MAST's own practice is not published: one plane per calibration
level (``level1`` uncal; ``level2`` rate, rateints, dark, cal; ``level3`` combined), artifact URIs ``mast:JWST/product/<file>``.
The same products give the same observation, ids included.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.access import read_group, release_of
from dmsops.catalogue.checksums import write_sums
from dmsops.catalogue.coverage import sees_the_sky
from dmsops.catalogue.headers import Header
from dmsops.catalogue.naming import observation_uri
from dmsops.catalogue.planes import Product, best_of, content_type_of, level_of, naive, observation_id, plane_of
from dmsops.core.errors import BadInput
from dmsops.core.names import parse_any

if TYPE_CHECKING:
    from datetime import datetime

    from caom2 import Observation

__all__ = ["COLLECTION", "REHEARSAL_COLLECTION", "Product", "content_type_of", "describe", "level_of", "observation_id"]

COLLECTION = "JWST"
REHEARSAL_COLLECTION = "JWST-REHEARSAL"
"""Rehearsal data are kept out of the operational collection (ours)."""
_ALGORITHMS = {"wfscmb": "wfs_combine", "i2d": "resample", "c1d": "combine_1d"}
"""The step that made a combined product, by its suffix; another suffix stands for itself."""
_NAMESPACE = uuid.UUID("6b1f0f3e-0b53-5a8e-9d55-2f0f7f6f2a77")
"""Makes the ids of ours repeatable (UUID version 5)."""


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
    best = best_of(list(headers))
    observation = _observation(collection, ids.pop(), best, headers[best], members)
    since = archived_at or max((h.date for h in headers.values() if h.date is not None), default=None)
    public = _public(headers[best], since, exclusive_days, member_release)
    observation.meta_release = naive(since)
    for level in sorted({level_of(p.name) for p in products}):
        mine = [p for p in products if level_of(p.name) == level]
        made = plane_of(level, mine, headers, members, collection)
        made.meta_release, made.data_release = naive(since), naive(public)
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


def _observation(collection: str, identity: str, best: str, head: Header, members: Sequence[str]) -> Observation:
    import caom2

    if "-" in identity.split("_", maxsplit=1)[0]:
        suffix = parse_any(best).suffix
        observation = caom2.DerivedObservation(collection, identity, caom2.Algorithm(_ALGORITHMS.get(suffix, suffix)))
        for member in sorted(set(members)):
            observation.members.add(caom2.ObservationURI(observation_uri(collection, observation_id(member))))
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


def entity_id(collection: str, observation_id: str) -> uuid.UUID:
    """Give the CAOM id of an observation of ours."""
    return uuid.uuid5(_NAMESPACE, f"{collection}/{observation_id}")


def _name_entities(observation: Observation) -> None:
    """Give every entity the id that follows from its URI, so that describing again gives the same document."""
    root = f"{observation.collection}/{observation.observation_id}"
    observation._id = entity_id(observation.collection, observation.observation_id)  # noqa: SLF001 - the library offers no other way
    for plane in observation.planes.values():
        plane._id = uuid.uuid5(_NAMESPACE, f"{root}/{plane.product_id}")  # noqa: SLF001 - the library offers no other way
        for artifact in plane.artifacts.values():
            named = f"{root}/{plane.product_id}/{artifact.uri}"
            artifact._id = uuid.uuid5(_NAMESPACE, named)  # noqa: SLF001 - the library offers no other way
            for part in artifact.parts.values():
                part._id = uuid.uuid5(_NAMESPACE, f"{named}/{part.name}")  # noqa: SLF001 - the library offers no other way
                for n, chunk in enumerate(part.chunks, 1):
                    chunk._id = uuid.uuid5(_NAMESPACE, f"{named}/{part.name}/{n}")  # noqa: SLF001 - the library offers no other way
