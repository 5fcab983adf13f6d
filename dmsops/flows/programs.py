"""Programs as those who look after exclusive access see them: what is exclusive until when, who was let in, who asked for files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import holdings, proposals
from dmsops.archive.describing import collection_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, plane
from dmsops.core.db import mappings, reading
from dmsops.core.errors import NotFound
from dmsops.distribution import board_queries, grants

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SHOWN = 100
"""As many observations of a program are given with their release."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_o, _p = observation.c, plane.c


def listed(ops: Ops, program: str | None = None) -> list[Row]:
    """Give the programs, or one of them, those whose next release is near first.

    Returns
    -------
    list of dict
        The proposal's row, with ``exclusive`` (observations that are not everybody's yet), ``next_release`` (of the first of them),
        ``last_release`` (of the last; None: none is exclusive) and ``grants`` (that stand).
    """
    held, let = _exclusive(ops, program), board_queries.grants_of_programs(ops)
    rows = [_row(row, held.get(row["id"], {}), let.get(row["id"], 0)) for row in proposals.listed(ops, program)]
    return sorted(rows, key=lambda row: (row["next_release"] or _NEVER, row["id"]))


def _row(row: Row, held: Row, let: int) -> Row:
    told = {"exclusive": held.get("n", 0), "next_release": held.get("first"), "last_release": held.get("last")}
    return {**row, **told, "grants": let}


def _exclusive(ops: Ops, program: str | None) -> dict[str, Row]:
    """Read of each program what is not everybody's yet: by the index of releases, whatever is public already is not looked at."""
    moment = _p.data_release.type
    sums = {
        "n": sa.func.count(sa.distinct(_p.observation_id)), "first": sa.func.min(_p.data_release, type_=moment),
        "last": sa.func.max(_p.data_release, type_=moment),
    }  # fmt: skip
    query = sa.select(_o.proposal_id, *(value.label(name) for name, value in sums.items())).join(observation, _o.id == _p.observation_id)
    whose = _o.proposal_id.is_not(None) if program is None else _o.proposal_id == program
    mine = (_p.data_release > ops.clock.now(), _o.state == ARCHIVED, _o.collection == collection_of(ops), whose)
    return {row["proposal_id"]: row for row in mappings(ops.db, query.where(*mine).group_by(_o.proposal_id))}


def story(ops: Ops, program: str) -> Row:
    """Give one program as `listed` does, with its observations, grants, and who asked for its files.

    Returns
    -------
    dict
        ``observations`` (their number), ``releases`` (the first hundred: ``observation_id, release``, the latest release first; None first
        of all), ``granted`` (grants, ended ones too), ``askers`` (as `dmsops.distribution.board_queries.askers` gives them).

    Raises
    ------
    NotFound
        There is no such program.
    """
    row = next(iter(listed(ops, program)), None)
    if row is None:
        remedy = "`dmsops access change` takes any program of five digits (procedure P18)."
        raise NotFound(f"there is no program '{program[:40]}'", remedy=remedy, program=program)
    with reading(ops.db) as c:
        uris = [held.uri for held in holdings.of_program(c, program)]
    total, releases = _releases(ops, program)
    told = {"observations": total, "releases": releases, "granted": grants.grants(ops, program=program)}
    return {**row, **told, "files": len(uris), "askers": board_queries.askers(ops, uris)}


def _releases(ops: Ops, program: str) -> tuple[int, list[Row]]:
    mine = (_o.proposal_id == program, _o.state == ARCHIVED, _o.collection == collection_of(ops))
    last = sa.func.max(_p.data_release, type_=_p.data_release.type).label("release")
    query = sa.select(_o.id.label("observation_id"), last).outerjoin(plane, _p.observation_id == _o.id).where(*mine).group_by(_o.id)
    rows = mappings(ops.db, query.order_by(last.is_not(None), last.desc(), _o.id).limit(SHOWN))
    with reading(ops.db) as c:
        total = int(c.execute(sa.select(sa.func.count()).where(*mine)).scalar_one())
    return total, rows
