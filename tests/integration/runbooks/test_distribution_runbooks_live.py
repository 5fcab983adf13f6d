"""P17 and P18 do what they say: on a site with one of each problem, in real kernels, dry and live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.journal import journal
from dmsops.distribution import notice_queries
from dmsops.distribution.grants import grants
from dmsops.ops import Ops
from dmsops.procedures import distribution_problem, exclusive_access, record
from dmsops.procedures.distribution_problem_order import order as problem_order
from dmsops.procedures.exclusive_access_acts import order as access_order
from dmsops.procedures.queries import said
from dmsops.procedures.run import run
from tests.runbooks.content import content
from tests.runbooks.distribution import PROGRAM, REFUSED_BY_PARTNER
from tests.runbooks.distribution_site import distribution_copy


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = distribution_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def journalled(ops: Ops, reason: str) -> set[str]:
    with reading(ops.db) as c:
        return set(c.execute(sa.select(journal.c.event).where(journal.c.reason == reason)).scalars())


def test_dry_runs_change_nothing_whatever_they_look_at(ops):
    before = content(ops)
    wanted = [
        ("P17", {}),
        ("P17", {"act": "announce", "case": REFUSED_BY_PARTNER}),
        ("P18", {}),
        ("P18", {"act": "grant", "account": "carl"}),
    ]
    for procedure, given in wanted:
        ended = run(ops, procedure, given)
        assert (ended.outcome, ended.error) == ("completed", None), given
        assert content(ops) == before, given


def test_p17_resumes_a_subscription_and_resends_a_hand_over(ops):
    for act, event in (("resume", "subscription.resumed"), ("resend", "handover.acknowledged")):
        ticket = problem_order(ops, act=act).ticket
        ended = run(ops, "P17", {"act": act, "ticket": ticket}, dry_run=False, reason=f"because of {act}")
        assert (ended.outcome, ended.error) == ("completed", None)
        assert record.step_result(ops, ended.id, act)["act"] == act
        with reading(ops.db) as c:
            assert event in set(c.execute(sa.select(journal.c.event)).scalars())
    assert {"subscription.resumed"} <= journalled(ops, "because of resume")
    assert {"handover.resent"} <= journalled(ops, "because of resend")
    assert notice_queries.show(ops, 1)["state"] == "active"
    assert [row["act"] for row in distribution_problem.cases(ops)] == ["retry", "close-refusal", ""]


def test_p18_releases_a_program_and_shows_what_the_policy_says_before_and_after(ops):
    ticket = access_order(ops).ticket
    ended = run(ops, "P18", {"ticket": ticket}, dry_run=False, reason="the PI gave it up")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert {row["rights"] for row in exclusive_access.observations(ops, PROGRAM)} == {"PUBLIC"}
    assert {"proposal.changed", "observation.superseded"} <= journalled(ops, "the PI gave it up")
    shown = [text for text in said(ops, ended.id) if "anonymous" in text and "pi" in text and "files" in text and "who" not in text]
    assert [[line.split()[2] for line in text.splitlines()[1:]] for text in shown] == [["0"] * 3, ["1"] * 3]
    assert record.verify(ops) == []


def test_p18_lets_an_account_in(ops):
    wanted = {"act": "grant", "account": "carl", "until": "2023-06-30"}
    ended = run(ops, "P18", {**wanted, "ticket": access_order(ops, **wanted).ticket}, dry_run=False, reason="the PI asked")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert journalled(ops, "the PI asked") >= {"access.granted"}
    assert grants(ops, program=PROGRAM, name="carl")[0]["revoked_at"] is None
