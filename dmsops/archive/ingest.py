"""Ingest: the products of one observation, its description, its rows and one event, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import duplicates, errors, proposals, rows, versions
from dmsops.archive.checks_fits import no_asdf
from dmsops.archive.describing import Described, describe_offered, keep, need_sound
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, observation
from dmsops.catalogue.describe import Product, observation_id
from dmsops.catalogue.naming import document_name
from dmsops.catalogue.registry import Finding
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, BadName, DmsError, GateFailed, NotFound, StoreDamaged
from dmsops.core.files import sha256_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

_o = observation.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What an ingest left: the observation, its version, its CAOM XML; ``new`` says whether anything changed."""

    observation_id: str
    version: int
    xml: bytes
    new: bool
    warnings: tuple[Finding, ...]


def ingest(ops: Ops, products: Sequence[Product], *, members: Sequence[str] = ()) -> Ingested:
    """Take all current products of one observation into the archive; given again it changes nothing.

    A product whose bytes are new gets a new version and the one before it is superseded; one that was there and
    is not given now is taken out of the current set (reprocessing did not make it again). All bytes are kept.
    What does not work is an *ingest error* of the observation until an ingest of it works or a person lets it go.

    Parameters
    ----------
    products : sequence of Product
        All products of the observation, with their recorded sums.
    members : sequence of str
        For a combined product: the products that it was made from.

    Raises
    ------
    StoreDamaged
        A product's bytes are not those of its recorded sum; nothing is ingested.
    BadInput
        The products belong to several observations, or cannot be described.
    GateFailed
        The description is not sound, a product is not whole, or another association made products of these names from other members;
        nothing is ingested.
    FilesRefused
        The store could not take the bytes; nothing is ingested.
    """
    try:
        _take(ops, products)
        described = describe_offered(ops, products, members)
        _need_whole(described)
        kept = keep(ops, described)
        version, new = transact(ops.db, lambda c: write(c, ops, described, kept))
    except (BadInput, StoreDamaged, GateFailed) as error:
        errors.record(ops, _fault(error, products, members))
        raise
    return Ingested(observation_id=described.observation_id, version=version, xml=described.xml, new=new, warnings=described.findings)


def _take(ops: Ops, products: Sequence[Product]) -> None:
    found = ops.store.put_many([(product.path, product.sha256) for product in products])
    for product, sha256 in zip(products, found, strict=True):
        if sha256 != product.sha256:
            raise StoreDamaged(
                f"'{product.name}' has sha256 {sha256[:12]}..., expected {product.sha256[:12]}...",
                file=product.name, expected=product.sha256, found=sha256,
            )  # fmt: skip


def _fault(error: DmsError, products: Sequence[Product], members: Sequence[str]) -> errors.Fault:
    names = {product.name: product.sha256 for product in products}
    kind = error.facts.get("kind") or _kind_of(error)
    whose = error.facts.get("observation") or _owner(names)
    findings = error.facts.get("findings") or []
    return errors.Fault(
        observation_id=str(whose)[:120], kind=str(kind), message=error.message, findings=findings, products=names, members=members
    )


def _kind_of(error: DmsError) -> str:
    if isinstance(error, StoreDamaged):
        return "store"
    if isinstance(error, BadName):
        return "invalid_file_name"
    return "bad_data" if "file" in error.facts else "bad_metadata"


def _owner(names: Sequence[str] | dict[str, str]) -> str:
    """Give the observation of the first product whose name says one; else that name."""
    for name in sorted(names):
        try:
            return observation_id(name)
        except DmsError:
            continue
    return next(iter(sorted(names)), "nothing")


def _need_whole(described: Described) -> None:
    lacking = next((p.name for p in described.products if p.name.endswith(".fits") and no_asdf(p.path)), None)
    if lacking is not None:
        raise GateFailed(
            f"'{lacking}' has no ASDF extension: the pipeline could not read it again",
            remedy="Make the product again (P08), then ingest again (P15).",
            observation=described.observation_id, kind="no_asdf", file=lacking,
        )  # fmt: skip
    need_sound(described)


