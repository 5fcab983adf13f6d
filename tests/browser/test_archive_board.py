"""The archive board in a real browser, before a real server, on a full and on an empty site."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dmsops.archive import duplicates, finding_queries, queries
from dmsops.ops import Ops
from tests.browser import archive_site as site_of
from tests.browser.steps import confirm, empty_site, expect, on_a_narrow_screen, said
from tests.browser.steps import listed as row


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards of this module show."""
    ops = site_of.full(tmp_path_factory.mktemp("archive") / "site")
    site_of.many(ops, 1000)
    yield ops
    ops.db.dispose()


def number(ops: Ops, check: str) -> int:
    (found,) = finding_queries.findings(ops, checks=(check,), text="made-up", prefix="jw02726")
    return int(found["id"])


def test_the_board_opens_with_what_needs_a_person_and_keys_reach_it(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/archive")
    expect(desk.page.get_by_text("2 observations not ingested")).to_be_visible()
    expect(desk.page.get_by_text("1 stored object damaged or missing")).to_be_visible()
    expect(desk.page.locator('[data-board="archive"]')).to_have_text("▲6")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name=f"Not ingested: {site_of.REFUSED}")).to_be_visible()
    desk.page.get_by_text("what cannot be done now").click()
    expect(desk.page.get_by_text("needs the role operator").first).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#drawer")).to_be_hidden()
    desk.page.get_by_role("button", name=re.compile("1 open: C30")).click()
    expect(desk.page.locator("tr.row")).to_have_count(1)
    expect(desk.page).to_have_url(re.compile("view=findings&check=C30$"))


def test_a_long_list_is_turned_and_filtered_in_the_library(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/archive?view=findings")
    expect(desk.page.locator("tr.row")).to_have_count(100)
    desk.page.get_by_role("button", name="more rows").click()
    expect(desk.page.get_by_text("101 to 200 of 1,004")).to_be_visible()
    desk.page.keyboard.press("/")
    desk.page.keyboard.type("03104_00777")
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("tr.row")).to_have_count(1)


def test_a_finding_is_repaired_with_preview_reason_count_and_receipt(desk_of, shown):
    desk, one = desk_of(), number(shown, "C33")
    desk.sign_in("otto", "/archive?view=findings")
    row(desk, one).click()
    desk.page.locator(".one .key-repair").click()
    expect(desk.page.get_by_text("its rows are written again from its document")).to_be_visible()
    confirm(desk, "the rows were lost", 1)
    expect(said(desk)).to_contain_text("1 repair done, 1 finding fixed, by otto.")
    story = finding_queries.story(shown, one)
    assert story["state"] == "fixed"
    expect(row(desk, one)).to_have_count(0)


def test_of_two_of_one_name_the_archived_one_is_kept(desk_of, shown):
    desk = desk_of()
    (waiting,) = duplicates.listed(shown)
    desk.sign_in("otto", "/archive")
    row(desk, waiting["id"]).click()
    desk.page.locator(".one .key-keep-old").click()
    expect(desk.page.get_by_text("Side by side")).to_be_visible()
    confirm(desk, "the pool was made too early", 1)
    expect(said(desk)).to_contain_text("the old one is kept, decided by otto.")
    assert not duplicates.listed(shown)


def test_an_observation_is_withdrawn_by_a_lead(desk_of, shown):
    desk = desk_of()
    desk.sign_in("lena", f"/archive?view=observations&row={site_of.SOUND}")
    expect(desk.page.get_by_role("heading", name="Versions of its products")).to_be_visible()
    desk.page.locator(".one .key-withdraw").click()
    expect(desk.page.get_by_text("their bytes are kept")).to_be_visible()
    confirm(desk, "taken with a wrong setting", 1)
    expect(said(desk)).to_contain_text("is withdrawn, by lena.")
    assert queries.story(shown, site_of.SOUND)["observation"]["state"] == "withdrawn"
    expect(row(desk, site_of.SOUND)).to_contain_text("withdrawn")


def test_an_audit_is_begun_and_ends_on_every_board(desk_of, shown):
    desk, other = desk_of(), desk_of()
    other.sign_in("vera", "/archive")
    desk.sign_in("otto", "/archive?view=audits")
    desk.page.locator(".key-scope input").fill(site_of.HURT)
    desk.page.keyboard.press("Enter")
    desk.page.get_by_role("button", name=f"Audit of {site_of.HURT}…").first.click()
    expect(desk.page.get_by_text("It goes on when this page is closed.")).to_be_visible()
    desk.page.locator(".key-confirm button").click()
    expect(other.page.get_by_text(re.compile("1 looked at, .* closed"))).to_be_visible()
    assert finding_queries.last_audit(shown)["actor"] == "otto"


def test_on_a_narrow_screen_state_name_and_age_stay(desk_of):
    desk = on_a_narrow_screen(desk_of, "/archive?view=findings&check=C30")
    assert desk.page.locator("th:visible").all_text_contents() == ["state", "thing", "last seen"]


def test_an_empty_site_says_what_to_do(browser, tmp_path):
    with empty_site(browser, tmp_path / "site", "/archive") as page:
        expect(page.get_by_text("Nothing of the archive needs a person now.")).to_be_visible()
        expect(page.get_by_text("No ingest is refused")).to_be_visible()
        page.get_by_role("tab", name="Audits").click()
        expect(page.get_by_text("No audit was made yet")).to_be_visible()
