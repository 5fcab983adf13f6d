"""DataLink 1.1: what belongs to a dataset: its files by what they are to it, what it was made from, what was made from it.

What nobody may know of yet is a fault like what is not there. A file that is not everybody's is a link that says so, and whether it is
the asker's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from dmsops.archive.holdings import META_RELEASE, RELEASE
from dmsops.archive.published_obscore import AUTHORITY, DATALINK, LINKS
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import artifact, observation, plane, plane_input
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.distribution.access import decide, may_have
from dmsops.distribution.adql.tables import Field
from dmsops.distribution.forms import form_of
from dmsops.distribution.votable import TYPE, Answer
from dmsops.services.downloads import DOWNLOAD
from dmsops.services.vo_answers import rows_of, sent, spooled, told_votable
from dmsops.services.vosi import service_routes
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

MOST_IDS = 500
_ROOT = "/datalink"
_WORDS = {
    "this": "#this", "preview": "#preview", "preview-image": "#preview-image", "preview-plot": "#preview-plot", "thumbnail": "#thumbnail",
    "noise": "#noise", "weight": "#weight", "error": "#error", "dark": "#dark", "bias": "#bias", "flat": "#flat",
    "calibration": "#calibration", "documentation": "#documentation", "coderived": "#coderived",
}  # fmt: skip
"""CAOM's product types as DataLink's semantics; anything else is #auxiliary."""
_o, _p, _a = observation.c, plane.c, artifact.c


def _field(name: str, datatype: str, ucd: str, description: str, unit: str = "") -> Field:
    return Field(name=name, datatype=datatype, arraysize="*" if datatype == "char" else "", ucd=ucd, description=description, unit=unit)


FIELDS = (
    _field("ID", "char", "meta.id;meta.main", "Identifier that was asked for."),
    _field("access_url", "char", "meta.ref.url", "Address of what belongs to it."),
    _field("service_def", "char", "meta.ref", "Service that gives it; none of ours does."),
    _field("error_message", "char", "meta.code.error", "Why there is no link."),
    _field("semantics", "char", "meta.code", "What it is to the dataset (http://www.ivoa.net/rdf/datalink/core)."),
    _field("description", "char", "meta.note", "In words."),
    _field("content_type", "char", "meta.code.mime", "Type of what the address gives."),
    _field("content_length", "long", "phys.size;meta.file", "Size.", "byte"),
    _field("content_qualifier", "char", "", "Kind of data."),
    _field("local_semantics", "char", "meta.id.assoc", "Which of its kind it is."),
    _field("link_auth", "char", "meta.code", "Whether one must say who asks: false, optional or true."),
    _field("link_authorized", "boolean", "meta.code", "Whether who asks may have it."),
)
_PLACES = {field.name: place for place, field in enumerate(FIELDS)}


def routes() -> list[Route]:
    """Give the routes of DataLink."""
    links = Route(path=f"{_ROOT}/links", handler=_links, methods=("GET", "POST"), told=told_votable, cost=2.0)
    return [links, *service_routes(_ROOT, "ivo://ivoa.net/std/DataLink#links-1.1", f"{_ROOT}/links")]


def _links(call: Call) -> Response:
    ids = [text for text in call.all("ID") if text.strip()]
    form = form_of(call.field("RESPONSEFORMAT").partition(";content=datalink")[0])
    if len(ids) > MOST_IDS:
        raise BadInput(f"links of up to {MOST_IDS} datasets are asked for at once, not {len(ids)}", field="ID")
    rows = [row for text in ids for row in _of(call, text)]
    limit = rows_of(call.field("MAXREC")) if call.field("MAXREC") else len(rows)
    answer = Answer(
        fields=FIELDS, lots=[rows] if rows else [], limit=limit, infos=(("standardID", "ivo://ivoa.net/std/DataLink#links-1.1"),)
    )
    media = DATALINK if form.type == TYPE else form.type
    return sent(spooled(call.ops, form.write(answer)), media)


def _row(**given: Any) -> tuple[Any, ...]:
    row: list[Any] = [None] * len(FIELDS)
    for name, value in given.items():
        row[_PLACES[name]] = value
    return tuple(row)


