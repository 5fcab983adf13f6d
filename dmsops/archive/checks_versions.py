"""Checks that the archive holds what was made last, and that its own lists agree: products, catalogue rows, search index, documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.checks import Sight, coming, listed, uri_of, within
from dmsops.archive.rows import stored
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, artifact, observation, observation_member, plane
from dmsops.catalogue.naming import product_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core.clock import iso
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import DmsError
from dmsops.workflow.choose import parts
from dmsops.workflow.tables import product, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

REFRESH = "ephemeris.refresh"
"""A new ephemeris writes exposures anew; what they were combined into stays where no image moves (procedure P06 says by how much)."""
_PAGE = 500
_o, _p, _a, _ap, _m, _w = observation.c, plane.c, artifact.c, archived_product.c, observation_member.c, product.c
Stale = tuple[str, str, str, str]


@site_check(
    "C41", "error", "Take out what was not made again; ingest (P15) or combine again (P11) what was.", source="workflow", fix="retire"
)
def is_of_the_last_making(ops: Ops, scope: Scope) -> Sight:
    """Find a stale product: processing has taken it out, made another since, or made its members anew."""
    with reading(ops.db) as c:
        found = [*_taken_out(c, scope), *_made_since(c, scope), *_older_than_members(c, scope)]
        awaited = coming(c, {owner for owner, *_ in found})
    yield from (stale for stale in found if stale[0] not in awaited)


def _taken_out(c: sa.Connection, scope: Scope) -> Iterator[Stale]:
    """Find products that processing published once, and of which it has no current one: the last making did not give them."""
    published = sa.select(_w.id).where(_w.name == _ap.name)
    query = sa.select(_ap.observation_id, _ap.name).where(
        _ap.current, within(scope, _ap.observation_id), published.exists(), sa.not_(published.where(_w.current).exists())
    )
    for row in c.execute(query.order_by(_ap.name)):
        yield row.observation_id, product_uri(row.name), "a product of the last making", "processing has taken it out and not made it again"


def _made_since(c: sa.Connection, scope: Scope) -> Iterator[Stale]:
    """Find observations of which processing published other bytes than the archive holds."""
    query = (
        sa.select(_o.id, _o.collection, _ap.name, _ap.version)
        .join(archived_product, _ap.observation_id == _o.id)
        .join(product, sa.and_(_w.name == _ap.name, _w.current))
        .where(_ap.current, _w.sha256 != _ap.sha256, within(scope, _o.id))
        .order_by(_ap.name)
    )
    stale: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in c.execute(query):
        stale[row.id, uri_of(row)].append(f"{row.name} is version {row.version} of before")
    for (owner, uri), words in stale.items():
        yield owner, uri, "the products that processing made last", listed(words)


def _older_than_members(c: sa.Connection, scope: Scope) -> Iterator[Stale]:
    """Find combined products that were made before one of their members was.

    Two questions, not one: joined in one, a database without statistics holds every calibrated plane against every combined one.
    """
    rows = c.execute(_combined(scope)).all()
    since = _calibrated(c, {row.member for row in rows})
    older = [row for row in rows if row.made is not None and row.member in since and since[row.member] > row.made]
    refreshed = _refreshed(c, {row.member for row in older})
    seen: set[str] = set()
    for row in older:
        if row.member not in refreshed and row.id not in seen:
            seen.add(row.id)
            words = f"made {iso(row.made)}, before its member {row.member} of {iso(since[row.member])}"
            yield row.id, uri_of(row), "combined after its members were made", words


def _combined(scope: Scope) -> Any:
    """Give combined observations with the id of each member, and when they were made."""
    member = sa.func.substr(_m.member, sa.func.length(_o.collection) + 7)  # after 'caom:<collection>/'
    return (
        sa.select(_o.id, _o.collection, member.label("member"), _p.executed_at.label("made"))
        .join(observation_member, _m.observation_id == _o.id)
        .join(plane, sa.and_(_p.observation_id == _o.id, _p.calibration_level == 3))
        .where(_o.state == ARCHIVED, within(scope, _m.observation_id))
        .order_by(_o.id, _m.member)
    )


def _calibrated(c: sa.Connection, observations: Collection[str]) -> dict[str, datetime]:
    """Say when the calibrated planes of archived observations were made last."""
    last = sa.func.max(_p.executed_at, type_=_p.executed_at.type).label("last")
    query = (
        sa.select(_p.observation_id, last)
        .join(observation, _o.id == _p.observation_id)
        .where(_p.calibration_level == 2, _p.executed_at.is_not(None), _o.state == ARCHIVED)
        .group_by(_p.observation_id)
    )
    return {
        row.observation_id: row.last for part in parts(sorted(observations)) for row in c.execute(query.where(_p.observation_id.in_(part)))
    }


def _refreshed(c: sa.Connection, observations: Collection[str]) -> set[str]:
    """Give those observations whose newest products come from a refresh of the ephemeris."""
    query = (
        sa.select(_ap.observation_id)
        .join(product, sa.and_(_w.name == _ap.name, _w.sha256 == _ap.sha256, _w.current))
        .join(step, step.c.id == _w.step_id)
        .where(_ap.current, step.c.kind == REFRESH)
    )
    return {found for part in parts(sorted(observations)) for found in c.execute(query.where(_ap.observation_id.in_(part))).scalars()}


@site_check("C45", "error", "Write the catalogue's rows again from the document (P16).", source="catalogue", fix="rows")
def lists_agree(ops: Ops, scope: Scope) -> Sight:
    """Find an observation whose products, catalogue rows, search index and document do not agree."""
    with reading(ops.db) as c:
        words: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in c.execute(_counts(scope)):
            if row.products != row.artifacts:
                words[row.id, uri_of(row)].append(f"{counted(row.products, 'current product')} and {counted(row.artifacts, 'artifact')}")
        stray = []
        if c.dialect.name == "sqlite":
            _hold_index(c, scope, words)
            stray = [(table, n) for table in _INDEXED if (n := _without_plane(c, table))]
    if scope.deep:
        _hold_documents(ops, scope, words)
    for (owner, uri), said in sorted(words.items()):
        yield owner, uri, "the same in every list", "; ".join(said)
    for table, n in stray:
        yield None, f"index:{table}", "a plane for each entry", f"{counted(n, 'entry', 'entries')} without a plane"


def _counts(scope: Scope) -> Any:
    products = sa.select(_ap.observation_id, sa.func.count().label("n")).where(_ap.current).group_by(_ap.observation_id).subquery()
    artifacts = (
        sa.select(_p.observation_id, sa.func.count().label("n")).join(artifact, _a.plane_id == _p.id).group_by(_p.observation_id).subquery()
    )
    had, listed_ = sa.func.coalesce(products.c.n, 0), sa.func.coalesce(artifacts.c.n, 0)
    return (
        sa.select(_o.id, _o.collection, had.label("products"), listed_.label("artifacts"))
        .outerjoin(products, products.c.observation_id == _o.id)
        .outerjoin(artifacts, artifacts.c.observation_id == _o.id)
        .where(_o.state == ARCHIVED, within(scope, _o.id), had != listed_)
    )


_INDEXED = {"plane_sky": sa.and_(_p.ra.is_not(None), _p.radius.is_not(None)), "plane_span": _p.time_min.is_not(None)}
"""SQLite's search indexes (see `dmsops.archive.sky`), and which planes stand in them."""


