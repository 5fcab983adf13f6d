"""Catalogue against store: every artifact with the product that is archived under its name, and with that product's bytes.

The classes have the names of CADC's artifact validation; what they mean for us stands at each. One pass in the order of observations,
some hundreds at a time, so that memory does not grow with the archive but with what differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, artifact, observation, plane
from dmsops.catalogue.describe import content_type_of
from dmsops.catalogue.naming import observation_uri, product_uri, version_uri
from dmsops.catalogue.registry import Scope
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import DmsError, NotFound, StoreDamaged

if TYPE_CHECKING:
    from dmsops.ops import Ops

CORRECT = "correct"
"""Artifact, product and bytes agree."""
DIFF_TYPE = "diffType"
"""The artifact's content type is not that of its name; deep: or of the first bytes."""
DIFF_LENGTH = "diffLength"
"""The artifact, the product and the object in the store are not of one length."""
DIFF_CHECKSUM = "diffChecksum"
"""The artifact's sum is not the product's; deep: or the bytes, read again, have another."""
NOT_IN_CAOM = "notInCAOM"
"""A current product that no artifact names. (Objects of the store that no row of the site names are the sweep's.)"""
MISSING = "missingFromStorage"
"""An artifact without a current product, or whose product's bytes the store does not have."""
NOT_PUBLIC = "notPublic"
"""Counted besides the others, no fault: artifacts whose data are not public yet."""
CLASSES = (CORRECT, DIFF_TYPE, DIFF_LENGTH, DIFF_CHECKSUM, NOT_IN_CAOM, MISSING, NOT_PUBLIC)
_MAGIC = {"fits": b"SIMPLE  =", "jpg": b"\xff\xd8\xff", "json": b"{", "xml": b"<"}
"""How files of an ending begin."""
_PAGE = 500
_o, _p, _a, _ap = observation.c, plane.c, artifact.c, archived_product.c
Progress = Callable[[int, int, str], None]
Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that is not as it should be: its class, whose it is, its URI, what was expected and seen."""

    kind: str
    observation_id: str
    uri: str
    expected: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Files by class (every class is there), and each that differs."""

    scope: Scope
    counts: dict[str, int]
    differences: tuple[Difference, ...]


def reconcile(ops: Ops, scope: Scope, progress: Progress | None = None) -> Reconciliation:
    """Compare catalogue and store; nothing changes.

    Parameters
    ----------
    scope : Scope
        Which observations; ``deep`` also reads every product's bytes again.
    """
    counts, differing, done = Counter(dict.fromkeys(CLASSES, 0)), [], 0
    total, now = _number(ops, scope), ops.clock.now()
    for owners, artifacts, products, before in _pages(ops, scope):
        sizes = ops.store.sizes({row.sha256 for row in (*products.values(), *before)})
        for uri in sorted(artifacts.keys() | products.keys()):
            found = _compared(ops, scope, sizes, uri, artifacts.get(uri), products.get(uri))
            counts[found.kind if found else CORRECT] += 1
            differing += [found] if found else []
        for found in (_lost(ops, scope, sizes, row) for row in before):
            counts.update([found.kind] if found else [])
            differing += [found] if found else []
        counts[NOT_PUBLIC] += sum(_held(row, now) for row in artifacts.values())
        done += len(owners)
        if progress is not None:
            progress(done, total, owners[-1])
    return Reconciliation(scope=scope, counts=dict(counts), differences=tuple(differing))


def _owners(scope: Scope) -> Any:
    """Give the ids of all that is archived or has products, superseded ones too."""
    both = sa.union(sa.select(_o.id).where(_o.state == ARCHIVED), sa.select(_ap.observation_id.label("id"))).subquery()
    chosen = both.c.id.startswith(scope.prefix, autoescape=True) if scope.prefix else sa.true()
    return sa.select(both.c.id).where(chosen)


def _number(ops: Ops, scope: Scope) -> int:
    with reading(ops.db) as c:
        return int(c.execute(sa.select(sa.func.count()).select_from(_owners(scope).subquery())).scalar_one())


def _pages(ops: Ops, scope: Scope) -> Iterator[tuple[list[str], dict[str, Any], dict[str, Any], Sequence[Any]]]:
    """Give some observations after others: artifacts and current products by URI, and what is kept that the catalogue does not name."""
    with reading(ops.db) as c:
        ids = list(c.execute(_owners(scope).order_by("id")).scalars())
    for at in range(0, len(ids), _PAGE):
        owners = ids[at : at + _PAGE]
        with reading(ops.db) as c:
            yield owners, _artifacts(c, owners), _products(c, owners), [*_superseded(c, owners), *_of_withdrawn(c, owners)]


def _artifacts(c: sa.Connection, owners: Sequence[str]) -> dict[str, Any]:
    columns = (_a.uri, _a.content_type, _a.content_length, _a.content_checksum, _p.data_release, _p.observation_id)
    query = sa.select(*columns).join(plane, _p.id == _a.plane_id).where(_p.observation_id.in_(owners))
    return {row.uri: row for row in c.execute(query)}


def _products(c: sa.Connection, owners: Sequence[str]) -> dict[str, Any]:
    query = sa.select(_ap.name, _ap.sha256, _ap.size, _ap.observation_id).where(_ap.current, _ap.observation_id.in_(owners))
    return {product_uri(row.name): row for row in c.execute(query)}


