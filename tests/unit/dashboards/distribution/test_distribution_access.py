"""The distribution board without a browser: exclusive access, grants, tokens and accounts, and what the library has then."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa

from dashboards.app import distribution_access
from dmsops.archive.tables import plane
from dmsops.core.db import reading
from dmsops.distribution import accounts, grants
from dmsops.distribution.tables import access_grant
from dmsops.flows import exclusive
from dmsops.ops import Ops
from tests import ending
from tests.browser import archive_site
from tests.browser import distribution_site as site_of
from tests.unit.dashboards.boards import do, drawn_again
from tests.unit.dashboards.filled import begun, confirmed

PROGRAM = {"view": "programs", "row": site_of.PROGRAM}


def releases(site: Ops) -> set[float]:
    """Give how many days after now the exclusive program's planes are public."""
    with reading(site.db) as c:
        found = c.execute(sa.select(plane.c.data_release).where(plane.c.observation_id.in_(site_of.EXCLUSIVE))).scalars()
        return {round((when - site_of.NOW).total_seconds() / 86400) for when in found}


def test_exclusive_access_is_changed_as_it_was_shown(site, board):
    assert releases(site) == {365}
    view = board("lena", **PROGRAM)
    begun(view, "change", days="30")
    assert "exclusive access of 365 days becomes 30 days" in view.pane.preview.html
    assert "stays exclusive: 3 observations" in view.pane.preview.html
    said = confirmed(view, 3, "its panel said so")
    assert said == f"Exclusive access of program {site_of.PROGRAM}: 30 days, by lena. 3 observations described again."
    assert releases(site) == {30}
    assert "in 29 d" in view.list.html


def test_days_that_are_none_are_told_and_nothing_can_be_confirmed(site, board):
    view = board("lena", **PROGRAM)
    begun(view, "change")
    view.pane.reason.value_input = "it has to be"
    for days in ("", "-1", "1.5", "9999999", "9999", "0x10", "\u0663"):
        asyncio.run(view.pane.say("days", days))
        assert 'class="warn"' in view.pane.preview.html
        assert view.pane.confirm.disabled
    assert exclusive.preview(site, site_of.PROGRAM, 365).items == ()


def test_a_program_is_released_and_a_public_one_says_that_it_is(site, board):
    view = board("lena", **PROGRAM)
    said = do(view, "release", 3, "the PI gave it up")
    assert "0 days, by lena. 3 observations described again." in said
    assert releases(site) == {0}
    assert "Release it now: All of it is public, and stays so." in view.story.html


def test_a_change_of_many_goes_on_beside_the_page(site, board, monkeypatch):
    monkeypatch.setattr(distribution_access, "AT_ONCE", 2)
    view = board("lena", **PROGRAM)
    assert "begun, by lena. How far it is stands above." in do(view, "release", 3)
    view.hub.distribution.works.wait()
    drawn_again(view)
    assert "3 observations described again." in view.top.html
    assert releases(site) == {0}


def test_what_was_archived_meanwhile_is_shown_before_it_is_changed(site, board, tmp_path):
    view = board("lena", **PROGRAM)
    begun(view, "change", days="30")
    name = f"jw{site_of.PROGRAM}001001_03104_00009_nrca3_cal.fits"
    archive_site.take(site, tmp_path, [name], PROGRAM=site_of.PROGRAM, CATEGORY="GO")
    view.pane.reason.value_input, view.pane.count.value_input = "too late", "3"
    asyncio.run(view.pane.carry_out())
    assert "changed since the preview" in view.frame.wire.said["text"]
    assert "4 observations" in view.pane.preview.html
    assert releases(site) == {365}


