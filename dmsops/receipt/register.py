"""The rows of receipt: every function works in the caller's write transaction and may be run again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import UtcTime
from dmsops.receipt import answers
from dmsops.receipt.examine import EXTRA, Finding, Wanted
from dmsops.receipt.indexing import MANY, index
from dmsops.receipt.states import TRANSITIONS, DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = delivered_file.c
_PLAIN = [column for column in _f if not isinstance(column.type, UtcTime)]


def move(c: sa.Connection, ops: Ops, verb: str, where: Sequence[Any], **values: Any) -> int:
    """Move the files that match and may make this move; give their number."""
    sources, to = TRANSITIONS[verb]
    move_ = sa.update(delivered_file).where(_f.state.in_(sources), *where)
    return c.execute(move_.values(state=to, changed_at=ops.clock.now(), **values)).rowcount


def rows_of(c: sa.Connection, delivery_id: str) -> list[sa.Row[Any]]:
    """Give a delivery's file rows, by name, without their times: to read these back is most of the cost of a large delivery's rows."""
    return list(c.execute(sa.select(*_PLAIN).where(_f.delivery_id == delivery_id).order_by(_f.name)))


def open_delivery(c: sa.Connection, ops: Ops, delivery_id: str, state: DeliveryState, folder: str, **values: Any) -> bool:
    """Make a delivery's row if it is new; its receipt time is now. Says whether it was new; the folder is noted in any case."""
    row = c.execute(sa.select(delivery.c.folders).where(delivery.c.id == delivery_id)).one_or_none()
    if row is None:
        head = {"id": delivery_id, "state": state, "received_at": ops.clock.now(), "replays": 0, "folder": folder, "folders": [folder]}
        c.execute(sa.insert(delivery).values(**head, **values))
        return True
    if folder not in (row.folders or ()):
        c.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(folders=[*(row.folders or ()), folder]))
    return False


def announce(c: sa.Connection, ops: Ops, delivery_id: str, wanted: Iterable[Wanted]) -> None:
    """Make a row for every file that has none; a quarantined one that a manifest now names otherwise is announced again."""
    there = {r.name: r for r in rows_of(c, delivery_id)}
    new = []
    for file in wanted:
        announced = {"kind": file.kind, "announced_size": file.size, "announced_sha256": file.sha256}
        row = there.get(file.name)
        if row is None:
            new.append(
                {"delivery_id": delivery_id, "name": file.name, "state": FileState.ANNOUNCED, "changed_at": ops.clock.now()} | announced
            )
        elif file.kind != EXTRA and (row.announced_size, row.announced_sha256) != (file.size, file.sha256):
            move(c, ops, "announce", [_f.id == row.id], **announced)
    if new:
        same = {"delivery_id": delivery_id, "state": FileState.ANNOUNCED, "changed_at": ops.clock.now()}
        c.execute(sa.insert(delivered_file), [{**row, **same} for row in new])


def stage(c: sa.Connection, ops: Ops, delivery_id: str, names: Sequence[str]) -> None:
    """Say of files that they are being looked at now."""
    for some in itertools.batched(names, MANY):
        move(c, ops, "stage", [_f.delivery_id == delivery_id, _f.name.in_(some)])


def settle(c: sa.Connection, ops: Ops, delivery_id: str, findings: Sequence[Finding]) -> None:
    """Write down what was found of files; what another receiver wrote down first is left."""
    names = [finding.wanted.name for finding in findings]
    staged = sa.select(_f.name, _f.id).where(_f.delivery_id == delivery_id, _f.state == FileState.STAGING, _f.name.in_(names))
    ids = {row.name: row.id for row in c.execute(staged)}
    mine = [finding for finding in findings if finding.wanted.name in ids]
    _settle_good(c, ops, ids, [finding for finding in mine if finding.fault is None])
    for finding in mine:
        if finding.fault is not None:
            _settle_bad(c, ops, delivery_id, finding)


def _settle_good(c: sa.Connection, ops: Ops, ids: Mapping[str, int], findings: Sequence[Finding]) -> None:
    rows = []
    for finding in findings:
        content = finding.content
        assert content is not None
        covers = {"visit": content.visit, "covers_from": content.covers_from, "covers_to": content.covers_to}
        rows.append({"row": ids[finding.wanted.name], "sha256": finding.sha256, "size": finding.size, **covers})
    verified = sa.update(delivered_file).where(_f.id == sa.bindparam("row"))
    index(c, {str(finding.sha256): finding.content for finding in findings if finding.content is not None})
    if rows:
        same = {"state": TRANSITIONS["verify"][1], "changed_at": ops.clock.now(), "fault": None, "reason": None}
        c.execute(verified, [{**row, **same} for row in rows])


def _settle_bad(c: sa.Connection, ops: Ops, delivery_id: str, finding: Finding) -> None:
    name = finding.wanted.name
    bad = {"sha256": finding.sha256, "size": finding.size, "fault": finding.fault, "reason": finding.reason}
    move(c, ops, "quarantine", [_f.delivery_id == delivery_id, _f.name == name], **bad)
    journal.write(
        c, ops.clock, "file.quarantined", name[:200], actor=ops.operator.name, reason=finding.reason,
        outcome="failed", delivery=delivery_id, fault=finding.fault,
    )  # fmt: skip
    if finding.wanted.kind != EXTRA:
        answers.ask(c, ops, delivery_id, name, str(finding.reason))