def _of(call: Call, text: str) -> Iterator[tuple[Any, ...]]:
    observation_id, slash, product_id = text.removeprefix(AUTHORITY).strip().partition("/")
    with reading(call.ops.db) as c:
        found = c.execute(_plane(call, observation_id, product_id)).one_or_none() if slash else None
        if found is None:
            message = f"NotFoundFault: there is no dataset '{text[:200]}'"
            yield _row(ID=text[:400], error_message=message, semantics="#this", description="fault")
            return
        for file in c.execute(_files(found.id)):
            yield _link(call, text, found, file)
        for semantics, query in (("#progenitor", _made_from(c, call, found.id)), ("#derivation", _made_into(call, found))):
            for other in c.execute(query):
                yield _dataset(call, text, semantics, other)


def _seen(call: Call) -> tuple[Any, ...]:
    return (_o.state == ARCHIVED, may_have(call.requester, META_RELEASE, _o.proposal_id, call.now))


def _plane(call: Call, observation_id: str, product_id: str) -> Any:
    columns = (_p.id, _p.observation_id, _p.product_id, _p.data_product_type, _o.collection, _o.proposal_id)
    named = (_p.observation_id == observation_id, _p.product_id == product_id)
    return sa.select(*columns).select_from(plane.join(observation)).where(*named, *_seen(call))


def _files(plane_id: int) -> Any:
    columns = (_a.uri, _a.product_type, _a.content_type, _a.content_length, RELEASE.label("release"))
    return sa.select(*columns).select_from(artifact.join(plane)).where(_a.plane_id == plane_id).order_by(_a.product_type != "this", _a.uri)


def _link(call: Call, text: str, found: Any, file: Any) -> tuple[Any, ...]:
    semantics, name = _WORDS.get(file.product_type, "#auxiliary"), file.uri.rpartition("/")[2]
    verdict = decide(call.requester, release=file.release, program=found.proposal_id, now=call.now)
    public = file.release is not None and file.release <= call.now
    return _row(
        ID=text, access_url=f"{call.base}{DOWNLOAD}?uri={quote(file.uri, safe='')}", semantics=semantics,
        description=name if public else f"{name} ({verdict.why})", content_type=file.content_type or "application/octet-stream",
        content_length=file.content_length, content_qualifier=found.data_product_type if semantics == "#this" else None,
        local_semantics=f"#{name.rpartition('_')[2].partition('.')[0]}", link_auth="false" if public else "true",
        link_authorized=verdict.allowed,
    )  # fmt: skip


def _made_from(c: sa.Connection, call: Call, plane_id: int) -> Any:
    """Give the planes whose URIs (``caom:collection/observation/plane``) stand among a plane's inputs."""
    inputs = c.execute(sa.select(plane_input.c.input).where(plane_input.c.plane_id == plane_id).limit(MOST_IDS)).scalars()
    named = [tuple(uri.split("/")[1:]) for uri in inputs if uri.count("/") == 2]
    query = sa.select(_p.observation_id, _p.product_id).select_from(plane.join(observation))
    these = sa.tuple_(_p.observation_id, _p.product_id).in_(named) if named else sa.false()
    return query.where(these, *_seen(call)).order_by(_p.observation_id, _p.product_id)


def _made_into(call: Call, found: Any) -> Any:
    """Give the planes that a plane was an input of."""
    uri = f"caom:{found.collection}/{found.observation_id}/{found.product_id}"
    query = sa.select(_p.observation_id, _p.product_id).select_from(plane_input.join(plane).join(observation))
    return query.where(plane_input.c.input == uri, *_seen(call)).order_by(_p.observation_id, _p.product_id).limit(MOST_IDS)


def _dataset(call: Call, text: str, semantics: str, other: Any) -> tuple[Any, ...]:
    identifier = f"{AUTHORITY}{other.observation_id}/{other.product_id}"
    address = f"{call.base}{LINKS}{quote(identifier, safe='')}"
    words = "made from" if semantics == "#progenitor" else "made into"
    return _row(
        ID=text, access_url=address, semantics=semantics, description=f"{words} {other.observation_id}/{other.product_id}",
        content_type=DATALINK, link_auth="optional", link_authorized=True,
    )  # fmt: skip
