"""The receipt board in a real browser, before a real server, on a full and on an empty site."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dmsops.ops import Ops
from dmsops.receipt import gaps, queries, reconcile
from tests.browser import receipt_site
from tests.browser.steps import confirm, empty_site, expect, on_a_narrow_screen
from tests.browser.steps import listed as row


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards of this module show."""
    ops = receipt_site.full(tmp_path_factory.mktemp("receipt") / "site")
    yield ops
    ops.db.dispose()


def test_the_board_opens_with_what_needs_a_person_and_keys_reach_it(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/receipt")
    expect(desk.page.locator("tr.row").first).to_contain_text("no status file")
    expect(desk.page.locator('[data-board="receipt"]')).to_have_text("▲7")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name=f"Visit V{receipt_site.HOLED}")).to_be_visible()
    expect(desk.page).to_have_url(re.compile(f"row={receipt_site.HOLED}$"))
    expect(desk.page.get_by_label(re.compile("NRCA4: Reported as completed, and its packets are not all here"))).to_be_visible()
    desk.page.keyboard.press("1")
    expect(desk.page).to_have_url(re.compile("/owl$"))


def test_a_gap_is_decided_with_preview_reason_and_receipt(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/receipt?view=gaps")
    row(desk, f"{receipt_site.GAP} NRCA4").click()
    desk.page.locator(".key-use").click()
    expect(desk.page.get_by_text("level 1b of")).to_be_visible()
    confirm(desk, "the wavefront team waits for it")
    expect(desk.page.locator("#said")).to_contain_text("decided by otto")
    (found,) = [g for g in gaps.gap_report(shown, receipt_site.HOLED) if g["state"] == gaps.USED]
    assert (found["exposure"], found["reason"]) == (receipt_site.GAP, "the wavefront team waits for it")
    expect(row(desk, f"{receipt_site.GAP} NRCA4")).to_contain_text("used with gaps")


def test_a_delivery_in_the_inbox_is_accepted_and_its_visit_reconciled(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/receipt?view=deliveries")
    row(desk, "D0006").click()
    desk.page.locator(".key-accept").click()
    expect(desk.page.get_by_text("6 files")).to_be_visible()
    confirm(desk, "routine")
    expect(desk.page.locator("#said")).to_contain_text("released, by otto")
    assert queries.receipt_of(shown, "D0006").state == "complete"
    desk.page.goto(f"{desk.address}/receipt?row={receipt_site.NEXT}")
    desk.page.locator(".key-reconcile").click()
    expect(desk.page.get_by_text("PPS: visit status")).to_be_visible()
    confirm(desk, "all as planned")
    expect(desk.page.locator("#said")).to_contain_text("is reconciled as complete")
    assert next(v for v in reconcile.visits(shown) if v["visit"] == receipt_site.NEXT)["reconciled_by"] == "otto"


def test_on_a_narrow_screen_state_key_and_age_stay(desk_of):
    desk = on_a_narrow_screen(desk_of, "/receipt?view=requests")
    expect(desk.page.locator("th:visible")).to_have_text(["state", "file", "due"])


def test_an_empty_site_says_what_to_do(browser, tmp_path):
    with empty_site(browser, tmp_path / "site", "/receipt?view=deliveries") as page:
        expect(page.get_by_text("No delivery has come yet")).to_be_visible()