def _hold_index(c: sa.Connection, scope: Scope, words: dict[tuple[str, str], list[str]]) -> None:
    for table, stands in _INDEXED.items():
        index = sa.table(table, sa.column("id"))
        query = (
            sa.select(_o.id, _o.collection, _p.product_id)
            .join(plane, _p.observation_id == _o.id)
            .where(stands, within(scope, _o.id), _p.id.not_in(sa.select(index.c.id)))
        )
        for row in c.execute(query):
            words[row.id, uri_of(row)].append(f"plane {row.product_id} is not in the search index {table}")


def _without_plane(c: sa.Connection, table: str) -> int:
    index = sa.table(table, sa.column("id"))
    return int(c.execute(sa.select(sa.func.count()).select_from(index).where(index.c.id.not_in(sa.select(_p.id)))).scalar() or 0)


def _hold_documents(ops: Ops, scope: Scope, words: dict[tuple[str, str], list[str]]) -> None:
    """Hold each observation's rows against its document."""
    for rows, uris in _pages(ops, scope):
        for row in rows:
            said = _against_document(ops, row, uris[row.id])
            if said:
                words[row.id, uri_of(row)].append(said)


def _pages(ops: Ops, scope: Scope) -> Iterator[tuple[list[Any], dict[str, set[str]]]]:
    after = ""
    query = sa.select(_o.id, _o.collection, _o.xml_sha256, _o.checksum).where(_o.state == ARCHIVED, within(scope, _o.id))
    named = sa.select(_p.observation_id, _a.uri).join(artifact, _a.plane_id == _p.id)
    while True:
        with reading(ops.db) as c:
            rows = list(c.execute(query.where(_o.id > after).order_by(_o.id).limit(_PAGE)))
            uris: dict[str, set[str]] = defaultdict(set)
            for row in c.execute(named.where(_p.observation_id.in_([r.id for r in rows]))):
                uris[row.observation_id].add(row.uri)
        yield rows, uris
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


def _against_document(ops: Ops, row: Any, uris: set[str]) -> str:
    from lxml import etree

    if row.xml_sha256 is None:
        return "no document"
    try:
        document = stored(ops.store, row.xml_sha256)
        root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False))
    except (DmsError, etree.XMLSyntaxError):  # a document that is not there is C11's, a damaged one C14's, one that is no XML C01's
        return ""
    there = {e.findtext("{*}uri") or "" for e in root.iter("{*}artifact")}
    differing = sorted(there ^ uris)
    if differing:
        return f"document and rows differ in {listed([uri.rpartition('/')[2] for uri in differing])}"
    said = next((str(value) for key, value in root.attrib.items() if str(key).endswith("}accMetaChecksum")), "missing")
    return "" if said == row.checksum else f"the document's checksum is {said}, the row's {row.checksum}"