def test_somebody_is_let_in_until_a_day(site, board):
    view = board("lena", **PROGRAM)
    begun(view, "let-in", account="nobody")
    assert "is no open account" in view.pane.preview.html
    asyncio.run(view.pane.say("account", "carl"))
    asyncio.run(view.pane.say("until", "yesterday"))
    assert "is no time as" in view.pane.preview.html
    asyncio.run(view.pane.say("until", "2020-01-01T00:00:00Z"))
    assert "2020-01-01 00:00 is past" in view.pane.preview.html
    asyncio.run(view.pane.say("until", "2024-01-01T00:00:00Z"))
    asyncio.run(view.pane.say("kind", "friend"))
    assert "neither pi nor guest" in view.pane.preview.html
    asyncio.run(view.pane.say("kind", "guest"))
    assert "may have the files of program 01783" in confirmed(view)
    newest = grants.grants(site, program=site_of.PROGRAM)[0]
    assert (newest["account"], newest["kind"], newest["granted_by"], newest["reason"]) == ("carl", "guest", "lena", "it has to be")
    assert newest["until"].year == 2024


def test_a_grant_that_has_ended_by_itself_counts_no_more(site, board):
    (ben,) = [one["id"] for one in grants.grants(site, program=site_of.PROGRAM, name="ben")]
    ended = {"granted_at": site_of.NOW - timedelta(days=9), "until": site_of.NOW - timedelta(days=1)}
    with site.db.begin() as c:
        c.execute(sa.update(access_grant).where(access_grant.c.id == ben).values(**ended))
    view = board("lena", **PROGRAM)
    begun(view, "let-in", account="ben")
    assert "before they are public" in view.pane.preview.html
    assert "of it already" not in view.pane.preview.html
    view = board("lena", view="accounts", row="ben")
    begun(view, "shut")
    assert "its access to 0 programs" in view.pane.preview.html


def test_two_grants_of_a_program_are_one_program(site, board):
    grants.grant(site, "ben", site_of.PROGRAM, reason="once more")
    view = board("lena", view="accounts", row="ben")
    begun(view, "shut")
    assert "its access to 1 program end" in view.pane.preview.html


def test_a_grant_is_ended_and_another_is_not(site, board):
    (ben,) = [one for one in grants.grants(site, program=site_of.PROGRAM) if one["account"] == "ben"]
    view = board("lena", **PROGRAM)
    assert "The grant of ben to program 01783 has ended, by lena." in do(view, f"end-{ben['id']}")
    standing = [one["account"] for one in grants.grants(site, program=site_of.PROGRAM) if one["revoked_at"] is None]
    assert standing == ["ada"]
    assert "End the grant of ben" not in view.story.html


def test_a_grant_that_another_ended_is_not_ended_twice(site, board):
    (ben,) = [one for one in grants.grants(site, program=site_of.PROGRAM) if one["account"] == "ben"]
    view = board("lena", **PROGRAM)
    begun(view, f"end-{ben['id']}")
    ending.end_grant(site, ben["id"], reason="quicker")
    view.pane.reason.value_input, view.pane.count.value_input = "too late", "1"
    asyncio.run(view.pane.carry_out())
    assert "or it has ended" in view.frame.wire.said["text"]


def test_tokens_are_made_void_and_an_account_is_closed(site, board):
    view = board("lena", view="accounts", row="ada")
    assert do(view, "revoke") == "1 token of ada void, by lena."
    assert accounts.tokens(site, "ada")[0]["revoked_at"] is not None
    assert "Make its tokens void: It has no good token." in view.story.html
    assert do(view, "shut") == "Account ada is closed, by lena."
    assert next(one for one in accounts.accounts(site) if one["name"] == "ada")["closed_at"] is not None
    assert "Close the account: It is closed." in view.story.html


def test_a_role_that_was_taken_meanwhile_is_not_acted_with(site, board):
    view = board("lena", **PROGRAM)
    begun(view, "change", days="0")
    with site.db.begin() as c:
        c.execute(sa.text("update people set role = 'viewer' where name = 'lena'"))
    said = confirmed(view, 3)
    assert "needs the role lead; lena is viewer" in said
    assert releases(site) == {365}
