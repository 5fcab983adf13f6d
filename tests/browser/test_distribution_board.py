"""The distribution board in a real browser, before a real server, on a full and on an empty site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dmsops.archive import queries
from dmsops.distribution import grants, notice_queries, partners, staging
from dmsops.flows import exclusive
from dmsops.ops import Ops
from dmsops.wfsc import queries as handed
from tests.browser import distribution_site as site_of
from tests.browser.steps import confirm, empty_site, expect, fits, journalled, on_a_narrow_screen, said, tab
from tests.browser.steps import listed as row
from tests.distributing import ADA, REASON

MANY = 100_000
"""Accesses that the board must be quick with."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards of this module show."""
    ops = site_of.full(tmp_path_factory.mktemp("distribution") / "site")
    site_of.many(ops, MANY)
    yield ops
    ops.db.dispose()


def test_the_board_opens_with_what_needs_a_person_and_a_reader_reads_why_no_verb_is_theirs(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/distribution")
    expect(desk.page.get_by_text("2 hand-overs to the wavefront team: 1 not answered, 1 refused")).to_be_visible()
    expect(desk.page.get_by_text("1 subscription not getting through")).to_be_visible()
    expect(desk.page.locator('[data-board="distribution"]')).to_have_text("▲7")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("#drawer").get_by_role("heading", name=re.compile("^Hand-over "))).to_be_visible()
    expect(desk.page.locator("#drawer").get_by_text(REASON)).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#drawer")).to_be_hidden()
    desk.page.get_by_role("button", name=re.compile("2 things refused by partners")).click()
    expect(desk.page.locator("tr.row")).to_have_count(2)
    expect(desk.page).to_have_url(re.compile("view=refusals$"))
    tab(desk, "Programs")
    row(desk, site_of.PROGRAM).click()
    desk.page.get_by_text("what cannot be done now").click()
    for title, verb in (("Change its exclusive access", "access change"), ("Let somebody in", "accounts grant")):
        expect(desk.page.get_by_text(f"{title}: '{verb}' needs the role lead; vera is viewer")).to_be_visible()
    expect(desk.page.locator(".one button")).to_have_count(0)


def test_a_hundred_thousand_accesses_are_turned_and_chosen_in_the_library(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/distribution?view=accesses")
    expect(desk.page.locator("tr.row")).to_have_count(100)
    expect(desk.page.get_by_text("100 of over 100,000 accesses, newest first")).to_be_visible()
    desk.page.get_by_role("button", name="older rows").click()
    expect(desk.page).to_have_url(re.compile(r"view=accesses&before=\d+$"))
    desk.page.get_by_role("group", name="verdict").get_by_role("button", name="refused", exact=True).click()
    expect(desk.page.get_by_text("100 of 10,006 accesses")).to_be_visible()
    desk.page.locator(".key-who input").fill("carl")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("tr.row")).to_have_count(3)
    desk.page.locator("tr.row").first.click()
    desk.page.get_by_role("button", name="Everybody who asked for it").click()
    expect(desk.page.locator("tr.row")).to_have_count(3)
    expect(desk.page.get_by_role("cell", name="anonymous")).to_be_visible()


def test_a_hand_over_that_was_refused_is_made_again(desk_of, shown):
    desk, number = desk_of(), site_of.handover(shown, "refused")
    desk.sign_in("otto", "/distribution")
    row(desk, number).click()
    desk.page.locator(".one .key-resend").click()
    expect(desk.page.get_by_text("It does not count as delivered before WSS answers anew.")).to_be_visible()
    confirm(desk, "their disk was full", 1)
    expect(said(desk)).to_contain_text(f"{number} handed over again by otto: acknowledged")
    (there,) = [one for one in handed.deliveries(shown) if one["id"] == number]
    assert (there["state"], there["answered_by"]) == ("acknowledged", "simulated WSS")
    assert journalled(shown, "handover.resent", number) == [("otto", "their disk was full")]
    expect(row(desk, number)).to_contain_text("acknowledged")


