"""What a person decides about received files: take one out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.errors import NotFound
from dmsops.core.people import Role, require
from dmsops.receipt import register
from dmsops.receipt.states import FileState, target
from dmsops.receipt.tables import delivered_file

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
