"""Defects of a whole site: each is put into a small sound archive, and gives the URI under which its check must find it.

A defect is made as it happens (an ingest of too few products, a step's products taken out, a copy that missed a harvest), or, where
no act of ours would make it, in the tables. Keys are the checks' numbers; `FOLLOWS` says which other checks see the same thing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import rows
from dmsops.archive.describing import collection_of
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.partners import inventory
from dmsops.archive.tables import archive_outbox, archived_product, artifact, ingest_error, observation, observation_member, plane
from dmsops.catalogue.describe import COLLECTION, REHEARSAL_COLLECTION, Product
from dmsops.catalogue.naming import product_uri
from dmsops.core.db import reading
from dmsops.engineering.queries import us
from dmsops.engineering.tables import engineering_suspect
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.interfaces.prds import telemetry_database
from dmsops.receipt.tables import reported_exposure
from dmsops.testing.products import write_product
from dmsops.workflow import blackboard

if TYPE_CHECKING:
    from dmsops.ops import Ops

DEEP = frozenset({"C19", "C52"})
"""Defects that only a deep examination sees."""
FOLLOWS = {"C06": {"C45"}}
"""Checks that see the same defect by another side."""
_o, _p, _a, _ap, _e = observation.c, plane.c, artifact.c, archived_product.c, archive_outbox.c


def _exposure(ops: Ops) -> Any:
    """Give the first archived exposure: id, collection."""
    with reading(ops.db) as c:
        return c.execute(sa.select(_o.id, _o.collection).where(_o.kind == "simple", _o.state == "archived").order_by(_o.id)).first()


def _combined(ops: Ops) -> Any:
    with reading(ops.db) as c:
        return c.execute(sa.select(_o.id, _o.collection).where(_o.kind == "derived", _o.state == "archived").order_by(_o.id)).first()


def _names(ops: Ops, observation_id: str) -> dict[str, str]:
    """Give suffix to name of an observation's current products."""
    with reading(ops.db) as c:
        query = sa.select(_ap.suffix, _ap.name).where(_ap.current, _ap.observation_id == observation_id)
        return {row.suffix: row.name for row in c.execute(query)}


def _ingest_again(ops: Ops, observation_id: str, without: str = "", extra: Path | None = None) -> None:
    """Ingest an observation's products again, without one of them or with one more."""
    with reading(ops.db) as c:
        query = sa.select(_ap.name, _ap.sha256).where(_ap.current, _ap.observation_id == observation_id, _ap.suffix != without)
        products = [Product(name=r.name, sha256=r.sha256, path=ops.store.path(r.sha256)) for r in c.execute(query)]
    ingest(ops, [*products, *([product_of(extra)] if extra else [])])


def _times(ops: Ops, observation_id: str) -> dict[str, Any]:
    """Give when an exposure was taken, as keywords of another product of it."""
    with reading(ops.db) as c:
        row = c.execute(sa.select(_p.time_min, _p.time_max, _p.exposure).where(_p.observation_id == observation_id)).first()
    assert row is not None
    return {"EXPSTART": row.time_min, "EXPEND": row.time_max, "EFFEXPTM": row.exposure}


def _ingest_new(ops: Ops, name: str, **keywords: Any) -> None:
    """Ingest one product of an exposure of another visit, of which nothing else is known."""
    with tempfile.TemporaryDirectory() as folder:
        ingest(ops, [product_of(write_product(Path(folder) / name, **keywords))])


def _change(ops: Ops, *statements: Any) -> None:
    with ops.db.begin() as c:
        for statement in statements:
            c.execute(statement)


def less_than_foreseen(ops: Ops) -> str:
    """C04: an exposure is ingested without its rateints."""
    owner = _exposure(ops)
    _ingest_again(ops, owner.id, without="rateints")
    return f"caom:{owner.collection}/{owner.id}"


