"""The catalogue's rows of an observation: its CAOM description laid out for searching.

The document in the store is the description; the rows can be made again from it at any time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import sky
from dmsops.archive.tables import artifact, observation, observation_member, plane, plane_input
from dmsops.core.db import bulk_insert, reading, utc_text
from dmsops.core.errors import NotFound
from dmsops.storage.base import need_same

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.storage.base import Store

LONGEST = 16 << 20
"""Bytes of a document that are read; the largest of ours have some 100 kB."""
_Values = tuple[Any, ...]
_OBSERVATION = tuple(observation.c.keys())
_PLANE = tuple(plane.c.keys())
_ARTIFACT = tuple(artifact.c.keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneRows:
    """One plane: the values of its row after id and observation, those of its artifacts' after their ids, and its inputs' URIs."""

    values: _Values
    artifacts: tuple[_Values, ...]
    inputs: tuple[str, ...]
    circle: tuple[float | None, float | None, float | None]
    span: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One observation: its id, the values of its row that its description gives, its planes, its members' URIs."""

    id: str
    described: dict[str, Any]
    planes: tuple[PlaneRows, ...]
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the archive adds to a description: version, state, where its document lies, when it changed."""

    version: int
    state: str
    xml_sha256: str | None
    changed_at: datetime


def rows_of(described: Any) -> Rows:
    """Lay an observation (caom2) out as rows."""
    planes = sorted(described.planes.values(), key=lambda p: p.product_id)
    members = sorted(m.uri for m in getattr(described, "members", ()) or ())
    return Rows(id=described.observation_id, described=_observation(described), planes=tuple(map(_plane, planes)), members=tuple(members))


def _observation(o: Any) -> dict[str, Any]:
    where = o.target_position.coordinates if o.target_position else None
    return {
        "collection": o.collection,
        "kind": "derived" if hasattr(o, "members") else "simple",
        "intent": _word(o.intent),
        "type": o.type,
        "algorithm": o.algorithm.name if o.algorithm else None,
        "proposal_id": o.proposal.id if o.proposal else None,
        "instrument": o.instrument.name if o.instrument else None,
        "target": o.target.name if o.target else None,
        "target_ra": where.cval1 if where else None,
        "target_dec": where.cval2 if where else None,
        "meta_release": _time(o.meta_release),
        "meta_checksum": _uri(o.meta_checksum),
        "checksum": _uri(o.acc_meta_checksum),
    }


def _plane(p: Any) -> PlaneRows:
    vertices = vertices_of(p)
    circle = _circle(p, vertices)
    region = "POLYGON ICRS " + " ".join(f"{number:.9f}" for vertex in vertices for number in vertex) if vertices else None
    time, energy = p.time, p.energy
    begin, end = (time.bounds.lower, time.bounds.upper) if time is not None and time.bounds is not None else (None, None)
    short, long = (energy.bounds.lower, energy.bounds.upper) if energy is not None and energy.bounds is not None else (None, None)
    made = p.provenance
    seconds, band = getattr(time, "exposure", None), getattr(energy, "bandpass_name", None)
    values = (
        p.product_id, p.calibration_level.value if p.calibration_level is not None else None, _word(p.data_product_type),
        _time(p.meta_release), _time(p.data_release), made.name if made else None, made.version if made else None,
        keyword(p, "CRDS_CTX"), _time(made.last_executed) if made else None, region, *circle, begin, end,
        seconds, short, long, band, _uri(p.meta_checksum),
    )  # fmt: skip
    artifacts = tuple(_artifact(a) for _, a in sorted(p.artifacts.items()))
    inputs = tuple(sorted(i.uri for i in made.inputs)) if made else ()
    return PlaneRows(values=values, artifacts=artifacts, inputs=inputs, circle=circle, span=(begin, end))


def _artifact(a: Any) -> _Values:
    return (
        a.uri, _word(a.product_type), _word(a.release_type), a.content_type, a.content_length, _uri(a.content_checksum),
        _time(a.content_release), _uri(a.meta_checksum),
    )  # fmt: skip


def vertices_of(p: Any) -> list[tuple[float, float]]:
    """Give the vertices of a plane's footprint (degrees); none of one that has no polygon."""
    points = getattr(getattr(p.position, "bounds", None), "points", None) or ()
    return [(point.cval1, point.cval2) for point in points]


def _circle(p: Any, vertices: Sequence[tuple[float, float]]) -> tuple[float | None, float | None, float | None]:
    bounds: Any = getattr(p.position, "bounds", None)
    if hasattr(bounds, "radius"):
        return bounds.center.cval1, bounds.center.cval2, bounds.radius
    return sky.circle_of(vertices) if vertices else (None, None, None)


def keyword(p: Any, name: str) -> str | None:
    """Give the value of a plane's provenance keyword ``NAME=value``; None when there is none."""
    words = p.provenance.keywords if p.provenance else ()
    return next((word.partition("=")[2] for word in sorted(words) if word.startswith(f"{name}=")), None)


