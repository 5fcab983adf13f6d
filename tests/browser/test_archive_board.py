"""The archive board in a real browser, before a real server, on a full and on an empty site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import duplicates, finding_acts, finding_queries, pages, queries
from dmsops.archive.tables import archive_outbox
from dmsops.core import people
from dmsops.core.db import reading
from dmsops.core.errors import StoreDamaged
from dmsops.ops import Ops
from tests.browser import archive_site as site_of
from tests.browser.steps import confirm, empty_site, expect, journalled, on_a_narrow_screen, said, tab
from tests.browser.steps import listed as row


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards of this module show."""
    ops = site_of.full(tmp_path_factory.mktemp("archive") / "site")
    site_of.many(ops, 1000)
    site_of.mendable(ops)
    yield ops
    ops.db.dispose()


def number(ops: Ops, check: str, identity: str = "jw02726") -> int:
    (found,) = finding_queries.findings(ops, checks=(check,), prefix=identity)
    return int(found["id"])


def choose(desk: Any, one: int, check: str) -> None:
    """Go to the findings of a check and open one of them, by clicks."""
    tab(desk, "Findings")
    desk.page.get_by_role("group", name="check").get_by_role("button", name=re.compile(f"^{check} ")).click()
    row(desk, one).click()


def test_the_board_opens_with_what_needs_a_person_and_keys_reach_it(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/archive")
    expect(desk.page.get_by_text("2 observations not ingested")).to_be_visible()
    expect(desk.page.get_by_text("2 stored objects damaged or missing")).to_be_visible()
    expect(desk.page.locator('[data-board="archive"]')).to_have_text("▲10")
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
    expect(desk.page.get_by_text("101 to 200 of 1,007")).to_be_visible()
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


def test_damaged_bytes_are_brought_back_and_the_object_leaves_the_list(desk_of, shown):
    desk, one = desk_of(), number(shown, "C14", site_of.SPOILT)
    (bad,) = pages.damaged(shown, text=site_of.SPOILT)
    with pytest.raises(StoreDamaged):
        shown.store.verify(bad["sha256"])
    desk.sign_in("otto", "/archive")
    tab(desk, "Stored objects")
    row(desk, bad["sha256"]).click()
    desk.page.get_by_role("button", name="Its findings: repair them there").click()
    row(desk, one).click()
    desk.page.locator(".one .key-repair").click()
    expect(desk.page.get_by_text(f"from inbox/{site_of.SPOILT}_cal.fits")).to_be_visible()
    confirm(desk, "the disk of rack 4 was changed", 1)
    expect(said(desk)).to_contain_text("1 repair done, 1 finding fixed, by otto.")
    shown.store.verify(bad["sha256"])
    assert finding_queries.story(shown, one)["state"] == "fixed"
    assert journalled(shown, "observation.bytes-restored", site_of.SPOILT) == [("otto", "the disk of rack 4 was changed")]
    tab(desk, "Stored objects")
    expect(row(desk, bad["sha256"])).to_have_count(0)


def test_bytes_of_which_there_is_no_copy_are_not_repaired_and_the_board_says_where_to_go(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/archive?view=objects")
    (bad,) = pages.damaged(shown, text=site_of.HURT)
    row(desk, bad["sha256"]).click()
    desk.page.locator(".one .key-repair").click()
    expect(desk.page.get_by_text("there is no other copy on the site")).to_contain_text("make the product again (P08")
    expect(desk.page.get_by_text("Nothing would change.")).to_be_visible()
    expect(desk.page.locator(".key-confirm button")).to_be_disabled()


def test_an_observation_is_described_again_and_those_who_harvest_are_told(desk_of, shown):
    desk, one = desk_of(), number(shown, "C52", site_of.LATE)
    before = queries.story(shown, site_of.LATE)
    desk.sign_in("otto", "/archive")
    choose(desk, one, "C52")
    desk.page.locator(".one .key-repair").click()
    expect(desk.page.get_by_text("becomes ivo://dmsops/gms?JWST-REHEARSAL-01235").first).to_be_visible()
    confirm(desk, "its panel gave it a year", 1)
    expect(said(desk)).to_contain_text("1 repair done, 1 finding fixed, by otto.")
    after = queries.story(shown, site_of.LATE)
    assert (before["observation"]["version"], after["observation"]["version"]) == (1, 2)
    later = [b["data_release"] - a["data_release"] for a, b in zip(before["planes"], after["planes"], strict=True)]
    assert {delta.days for delta in later} == {365}
    with reading(shown.db) as c:
        told = c.execute(sa.select(archive_outbox.c.event, archive_outbox.c.version).where(archive_outbox.c.observation_id == site_of.LATE))
        assert [tuple(line) for line in told] == [("observation.ingested", 1), ("observation.superseded", 2)]
    assert finding_queries.story(shown, one)["state"] == "fixed"


def test_a_stale_product_is_retired_by_a_lead_and_an_operator_reads_why_not(desk_of, shown):
    desk, lead, one = desk_of(), desk_of(), number(shown, "C41", site_of.STALE)
    desk.sign_in("otto", f"/archive?view=findings&check=C41&row={one}")
    desk.page.get_by_text("what cannot be done now").click()
    expect(desk.page.get_by_text("Repair it: 'doctor repair' needs the role lead; otto is operator")).to_be_visible()
    expect(desk.page.locator(".one .key-repair")).to_have_count(0)
    lead.sign_in("lena", "/archive")
    choose(lead, one, "C41")
    lead.page.locator(".one .key-repair").click()
    expect(lead.page.get_by_text(f"taken out of the current set: {site_of.STALE}_rateints.fits")).to_be_visible()
    confirm(lead, "detector1 does not make it any more", 1)
    expect(said(lead)).to_contain_text("1 repair done, 1 finding fixed, by lena.")
    held = {p["suffix"]: p["current"] for p in queries.story(shown, site_of.STALE)["products"]}
    assert held == {"cal": True, "rateints": False, "uncal": True}
    (gone,) = [p for p in queries.products(shown, observation_id=site_of.STALE, superseded=True) if not p["current"]]
    shown.store.verify(gone["sha256"])
    assert finding_queries.story(shown, one)["state"] == "fixed"


def test_a_finding_is_acknowledged_and_many_are_waived_by_the_filter(desk_of, shown):
    desk, one = desk_of(), number(shown, "C30")
    desk.sign_in("otto", "/archive")
    choose(desk, one, "C30")
    desk.page.locator(".one .key-acknowledge").click()
    expect(desk.page.get_by_text("a person works on it; it stays on the list")).to_be_visible()
    confirm(desk, "the footprint is looked at", 1)
    expect(said(desk)).to_contain_text("1 finding acknowledged, by otto.")
    expect(row(desk, one)).to_contain_text("acknowledged")
    assert _last(shown, one) == ("acknowledged", "otto", "the footprint is looked at")
    desk.page.goto(f"{desk.address}/archive?view=findings&check=C44&text=jw09999000001_03104_0001")
    desk.page.get_by_text("For all 10 that the filter finds").click()
    desk.page.locator(".key-all-waive").click()
    expect(desk.page.get_by_text("it is accepted as it is, and opens again when something else is seen there")).to_be_visible()
    confirm(desk, "the clock of that rehearsal ran ahead", 10)
    expect(said(desk)).to_contain_text("10 findings waived, by otto.")
    expect(desk.page.locator("tr.row")).to_have_count(0)
    waived = finding_queries.findings(shown, states=("waived",))
    assert [_last(shown, f["id"]) for f in waived] == [("waived", "otto", "the clock of that rehearsal ran ahead")] * 10
    desk.page.get_by_role("group", name="state").get_by_role("button", name="waived").click()
    expect(desk.page.locator("tr.row")).to_have_count(10)


def _last(ops: Ops, one: int) -> tuple[str, str, str]:
    event = finding_queries.story(ops, one)["events"][-1]
    return event["state"], event["actor"], event["reason"]


def test_a_reader_is_offered_no_verb_and_reads_the_reason_of_each(desk_of, shown):
    desk, one = desk_of(), number(shown, "C14", site_of.HURT)
    desk.sign_in("vera", "/archive")
    choose(desk, one, "C14")
    expect(desk.page.get_by_role("heading", name=re.compile("^C14: "))).to_be_visible()
    drawer = desk.page.locator("#drawer")
    drawer.get_by_text("what cannot be done now").click()
    for title, verb in (("Repair it", "repair"), ("I work on it", "acknowledge"), ("Accept it as it is", "waive")):
        expect(drawer.get_by_text(f"{title}: 'doctor {verb}' needs the role operator; vera is viewer")).to_be_visible()
    expect(desk.page.locator(".one button")).to_have_count(0)
    ops = shown.as_person(people.find(shown.db, "otto"))
    finding_acts.decide(ops, "acknowledge", [one], ticket=finding_acts.preview(ops, "acknowledge", [one]).hash, reason="it is looked at")
    expect(drawer.get_by_text("it is looked at")).to_be_visible()
    expect(drawer.get_by_text("Repair it: 'doctor repair' needs the role operator")).to_be_visible()


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
    expect(desk.page.locator("th:visible")).to_have_text(["state", "thing", "last seen"])


def test_an_empty_site_says_what_to_do(browser, tmp_path):
    with empty_site(browser, tmp_path / "site", "/archive") as page:
        expect(page.get_by_text("Nothing of the archive needs a person now.")).to_be_visible()
        expect(page.get_by_text("No ingest is refused")).to_be_visible()
        page.get_by_role("tab", name="Audits").click()
        expect(page.get_by_text("No audit was made yet")).to_be_visible()
