"""Ingest: the products of one observation, its description and one event, in one transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import archive_outbox, archived_product, observation
from dmsops.catalogue.describe import COLLECTION, REHEARSAL_COLLECTION, Product, describe
from dmsops.catalogue.rules import Finding, check
from dmsops.catalogue.xml import to_xml
from dmsops.core import journal
from dmsops.core.db import transact
from dmsops.core.errors import GateFailed
from dmsops.core.files import sha256_of
from dmsops.core.names import parse_any

if TYPE_CHECKING:
    from dmsops.ops import Ops


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
        The description is not sound; the findings are recorded, no product is ingested.
    """
    for product in products:
        ops.store.put(product.path, sha256=product.sha256)
    collection = COLLECTION if ops.settings.mode == "live" else REHEARSAL_COLLECTION
    described = describe(products, members=members, collection=collection)
    findings = check(described)
    row = _Row.of(described)
    errors = [f for f in findings if f.severity == "error"]
    if errors:
        transact(ops.db, lambda c: _record_faults(c, ops, row, errors))
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise GateFailed(
            f"observation {row.id} cannot be ingested: {errors[0]}{more}",
            remedy=f"{errors[0].remedy} Procedure P15 covers ingest problems.",
            observation=row.id,
            findings=[str(f) for f in errors],
        )
    xml = to_xml(described)
    kept = _keep(ops, row.id, xml)
    version, new = transact(ops.db, lambda c: _ingest(c, ops, row, products, kept))
    return Ingested(observation_id=row.id, version=version, xml=xml, new=new, warnings=findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: str
    collection: str
    kind: str
    checksum: str

    @classmethod
    def of(cls, described: Any) -> _Row:
        kind = "derived" if hasattr(described, "members") else "simple"
        checksum = described.acc_meta_checksum.uri
        return cls(id=described.observation_id, collection=described.collection, kind=kind, checksum=checksum)


def _keep(ops: Ops, observation_id: str, xml: bytes) -> str:
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=ops.settings.folder("work")) as folder:
        path = Path(folder) / f"{observation_id}_caom.xml"
        path.write_bytes(xml)
        return ops.store.put(path)


def _current(c: sa.Connection, observation_id: str) -> sa.Row[Any] | None:
    return c.execute(sa.select(observation).where(observation.c.id == observation_id).with_for_update()).one_or_none()


def _write_row(c: sa.Connection, ops: Ops, row: _Row, there: sa.Row[Any] | None, **values: Any) -> None:
    values |= {"collection": row.collection, "kind": row.kind, "changed_at": ops.clock.now()}
    if there is None:
        c.execute(sa.insert(observation).values(id=row.id, **values))
    else:
        c.execute(sa.update(observation).where(observation.c.id == row.id).values(**values))


def _record_faults(c: sa.Connection, ops: Ops, row: _Row, errors: list[Finding]) -> None:
    there = _current(c, row.id)
    findings = [str(f) for f in errors]
    _write_row(c, ops, row, there, valid=False, findings=findings, version=there.version if there else 0)
    journal.write(
        c, ops.clock, "observation.refused", row.id, actor=ops.operator.name, reason=str(errors[0]), outcome="failed", findings=findings
    )


def _ingest(c: sa.Connection, ops: Ops, row: _Row, products: Sequence[Product], xml_sha256: str) -> tuple[int, bool]:
    there = _current(c, row.id)
    changed = [p.name for p in products if _put_product(c, ops, row.id, p)]
    p = archived_product.c
    stale = sa.update(archived_product).where(p.observation_id == row.id, p.current, p.name.not_in([x.name for x in products]))
    gone = [r.name for r in c.execute(stale.values(current=False).returning(p.name))]
    if there is not None and there.valid and there.xml_sha256 == xml_sha256 and not changed and not gone:
        return int(there.version), False
    version = (there.version if there else 0) + 1
    _write_row(c, ops, row, there, valid=True, findings=[], version=version, xml_sha256=xml_sha256, checksum=row.checksum)
    event = "observation.ingested" if version == 1 else "observation.superseded"
    facts: dict[str, Any] = {"products": sorted(changed), "gone": sorted(gone), "xml_sha256": xml_sha256, "checksum": row.checksum}
    c.execute(
        sa.insert(archive_outbox).values(event=event, observation_id=row.id, version=version, facts=facts, created_at=ops.clock.now())
    )
    journal.write(c, ops.clock, event, row.id, actor=ops.operator.name, version=version, **facts)
    return version, True


def _put_product(c: sa.Connection, ops: Ops, observation_id: str, product: Product) -> bool:
    """Make a product's bytes its current version; says whether that changed anything."""
    p = archived_product.c
    rows = c.execute(sa.select(archived_product).where(p.name == product.name).order_by(p.version)).all()
    current = next((r for r in rows if r.current), None)
    if current is not None and current.sha256 == product.sha256:
        return False
    c.execute(sa.update(archived_product).where(p.name == product.name, p.current).values(current=False))
    values = {
        "observation_id": observation_id, "name": product.name, "version": rows[-1].version + 1 if rows else 1,
        "suffix": parse_any(product.name).suffix, "sha256": product.sha256, "size": product.path.stat().st_size,
        "current": True, "archived_at": ops.clock.now(),
    }  # fmt: skip
    c.execute(sa.insert(archived_product).values(**values))
    return True


def product_of(path: Path) -> Product:
    """Name a file as a product by its own sum (for files whose sum was verified when they were handed over)."""
    return Product(name=path.name, sha256=sha256_of(path), path=path.resolve())
