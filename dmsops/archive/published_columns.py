"""What the published tables are made of: columns of each kind, and identifiers that are put together from several of our columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import artifact, observation, observation_member, plane, plane_input, proposal
from dmsops.archive.views import NOW, Column
from dmsops.catalogue.naming import PRODUCTS, product_uri

BASE = sa.bindparam("base", type_=sa.String())
"""The address of the site, which the service that asks gives."""
o, p, a, m, proposed = observation.c, plane.c, artifact.c, observation_member.c, proposal.c
OBSERVATIONS = observation.outerjoin(proposal, proposed.id == o.proposal_id)
PLANES = plane.join(observation).outerjoin(proposal, proposed.id == o.proposal_id)
ARTIFACTS = artifact.join(plane).join(observation)
MEMBERS = observation_member.join(observation)
THERE = (o.state == ARCHIVED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed(Column):
    """An identifier that stands for columns which have an index: to compare it is to compare them.

    Attributes
    ----------
    key : str
        Columns of one key can be compared with each other part by part.
    parts : tuple
        The columns it stands for.
    split : callable
        Gives a written identifier's parts; None where it can be nobody's.
    """

    key: str
    parts: tuple[sa.ColumnElement[Any], ...]
    split: Callable[[str], tuple[str, ...] | None]


def text(name: str, expression: Any, description: str = "", **more: Any) -> Column:
    """Give a column of text; ``unicode`` says that it may hold more than ASCII."""
    kind = "unicodeChar" if more.pop("unicode", False) else "char"
    return Column(name=name, expression=_typed(expression, sa.String()), datatype=kind, description=description, **more)


def number(name: str, expression: Any, description: str = "", **more: Any) -> Column:
    """Give a column of doubles."""
    return Column(name=name, expression=_typed(expression, sa.Float()), datatype="double", description=description, **more)


def whole(name: str, expression: Any, description: str = "", *, datatype: str = "int", **more: Any) -> Column:
    """Give a column of whole numbers."""
    kind = sa.BigInteger() if datatype == "long" else sa.Integer()
    return Column(name=name, expression=_typed(expression, kind), datatype=datatype, description=description, **more)


def time(name: str, expression: Any, description: str = "", **more: Any) -> Column:
    """Give a column of UTC times as text that sorts by time."""
    return Column(
        name=name, expression=sa.type_coerce(expression, sa.String()), datatype="char", xtype="timestamp", description=description, **more
    )


def flag(name: str, expression: sa.ColumnElement[bool], description: str = "", **more: Any) -> Column:
    """Give a column that says ``true`` or ``false``."""
    return text(name, sa.case((expression, "true"), else_="false"), description, **more)


def _typed(expression: Any, kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    if expression is None:
        return sa.cast(sa.null(), kind)
    if isinstance(expression, str | int | float):
        return sa.literal(expression, kind)
    return sa.type_coerce(expression, kind)


def _joined(prefix: str, parts: tuple[sa.ColumnElement[Any], ...]) -> sa.ColumnElement[Any]:
    whole: Any = sa.literal(prefix) if prefix else sa.type_coerce(parts[0], sa.String())
    rest = parts if prefix else parts[1:]
    for place, part in enumerate(rest):
        slash = "" if prefix and place == 0 else "/"
        whole = whole + slash + sa.type_coerce(part, sa.String()) if slash else whole + sa.type_coerce(part, sa.String())
    return sa.type_coerce(whole, sa.String())


def keyed(name: str, key: str, parts: tuple[sa.ColumnElement[Any], ...], description: str, *, prefix: str = "", **more: Any) -> Keyed:
    """Give an identifier: a prefix, and parts with slashes between them."""

    def split(given: str) -> tuple[str, ...] | None:
        words = given.removeprefix(prefix).split("/")
        return tuple(words) if given.startswith(prefix) and len(words) == len(parts) else None

    expression = _joined(prefix, parts)
    return Keyed(
        name=name, expression=expression, datatype="char", description=description, key=key, parts=parts, split=split,
        **{"indexed": True} | more,
    )  # fmt: skip


def file_name(name: str, description: str, **more: Any) -> Keyed:
    """Give the name of an artifact's file, which is the end of its URI."""
    expression = sa.type_coerce(sa.func.substr(a.uri, len(PRODUCTS) + 2), sa.String())
    return Keyed(
        name=name, expression=expression, datatype="char", description=description, key="uri", parts=(a.uri,),
        split=lambda given: (product_uri(given),), **{"indexed": True} | more,
    )  # fmt: skip


def plane_id(name: str, description: str = "Identifier of the plane: its observation and product.", **more: Any) -> Keyed:
    """Give the identifier of a plane: ``jw.../level2``."""
    return keyed(name, "plane", (p.observation_id, p.product_id), description, **more)


def size_of_plane() -> sa.ColumnElement[Any]:
    """Give the bytes of a plane's files."""
    files = artifact.alias("sized")
    total = sa.select(sa.func.sum(files.c.content_length)).where(files.c.plane_id == p.id).correlate(plane)
    return sa.cast(total.scalar_subquery(), sa.BigInteger())


def highest_level() -> sa.ColumnElement[Any]:
    """Give the highest calibration level of an observation's planes that everybody sees, or the plane's own."""
    sibling = plane.alias("sibling")
    seen = sa.or_(sibling.c.meta_release <= NOW, sibling.c.id == p.id)
    best = sa.select(sa.func.max(sibling.c.calibration_level)).where(sibling.c.observation_id == p.observation_id, seen).correlate(plane)
    return best.scalar_subquery()


_LEVEL = len("/level1")
"""Planes of ours are called level1, level2, ..."""


def shown(uri: sa.ColumnElement[Any], *, of_plane: bool) -> sa.ColumnElement[bool]:
    """Say that an observation, or the plane of one, whose URI a public description names may be known of itself.

    A description that is not public yet names whatever it names to those who may see it.
    """
    other = observation.alias("other")
    start = sa.func.length(o.collection) + len("caom:/") + 1
    named = sa.func.substr(uri, start, sa.func.length(uri) - start + 1 - (_LEVEL if of_plane else 0))
    hidden = sa.or_(other.c.meta_release.is_(None), other.c.meta_release > NOW)
    secret = sa.select(other.c.id).where(other.c.id == named, hidden).correlate_except(other).exists()
    return sa.or_(o.meta_release > NOW, sa.not_(secret))


def inputs_of() -> sa.ColumnElement[Any]:
    """Give the URIs of a plane's inputs with spaces between them."""
    listed = plane_input.alias("inputs")
    joined = sa.func.aggregate_strings(listed.c.input, " ")
    mine = (listed.c.plane_id == p.id, shown(listed.c.input, of_plane=True))
    return sa.select(joined).where(*mine).correlate(plane, observation).scalar_subquery()


def members_of() -> sa.ColumnElement[Any]:
    """Give the URIs of an observation's members with spaces between them; none of one that has no members."""
    listed = observation_member.alias("listed")
    joined = sa.func.aggregate_strings(listed.c.member, " ")
    mine = (listed.c.observation_id == o.id, shown(listed.c.member, of_plane=False))
    return sa.select(joined).where(*mine).correlate(observation).scalar_subquery()