def write(c: sa.Connection, ops: Ops, described: Described, xml_sha256: str, *, reason: str | None = None) -> tuple[int, bool]:
    """Write products, rows, event and journal in the caller's transaction; gives version, and whether anything changed.

    Raises
    ------
    GateFailed
        Another association made products of these names from other members (kind ``duplicate_product``).
    """
    identity = described.observation_id
    there = c.execute(sa.select(observation).where(_o.id == identity)).one_or_none()
    duplicates.refuse(c, identity, described.members)
    changes = versions.put(c, identity, described.products, described.members, described.at if there is None else ops.clock.now())
    errors.settle(c, ops, identity)
    proposals.learn(c, ops, described.observation)
    if there is not None and there.state == ARCHIVED and there.xml_sha256 == xml_sha256 and not changes:
        return int(there.version), False
    version = (there.version if there else 0) + 1
    state = rows.State(version=version, state=ARCHIVED, xml_sha256=xml_sha256, changed_at=moment(ops, there))
    rows.replace(c, described.observation, state)
    facts = {
        "products": list(changes.changed), "gone": list(changes.gone), "xml_sha256": xml_sha256,
        "checksum": described.observation.acc_meta_checksum.uri,
    }  # fmt: skip
    announce(c, ops, "observation.ingested" if version == 1 else "observation.superseded", identity, state, facts, reason=reason)
    return version, True


def moment(ops: Ops, there: Any) -> datetime:
    """Give the time of a change: never before the one before it, or harvesters would not see it."""
    now = ops.clock.now().astimezone(UTC)
    return now if there is None or there.changed_at is None else max(now, there.changed_at)


def announce(
    c: sa.Connection, ops: Ops, event: str, identity: str, state: rows.State, facts: dict[str, Any], *, reason: str | None
) -> None:  # fmt: skip
    """Write an observation's event and its line of the journal."""
    told = {"event": event, "observation_id": identity, "version": state.version, "facts": facts, "created_at": state.changed_at}
    c.execute(sa.insert(archive_outbox).values(**told))
    journal.write(c, ops.clock, event, identity, actor=ops.operator.name, reason=reason, version=state.version, **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """An archived observation described anew from its products; ``differs`` says in words what changes, empty when nothing does."""

    described: Described
    differs: tuple[str, ...]


def again(ops: Ops, identity: str) -> Again:
    """Describe an archived observation again from the bytes of its current products; nothing changes.

    Raises
    ------
    NotFound
        There is no such observation, it has no current product, or the store lacks bytes of it.
    BadInput
        Its products cannot be described.
    """
    with reading(ops.db) as c:
        found = versions.current(c, identity)
    if not found:
        raise NotFound(f"the archive has no current product of an observation '{identity}'", observation=identity)
    written = _written(ops, identity)
    members = next((row.members for row in found if row.members), None) or _members_of(written)
    described = describe_offered(ops, versions.products_of(ops, found), members)
    return Again(described=described, differs=_differences(written, described))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """An observation's document as it is in the store: its bytes, what it describes (None: it cannot be read) and why not."""

    document: bytes = b""
    observation: Any = None
    fault: str = ""


def _written(ops: Ops, identity: str) -> _Written:
    from dmsops.catalogue.xml import from_xml

    document = b""
    try:
        document = rows.document(ops, identity)
        return _Written(document=document, observation=from_xml(document, source=document_name(identity)))
    except DmsError as error:
        return _Written(document=document, fault=error.message)


def _members_of(written: _Written) -> list[str]:
    """Give the members that a document names, for products that were archived before their members were written down."""
    if written.observation is None:
        return []
    inputs = {uri.uri for p in written.observation.planes.values() if p.provenance for uri in p.provenance.inputs}
    return sorted(f"{uri.split('/')[1]}_cal.fits" for uri in inputs if uri.endswith("/level2"))


def _differences(written: _Written, described: Described) -> tuple[str, ...]:
    from dmsops.catalogue.compare import document_differences
    from dmsops.catalogue.xml import to_xml

    if written.document == described.xml:
        return ()
    if written.observation is None:
        return (f"the document in the store: {written.fault}",)
    return document_differences(to_xml(written.observation), described.xml)


def ingest_again(ops: Ops, anew: Again, *, reason: str) -> tuple[int, bool]:
    """Write an observation as it was described anew; gives its version and whether anything changed.

    Raises
    ------
    GateFailed
        The new description is not sound either; nothing is written.
    """
    need_sound(anew.described)
    kept = keep(ops, anew.described)
    return transact(ops.db, lambda c: write(c, ops, anew.described, kept, reason=reason))


def product_of(path: Path) -> Product:
    """Name a file as a product by its own sum (for files whose sum was verified when they were handed over)."""
    return Product(name=path.name, sha256=sha256_of(path), path=path.resolve())
