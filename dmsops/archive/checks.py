"""Checks of the whole archive by names and sums: what is there twice, what two things are called alike, what leads nowhere.

Every check is a question or two to the database, whatever the size of the site.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, artifact, ingest_error, observation, observation_member, plane, plane_input
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core.db import reading
from dmsops.workflow.choose import parts
from dmsops.workflow.states import OPEN, StepState
from dmsops.workflow.tables import make, need, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

DUPLICATE = "duplicate_product"
"""Kind of the ingest error of a second association with one product name."""
_ASSOCIATED = ("processing.image2", "processing.image3", "processing.wfs_image3")
_MAY_BE_EQUAL = ".jpg"
"""Pictures of two exposures that show nothing are the same bytes; data never are, as a file holds its own name."""
_SHOWN = 5
Sight = Iterator[tuple[str | None, str, str, str]]
_o, _p, _a, _ap, _m, _i = observation.c, plane.c, artifact.c, archived_product.c, observation_member.c, plane_input.c


def uri_of(row: Any) -> str:
    """Give the URI of an observation from a row with its ``id`` and ``collection``."""
    return observation_uri(row.collection, row.id)


def within(scope: Scope, column: Any) -> Any:
    """Give the condition that a column of observation ids lies in the scope."""
    return column.startswith(scope.prefix, autoescape=True) if scope.prefix else sa.true()


def coming(c: sa.Connection, observations: Collection[str]) -> set[str]:
    """Give those observations whose ingest is planned or runs: what is wrong with them may be mended by it."""
    names = {f"{observation_id}_caom.xml": observation_id for observation_id in observations}
    query = sa.select(make.c.product).join(step, step.c.id == make.c.step_id).where(step.c.state.in_([s.value for s in OPEN]))
    return {names[name] for part in parts(list(names)) for name in c.execute(query.where(make.c.product.in_(part))).scalars()}


def listed(names: Sequence[str]) -> str:
    """Write names, the first few of many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


@site_check("C06", "error", "Keep one of them: describe the observation again from its products (P16).", source="catalogue", fix="describe")
def is_there_once(ops: Ops, scope: Scope) -> Sight:
    """Find an artifact that is there twice."""
    twice = sa.select(_ap.name).where(_ap.current).group_by(_ap.name).having(sa.func.count() > 1)
    low = sa.func.lower(_a.uri)
    alike = sa.select(low).group_by(low).having(sa.func.count() > 1)
    products = sa.select(_ap.name, _ap.observation_id, _ap.version).where(_ap.current, _ap.name.in_(twice)).order_by(_ap.name, _ap.version)
    rows = (
        sa.select(_a.uri, _p.observation_id)
        .join(plane, _p.id == _a.plane_id)
        .where(low.in_(alike), within(scope, _p.observation_id))
        .order_by(low, _a.uri)
    )
    with reading(ops.db) as c:
        found = _grouped((product_uri(r.name), r.observation_id, f"version {r.version} of {r.observation_id}") for r in c.execute(products))
        found |= _grouped((r.uri.lower(), r.observation_id, f"{r.uri} of {r.observation_id}") for r in c.execute(rows))
    for uri, seen in sorted(found.items()):
        if any(scope.holds(owner) for owner, _ in seen):
            yield seen[0][0], uri, "one current artifact of this name", listed([words for _, words in seen])


