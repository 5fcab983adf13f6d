"""Warnings: one line when a deadline comes to be at risk, none while nothing changes, one when it is on time again."""

from __future__ import annotations

from datetime import timedelta

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.workflow import acts, blackboard, chores, forecast, warnings
from dmsops.workflow.choose import Selection
from tests.acts import CHAIN, fail, take


def submit(ops: Ops) -> None:
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "v", CHAIN, cls="wfsc", due=ops.clock.now() + timedelta(hours=1))


def warn(ops: Ops) -> list[str]:
    with ops.db.begin() as c:
        return [f.standing.value for f in warnings.warn(c, ops, forecast.running(ops))]


def test_a_risk_is_told_once_and_its_end_too(ops: Ops) -> None:
    submit(ops)
    assert warn(ops) == []
    fail(ops, take(ops)[0])
    assert warn(ops) == ["at risk"]
    assert warn(ops) == []
    acts.act(ops, "rescue", Selection(steps=(1,)), ticket=acts.preview(ops, "rescue", Selection(steps=(1,))).hash, reason="mended")
    assert warn(ops) == ["on time"]
    with reading(ops.db) as c:
        rows = c.execute(journal.journal.select().where(journal.journal.c.target == "clock 1 v")).all()
    assert [r.event for r in rows] == ["workflow.at_risk", "workflow.on_time"]
    assert "step 1 stands in the way: rescue before" in rows[0].reason


def test_an_engine_of_any_kind_lets_holds_end_and_warns(ops: Ops) -> None:
    submit(ops)
    fail(ops, take(ops)[0])
    hold = Selection(steps=(2,))
    until = (ops.clock.now() - timedelta(seconds=1)).isoformat()
    acts.act(ops, "hold", hold, ticket=acts.preview(ops, "hold", hold, until=until).hash, reason="for a moment", until=until)

    def write(work):
        with ops.db.begin() as c:
            return work(c)

    chores.Chores(ops, write).turn()
    with reading(ops.db) as c:
        assert c.execute(journal.journal.select().where(journal.journal.c.event == "workflow.at_risk")).all()
        assert not c.execute(blackboard.step.select().where(blackboard.step.c.state == "held")).all()