def _word(term: Any) -> str | None:
    return None if term is None else str(getattr(term, "value", term))


def _uri(checksum: Any) -> str | None:
    return None if checksum is None else str(checksum.uri)


def _time(when: datetime | None) -> str | None:
    return None if when is None else utc_text(when if when.tzinfo else when.replace(tzinfo=UTC))


def replace(c: sa.Connection, described: Any, state: State) -> None:
    """Write an observation's rows in the caller's transaction, in the place of those that are there."""
    rows = rows_of(described)
    _remove_parts(c, rows.id)
    values = rows.described | _state(state)
    done = c.execute(_UPDATE, {"_id": rows.id, **_typed(values)})
    if done.rowcount:
        _insert_parts(c, [rows])
    else:
        insert(c, [(rows, state)])


def insert(c: sa.Connection, given: Sequence[tuple[Rows, State]]) -> None:
    """Insert the rows of observations that are not there, many at once (the caller's transaction holds the write lock)."""
    whole = [{"id": rows.id, **rows.described, **_state(state)} for rows, state in given]
    bulk_insert(c, observation, _OBSERVATION, [tuple(row[name] for name in _OBSERVATION) for row in whole])
    _insert_parts(c, [rows for rows, _ in given])


def _state(state: State) -> dict[str, Any]:
    return {
        "version": state.version, "state": state.state, "xml_sha256": state.xml_sha256, "changed_at": utc_text(state.changed_at),
    }  # fmt: skip


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Give times as the table's columns take them."""
    times = {name: datetime.fromisoformat(values[name]) for name in ("meta_release", "changed_at") if values[name] is not None}
    return values | times


_UPDATE = sa.update(observation).where(observation.c.id == sa.bindparam("_id")).values(
    {name: sa.bindparam(name) for name in _OBSERVATION if name != "id"}
)  # fmt: skip


def _insert_parts(c: sa.Connection, given: Iterable[Rows]) -> None:
    """Insert the rows below observations; planes and artifacts are numbered from the highest on, which the write lock allows."""
    planes, artifacts, inputs, members = [], [], [], []
    circles, spans = [], []
    plane_ids, artifact_ids = _from(c, plane), _from(c, artifact)
    for rows in given:
        members += [(rows.id, uri) for uri in rows.members]
        for part in rows.planes:
            number = next(plane_ids)
            planes.append((number, rows.id, *part.values))
            artifacts += [(next(artifact_ids), number, *values) for values in part.artifacts]
            inputs += [(number, uri) for uri in part.inputs]
            circles.append((number, *part.circle))
            spans.append((number, *part.span))
    bulk_insert(c, plane, _PLANE, planes)
    bulk_insert(c, artifact, _ARTIFACT, artifacts)
    bulk_insert(c, plane_input, ("plane_id", "input"), inputs)
    bulk_insert(c, observation_member, ("observation_id", "member"), members)
    sky.write(c, circles)
    sky.write_spans(c, spans)


def _from(c: sa.Connection, table: sa.Table) -> Iterator[int]:
    number = c.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    while True:
        number += 1
        yield number


def _remove_parts(c: sa.Connection, observation_id: str) -> None:
    numbers = list(c.execute(sa.select(plane.c.id).where(plane.c.observation_id == observation_id)).scalars())
    for table in (artifact, plane_input):
        c.execute(sa.delete(table).where(table.c.plane_id.in_(numbers)))
    sky.remove(c, numbers)
    c.execute(sa.delete(plane).where(plane.c.observation_id == observation_id))
    c.execute(sa.delete(observation_member).where(observation_member.c.observation_id == observation_id))


def withdraw(c: sa.Connection, observation_id: str, *, version: int, changed_at: datetime) -> None:
    """Take an observation out of the catalogue: its parts' rows go, its own stays as the record of the deletion."""
    _remove_parts(c, observation_id)
    gone = {"state": "withdrawn", "version": version, "changed_at": changed_at}
    c.execute(sa.update(observation).where(observation.c.id == observation_id).values(**gone))


def document(ops: Ops, observation_id: str) -> bytes:
    """Give an observation's CAOM document from the store.

    Raises
    ------
    NotFound
        There is no such observation, or the store does not have its document.
    StoreDamaged
        The bytes are not those that were put there.
    """
    with reading(ops.db) as c:
        sha256 = c.execute(sa.select(observation.c.xml_sha256).where(observation.c.id == observation_id)).scalar()
    if sha256 is None:
        raise NotFound(f"the archive has no document of an observation '{observation_id}'", observation=observation_id)
    return stored(ops.store, sha256)


def stored(store: Store, sha256: str) -> bytes:
    """Read a document from a store, no more than so much of it; raises as `document` does."""
    with store.path(sha256).open("rb") as file:
        found = file.read(min(os.fstat(file.fileno()).st_size, LONGEST))  # no more room than it needs: doctors read many
    need_same(sha256, hashlib.sha256(found).hexdigest())
    return found