def _grouped(rows: Iterator[tuple[str, str, str]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for uri, owner, words in rows:
        found[uri].append((owner, words))
    return found


@site_check("C07", "error", "Decide which of the associations stands, and regenerate the other (P13).", source="associations")
def has_one_association(ops: Ops, scope: Scope) -> Sight:
    """Find a product name that two associations claim."""
    refused = sa.select(ingest_error).where(ingest_error.c.kind == DUPLICATE, ingest_error.c.state == "open")
    with reading(ops.db) as c:
        errors = c.execute(refused.where(within(scope, ingest_error.c.observation_id)).order_by(ingest_error.c.id)).all()
        claims = _claims(c)
    found = {name: (row.observation_id, row.message) for row in errors for name in row.products}
    for name, sets in claims.items():
        owner = _owner(name)
        if scope.holds(owner or "") and name not in found:
            words = "; ".join(f"step {number} of {listed(sorted(members))}" for number, members in sets)
            found[name] = (owner, f"made from different members by {len(sets)} associations: {words}")
    for name, (owner, words) in sorted(found.items()):
        yield owner, product_uri(name), "one association for one product name", words


def _owner(name: str) -> str | None:
    from dmsops.catalogue.describe import observation_id
    from dmsops.core.errors import BadInput

    try:
        return observation_id(name)
    except BadInput:
        return None


def _claims(c: sa.Connection) -> dict[str, list[tuple[int, frozenset[str]]]]:
    """Give the products for which two steps have members of which neither holds the other's.

    A later association of the same visit, with exposures that have come since, holds those of the earlier one.
    """
    standing = (step.c.kind.in_(_ASSOCIATED), step.c.state != StepState.CANCELLED.value)
    made = sa.select(make.c.product, make.c.step_id).join(step, step.c.id == make.c.step_id).where(*standing)
    several = made.with_only_columns(make.c.product).group_by(make.c.product).having(sa.func.count() > 1)
    makers = c.execute(made.where(make.c.product.in_(several)).order_by(make.c.step_id)).all()
    members: dict[int, set[str]] = defaultdict(set)
    needs = sa.select(need.c.step_id, need.c.product).where(need.c.product.like("%.fits"))
    for part in parts(sorted({row.step_id for row in makers})):
        for row in c.execute(needs.where(need.c.step_id.in_(part))):
            members[row.step_id].add(row.product)
    sets: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
    for row in makers:
        sets[row.product].append((row.step_id, frozenset(members[row.step_id])))
    return {name: claimed for name, claimed in sets.items() if not _nested([s for _, s in claimed])}


def _nested(sets: Sequence[frozenset[str]]) -> bool:
    ordered = sorted(sets, key=len)
    return all(a <= b for a, b in itertools.pairwise(ordered))


@site_check("C09", "error", "Ingest what is named (P15), or combine again without it (P13).", source="catalogue")
def names_what_is_archived(ops: Ops, scope: Scope) -> Sight:
    """Find a member or an input that is not in the archive."""
    root = sa.literal("caom:") + _o.collection + "/" + _o.id
    here = sa.select(root).where(_o.state == ARCHIVED)
    planes = sa.select(root + "/" + _p.product_id).join(plane, _p.observation_id == _o.id).where(_o.state == ARCHIVED)
    named = sa.select(_i.input.label("name"), _p.observation_id.label("owner")).join(plane, _p.id == _i.plane_id)
    with reading(ops.db) as c:
        lost_members = list(c.execute(sa.select(_m.member).except_(here)).scalars())
        lost_planes = list(c.execute(sa.select(_i.input).except_(planes)).scalars())
        awaited = coming(c, {uri.split("/")[1] for uri in (*lost_members, *lost_planes) if "/" in uri})
        found = _naming(c, scope, sa.select(_m.member.label("name"), _m.observation_id.label("owner")), _m.member, lost_members)
        for owner, names in _naming(c, scope, named, _i.input, lost_planes).items():
            found[owner] += [name for name in names if name.rpartition("/")[0] not in found[owner]]
        collections = _collections(c, found)
    for owner, names in sorted(found.items()):
        lost = sorted(name for name in names if name.split("/")[1] not in awaited)
        if lost:
            yield owner, observation_uri(collections.get(owner, "?"), owner), "members and inputs that are in the archive", listed(lost)


def _naming(c: sa.Connection, scope: Scope, query: Any, column: Any, lost: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for part in parts(lost):
        for row in c.execute(query.where(column.in_(part))):
            if scope.holds(row.owner):
                found[row.owner].append(row.name)
    return found


def _collections(c: sa.Connection, ids: Collection[str]) -> dict[str, str]:
    query = sa.select(_o.id, _o.collection)
    return {row.id: row.collection for part in parts(sorted(ids)) for row in c.execute(query.where(_o.id.in_(part)))}


@site_check("C17", "warning", "Look which of them is what it says, and make the others again (P08, P15).", source="store")
def has_bytes_of_its_own(ops: Ops, scope: Scope) -> Sight:
    """Find products of different names with the same bytes."""
    data = (_ap.current, _ap.name.not_like(f"%{_MAY_BE_EQUAL}"))
    mine = _ap.sha256.in_(sa.select(_ap.sha256).where(*data, within(scope, _ap.observation_id))) if scope.prefix else sa.true()
    several = sa.select(_ap.sha256).where(*data, mine).group_by(_ap.sha256).having(sa.func.count(sa.distinct(_ap.name)) > 1)
    query = sa.select(_ap.sha256, _ap.name, _ap.observation_id).where(*data, _ap.sha256.in_(several)).order_by(_ap.sha256, _ap.name)
    same: dict[str, list[Any]] = defaultdict(list)
    with reading(ops.db) as c:
        for row in c.execute(query):
            same[row.sha256].append(row)
    for rows in same.values():
        if any(scope.holds(row.observation_id) for row in rows):
            first, *others = rows
            yield first.observation_id, product_uri(first.name), "bytes of its own", f"the bytes of {listed([r.name for r in others])} too"
