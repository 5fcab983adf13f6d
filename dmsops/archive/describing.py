"""Describing: an observation as its products give it, with what the archive knows of them, and its document."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import proposals, versions
from dmsops.archive.tables import plane
from dmsops.catalogue.describe import COLLECTION, REHEARSAL_COLLECTION, Product, describe, observation_id
from dmsops.catalogue.naming import document_name, program_of
from dmsops.catalogue.registry import Case, Finding
from dmsops.catalogue.rules import check
from dmsops.catalogue.xml import to_xml
from dmsops.core.db import reading
from dmsops.core.errors import GateFailed

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An observation as its products give it: the description, its document, what is wrong with it, and what it was made from."""

    observation_id: str
    observation: Any
    xml: bytes
    findings: tuple[Finding, ...]
    products: tuple[Product, ...]
    members: tuple[str, ...]
    at: datetime

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep it out of the archive."""
        return tuple(f for f in self.findings if f.severity == "error")


def collection_of(ops: Ops) -> str:
    """Give the collection that this site's data belong to."""
    return COLLECTION if ops.settings.mode == "live" else REHEARSAL_COLLECTION


def describe_offered(ops: Ops, products: Sequence[Product], members: Sequence[str]) -> Described:
    """Describe products with what the archive knows of them: since when they are archived, exclusive access, their members' release."""
    names = {product.name for product in products}
    identity = observation_id(min(names)) if names else ""
    with reading(ops.db) as c:
        since = versions.first_archived(c, identity) or ops.clock.now()
        days = proposals.exclusive_days(c, program_of(identity))
        latest = _latest_release(c, members)
    made = describe(
        products, members=members, collection=collection_of(ops), archived_at=since, exclusive_days=days, member_release=latest
    )  # fmt: skip
    xml = to_xml(made)
    findings = check(Case(observation=made, document=xml, archived_at=since, exclusive_days=days))
    return Described(
        observation_id=made.observation_id, observation=made, xml=xml, findings=findings, products=tuple(products),
        members=tuple(members), at=since,
    )  # fmt: skip


def _latest_release(c: sa.Connection, members: Sequence[str]) -> datetime | None:
    """Give the latest release of the members' planes: a combined product is public when all that it is made of is."""
    ids = sorted({observation_id(member) for member in members})
    found = c.execute(sa.select(plane.c.data_release).where(plane.c.observation_id.in_(ids))).scalars()
    return max((when for when in found if when is not None), default=None)


def need_sound(described: Described) -> None:
    """Refuse a description with errors; raises `GateFailed`."""
    found = described.errors
    if not found:
        return
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    raise GateFailed(
        f"observation {described.observation_id} cannot be ingested: {found[0]}{more}",
        remedy=f"{found[0].remedy} Procedure P15 covers ingest problems.",
        observation=described.observation_id,
        kind="preview_only" if any(f.check == "C05" and "preview" in f.observed for f in found) else "is_valid_fails",
        findings=[str(f) for f in found],
    )


def keep(ops: Ops, described: Described) -> str:
    """Put the document into the store and give its sum; bytes that no row names are swept later, should the row never come."""
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=ops.settings.folder("work")) as folder:
        path = Path(folder) / document_name(described.observation_id)
        path.write_bytes(described.xml)
        return ops.store.put(path)
