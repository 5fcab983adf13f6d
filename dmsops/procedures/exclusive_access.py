"""What P18 looks at: when a program's observations become public, whose they are until then, who got them, and what the policy says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import holdings, proposals
from dmsops.archive.describing import collection_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, observation_member, plane
from dmsops.catalogue.naming import PRODUCTS
from dmsops.core.db import mappings, reading
from dmsops.core.errors import NotFound
from dmsops.distribution import accounts, grants, notice_queries, partners
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope, rights
from dmsops.distribution.files import judge
from dmsops.distribution.tables import access_record

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SHOWN = 40
_MOST = 10_000
_o, _p, _m, _r = observation.c, plane.c, observation_member.c, access_record.c


def chosen(ops: Ops, program: str = "") -> str:
    """Give the program that is named, else the first one with something that is not public; empty when there is none.

    Raises
    ------
    NotFound
        Nothing is known of the program that is named.
    """
    if not program:
        later = sa.or_(_p.data_release.is_(None), _p.data_release > ops.clock.now())
        query = sa.select(sa.func.min(_o.proposal_id).label("program")).join(plane, _p.observation_id == _o.id).where(*_mine(ops), later)
        return mappings(ops.db, query)[0]["program"] or ""
    known = {row["id"] for row in proposals.listed(ops)}
    if program not in known and not observations(ops, program):
        raise NotFound(f"nothing is known of program {program[:16]}", remedy="Look at its digits, as in its observations' ids (P18).")
    return program


def _mine(ops: Ops) -> tuple[sa.ColumnElement[bool], ...]:
    return (_o.state == ARCHIVED, _o.collection == collection_of(ops))


def head(ops: Ops, program: str) -> Row:
    """Say what is known of a program, for `Run.facts`: title, PI, days, and its observations by what they are to the public."""
    row = next((row for row in proposals.listed(ops) if row["id"] == program), {})
    found = [one["rights"] for one in observations(ops, program)]
    days = row.get("exclusive_days")
    return {
        "program": program, "title": row.get("title"), "PI": row.get("pi_name"), "category": row.get("category"),
        "days": "what its category gives" if days is None else days,
        "observations": ", ".join(f"{found.count(word)} {word}" for word in sorted(set(found))) or "none",
    }  # fmt: skip


def observations(ops: Ops, program: str) -> list[Row]:
    """Give a program's observations: ``observation, combined, described`` and ``released`` (UTC; none: never), ``rights`` now."""
    release = sa.func.max(_p.data_release, type_=_p.data_release.type).label("released")
    whole = (sa.func.count(_p.id) == sa.func.count(_p.data_release)).label("whole")
    query = sa.select(_o.id.label("observation"), _o.meta_release.label("described"), release, whole)
    query = query.outerjoin(plane, _p.observation_id == _o.id).where(*_mine(ops), _o.proposal_id == program)
    rows = mappings(ops.db, query.group_by(_o.id, _o.meta_release).order_by(_o.id))
    combined = _combined(ops, program)
    return [_observation(ops, row, combined) for row in rows]


def _observation(ops: Ops, row: Row, combined: set[str]) -> Row:
    released = row["released"] if row.pop("whole") else None
    word = rights(released, ops.clock.now()).value
    return {**row, "released": released, "combined": row["observation"] in combined, "rights": word}


def _combined(ops: Ops, program: str) -> set[str]:
    query = sa.select(_m.observation_id).join(observation, _o.id == _m.observation_id).where(_o.proposal_id == program).distinct()
    return {row["observation_id"] for row in mappings(ops.db, query)}


def let_in(ops: Ops, program: str) -> list[Row]:
    """Give a program's grants, newest first, each with ``person``, ``email`` and ``state`` (good or ended)."""
    people = {row["name"]: row for row in accounts.accounts(ops)}
    return [_granted(row, people.get(row["account"], {})) for row in grants.grants(ops, program=program)]


def _granted(row: Row, person: Row) -> Row:
    over = None if row["stands"] else row["revoked_at"] or row["until"]
    who = {"person": person.get("display_name"), "email": person.get("email")}
    closed = person.get("closed_at") is not None
    return {**row, **who, "ended": over, "state": "ended" if over else "account closed" if closed else "good"}


def takers(ops: Ops, program: str) -> list[Row]:
    """Say who got files of a program, and who was refused: ``who, verdict, files, times, bytes, last``; who asked last first."""
    times, last = sa.func.count().label("times"), sa.func.max(_r.at, type_=_r.at.type).label("last")
    files, size = sa.func.count(sa.distinct(_r.uri)).label("files"), sa.func.sum(_r.size).label("bytes")
    mine = _r.uri.startswith(f"{PRODUCTS}/jw{program}", autoescape=True)
    query = sa.select(_r.who, _r.verdict, files, times, size, last).where(mine).group_by(_r.who, _r.verdict)
    rows = mappings(ops.db, query.order_by(last.desc(), _r.who, _r.verdict).limit(SHOWN))
    return [{**row, "bytes": int(row["bytes"] or 0)} for row in rows]


def decisions(ops: Ops, program: str, account: str = "") -> list[Row]:
    """Ask the one policy about every file, as nobody known, as the PI and, if named, as an account.

    Returns
    -------
    list of dict
        A line per observation: ``observation, files``, and of how many of them each is given: ``anonymous, pi, account``.
    """
    askers = {"anonymous": ANONYMOUS, "pi": _pi(program)} | ({"account": as_account(ops, account)} if account else {})
    now = ops.clock.now()
    found: dict[str, Row] = {}
    with reading(ops.db) as c:
        for held in holdings.of_program(c, program):
            row = found.setdefault(held.observation_id, {"observation": held.observation_id, "files": 0, **dict.fromkeys(askers, 0)})
            row["files"] += 1
            for name, asker in askers.items():
                row[name] += judge(asker, held, now).allowed
    return list(found.values())


def _pi(program: str) -> Requester:
    return Requester(name="the PI", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ}), programs=frozenset({program}))


def as_account(ops: Ops, account: str) -> Requester:
    """Give an account as its good tokens make it; one without any is nobody known."""
    kind = next((row["kind"] for row in accounts.accounts(ops) if row["name"] == account), Kind.ASTRONOMER)
    return accounts.named(ops, account, kind) or ANONYMOUS


def told(ops: Ops, program: str) -> list[Row]:
    """Say who is told of a change, and how: ``who, how, why``."""
    return list(_told(ops, program))


def _told(ops: Ops, program: str) -> Iterator[Row]:
    for row in let_in(ops, program):
        if row["state"] == "good" and row["kind"] == "pi":
            yield {"who": row["person"] or row["account"], "how": row["email"] or "no e-mail address is known", "why": "PI: write to them"}
    for row in [one for one in notice_queries.listed(ops, limit=_MOST) if _concerned(one, program)][:SHOWN]:
        yield {"who": row["owner"], "how": f"{row['channel']}, subscription {row['id']}", "why": "is told when it becomes public"}
    for row in partners.partners(ops):
        yield {"who": row["display_name"] or row["name"], "how": "feed", "why": "harvests what is described again"}
    yield {"who": "ARCH", "how": "this record", "why": "archive staff"}


def _concerned(row: Row, program: str) -> bool:
    return row["state"] != "ended" and row["program"] in ("", program) and "Public" in row["events"]