def _superseded(c: sa.Connection, owners: Sequence[str]) -> Sequence[Any]:
    columns = (_ap.name, _ap.version, _ap.sha256, _ap.size, _ap.observation_id)
    query = sa.select(*columns).where(sa.not_(_ap.current), _ap.observation_id.in_(owners))
    return c.execute(query.order_by(_ap.name, _ap.version)).all()


def _of_withdrawn(c: sa.Connection, owners: Sequence[str]) -> Sequence[Any]:
    """Give the documents of what was withdrawn: it is restored from them; those of what is archived are read with the rules."""
    columns = (_o.collection, _o.xml_sha256.label("sha256"), _o.id.label("observation_id"))
    query = sa.select(*columns, sa.literal("").label("name"), sa.null().label("size"))
    return c.execute(query.where(_o.state != ARCHIVED, _o.xml_sha256.is_not(None), _o.id.in_(owners)).order_by(_o.id)).all()


def _lost(ops: Ops, scope: Scope, sizes: Sizes, row: Any) -> Difference | None:
    """Give what has become of the bytes of a superseded product, or of a withdrawn document: they are kept for ever."""
    uri = version_uri(row.name, row.version) if row.name else observation_uri(row.collection, row.observation_id)
    sha256 = row.sha256
    words: tuple[str, str, str] | None = None
    size = sizes.get(sha256)
    if size is None:
        words = MISSING, f"object {sha256[:12]}... in the store", "it is not there"
    elif row.size is not None and size != row.size:
        words = DIFF_LENGTH, "one length", f"{counted(row.size, 'byte')} when it was archived, {size} in the store"
    elif scope.deep and (damage := damaged(ops, sha256)):
        words = DIFF_CHECKSUM, f"sha256:{sha256}", damage
    if words is None:
        return None
    kind, expected, observed = words
    return Difference(kind=kind, observation_id=row.observation_id, uri=uri, expected=expected, observed=observed)


def _held(row: Any, now: datetime) -> bool:
    return row.data_release is None or row.data_release > now


def _compared(ops: Ops, scope: Scope, sizes: Sizes, uri: str, said: Any, kept: Any) -> Difference | None:
    """Give how a file differs; the first class of those that apply."""
    owner = (said or kept).observation_id
    for kind, (expected, observed) in _faults(ops, scope, sizes, uri, said, kept):
        return Difference(kind=kind, observation_id=owner, uri=uri, expected=expected, observed=observed)
    return None


def _faults(ops: Ops, scope: Scope, sizes: Sizes, uri: str, said: Any, kept: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    if said is None:
        yield NOT_IN_CAOM, ("an artifact that names it", "a current product that the catalogue does not name")
        return
    if kept is None:
        yield MISSING, ("a current product", "none of this name is archived")
        return
    size = sizes.get(kept.sha256)
    if size is None:
        yield MISSING, (f"object {kept.sha256[:12]}... in the store", "it is not there")
        return
    if not said.content_length == kept.size == size:
        words = f"{counted(said.content_length, 'byte')} in the catalogue, {kept.size} when it was archived, {size} in the store"
        yield DIFF_LENGTH, ("one length", words)
    if said.content_checksum != f"sha256:{kept.sha256}":
        yield DIFF_CHECKSUM, (f"sha256:{kept.sha256}", f"{said.content_checksum} in the catalogue")
    if scope.deep and (damage := damaged(ops, kept.sha256)):
        yield DIFF_CHECKSUM, (f"sha256:{kept.sha256}", damage)
    yield from ((DIFF_TYPE, words) for words in _types(ops, scope, uri, said, kept))


def trouble_of(ops: Ops, sha256: str, *, tries: int) -> DmsError | OSError | None:
    """Read an object again, some times while it seems to be bad: a disk that answers wrongly once is no damaged file.

    Returns
    -------
    DmsError or OSError or None
        What the last reading said; None once one was good.

    Raises
    ------
    NotFound
        The object is not there.
    """
    trouble: DmsError | OSError | None = None
    for _ in range(tries):
        try:
            ops.store.verify(sha256)
        except NotFound:
            raise
        except (DmsError, OSError) as error:
            trouble = error
        else:
            return None
    return trouble


def damaged(ops: Ops, sha256: str) -> str:
    """Read an object again; gives in words how its bytes differ, twice in a row; empty when they do not."""
    trouble = trouble_of(ops, sha256, tries=2)
    if trouble is None:
        return ""
    if not isinstance(trouble, StoreDamaged):
        raise trouble
    return f"its bytes have sha256:{trouble.facts.get('found', '?')} (read again)"


def _types(ops: Ops, scope: Scope, uri: str, said: Any, kept: Any) -> Iterator[tuple[str, str]]:
    wanted = content_type_of(uri)
    if said.content_type != wanted:
        yield f"content type {wanted or 'none'}", f"{said.content_type or 'none'} in the catalogue"
    magic = _MAGIC.get(uri.rpartition(".")[2])
    if not scope.deep or magic is None:
        return
    with ops.store.path(kept.sha256).open("rb") as file:
        begins = file.read(len(magic))
    if begins != magic:
        yield f"bytes of content type {wanted}", f"bytes that begin with {begins!r}"
