"""P13 and P15 do what they say: on the frozen site, in real kernels, dry and live."""

from __future__ import annotations

from dmsops.archive import duplicates, errors
from dmsops.ops import Ops
from dmsops.procedures import associations, ingest_problem, record
from dmsops.procedures.run import run
from dmsops.workflow import queries as work
from tests.runbooks.content import content

PAIR = "jw02726-o405_t001_nircam_f212n-wlm8-sub16-nrca3-04"


def broken(ops: Ops) -> int:
    return next(row["id"] for row in ingest_problem.listed(ops) if row["kind"] == "is_valid_fails")


def test_dry_runs_change_nothing_whatever_they_look_at(frozen):
    before = content(frozen)
    wanted = [
        ("P13", {}),
        ("P13", {"keep": "new", "observation": PAIR}),
        ("P13", {"act": "remake"}),
        ("P15", {}),
        ("P15", {"act": "close", "error": broken(frozen)}),
    ]
    for procedure, given in wanted:
        ended = run(frozen, procedure, given)
        assert (ended.outcome, ended.error) == ("completed", None), given
        assert content(frozen) == before, given


def test_p13_keeps_the_old_one_of_two_products(frozen):
    ticket = associations.order(frozen, keep="old").ticket
    ended = run(frozen, "P13", {"keep": "old", "ticket": ticket}, dry_run=False, reason="the first pair is right")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert duplicates.listed(frozen) == []


def test_p13_makes_associations_with_problems_again(frozen):
    ticket = associations.order(frozen, act="remake").ticket
    (pool,) = associations.pools(frozen)
    ended = run(frozen, "P13", {"act": "remake", "ticket": ticket}, dry_run=False, reason="the rules were mended")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert work.step_row(frozen, pool["step"])["state"] == "ready"


def test_p15_stops_at_what_is_still_broken_and_closes_it_when_told(frozen):
    number = broken(frozen)
    ticket = ingest_problem.order(frozen, error=number).ticket
    ended = run(frozen, "P15", {"error": number, "ticket": ticket}, dry_run=False, reason="hurry")
    assert ended.outcome == "failed"
    assert "nothing stands in the way any more" in ended.error
    given = {"act": "close", "error": number, "ticket": ingest_problem.order(frozen, act="close", error=number).ticket}
    ended = run(frozen, "P15", given, dry_run=False, reason="a test exposure")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert record.step_result(frozen, ended.id, "close")["act"] == "close"
    assert errors.counts(frozen) == {"duplicate_product": 1}


def test_p13_does_nothing_with_a_ticket_that_is_void(frozen):
    ended = run(frozen, "P13", {"keep": "old", "ticket": "0" * 16}, dry_run=False, reason="hurry")
    assert ended.outcome == "failed"
    assert len(duplicates.listed(frozen)) == 1