def test_a_failing_subscription_is_paused(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/distribution")
    tab(desk, "Subscriptions")
    expect(row(desk, 1)).to_contain_text("nobody listens there")
    row(desk, 1).click()
    expect(desk.page.get_by_role("heading", name="Last notices, newest first")).to_be_visible()
    desk.page.locator(".one .key-pause").click()
    expect(desk.page.get_by_text("Notices that wait: 5.")).to_be_visible()
    confirm(desk, "its owner moves the receiver", 1)
    expect(said(desk)).to_contain_text("Subscription 1 of ada is paused, by otto.")
    assert notice_queries.show(shown, 1)["state"] == "paused"
    assert journalled(shown, "subscription.paused", "subscription 1") == [("otto", "its owner moves the receiver")]
    expect(desk.page.get_by_text("not getting through")).to_have_count(0)


def test_a_refusal_of_a_partner_is_closed(desk_of, shown):
    desk, one = desk_of(), partners.refusals(shown)[0]["id"]
    desk.sign_in("otto", "/distribution?view=refusals")
    row(desk, one).click()
    desk.page.locator(".one .key-close").click()
    expect(desk.page.get_by_text("If the partner tells it again, it is open again.")).to_be_visible()
    confirm(desk, "they have taken it by hand", 1)
    expect(said(desk)).to_contain_text("1 refusal of esac closed, by otto.")
    (closed,) = partners.refusals(shown, states=("closed",))
    assert (closed["id"], closed["closed_by"], closed["closed_reason"]) == (one, "otto", "they have taken it by hand")
    expect(row(desk, one)).to_have_count(0)


def test_somebody_s_staged_request_is_ended_and_its_owner_reads_why(desk_of, shown):
    desk, why = desk_of(), "the disk is needed"
    number = staging.requests(shown, state="ready")[0]["id"]
    desk.sign_in("lena", "/distribution")
    tab(desk, "Staged")
    expect(row(desk, number)).to_contain_text("ready")
    row(desk, number).click()
    desk.page.locator(".one .key-end").click()
    expect(desk.page.get_by_text("Its owner reads: the archive's staff ended it: (your reason)")).to_be_visible()
    confirm(desk, why, 1)
    expect(said(desk)).to_contain_text("The staged request of ada has ended, by lena.")
    mine = staging.find(shown, ADA, number)
    assert (mine.state, mine.why) == ("ended", f"the archive's staff ended it: {why}")
    assert journalled(shown, "staging.ended", f"staged request {number}") == [("lena", why)]
    expect(row(desk, number)).to_contain_text("ended")
    desk.page.get_by_text("what cannot be done now").click()
    expect(desk.page.get_by_text("End this request: It has ended.")).to_be_visible()


def test_exclusive_access_is_changed_with_its_preview_and_somebody_let_in(desk_of, shown):
    desk = desk_of()
    desk.sign_in("lena", "/distribution")
    tab(desk, "Programs")
    row(desk, site_of.PROGRAM).click()
    desk.page.locator(".one .key-change").click()
    expect(desk.page.get_by_text("No observation's release changes.")).to_be_visible()
    expect(desk.page.locator(".key-confirm button")).to_be_disabled()
    desk.page.locator(".key-days input").fill("30")
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_text("stays exclusive: 3 observations")).to_be_visible()
    confirm(desk, "its panel said so", 3)
    expect(said(desk)).to_contain_text(f"Exclusive access of program {site_of.PROGRAM}: 30 days, by lena. 3 observations described again.")
    assert exclusive.preview(shown, site_of.PROGRAM, 30).items == ()
    assert exclusive.preview(shown, site_of.PROGRAM, 30).days_now == 30
    assert journalled(shown, "proposal.changed", site_of.PROGRAM)[-1] == ("lena", "its panel said so")
    assert {queries.story(shown, name)["observation"]["version"] for name in site_of.EXCLUSIVE} == {2}
    expect(row(desk, site_of.PROGRAM)).to_contain_text("30 days")
    _let_in_and_out(desk, shown)


def _let_in_and_out(desk: Any, shown: Ops) -> None:
    """Let one person into the program whose story is open, and end the grant of another."""
    (ben,) = [one["id"] for one in grants.grants(shown, program=site_of.PROGRAM, name="ben")]
    desk.page.locator(".one .key-let-in").click()
    desk.page.locator(".key-account input").fill("carl")
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_text("carl may have the files of program 01783 before they are public")).to_be_visible()
    confirm(desk, "the PI asks for it", 1)
    expect(said(desk)).to_contain_text("carl may have the files of program 01783, by lena.")
    desk.page.locator(f".one .key-end-{ben}").click()
    expect(desk.page.get_by_text("gets no file of program 01783 any more before it is public")).to_be_visible()
    confirm(desk, "left the team", 1)
    expect(said(desk)).to_contain_text("The grant of ben to program 01783 has ended, by lena.")
    held = grants.grants(shown, program=site_of.PROGRAM)
    assert {one["account"] for one in held if one["revoked_at"] is None} == {"ada", "carl"}


def test_on_a_narrow_screen_state_name_and_age_stay(desk_of):
    desk = on_a_narrow_screen(desk_of, "/distribution?view=accesses")
    for title, columns in (
        ("Accesses", ["verdict", "file", "when"]), ("Subscriptions", ["state", "subscription", "since"]),
        ("Programs", ["state", "program", "next release"]), ("Hand-overs", ["state", "hand-over", "sent"]),
    ):  # fmt: skip
        tab(desk, title)
        expect(desk.page.locator("th:visible")).to_have_text(columns)
        fits(desk.page)


def test_an_empty_site_says_what_to_do(browser, tmp_path):
    with empty_site(browser, tmp_path / "site", "/distribution") as page:
        expect(page.get_by_text("Nothing of distribution needs a person now.")).to_be_visible()
        expect(page.get_by_text("Nothing was handed over to the wavefront team yet.")).to_be_visible()
        page.get_by_role("tab", name="Accesses").click()
        expect(page.get_by_text("No file was asked for yet.")).to_be_visible()
