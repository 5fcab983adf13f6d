"""P18 shows when a program's data become public and whose they are until then, and changes it as it was shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.tables import plane
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, Failed, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.distribution import grants
from dmsops.ops import Ops
from dmsops.procedures import exclusive_access as access
from dmsops.procedures.exclusive_access_acts import Order, carry_out, order, verify
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests import ending
from tests.runbooks.content import content
from tests.runbooks.distribution import PROGRAM
from tests.runbooks.distribution import REFUSED_BY_PARTNER as SEVERAL_PLANES
from tests.runbooks.distribution_site import distribution_copy

WHY = "the PI asked, ticket 17"
COMBINED = "jw01783-o001_t001_nircam_f212n-wlm8-sub16-nrca3-04"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = distribution_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def done(ops: Ops, asked: Order) -> list[dict[str, Any]]:
    """Do what was looked at, and hold it against what was shown."""
    return verify(ops, asked, carry_out(ops, asked, ticket=asked.ticket, reason=WHY))


def given(ops: Ops, account: str = "") -> dict[str, int]:
    """Count the files of the program that each would get now."""
    rows = access.decisions(ops, PROGRAM, account)
    return {name: sum(row[name] for row in rows) for name in rows[0] if name not in ("observation", "files")}


def events(ops: Ops) -> set[str]:
    with reading(ops.db) as c:
        return set(c.execute(sa.select(journal.c.event).where(journal.c.reason == WHY)).scalars())


def test_without_a_program_the_first_that_is_not_public_is_looked_at(ops):
    assert access.chosen(ops) == PROGRAM
    assert access.chosen(ops, "02726") == "02726"
    with pytest.raises(NotFound, match="99999"):
        access.chosen(ops, "99999")
    ops.clock.advance(timedelta(days=366))
    assert access.chosen(ops) == ""


@pytest.mark.parametrize(
    "choice", [{}, {"act": "change", "days": 30}, {"act": "grant", "account": "carl", "kind": "pi"}, {"act": "revoke", "grant": 2}]
)
def test_looking_changes_nothing(ops, choice):
    before = content(ops)
    asked = order(ops, **choice)
    verify(ops, asked, {})
    access.told(ops, asked.program)
    assert asked.ticket
    assert content(ops) == before


def test_an_empty_site_has_nothing_to_change(tmp_path):
    ops = small_site(tmp_path / "site", START)
    asked = order(ops)
    assert (asked.program, asked.ticket, verify(ops, asked, {})) == ("", "", [])
    assert access.observations(ops, "") == []
    assert access.decisions(ops, "") == []
    with pytest.raises(Refused):
        carry_out(ops, asked, ticket="", reason=WHY)
    ops.db.dispose()


def test_observations_tell_their_release_and_which_are_combined(ops):
    rows = {row["observation"]: row for row in access.observations(ops, PROGRAM)}
    assert {name for name, row in rows.items() if row["combined"]} == {COMBINED}
    assert rows[COMBINED]["released"] == max(row["released"] for row in rows.values())
    assert {row["rights"] for row in rows.values()} == {"EXCLUSIVE_ACCESS"}
    assert access.head(ops, PROGRAM)["observations"] == "3 EXCLUSIVE_ACCESS"


def test_an_observation_of_which_a_part_has_no_release_is_restricted(ops):
    with ops.db.begin() as c:
        first = c.execute(sa.select(sa.func.min(plane.c.id)).where(plane.c.observation_id == SEVERAL_PLANES)).scalar_one()
        c.execute(sa.update(plane).where(plane.c.id == first).values(data_release=None))
    rights = {row["observation"]: (row["released"], row["rights"]) for row in access.observations(ops, "02726")}
    assert rights.pop(SEVERAL_PLANES) == (None, "RESTRICTED")
    assert {word for _, word in rights.values()} == {"PUBLIC"}


def test_what_has_no_release_is_not_the_pis_either(ops):
    with ops.db.begin() as c:
        c.execute(sa.update(plane).where(plane.c.observation_id == COMBINED).values(data_release=None))
    assert given(ops) == {"anonymous": 0, "pi": 2}


def test_who_got_files_and_who_was_refused_is_counted_by_program(ops):
    told = {(row["who"], row["verdict"]): row["files"] for row in access.takers(ops, PROGRAM)}
    assert told == {("ada", "granted"): 3, ("anonymous", "denied"): 2, ("carl", "denied"): 1}
    assert access.takers(ops, "02726") == []


def test_a_released_program_is_everybodys_and_each_release_is_the_one_that_was_shown(ops):
    asked = order(ops)
    assert {row["effect"] for row in asked.rows} == {"becomes public at once"}
    assert [row["as_shown"] for row in verify(ops, asked, {})] == [False] * 3
    assert given(ops) == {"anonymous": 0, "pi": 3}
    assert [row["as_shown"] for row in done(ops, asked)] == [True] * 3
    assert given(ops) == {"anonymous": 3, "pi": 3}
    assert {"proposal.changed", "observation.superseded"} <= events(ops)
    assert order(ops, program=PROGRAM).stops == "it is so already"


def test_a_shorter_time_ends_when_the_clock_says_so(ops):
    asked = order(ops, act="change", days=30)
    done(ops, asked)
    last = max(row["then"] for row in asked.rows)
    ops.clock.advance(last - ops.clock.now() - timedelta(seconds=1))
    assert given(ops)["anonymous"] == 2
    ops.clock.advance(timedelta(seconds=1))
    assert given(ops)["anonymous"] == 3


def test_the_days_that_hold_already_are_no_change(ops):
    asked = order(ops, act="change", days=365)
    assert (asked.rows, asked.stops) == ((), "it is so already")
    with pytest.raises(Refused):
        carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


def test_days_that_were_only_written_down_differ_although_no_observation_does(ops):
    proposals.put(ops, "01999", exclusive_days=10, reason="planned")
    asked = order(ops, act="change", program="01999", days=20)
    assert (asked.rows, asked.stops) == ((), "")
    done(ops, asked)
    assert access.head(ops, "01999")["days"] == 20


def test_a_change_is_void_when_the_program_has_changed_since(ops):
    asked = order(ops)
    done(ops, order(ops, act="change", days=100))
    with pytest.raises(StalePlan):
        carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


def test_a_change_that_did_not_come_about_is_found(ops):
    with pytest.raises(Failed, match="3 of 3 are not as shown"):
        verify(ops, order(ops), {"act": "release"})


def test_an_account_is_let_in_until_a_day(ops):
    asked = order(ops, act="grant", account="carl", until="2023-06-30")
    assert given(ops, "carl")["account"] == 0
    assert [row["now"] for row in done(ops, asked)] == ["let in"]
    assert given(ops, "carl") == {"anonymous": 0, "pi": 3, "account": 3}
    assert events(ops) == {"access.granted"}
    assert "just that already" in order(ops, act="grant", account="carl", until="2023-06-30").stops
    ops.clock.advance(datetime(2023, 6, 30, tzinfo=UTC) - ops.clock.now())
    assert next(row for row in access.let_in(ops, PROGRAM) if row["account"] == "carl")["state"] == "ended"


def test_a_grant_to_an_account_without_a_token_says_so(ops):
    assert order(ops, act="grant", account="carl").facts["has_a_good_token"]
    ending.revoke(ops, "carl", reason="lost")
    assert not order(ops, act="grant", account="carl").facts["has_a_good_token"]


def test_a_grant_ends_at_once(ops):
    asked = order(ops, act="revoke", grant=2)
    assert given(ops, "ben")["account"] == 3
    assert [row["now"] for row in done(ops, asked)] == ["not let in"]
    assert given(ops, "ben")["account"] == 0
    assert events(ops) == {"access.revoked"}
    with pytest.raises(NotFound):
        order(ops, act="revoke", grant=2)


def test_a_second_grant_that_stays_is_told(ops):
    number = grants.grant(ops, "ben", PROGRAM, reason="again")
    asked = order(ops, act="revoke", grant=2)
    assert asked.facts["then"].endswith(f"it has grant {number} still")
    done(ops, asked)
    assert given(ops, "ben")["account"] == 3


@pytest.mark.parametrize("choice", [{"act": "grant", "account": "carl"}, {"act": "revoke", "grant": 2}])
def test_an_act_on_grants_needs_the_ticket_of_what_is_so_now(ops, choice):
    asked = order(ops, **choice)
    with pytest.raises(StalePlan):
        carry_out(ops, asked, ticket="0" * 16, reason=WHY)
    grants.grant(ops, "carl", PROGRAM, kind="pi", reason="meanwhile")
    if choice["act"] == "grant":
        with pytest.raises(StalePlan):
            carry_out(ops, asked, ticket=asked.ticket, reason=WHY)


@pytest.mark.parametrize("choice", [{}, {"act": "grant", "account": "carl"}, {"act": "revoke", "grant": 2}])
def test_all_of_it_is_a_leads_and_has_a_reason(ops, choice):
    asked = order(ops, **choice)
    with pytest.raises(NotAllowed):
        carry_out(ops.as_person(Person("otto", Role.OPERATOR)), asked, ticket=asked.ticket, reason=WHY)
    with pytest.raises(BadInput, match="reason"):
        carry_out(ops, asked, ticket=asked.ticket, reason="")
    assert events(ops) == set()


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        ({"act": "open"}, BadInput),
        ({"act": "change", "days": -1}, BadInput),
        ({"program": "2726"}, NotFound),
        ({"act": "grant", "account": "nobody"}, NotFound),
        ({"act": "grant", "account": "carl", "kind": "friend"}, BadInput),
        ({"act": "grant", "account": "carl", "until": "soon"}, BadInput),
        ({"act": "grant", "account": "carl", "until": "2022-01-01"}, BadInput),
        ({"act": "revoke", "grant": 3}, NotFound),
        ({"act": "revoke", "grant": 2, "program": "02726"}, NotFound),
    ],
)
def test_what_cannot_be_asked_for_is_told_in_words(ops, choice, error):
    with pytest.raises(error):
        order(ops, **choice)


def test_the_pi_subscribers_and_partners_are_named_as_those_who_are_told(ops):
    rows = access.told(ops, PROGRAM)
    assert rows[0] == {"who": "A. Almeida", "how": "ada@example.org", "why": "PI: write to them"}
    assert {row["how"].partition(",")[0] for row in rows} == {"ada@example.org", "webhook", "email", "stream", "feed", "this record"}
    assert [row["who"] for row in access.told(ops, "02726")][-1] == "ARCH"
    assert not any("subscription" in row["how"] for row in access.told(ops, "02726"))


def test_a_change_of_which_a_part_failed_says_so_and_is_found(ops):
    asked = order(ops)
    with ops.db.begin() as c:
        c.execute(sa.text("UPDATE archived_product SET sha256 = :gone WHERE observation_id = :name"), {"gone": "0" * 64, "name": COMBINED})
    told = carry_out(ops, asked, ticket=asked.ticket, reason=WHY)
    assert told["result"].startswith("2 observations are described again; jw01783-o001")
    with pytest.raises(Failed, match=f"1 of 3 is not as shown, the first is {COMBINED}"):
        verify(ops, asked, told)


def test_an_observation_that_is_gone_is_not_as_it_was_shown(ops):
    asked = replace(order(ops), rows=({"observation": "jw0", "then": ops.clock.now()},))
    assert verify(ops, asked, {}) == [{"what": "jw0", "shown": ops.clock.now(), "now": None, "as_shown": False}]
