"""Partner data centres: how far each has harvested, what they told us that they could not take, and the closing of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import parse_iso
from dmsops.core.db import mappings, reading, transact, utc_text
from dmsops.core.errors import BadInput, NotAllowed, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.distribution.access import Kind, Requester, Rights, Scope, Verdict
from dmsops.distribution.accounts import need_scope
from dmsops.distribution.audit import Access
from dmsops.distribution.tables import access_record, account, partner_refusal

if TYPE_CHECKING:
    from dmsops.ops import Ops

FEED, DELETIONS = "feed", "feed.deletions"
"""Routes under which a harvest stands in the record of access."""
OPEN, CLOSED, TAKEN = "open", "closed", "taken"
"""States of a refusal: it stands; staff let it go; the partner told us that they have it now."""
LONGEST_URI, LONGEST_REASON, MOST = 255, 255, 1000
_END = "?end="
_a, _r, _f = account.c, access_record.c, partner_refusal.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a partner's word: refusals that are new (or open again), told again, taken since; URIs that are not ours."""

    new: int
    again: int
    taken: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Refusals that would be closed; ``hash`` is the ticket for doing it."""

    rows: tuple[dict[str, Any], ...]
    hash: str = ""

    def signed(self) -> Closing:
        """Give it with the hash of what it closes."""
        return replace(self, hash=ticket_of([[row["id"], row["times"], row["reason"]] for row in self.rows]))


def as_harvester(asker: Requester) -> Requester:
    """Give who asks as the feed sees them: descriptions that are not public yet are for partners' tokens with the scope ``harvest``."""
    return replace(asker, everything=True) if asker.kind is Kind.PARTNER and Scope.HARVEST in asker.scopes else asker


def harvested(asker: Requester, address: str, collection: str, until: datetime, size: int, *, deletions: bool = False) -> Access:
    """Give the line of the record of access that says how far the feed was given."""
    uri = f"caom:{collection}{_END}{utc_text(until)}"
    verdict = Verdict(allowed=True, rights=Rights.PUBLIC, why="harvest of descriptions by the policy of who asks")
    return Access(requester=asker, address=address, route=DELETIONS if deletions else FEED, uri=uri, verdict=verdict, size=size)


def harvests(ops: Ops) -> dict[str, dict[str, Any]]:
    """Give each partner's last harvest, by name: ``at``, and up to what time of ours it was given (``until``)."""
    partners = sa.select(_a.name).where(_a.kind == Kind.PARTNER)
    last = sa.select(sa.func.max(_r.id)).where(_r.route == FEED, _r.who.in_(partners)).group_by(_r.who)
    with reading(ops.db) as c:
        rows = c.execute(sa.select(_r.who, _r.at, _r.uri).where(_r.id.in_(last))).all()
    return {row.who: {"at": row.at, "until": parse_iso(row.uri.partition(_END)[2])} for row in rows}


def partners(ops: Ops) -> list[dict[str, Any]]:
    """Give the partners in order: ``name, display_name, files`` and the number of ``refusals`` that are open."""
    count = sa.select(sa.func.count()).where(_f.partner == _a.name, _f.state == OPEN).scalar_subquery()
    query = sa.select(_a.name, _a.display_name, _a.files, count.label("refusals"))
    return mappings(ops.db, query.where(_a.kind == Kind.PARTNER, _a.closed_at.is_(None)).order_by(_a.name))


def tell(ops: Ops, partner: Requester, refused: Mapping[str, str], taken: Sequence[str] = (), unknown: Sequence[str] = ()) -> Told:
    """Write down what a partner could not take (URI to reason), and what of it they have taken since.

    Parameters
    ----------
    unknown : sequence of str
        URIs among them that the archive never had: passed over, and told back.

    Raises
    ------
    NotSignedIn, NotAllowed
        Who tells is no partner with the scope ``harvest``.
    BadInput
        A URI or a reason cannot be used, or there are too many.
    """
    need_partner(partner)
    need_usable(refused, taken)
    ours = {uri: reason for uri, reason in refused.items() if uri not in unknown}
    return transact(ops.db, lambda c: _tell(c, ops, partner.name, ours, [uri for uri in taken if uri not in ours], unknown))


def need_partner(asker: Requester) -> None:
    """Let pass only partners whose token has the scope ``harvest``; raises `NotSignedIn` or `NotAllowed`."""
    need_scope(asker, Scope.HARVEST, "to tell what was refused")
    if asker.kind is not Kind.PARTNER:
        raise NotAllowed("only partners' accounts tell what they refused", remedy="Make the account a partner's (procedure P18).")