def twice(ops: Ops) -> str:
    """C06: two versions of one product are current."""
    name = _names(ops, _exposure(ops).id)["cal"]
    columns = [column for column in archived_product.c if column.name not in ("id", "version")]
    newest = sa.select(sa.func.max(_ap.version) + 1).where(_ap.name == name).scalar_subquery()
    again = sa.select(newest, *columns).where(_ap.name == name, _ap.current)
    _change(ops, sa.insert(archived_product).from_select(["version", *(column.name for column in columns)], again))
    return product_uri(name)


def two_associations(ops: Ops) -> str:
    """C07: an ingest was refused because another association made a product of the same name."""
    owner = _combined(ops)
    (name,) = _names(ops, owner.id).values()
    now = ops.clock.now()
    values = {
        "observation_id": owner.id, "kind": "duplicate_product", "message": f"{name} is in the archive, made from other members",
        "findings": [], "products": {name: "0" * 64}, "members": [], "state": "open", "times": 1, "first_at": now, "last_at": now,
    }  # fmt: skip
    _change(ops, sa.insert(ingest_error).values(values))
    return product_uri(name)


def member_not_archived(ops: Ops) -> str:
    """C09: a combined observation names a member that was never ingested."""
    owner = _combined(ops)
    member = f"caom:{owner.collection}/jw02726402001_03104_00099_nrca3"
    _change(ops, sa.insert(observation_member).values(observation_id=owner.id, member=member))
    return f"caom:{owner.collection}/{owner.id}"


def same_bytes(ops: Ops) -> str:
    """C17: the same bytes are there under two names."""
    names = [f"jw02726499001_03104_0000{n}_nrca3_uncal.fits" for n in (1, 2)]
    for name in names:
        _ingest_new(ops, name)
    return product_uri(names[0])


def broken_sum(ops: Ops) -> str:
    """C19: a FITS file whose data do not have the sum that its header says."""
    name = "jw02726499001_03104_00003_nrca3_uncal.fits"
    _ingest_new(ops, name, DATASUM="1", FILENAME=name)
    return product_uri(name)


def left_over(ops: Ops) -> str:
    """C41: processing took a product out and did not make it again; the archive kept it."""
    name = _names(ops, _exposure(ops).id)["rateints"]
    with ops.db.begin() as c:
        blackboard.withdraw(c, [name])
    return product_uri(name)


def nothing_archived(ops: Ops) -> str:
    """C42: a visit was carried out and received, and nothing of it is in the archive."""
    with reading(ops.db) as c:
        there = c.execute(sa.select(_o.id).where(_o.state == "archived")).scalars().all()
        visit = c.execute(sa.select(reported_exposure.c.visit)).scalar()
    with ops.db.begin() as c:
        for identity in there:
            rows.withdraw(c, identity, version=1, changed_at=ops.clock.now())
        c.execute(sa.delete(observation))
        c.execute(sa.update(archived_product).values(current=False))
    return f"visit:V{visit}"


def no_level1b(ops: Ops) -> str:
    """C43: an exposure was received, and its level 1b is not in the archive."""
    owner = _exposure(ops)
    name = _names(ops, owner.id)["uncal"]
    _ingest_again(ops, owner.id, without="uncal")
    return product_uri(name)


def not_foreseen(ops: Ops) -> str:
    """C44: stage 2 resampled an image of a wavefront visit."""
    owner = _exposure(ops)
    name = f"{owner.id}_i2d.fits"
    with tempfile.TemporaryDirectory() as folder:
        _ingest_again(ops, owner.id, extra=write_product(Path(folder) / name, FILENAME=name, **_times(ops, owner.id)))
    return product_uri(name)


def row_lost(ops: Ops) -> str:
    """C45: an artifact is in products and document, and not in the catalogue's rows."""
    owner = _exposure(ops)
    mine = sa.select(_p.id).where(_p.observation_id == owner.id)
    _change(ops, sa.delete(artifact).where(_a.plane_id.in_(mine), _a.uri.like("%rateints%")))
    return f"caom:{owner.collection}/{owner.id}"


