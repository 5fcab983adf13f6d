"""The workflow board in a real browser, before a real server."""

from __future__ import annotations

import re
import signal
from typing import Any

from dmsops.workflow import acts, queries
from dmsops.workflow.choose import Selection
from tests.browser import toy_site
from tests.browser.desk import Desk, address_of, serve
from tests.browser.steps import confirm, expect, fits, in_state, look_for, row
from tests.waiting import until


def failed(ops):
    return in_state(ops, "failed")


def test_nothing_is_shown_without_a_sign_in(desk_of):
    desk = desk_of()
    desk.sign_in("otto", password="guess")
    expect(desk.page.get_by_role("alert")).to_contain_text("Name or password is wrong")
    desk.page.goto(desk.address + "/owl")
    expect(desk.page).to_have_url(re.compile("/login"))
    expect(desk.page.locator(".tabulator-row")).to_have_count(0)


def test_the_board_opens_live_with_what_needs_a_person_first(desk_of, shown):
    desk = desk_of()
    desk.sign_in("vera")
    expect(desk.page.locator(".tabulator-row").first).to_contain_text("failed")
    expect(desk.page.locator("#link")).to_have_text("live")
    expect(desk.page.locator(".band")).to_contain_text("REHEARSAL")
    expect(desk.page.locator("#utc")).to_contain_text(re.compile(r"\d\d:\d\d:\d\dUTC \d{4}-\d{3}"))
    expect(desk.page.locator("#deadline")).to_contain_text(f"V{toy_site.VISIT}")
    expect(desk.page.locator('[data-board="owl"]')).to_have_text(f"▲{len(failed(shown))}")
    expect(desk.page.locator(".key-rescue")).to_have_attribute("aria-disabled", "true")
    expect(desk.page.get_by_text("needs the role operator; vera is viewer")).to_be_visible()
    expect(desk.page.get_by_label(re.compile("04102_00001_nrca1: failed"))).to_be_visible()


def test_filter_keys_drawer_and_address_work_together(desk_of, shown):
    desk, step = desk_of(), failed(shown)[1]
    desk.sign_in("otto")
    expect(desk.page.locator(".tabulator-row")).to_have_count(len(toy_site.specs()))
    look_for(desk, "00001_nrca2", 4)
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name=f"Step {step}: Remove detector effects")).to_be_visible()
    expect(desk.page.locator("#drawer")).to_contain_text("ERROR - reference file")
    expect(desk.page).to_have_url(re.compile(f"text=00001_nrca2&step={step}$"))
    other = desk_of()
    other.sign_in("vera", desk.page.url.removeprefix(desk.address))
    expect(other.page.get_by_role("heading", name=f"Step {step}:")).to_be_visible()
    expect(other.page.locator(".tabulator-row")).to_have_count(4)
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#drawer")).to_be_hidden()
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("heading", name="Keys")).to_be_visible()


def test_changes_arrive_by_themselves_and_the_selection_stays(desk_of, shown):
    desk, step = desk_of(), failed(shown)[0]
    desk.sign_in("otto")
    row(desk, step).locator("input[type=checkbox]").click()
    expect(desk.page.locator(".verbs .key-rescue")).to_have_text("Rescue 1…")
    item = toy_site.claim(shown, 1)[0]
    expect(row(desk, item.step_id)).to_contain_text("running")
    toy_site.finish(shown, item)
    expect(row(desk, item.step_id)).to_contain_text("done")
    expect(row(desk, step)).to_have_class(re.compile("tabulator-selected"))
    expect(desk.page.locator(".verbs .key-rescue")).to_have_text("Rescue 1…")


def test_a_failed_step_is_rescued_with_reason_count_and_receipt(desk_of, shown):
    desk, (step, *others) = desk_of(), failed(shown)
    desk.sign_in("otto")
    row(desk, step).locator("input[type=checkbox]").click()
    expect(desk.page.locator(".verbs .key-rescue")).to_have_text("Rescue 1…")
    desk.page.keyboard.press("r")
    expect(desk.page.get_by_role("heading", name="Rescue: 1 step runs again")).to_be_visible()
    confirm(desk, "reference fetched by hand", 1)
    expect(desk.page.locator("#said")).to_contain_text("1 step will run again. Journal line")
    expect(row(desk, step)).to_contain_text("ready")
    assert queries.step_row(shown, step)["state"] == "ready"
    assert failed(shown) == others
    line = queries.rescues(shown)[0]
    assert (line["actor"], line["reason"]) == ("otto", "reference fetched by hand")
    expect(desk.page.locator("#said")).to_contain_text(str(line["seq"]))


