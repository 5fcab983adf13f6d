"""Withdraw: observations taken out of the archive's current set, with a tombstone; no byte is lost, and it can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import rows, versions
from dmsops.archive.ingest import announce, moment
from dmsops.archive.states import ARCHIVED, WITHDRAWN
from dmsops.archive.tables import archived_product, observation, observation_member, tombstone
from dmsops.catalogue.naming import document_name, observation_uri
from dmsops.catalogue.xml import from_xml
from dmsops.core.db import reading
from dmsops.core.errors import BadTransition, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

_o = observation.c
_p = archived_product.c
_t = tombstone.c
_m = observation_member.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One observation, its version and state now, and the products that leave or come back."""

    observation_id: str
    version: int
    state: str
    products: tuple[str, ...]
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What would be withdrawn (or, ``back``, restored); ``used_by`` names combined observations that are made from one."""

    items: tuple[Item, ...]
    back: bool
    hash: str = ""

    def signed(self) -> Withdrawal:
        """Give it with the hash of what it does."""
        return replace(self, hash=ticket_of([self.back, [[i.observation_id, i.version, i.products] for i in self.items]]))


def preview(ops: Ops, observations: Sequence[str], *, back: bool = False) -> Withdrawal:
    """Say what would be withdrawn or restored; nothing changes.

    Raises
    ------
    NotFound
        There is no such observation.
    BadTransition
        It is withdrawn already, or (``back``) it is not.
    """
    with reading(ops.db) as c:
        return _plan(c, observations, back=back)


def _plan(c: sa.Connection, observations: Sequence[str], *, back: bool) -> Withdrawal:
    items = [_item(c, identity, back=back) for identity in dict.fromkeys(observations)]
    return Withdrawal(items=tuple(items), back=back).signed()


def _item(c: sa.Connection, identity: str, *, back: bool) -> Item:
    row = c.execute(sa.select(_o.version, _o.state, _o.collection).where(_o.id == identity)).one_or_none()
    if row is None:
        raise NotFound(f"the archive has no observation '{identity}'", observation=identity)
    if (row.state == WITHDRAWN) is not back:
        raise BadTransition(
            f"observation {identity} is {row.state}, so it cannot be {'restored' if back else 'withdrawn'}",
            remedy="`dmsops archive observations` shows the state of each (procedure P16).",
            observation=identity,
        )
    names = _last(c, identity).products if back else {p.name: p.version for p in versions.current(c, identity)}
    used_by = _used_by(c, row.collection, identity)
    return Item(observation_id=identity, version=row.version, state=row.state, products=tuple(sorted(names)), used_by=used_by)


def _used_by(c: sa.Connection, collection: str, identity: str) -> tuple[str, ...]:
    uri = observation_uri(collection, identity)
    return tuple(c.execute(sa.select(_m.observation_id).where(_m.member == uri).order_by(_m.observation_id)).scalars())


def _last(c: sa.Connection, identity: str) -> sa.Row[Any]:
    query = sa.select(tombstone).where(_t.observation_id == identity, _t.restored_at.is_(None)).order_by(_t.id.desc()).limit(1)
    return c.execute(query).one()


def withdraw(ops: Ops, observations: Sequence[str], *, ticket: str, reason: str) -> Withdrawal:
    """Withdraw observations: none of their products is current, harvesters are told of a deletion, all bytes and versions are kept.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        No reason is given.
    StalePlan
        One has changed since the preview.
    """
    return _act(ops, observations, ticket, reason, back=False)


def restore(ops: Ops, observations: Sequence[str], *, ticket: str, reason: str) -> Withdrawal:
    """Take withdrawn observations back as they were, with a new version and its event; raises as `withdraw` does."""
    return _act(ops, observations, ticket, reason, back=True)


def _act(ops: Ops, observations: Sequence[str], ticket: str, reason: str, *, back: bool) -> Withdrawal:
    verb = "archive restore" if back else "archive withdraw"
    require(ops.operator, Role.LEAD, verb)
    need_reason(verb, reason)
    documents = {identity: from_xml(rows.document(ops, identity), source=document_name(identity)) for identity in observations if back}
    with ops.db.begin() as c:
        planned = _plan(c, observations, back=back)
        need_ticket(ticket, planned.hash, "an observation has changed since the preview: look again")
        for item in planned.items:
            if back:
                _back(c, ops, item, documents[item.observation_id], reason)
            else:
                _away(c, ops, item, reason)
    return planned


def _away(c: sa.Connection, ops: Ops, item: Item, reason: str) -> None:
    there = c.execute(sa.select(observation).where(_o.id == item.observation_id)).one()
    current = {p.name: p.version for p in versions.current(c, item.observation_id)}
    versions.retire(c, item.observation_id, list(current))
    state = rows.State(version=there.version + 1, state=WITHDRAWN, xml_sha256=there.xml_sha256, changed_at=moment(ops, there))
    rows.withdraw(c, item.observation_id, version=state.version, changed_at=state.changed_at)
    c.execute(
        sa.insert(tombstone).values(
            observation_id=item.observation_id, products=current, xml_sha256=there.xml_sha256, actor=ops.operator.name, reason=reason,
            at=ops.clock.now(),
        )
    )  # fmt: skip
    announce(c, ops, "observation.withdrawn", item.observation_id, state, {"products": [], "gone": sorted(current)}, reason=reason)


def _back(c: sa.Connection, ops: Ops, item: Item, described: Any, reason: str) -> None:
    there = c.execute(sa.select(observation).where(_o.id == item.observation_id)).one()
    grave = _last(c, item.observation_id)
    for name, version in grave.products.items():
        c.execute(sa.update(archived_product).where(_p.name == name, _p.version == version).values(current=True))
    state = rows.State(version=there.version + 1, state=ARCHIVED, xml_sha256=grave.xml_sha256, changed_at=moment(ops, there))
    rows.replace(c, described, state)
    c.execute(sa.update(tombstone).where(_t.id == grave.id).values(restored_at=ops.clock.now(), restored_by=ops.operator.name))
    facts = {"products": sorted(grave.products), "gone": [], "xml_sha256": grave.xml_sha256, "checksum": there.checksum}
    announce(c, ops, "observation.restored", item.observation_id, state, facts, reason=reason)
