"""P17 finds who did not get what is theirs; one act puts one case right, with its ticket only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dmsops.archive import holdings, partners
from dmsops.catalogue.registry import Scope
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, BadTransition, DeliveryRefused, Failed, NotAllowed, NotFound, NotSignedIn, Refused, StalePlan
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.distribution import accounts, staging, staging_ending
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.procedures import distribution_problem as problem
from dmsops.procedures.distribution_problem_acts import carry_out, verify
from dmsops.procedures.distribution_problem_order import ACTS, NAMED, Order, number, order
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import lay_inventory
from tests.runbooks import distribution
from tests.runbooks.content import content
from tests.runbooks.distribution_site import distribution_copy

OBSERVATION = distribution.REFUSED_BY_PARTNER
WHY = "the cause is gone"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = distribution_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def case_of(ops: Ops, what: str, position: int = 0) -> dict[str, Any]:
    return [row for row in problem.cases(ops) if row["what"] == what][position]


def done(ops: Ops, asked: Order) -> dict[str, Any]:
    """Do what was looked at, and hold it against what was wanted."""
    told = carry_out(ops, asked, ticket=asked.ticket, reason=WHY)
    return verify(ops, asked, told)


def reasons(ops: Ops) -> list[str]:
    """Give the events that stand in the journal with our reason."""
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.c.event).where(journal.c.reason == WHY).order_by(journal.c.seq)).scalars())


def test_each_case_names_the_act_and_the_case_of_the_run_that_deals_with_it(ops):
    rows = problem.cases(ops)
    assert [(row["what"], row["act"], row["whose"]) for row in rows] == [
        ("subscription", "resume", "ada"),
        ("subscription", "retry", "ben"),
        ("partner's refusal", "close-refusal", "esac"),
        ("hand-over", "resend", "WSS"),
        ("large request", "", "ada"),
    ]
    for row in rows[:-1]:
        assert order(ops, act=row["act"], case=row["case"]).stops == ""
        assert order(ops, act=row["act"]).case


def test_hand_overs_say_whether_they_were_refused_or_have_no_answer(ops):
    ops.clock.advance(timedelta(minutes=11))
    whys = {row["state"]: row["why"] for row in problem.handovers(ops)}
    assert whys == {"sent": "WSS has not answered", "refused": "WSS refused it: the second image of the pair is missing"}


def test_a_hand_over_within_its_time_for_an_answer_is_no_case_and_is_resent_by_name_only(ops):
    (waits,) = [row["id"] for row in problem.handovers(ops) if row["state"] == "sent"]
    assert waits not in [row["case"] for row in problem.cases(ops)]
    assert {row["why"] for row in problem.handovers(ops) if row["id"] == waits} == {"WSS has 10 min to answer"}
    done(ops, order(ops, act="resend"))
    assert order(ops, act="resend").case == ""
    assert done(ops, order(ops, act="resend", case=waits))["state"] == "acknowledged"


def test_what_is_served_and_who_was_refused_is_counted(ops):
    assert {row["rights"]: row["files"] for row in problem.served(ops)} == {"PUBLIC": 9, "EXCLUSIVE_ACCESS": 3, "RESTRICTED": 0}
    assert problem.accesses(ops)["denied"] == 3
    assert {row["who"] for row in problem.last_accesses(ops, "denied")} == {"anonymous", "carl"}
    ops.clock.advance(timedelta(days=366))
    assert {row["rights"]: row["files"] for row in problem.served(ops)} == {"PUBLIC": 12, "EXCLUSIVE_ACCESS": 0, "RESTRICTED": 0}
    assert problem.accesses(ops)["denied"] == 0


def test_an_empty_site_has_no_case_and_nothing_is_done(tmp_path):
    ops = small_site(tmp_path / "site", START)
    assert problem.cases(ops) == []
    assert problem.telling(ops)["deliveries"] == "none"
    for act in set(ACTS) - set(NAMED):
        asked = order(ops, act=act)
        assert (asked.case, asked.ticket) == ("", "")
        with pytest.raises(Refused):
            carry_out(ops, asked, ticket="", reason=WHY)
    ops.db.dispose()


@pytest.mark.parametrize(
    ("act", "case", "event", "state"),
    [
        ("resume", "1", "subscription.resumed", "active"),
        ("retry", "2", "subscription.retried", "active"),
        ("end", "2", "subscription.ended", "ended"),
        ("again", "3", "subscription.told-again", "active"),
        ("skip", "1", "notice.skipped", "skipped"),
        ("close-refusal", "1", "partner.refusal-closed", "closed"),
    ],
)
def test_it_is_done_as_shown_and_journalled(ops, act, case, event, state):
    asked = order(ops, act=act, case=case)
    with pytest.raises(StalePlan):
        carry_out(ops, asked, ticket="0" * 16, reason=WHY)
    assert done(ops, asked)["state"] == state
    assert reasons(ops) == [event]


CASES = {"again": "3", "end": "2", "skip": "1", "announce": OBSERVATION, "revoke": "carl"}


def test_looking_changes_nothing_whatever_the_act(ops):
    before = content(ops)
    for act in ACTS:
        verify(ops, order(ops, act=act, case=CASES.get(act, "")), {})
    assert content(ops) == before


def test_a_subscription_that_was_put_right_is_no_case_any_more(ops):
    done(ops, order(ops, act="resume"))
    assert [row["case"] for row in problem.cases(ops) if row["act"] == "resume"] == []
    with pytest.raises(BadTransition):
        order(ops, act="resume", case="1")


def test_an_observation_is_told_again_and_an_old_ticket_is_void(ops):
    asked = order(ops, act="announce", case=OBSERVATION)
    assert asked.facts["refused_by"] == ["esac"]
    assert done(ops, asked)["version"] == asked.facts["version"] + 1
    with pytest.raises(StalePlan):
        carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


def test_what_a_partner_lacks_is_announced_once_and_then_its_inventory_is_awaited(ops):
    ops.clock.advance(timedelta(hours=1))
    lay_inventory(ops, "esac", _without(ops))
    doctor.audit(ops, Scope())
    asked = order(ops, act="announce", case=OBSERVATION)
    assert len(asked.findings) == 1
    done(ops, asked)
    assert "archive.repaired" in reasons(ops)
    again = order(ops, act="announce", case=OBSERVATION)
    assert "was told again" in again.stops
    with pytest.raises(Refused):
        carry_out(ops, again, ticket=again.ticket, reason=WHY)


def _without(ops: Ops) -> bytes:
    """Give our inventory of this moment without the observation."""
    lines = partners.inventory(ops).decode().splitlines(keepends=True)
    return "".join(line for line in lines if OBSERVATION not in line).encode()


def test_a_hand_over_is_resent_and_counts_when_it_is_acknowledged(ops):
    asked = order(ops, act="resend", case=case_of(ops, "hand-over")["case"])
    assert done(ops, asked)["state"] == "acknowledged"
    assert "handover.resent" in reasons(ops)
    assert len(problem.handovers(ops)) == 1


def test_a_hand_over_whose_bytes_are_gone_is_stopped_before_anything_is_done(ops):
    name = case_of(ops, "hand-over")["case"]
    (sha256,) = next(row["files"] for row in problem.wavefront.deliveries(ops) if row["id"] == name).values()
    ops.store.path(sha256).unlink()
    asked = order(ops, act="resend", case=name)
    assert "the store lacks" in asked.stops
    with pytest.raises(Refused):
        carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


def test_a_hand_over_that_is_not_answered_fails_the_act(ops):
    team = replace(ops, settings=ops.settings.model_copy(update={"wss_answers": "team", "wss_answer_minutes": 1e-6}))
    asked = order(team, act="resend", case=case_of(team, "hand-over")["case"])
    with pytest.raises(DeliveryRefused):
        carry_out(team, asked, ticket=asked.ticket, reason=WHY)


def test_a_large_request_that_lay_is_laid_ready(ops):
    with reading(ops.db) as c:
        uri = next(iter(holdings.of_program(c, distribution.PROGRAM))).uri
        found = holdings.by_uris(c, [uri])
    made, _ = staging.make(ops, distribution.ADA, [uri], lambda _uris: found)
    assert order(ops, act="lay-ready").case == "", "it is not late yet: the site may be at it"
    ops.clock.advance(timedelta(hours=2))
    asked = order(ops, act="lay-ready")
    assert asked.case == made.id
    assert done(ops, asked)["state"] == "ready"
    assert reasons(ops) == ["request.laid-ready"]
    assert order(ops, act="lay-ready", case=made.id).stops.startswith("it is ready")


def test_a_large_request_that_staff_ended_is_no_case(ops):
    with reading(ops.db) as c:
        uri = next(iter(holdings.of_program(c, distribution.PROGRAM))).uri
        found = holdings.by_uris(c, [uri])
    made, _ = staging.make(ops, distribution.ADA, [uri], lambda _uris: found)
    ops.clock.advance(timedelta(hours=2))
    assert made.id in {row["case"] for row in problem.cases(ops)}
    seen = staging_ending.preview(ops, made.id)
    staging_ending.end(ops, made.id, ticket=seen.hash, reason=WHY)
    assert made.id not in {row["case"] for row in problem.cases(ops)}


def test_the_tokens_of_an_account_are_void_at_once(ops):
    token = accounts.give_token(ops, "carl", reason="second")
    asked = order(ops, act="revoke", case="carl")
    assert len(asked.facts["good_tokens"]) == 2
    done(ops, asked)
    with pytest.raises(NotSignedIn):
        accounts.requester(ops, token)
    with pytest.raises(Refused):
        carry_out(ops, order(ops, act="revoke", case="carl"), ticket="", reason=WHY)


def test_a_token_that_was_given_since_the_preview_stops_the_act(ops):
    asked = order(ops, act="revoke", case="carl")
    accounts.give_token(ops, "carl", reason="second")
    with pytest.raises(StalePlan):
        carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


@pytest.mark.parametrize(("act", "case"), [("end", "2"), ("revoke", "carl")])
def test_what_cannot_be_undone_is_a_leads(ops, act, case):
    asked = order(ops, act=act, case=case)
    with pytest.raises(NotAllowed):
        carry_out(ops.as_person(Person("otto", Role.OPERATOR)), asked, ticket=asked.ticket, reason=WHY)
    assert reasons(ops) == []


def test_nothing_is_done_by_a_viewer_or_without_a_reason(ops):
    asked = order(ops, act="close-refusal")
    with pytest.raises(NotAllowed):
        carry_out(ops.as_person(Person("vera", Role.VIEWER)), asked, ticket=asked.ticket, reason=WHY)
    with pytest.raises(BadInput, match="reason"):
        carry_out(ops, asked, ticket=asked.ticket, reason=" ")
    assert len(problem.refusals(ops)) == 1


@pytest.mark.parametrize(
    ("act", "case", "error"),
    [
        ("mend", "1", BadInput),
        ("end", "", BadInput),
        ("resume", "ada", BadInput),
        ("resume", "99", NotFound),
        ("skip", "99", NotFound),
        ("skip", "3", BadTransition),
        ("close-refusal", "99", NotFound),
        ("announce", "jw0", NotFound),
        ("resend", "WFS_0", NotFound),
        ("lay-ready", "0", NotFound),
        ("revoke", "nobody", NotFound),
    ],
)
def test_a_case_that_is_none_is_told_in_words(ops, act, case, error):
    with pytest.raises(error):
        order(ops, act=act, case=case)


@given(st.text())
def test_a_number_is_read_or_refused_whatever_is_written(text):
    try:
        assert 0 <= number(text) < 2**31
    except BadInput:
        assert not (text.isdecimal() and text.isascii() and len(text) < 10)


def test_an_act_that_did_not_do_what_was_shown_is_found(ops):
    asked = order(ops, act="resume")
    assert verify(ops, asked, {})["state"] == "stopped"
    with pytest.raises(Failed, match="state is stopped, not active"):
        verify(ops, asked, {"act": "resume"})