def contested(ops: Ops) -> str:
    """C46: pointing telemetry is contested within an exposure."""
    with reading(ops.db) as c:
        row = c.execute(sa.select(reported_exposure).order_by(reported_exposure.c.start)).first()
    assert row is not None
    number = telemetry_database().by_name(POINTING_MNEMONICS[0]).number
    span = {"first_us": us(row.start), "last_us": us(row.start) + 1_000_000}
    values = {"number": number, "conflicts": 1, "receipts": [1], "state": "open", "found_at": ops.clock.now(), **span}
    _change(ops, sa.insert(engineering_suspect).values(values))
    return f"caom:{collection_of(ops)}/{row.exposure}"


def missed_harvest(ops: Ops) -> str:
    """C48: a partner missed an observation."""
    owner = _exposure(ops)
    folder = ops.settings.folder("inbox") / "partners"
    folder.mkdir(exist_ok=True)
    kept = [line for line in inventory(ops).splitlines(keepends=True) if f"\t{owner.id}\t".encode() not in line]
    (folder / "esac.tsv").write_bytes(b"".join(kept))
    return f"caom:{owner.collection}/{owner.id}#esac"


def of_tomorrow(ops: Ops) -> str:
    """C49: an observation changed in the future."""
    owner = _exposure(ops)
    _change(ops, sa.update(observation).where(_o.id == owner.id).values(changed_at=ops.clock.now() + timedelta(days=1)))
    return f"caom:{owner.collection}/{owner.id}"


def passed_by(ops: Ops) -> str:
    """C50: one event was not sent, and later ones were."""
    with reading(ops.db) as c:
        first = c.execute(sa.select(archive_outbox).order_by(_e.id)).first()
    assert first is not None
    _change(ops, sa.update(archive_outbox).where(_e.id != first.id).values(sent_at=ops.clock.now()))
    return f"caom:{collection_of(ops)}/{first.observation_id}#{first.version}"


def of_the_other_site(ops: Ops) -> str:
    """C51: rehearsal data lie in the operational archive (or operational data in a rehearsal's)."""
    owner = _combined(ops)
    other = REHEARSAL_COLLECTION if owner.collection == COLLECTION else COLLECTION
    _change(ops, sa.update(observation).where(_o.id == owner.id).values(collection=other))
    return f"caom:{other}/{owner.id}"


def otherwise_described(ops: Ops) -> str:
    """C52: the description has another title than the products' headers."""
    from caom2.checksum import update_meta_checksum

    from dmsops.catalogue import from_xml, to_xml

    owner = _exposure(ops)
    described = from_xml(rows.document(ops, owner.id))
    described.proposal.title = "Another title"
    update_meta_checksum(described)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "observation.xml"
        path.write_bytes(to_xml(described))
        sha256 = ops.store.put(path)
    sums = {"xml_sha256": sha256, "checksum": described.acc_meta_checksum.uri, "meta_checksum": described.meta_checksum.uri}
    _change(ops, sa.update(observation).where(_o.id == owner.id).values(sums))
    return f"caom:{owner.collection}/{owner.id}"


DEFECTS: dict[str, Callable[[Ops], str]] = {
    "C04": less_than_foreseen, "C06": twice, "C07": two_associations, "C09": member_not_archived, "C17": same_bytes, "C19": broken_sum,
    "C41": left_over, "C42": nothing_archived, "C43": no_level1b, "C44": not_foreseen, "C45": row_lost, "C46": contested,
    "C48": missed_harvest, "C49": of_tomorrow, "C50": passed_by, "C51": of_the_other_site, "C52": otherwise_described,
}  # fmt: skip
"""Check to what injects its defect into a site with one archived wavefront visit, and gives the URI that must be named."""