def need_usable(refused: Mapping[str, str], taken: Sequence[str]) -> None:
    """Refuse URIs and reasons that cannot be kept (`BadInput`)."""
    if len(refused) + len(taken) > MOST:
        raise BadInput(f"{len(refused) + len(taken)} URIs are told of; at most {MOST} at once", field="refusals")
    for field, longest, texts in (
        ("uri", LONGEST_URI, [*refused, *taken]), ("reason", LONGEST_REASON, refused.values()),
    ):  # fmt: skip
        for text in texts:
            if not 0 < len(text) <= longest or not text.isprintable():
                raise BadInput(f"field '{field}': {text[:60]!a} is not 1 to {longest} printable characters", field=field)


def _tell(
    c: sa.Connection, ops: Ops, name: str, refused: Mapping[str, str], taken: Sequence[str], unknown: Sequence[str]
) -> Told:  # fmt: skip
    now = ops.clock.now()
    theirs = (_f.partner == name, _f.uri.in_([*refused, *taken]))
    states = {row.uri: row for row in c.execute(sa.select(_f.id, _f.uri, _f.state, _f.times).where(*theirs))}
    fresh = {uri for uri in refused if uri not in states or states[uri].state != OPEN}
    for uri, reason in refused.items():
        _refuse(c, name, uri, reason, states.get(uri), now)
        if uri in fresh:
            journal.write(c, ops.clock, "partner.refused", uri[:200], actor=name, reason=reason)
    gone = [uri for uri in taken if uri in states and states[uri].state == OPEN]
    for uri in gone:
        _close(c, states[uri].id, TAKEN, name, "the partner has it now")
        journal.write(c, ops.clock, "partner.taken", uri[:200], actor=name)
    return Told(new=len(fresh), again=len(refused) - len(fresh), taken=len(gone), unknown=tuple(unknown))


def _refuse(c: sa.Connection, name: str, uri: str, reason: str, there: Any, now: datetime) -> None:
    values = {"reason": reason, "state": OPEN, "last_at": now, "closed_by": None, "closed_reason": None}
    if there is None:
        c.execute(sa.insert(partner_refusal).values(partner=name, uri=uri, times=1, first_at=now, **values))
    else:
        c.execute(sa.update(partner_refusal).where(_f.id == there.id).values(times=there.times + 1, **values))


def _close(c: sa.Connection, number: int, state: str, by: str, reason: str) -> None:
    c.execute(sa.update(partner_refusal).where(_f.id == number).values(state=state, closed_by=by, closed_reason=reason))


def refusals(ops: Ops, *, partner: str = "", states: Sequence[str] = (OPEN,), limit: int = 1000) -> list[dict[str, Any]]:
    """Give what partners refused, told last first; without ``states`` all of it."""
    tests = [_f.partner == partner] if partner else []
    tests += [_f.state.in_(states)] if states else []
    return mappings(ops.db, sa.select(partner_refusal).where(*tests).order_by(_f.last_at.desc(), _f.id).limit(limit))


def preview_close(ops: Ops, ids: Sequence[int]) -> Closing:
    """Say what closing refusals would close; nothing changes.

    Raises
    ------
    NotFound
        There is no such refusal that is open.
    """
    with reading(ops.db) as c:
        return _closing(c, ids)


def _closing(c: sa.Connection, ids: Sequence[int]) -> Closing:
    wanted = sorted(set(ids))
    if len(wanted) > MOST:
        raise BadInput(f"{len(wanted)} refusals are named; at most {MOST} are closed at once", field="refusals")
    rows = c.execute(sa.select(partner_refusal).where(_f.id.in_(wanted), _f.state == OPEN).order_by(_f.id)).mappings().all()
    missing = sorted(set(wanted) - {row["id"] for row in rows})
    if missing:
        remedy = "`dmsops partners refusals` lists those that are open (procedure P17)."
        raise NotFound(f"there is no open refusal {missing[0]}", remedy=remedy, refusal=missing[0])
    return Closing(rows=tuple(map(dict, rows))).signed()


def close(ops: Ops, ids: Sequence[int], *, ticket: str, reason: str) -> Closing:
    """Close refusals: somebody has dealt with them; told again, they are open again.

    Raises
    ------
    NotAllowed
        The operator is no operator.
    BadInput
        No reason is given.
    NotFound, StalePlan
        One is not open any more, or was told again since the preview.
    """
    require(ops.operator, Role.OPERATOR, "partners close-refusal")
    need_reason("partners close-refusal", reason)

    def work(c: sa.Connection) -> Closing:
        planned = _closing(c, ids)
        need_ticket(ticket, planned.hash, "a refusal was told again since the preview: look again")
        for row in planned.rows:
            _close(c, row["id"], CLOSED, ops.operator.name, reason)
            facts = {"partner": row["partner"], "refusal": row["id"]}
            journal.write(c, ops.clock, "partner.refusal-closed", row["uri"][:200], actor=ops.operator.name, reason=reason, **facts)
        return planned

    return transact(ops.db, work)