def test_words_from_data_are_shown_as_text_and_never_run(desk_of, shown):
    """An image that fails to load, or a script, would leave a mark on the window."""
    markup = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
    item = next(i for i in toy_site.claim(shown, 3) if i.kind != "toy.deliver")
    toy_site.fail(shown, item, f"cannot read {markup}")
    why = Selection(steps=(item.step_id,))
    ticket = acts.preview(shown, "note", why).hash
    acts.act(shown, "note", why, ticket=ticket, reason=f"seen {markup}")
    desk = desk_of()
    desk.sign_in("otto", f"/owl?step={item.step_id}")
    for place in (row(desk, item.step_id), desk.page.locator(".faults").filter(has_text="cannot read"), desk.page.locator("#drawer pre")):
        expect(place.first).to_contain_text(f"cannot read {markup}")
    expect(desk.page.locator("#drawer li", has_text="seen")).to_contain_text(f"seen {markup}")
    row(desk, item.step_id).locator("input[type=checkbox]").click()
    desk.page.locator(".verbs .key-note").click()
    expect(desk.page.locator("#drawer .chips", has_text="used before")).to_contain_text(f"seen {markup}")
    assert desk.page.evaluate("window.hurt") is None
    assert desk.page.locator("img").count() == 0


def test_a_phone_keeps_number_state_age_and_the_rehearsal_band(desk_of):
    desk = desk_of(390, 844)
    desk.sign_in("otto")
    titles = desk.page.locator(".tabulator-col-title").filter(visible=True).filter(has_text=re.compile(r"\w"))
    expect(titles).to_have_text(["state", "step", "since"])
    fits(desk.page)
    expect(desk.page.locator(".rail")).to_be_hidden()
    desk.page.locator("#menu").click()
    expect(desk.page.locator(".rail")).to_be_visible()
    desk.page.locator("#menu").click()
    desk.page.locator('.tabulator-row [tabulator-field="id"]').first.click()
    expect(desk.page.get_by_role("heading", name=re.compile("^Step "))).to_be_visible()
    expect(desk.page.locator(".band")).to_be_visible()


def test_light_and_dark_are_remembered(desk_of):
    desk = desk_of()
    desk.sign_in("vera")
    expect(desk.page.locator("html")).to_have_attribute("data-theme", "dark")
    desk.page.locator("#theme").click()
    desk.page.reload()
    expect(desk.page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_silent_server_makes_the_page_fade_and_come_back(desk_of, server):
    desk = desk_of()
    desk.sign_in("vera")
    expect(desk.page.locator("#link")).to_have_text("live")
    server.send_signal(signal.SIGSTOP)
    try:
        expect(desk.page.locator("#link")).to_have_text(re.compile("s behind"))
        expect(desk.page.locator("body")).to_have_class("stale")
        expect(desk.page.locator("#link")).to_have_text("not connected: reload")
    finally:
        server.send_signal(signal.SIGCONT)
    expect(desk.page.locator("#link")).to_have_text("live")


def test_a_page_that_was_given_up_before_its_browser_connected_asks_nothing_of_strangers(browser, shown):
    """Its document is made anew for the connection, and not by the request that wrote the page out."""
    sockets: list[Any] = []

    def hold(socket: Any) -> None:
        sockets.append(socket)

    def opened() -> bool:
        desk.page.wait_for_timeout(50)
        return bool(sockets)

    with serve(shown, "--forgetful") as process:
        try:
            desk = Desk(browser.new_page(), address_of(process))
            desk.note()
            desk.page.route_web_socket(re.compile("/owl/ws"), hold)
            desk.sign_in("vera")
            until(opened)
            desk.page.wait_for_timeout(2_000)  # until the page is given up
            sockets[0].connect_to_server()
            expect(desk.page.locator(".tabulator-row")).to_have_count(len(toy_site.specs()))
            expect(desk.page.locator("#link")).to_have_text("live")
            desk.page.close()
            assert not desk.mistakes
            assert not desk.strangers
        finally:  # also when it fails, as the process is waited for
            process.terminate()
