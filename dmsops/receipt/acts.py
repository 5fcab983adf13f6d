"""What a person decides about received files: take one out of use, stop waiting for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.errors import BadTransition, NotFound
from dmsops.core.people import Role, require
from dmsops.receipt import register
from dmsops.receipt.states import FileState, target
from dmsops.receipt.tables import delivered_file, rerequest

if TYPE_CHECKING:
    from dmsops.ops import Ops


def withdraw(ops: Ops, name: str, version: int, *, reason: str) -> None:
    """Take a released file out of use; its bytes are kept.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    NotFound
        No delivery brought that version of that file.
    BadTransition
        The file is not released.
    """
    require(ops.operator, Role.LEAD, "receipt withdraw")
    f = delivered_file.c
    with ops.db.begin() as c:
        state = c.execute(sa.select(f.state).where(f.name == name, f.version == version)).scalar()
        if state is None:
            raise NotFound(f"version {version} of '{name}' was not received", file=name, version=version)
        target("withdraw", FileState(state), name)
        register.move(c, ops, "withdraw", [f.name == name, f.version == version], reason=reason)
        journal.write(c, ops.clock, "file.withdrawn", name, actor=ops.operator.name, reason=reason, version=version)


def close_rerequest(ops: Ops, rerequest_id: int, *, reason: str) -> None:
    """Stop waiting for a file (the sender says that it is lost, or it came by another way).

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    NotFound
        There is no such request.
    BadTransition
        It is closed already.
    """
    require(ops.operator, Role.OPERATOR, "receipt close")
    r = rerequest.c
    with ops.db.begin() as c:
        row = c.execute(sa.select(rerequest).where(r.id == rerequest_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no re-request {rerequest_id}", rerequest=rerequest_id)
        if row.closed_at is not None:
            raise BadTransition(f"re-request {rerequest_id} for '{row.name}' is closed already, by {row.closed_by}", rerequest=rerequest_id)
        c.execute(sa.update(rerequest).where(r.id == rerequest_id).values(closed_at=ops.clock.now(), closed_by=ops.operator.name))
        journal.write(c, ops.clock, "rerequest.closed", row.name, actor=ops.operator.name, reason=reason, delivery=row.delivery_id)
        register.refresh(c, row.delivery_id)
