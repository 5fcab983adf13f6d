"""The journal: lines chain, and any change, removal or reordering shows."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.ops import Ops


@pytest.fixture
def written(ops: Ops) -> Ops:
    with ops.db.begin() as c:
        for i in range(5):
            journal.write(c, ops.clock, "thing.done", f"thing {i}", actor="ann", reason="because", number=i)
    return ops


def test_the_chain_holds(written: Ops) -> None:
    with written.db.begin() as c:
        assert journal.verify(c) is None


@pytest.mark.parametrize("column", ["actor", "event", "target", "reason", "outcome"])
def test_a_changed_line_shows(written: Ops, column: str) -> None:
    with written.db.begin() as c:
        last = c.execute(sa.select(sa.func.max(journal.journal.c.seq))).scalar()
        c.execute(sa.update(journal.journal).where(journal.journal.c.seq == last - 2).values({column: "other"}))
        assert journal.verify(c) == last - 2


def test_a_removed_line_shows(written: Ops) -> None:
    with written.db.begin() as c:
        last = c.execute(sa.select(sa.func.max(journal.journal.c.seq))).scalar()
        c.execute(sa.delete(journal.journal).where(journal.journal.c.seq == last - 2))
        assert journal.verify(c) == last - 1


def test_a_line_of_a_transaction_that_failed_is_not_there(ops: Ops) -> None:
    def fail() -> None:
        with ops.db.begin() as c:
            journal.write(c, ops.clock, "thing.done", "x", actor="ann")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with ops.db.begin() as c:
        assert c.execute(sa.select(journal.journal).where(journal.journal.c.target == "x")).all() == []


def test_the_log_file_holds_one_json_document_a_line(ops: Ops) -> None:
    ops.log.info("delivery.accepted", files=3)
    ops.log.warning("delivery.late", minutes=5)
    lines = (ops.settings.folder("logs") / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["delivery.accepted", "delivery.late"]
