"""The engineering board in a real browser, before a real server, on a full and on an empty site."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboards.app import theme
from dmsops.engineering import queries
from dmsops.flows import engineering as flow
from dmsops.ops import Ops
from dmsops.workflow import queries as workflow
from tests.browser import engineering_site as site_of
from tests.browser.steps import confirm, empty_site, expect, fits, on_a_narrow_screen, said
from tests.browser.steps import listed as row
from tests.engineering_files import named
from tests.waiting import until


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards of this module show."""
    ops = site_of.full(tmp_path_factory.mktemp("engineering") / "site")
    yield ops
    ops.db.dispose()


def picture(page: Any, least: int, most: int) -> Any:
    """Wait until the picture's right edge is where it belongs, as it takes its width after it is there; gives its place."""

    def found() -> Any:
        box = page.locator(".bk-Canvas").first.bounding_box()
        return box is not None and box["x"] >= 0 and least < box["x"] + box["width"] <= most and box

    return until(found)


def test_the_board_opens_with_what_needs_a_person_and_keys_reach_it(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/engineering")
    expect(desk.page.locator("tr.row").first).to_contain_text("ingest failed")
    expect(desk.page.locator('[data-board="engineering"]')).to_have_text("▲7")
    expect(desk.page.get_by_text("1 contested interval of 1 mnemonic to settle")).to_be_visible()
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name=f"Engineering file {site_of.SIMULATED}")).to_be_visible()
    expect(desk.page).to_have_url(re.compile("row=4$"))
    desk.page.get_by_text("what cannot be done now").click()
    expect(desk.page.get_by_text("needs the role lead").first).to_be_visible()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#drawer")).to_be_hidden()
    desk.page.keyboard.press("2")
    expect(desk.page).to_have_url(re.compile("/receipt$"))


def test_a_zoom_asks_for_finer_samples_until_each_is_drawn(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/engineering?view=mnemonics")
    expect(desk.page.locator("tr.row")).to_have_count(200)
    desk.page.keyboard.press("/")
    desk.page.keyboard.type(site_of.ATTITUDE)
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("tr.row")).to_have_count(1)
    row(desk, site_of.ATTITUDE).click()
    desk.page.locator(".key-plot").click()
    expect(desk.page).to_have_url(re.compile(f"view=trend&names={site_of.ATTITUDE}$"))
    desk.page.get_by_role("button", name="last hour").click()
    expect(desk.page.get_by_text("2,380 samples; a point is")).to_be_visible()
    expect(desk.page.get_by_text("hatched /, no samples (1):")).to_be_visible()
    box = picture(desk.page, 1300, 1440)
    desk.page.mouse.move(box["x"] + box["width"] * 0.60, box["y"] + 80)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + box["width"] * 0.70, box["y"] + 90, steps=6)
    desk.page.mouse.up()
    expect(desk.page.get_by_text("samples, each drawn.")).to_be_visible()
    expect(desk.page).to_have_url(re.compile("start=2022-12-04T04"))
    inside = int(desk.page.get_by_text("samples, each drawn.").text_content().split(" ")[0])
    assert 200 < inside < 900
    desk.page.get_by_role("button", name="zoom in").click()
    expect(desk.page.get_by_text(f"{inside} samples")).to_have_count(0)
    expect(desk.page.get_by_text("samples, each drawn.")).to_be_visible()
    again = desk_of()
    again.sign_in("vera", desk.page.url.removeprefix(desk.address))
    words = desk.page.get_by_text("samples, each drawn.").text_content()
    expect(again.page.get_by_text(words)).to_be_visible()


def withheld(page: Any) -> Callable[[], None]:
    """Keep all that the server says from the page; gives how to let it through."""
    held: list[Callable[[], None]] | None = []

    def hear(route: Any) -> None:
        def pass_on(message: str | bytes) -> None:
            if held is None:
                route.send(message)
            else:
                held.append(lambda: route.send(message))

        route.connect_to_server().on_message(pass_on)

    def release() -> None:
        nonlocal held
        waiting, held = held, None
        for one in waiting or []:
            one()

    page.route_web_socket(re.compile("/engineering/ws"), hear)
    return release


def test_what_is_typed_after_a_slash_goes_into_the_filter_also_before_the_board_is_drawn(desk_of):
    desk = desk_of()
    release = withheld(desk.page)
    desk.sign_in("vera", "/engineering?view=mnemonics")
    expect(desk.page.locator("#link")).to_have_text("connecting")
    for key in ("j", "/", "1", "Backspace", *site_of.ATTITUDE, "Enter"):
        desk.page.keyboard.press(key)
    release()
    expect(desk.page.locator("tr.row")).to_have_count(1)
    expect(desk.page.locator(".key-filter input")).to_have_value(site_of.ATTITUDE)
    expect(desk.page.locator(".key-filter input")).to_be_focused()
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("1")
    expect(desk.page).to_have_url(re.compile("/owl$"))


def test_a_slash_on_a_list_without_filter_leaves_the_other_keys_alone(desk_of):
    desk = desk_of()
    desk.sign_in("vera", "/archive?view=audits")
    expect(desk.page.get_by_role("tab", name="Audits")).to_have_attribute("aria-selected", "true")
    desk.page.keyboard.press("/")
    desk.page.keyboard.press("1")
    expect(desk.page).to_have_url(re.compile("/owl$"))


