"""P17 and P18 look, act and verify alike on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from dmsops.procedures import distribution_problem as problem
from dmsops.procedures import distribution_problem_acts as problem_acts
from dmsops.procedures import exclusive_access as access
from dmsops.procedures import exclusive_access_acts as access_acts
from dmsops.procedures.distribution_problem_order import order
from tests.runbooks import archive, distribution
from tests.runbooks.make_site import RECEIVED

WHY = "it was asked for"


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    create_site(tmp_path / "site", lead="lead", database=database)
    opened = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(RECEIVED + archive.LATER))
    archive.fill(opened, tmp_path / "products")
    distribution.fill(opened, tmp_path / "products")
    yield opened
    opened.db.dispose()


def test_what_p17_shows_is_there_and_each_first_case_is_put_right(ops):
    assert {row["rights"]: (row["files"], row["bytes"]) for row in problem.served(ops)}["EXCLUSIVE_ACCESS"] == (3, 77760)
    looks = (problem.served, problem.accesses, problem.last_accesses, problem.telling, problem.waiting, problem.partner_rows, problem.cases)
    assert json.dumps([look(ops) for look in looks], default=lambda value: value.isoformat())
    for act in ("resume", "retry", "close-refusal", "resend"):
        asked = order(ops, act=act)
        problem_acts.verify(ops, asked, problem_acts.carry_out(ops, asked, ticket=asked.ticket, reason=WHY))
    for act, case in (("announce", distribution.REFUSED_BY_PARTNER), ("revoke", "carl")):
        asked = order(ops, act=act, case=case)
        problem_acts.verify(ops, asked, problem_acts.carry_out(ops, asked, ticket=asked.ticket, reason=WHY))


def test_what_p18_shows_is_there_and_a_program_is_released_as_shown(ops):
    program = access.chosen(ops)
    told = {(row["who"], row["verdict"]): (row["files"], row["bytes"]) for row in access.takers(ops, program)}
    assert told == {("ada", "granted"): (3, 77760), ("anonymous", "denied"): (2, 0), ("carl", "denied"): (1, 0)}
    for choice in ({"act": "grant", "account": "carl"}, {"act": "release"}):
        asked = access_acts.order(ops, **choice)
        done = access_acts.carry_out(ops, asked, ticket=asked.ticket, reason=WHY)
        assert all(row["as_shown"] for row in access_acts.verify(ops, asked, done))
    assert {row["anonymous"] for row in access.decisions(ops, program)} == {1}
    assert access.told(ops, program)
