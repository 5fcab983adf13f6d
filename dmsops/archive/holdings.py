"""What the archive can hand out: its current files, each with the sum of its bytes and with what decides who may have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, artifact, observation, plane
from dmsops.catalogue.naming import PRODUCTS, is_product, product_name, product_uri
from dmsops.core.db import reading

if TYPE_CHECKING:
    from dmsops.ops import Ops

_o, _p, _a, _f = observation.c, plane.c, artifact.c, archived_product.c
_MANY, _LONGEST = 400, 120
"""Values of one statement; characters of a name."""


def later(first: sa.ColumnElement[Any], second: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Give the later of two releases as an expression; none where one of them is none: what is never released is never shown."""
    none = sa.or_(first.is_(None), second.is_(None))
    return sa.type_coerce(sa.case((none, sa.null()), (first > second, first), else_=second), first.type)


_OWN = sa.case((_a.content_release.is_not(None), _a.content_release), (_a.release_type == "meta", _p.meta_release), else_=_p.data_release)
RELEASE = sa.type_coerce(_OWN, _p.data_release.type)
"""When a file becomes everybody's: its own release, else that of its plane's description or data, by its kind."""
META_RELEASE = later(_o.meta_release, _p.meta_release)
"""When the description of a plane, and of what is in it, becomes everybody's."""
FILES = artifact.join(plane).join(observation).join(
    archived_product,
    sa.and_(_f.observation_id == _o.id, _f.current, sa.literal(f"{PRODUCTS}/") + _f.name == _a.uri),
)  # fmt: skip
"""Every artifact of the catalogue whose bytes were archived, with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A file as it is now.

    Attributes
    ----------
    sha256, size, archived_at : str, int, datetime
        Of the bytes, and when they came.
    release, meta_release : datetime or None
        When the file, and when its description, becomes everybody's; None is never.
    product_type : str
        CAOM's word: ``this``, ``preview``, ``auxiliary``.
    level : int or None
        Calibration level of its plane.
    """

    uri: str
    name: str
    observation_id: str
    collection: str
    program: str | None
    sha256: str
    size: int
    content_type: str
    release: datetime | None
    meta_release: datetime | None
    archived_at: datetime
    product_type: str
    suffix: str
    level: int | None


_COLUMNS = (
    _a.uri, _f.name, _o.id.label("observation_id"), _o.collection, _o.proposal_id.label("program"), _f.sha256, _f.size,
    sa.func.coalesce(_a.content_type, "application/octet-stream").label("content_type"), RELEASE.label("release"),
    META_RELEASE.label("meta_release"), _f.archived_at, _a.product_type, _f.suffix, _p.calibration_level.label("level"),
)  # fmt: skip
_QUERY = sa.select(*_COLUMNS).select_from(FILES).where(_o.state == ARCHIVED)
_BY_NAME = _QUERY.where(_f.name == sa.bindparam("name"), _a.uri == sa.bindparam("uri"))


def is_possible(name: str) -> bool:
    """Say whether a file or an observation can have that name; what cannot is not put to a database, which may refuse its letters."""
    return 0 < len(name) <= _LONGEST and name.isascii() and name.isprintable()


def by_uri(c: sa.Connection, uri: str) -> Holding | None:
    """Find a file by its URI (``mast:JWST/product/...``); None where the archive has none, or has withdrawn it."""
    return by_name(c, product_name(uri)) if is_product(uri) and product_uri(product_name(uri)) == uri else None


def by_name(c: sa.Connection, name: str) -> Holding | None:
    """Find a file by its name."""
    if not is_possible(name):
        return None
    row = c.execute(_BY_NAME, {"name": name, "uri": product_uri(name)}).mappings().one_or_none()
    return None if row is None else Holding(**row)


def by_uris(c: sa.Connection, uris: Sequence[str]) -> dict[str, Holding]:
    """Find many files by their URIs; those that are not there are left out."""
    names = [name for uri in dict.fromkeys(uris) if is_product(uri) and is_possible(name := product_name(uri))]
    asked = frozenset(uris)
    return {held.uri: held for some in batched(names, _MANY) for held in _all(c, _f.name.in_(some)) if held.uri in asked}


def found(ops: Ops, uris: Sequence[str]) -> dict[str, Holding]:
    """Find many files as `by_uris` does, in a reading of its own."""
    with reading(ops.db) as c:
        return by_uris(c, uris)


def of(c: sa.Connection, observation_ids: Sequence[str]) -> Iterator[Holding]:
    """Give all files of observations, in the order of their URIs within each lot of observations."""
    for some in batched(dict.fromkeys(observation_ids), _MANY):
        yield from _all(c, _o.id.in_(some))


def of_program(c: sa.Connection, program: str) -> Iterator[Holding]:
    """Give all files of a program (five digits)."""
    yield from _all(c, _o.proposal_id == program)


def _all(c: sa.Connection, clause: sa.ColumnElement[bool]) -> Iterator[Holding]:
    for row in c.execute(_QUERY.where(clause).order_by(_o.id, _a.uri)).mappings():
        yield Holding(**row)