def test_a_refused_file_is_discarded_with_preview_reason_count_and_receipt(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/engineering")
    row(desk, 3).click()
    desk.page.locator(".one .key-discard").click()
    expect(desk.page.get_by_text("nothing of it is held; its bytes are kept")).to_be_visible()
    confirm(desk, "a simulator's file", 1)
    expect(said(desk)).to_contain_text("1 left out for good, by otto.")
    (found,) = [f for f in queries.files(shown) if f["name"] == site_of.REFUSED]
    assert (found["state"], found["decided_by"], found["decided_reason"]) == ("discarded", "otto", "a simulator's file")
    expect(row(desk, 3)).to_contain_text("discarded")


LATE = """() => {
  const set = window.setTimeout;
  const late = (call) => () => (call(), (window.moved = true));
  window.setTimeout = (call, ms, ...rest) => (ms === 100 ? set(late(call), 1500) : set(call, ms, ...rest));
}"""
"""The page moves its cursor later than a quick person types."""


def test_the_cursor_stays_where_somebody_types_already(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/engineering?view=gaps")
    row(desk, site_of.GAP_AT).click()
    desk.page.evaluate(LATE)
    desk.page.locator(".one .key-ask").click()
    reason, count = (desk.page.locator(f".{name} input") for name in ("key-reason", "key-count"))
    reason.fill("the pointing needs it")
    count.click()
    desk.page.wait_for_function("window.moved")
    desk.page.keyboard.type("1")
    expect(count).to_have_value("1")
    expect(reason).to_have_value("the pointing needs it")


def test_a_gap_is_asked_for(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/engineering?view=gaps")
    row(desk, site_of.GAP_AT).click()
    desk.page.locator(".one .key-ask").click()
    confirm(desk, "the pointing needs it", 1)
    expect(said(desk)).to_contain_text("1 asked for, by otto.")
    assert [(g["decision"], g["times"], g["reason"]) for g in queries.gaps(shown)] == [("asked", 1, "the pointing needs it")]
    expect(row(desk, site_of.GAP_AT)).to_contain_text("asked for")


def test_contested_samples_are_compared_and_settled_and_the_product_is_made_again(desk_of, shown):
    desk = desk_of()
    desk.sign_in("otto", "/engineering?view=conflicts")
    (interval,) = queries.suspect_intervals(shown)
    row(desk, interval["id"]).click()
    table = desk.page.locator("table.values")
    expect(table.locator("tr").nth(1)).to_contain_text(re.compile("04:10:00.000000.*-5.*● 600"))
    desk.page.get_by_role("button", name=f"Keep {named(2, 'C')}").click()
    expect(desk.page.get_by_text("3 contested samples, of which 3 get another value")).to_be_visible()
    confirm(desk, "the recorder skipped", 1)
    expect(said(desk)).to_contain_text("1 interval settled")
    assert queries.samples(shown, site_of.ATTITUDE, interval["first_at"], interval["last_at"]).value.tolist() == [-5.0] * 3
    expect(desk.page.get_by_text("No sample is contested")).to_be_visible()
    (product,) = flow.affected(shown)
    desk.page.goto(f"{desk.address}/engineering?view=products&row={product.step}")
    desk.page.locator(".one .key-remake").click()
    expect(desk.page.get_by_role("heading", name="Rescue: 1 step runs again")).to_be_visible()
    confirm(desk, "its pointing has changed", 1)
    expect(said(desk)).to_contain_text("1 step will run again. Journal line")
    assert workflow.step_row(shown, product.step)["state"] == "ready"


def test_the_picture_follows_the_page_into_the_light(desk_of):
    desk = desk_of()
    desk.sign_in("vera", f"/engineering?view=trend&names={site_of.WHEEL}&span=hour")
    expect(desk.page.get_by_text("from the lowest to the highest.")).to_be_visible()
    ink = f"""() => [...Bokeh.documents[0]._all_models.values()].find((m) => m.text === "{site_of.WHEEL}")?.text_color === "%s" """
    desk.page.wait_for_function(ink % theme.DARK["ink"])
    desk.page.locator("#theme").click()
    desk.page.wait_for_function(ink % theme.LIGHT["ink"])


def test_on_a_narrow_screen_state_name_and_age_stay_and_the_picture_fits(desk_of):
    desk = on_a_narrow_screen(desk_of, "/engineering")
    expect(desk.page.locator("th:visible")).to_have_text(["state", "file", "taken"])
    desk.page.goto(f"{desk.address}/engineering?view=trend&names={site_of.TEMPERATURE}&span=hour")
    expect(desk.page.get_by_text("150 samples, each drawn.")).to_be_visible()
    picture(desk.page, 0, 390)
    fits(desk.page)


def test_an_empty_site_says_what_to_do(browser, tmp_path):
    with empty_site(browser, tmp_path / "site", "/engineering") as page:
        expect(page.get_by_text("No engineering file has been taken yet")).to_be_visible()
        expect(page.get_by_text("Nothing of engineering needs a person now.")).to_be_visible()
        page.get_by_role("tab", name="Trend").click()
        expect(page.get_by_text("Choose what to plot")).to_be_visible()
