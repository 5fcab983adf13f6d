"""The workflow board with a hundred thousand steps, in a real browser, before a real server."""

from __future__ import annotations

import re

import pytest

from dmsops.testing import bigsite
from dmsops.workflow import acts, queries
from tests.browser.steps import confirm, expect, in_state, look_for, row

MEMORY = bigsite.FAILURES[1][1]


@pytest.fixture(scope="module")
def shown(big):
    """Let the boards show the big site."""
    return big


def test_it_opens_filters_sorts_and_tells_a_steps_story(desk_of, shown):
    desk = desk_of()
    desk.sign_in("vera")
    expect(desk.page.locator(".tabulator-row")).to_have_count(25)
    expect(desk.page.locator(".tabulator-row").first).to_contain_text("failed")
    total = sum(queries.counts(shown).values())
    assert total > 99_000
    expect(desk.page.get_by_text(f"of {total:,} steps, those that need a person first")).to_be_visible()
    desk.page.locator('[tabulator-field="dataset"] .tabulator-col-title').click()
    expect(desk.page.locator(".tabulator-row").first).to_contain_text("V00001001001")
    desk.page.locator('[tabulator-field="dataset"] .tabulator-col-title').click()
    last = queries.steps(shown, sort="-dataset", limit=1)[0]
    expect(desk.page.locator(".tabulator-row").first).to_contain_text(last["dataset"])
    expect(desk.page).to_have_url(re.compile("sort=-dataset"))
    look_for(desk, "jw00001002001_03104_00001", 4)
    step = in_state(shown, "failed", text="jw00001002001_03104_00001")[0]
    row(desk, step).locator('[tabulator-field="id"]').click()
    expect(desk.page.get_by_role("heading", name=f"Step {step}: Ramps to slopes")).to_be_visible()
    expect(desk.page.locator("#drawer")).to_contain_text(queries.step_row(shown, step)["remedy"])


def test_a_whole_kind_of_failure_is_rescued_through_preview_reason_count_and_receipt(desk_of, shown):
    desk, group = desk_of(), in_state(shown, "failed", fingerprint=MEMORY)
    others = len(in_state(shown, "failed")) - len(group)
    desk.sign_in("otto")
    desk.page.locator(f'[data-pick="group rescue {MEMORY}"]').click()
    expect(desk.page.get_by_role("heading", name=f"Rescue: {len(group)} steps run again")).to_be_visible()
    desk.page.locator(".key-more_memory input").check()
    expect(desk.page.locator("#drawer")).to_contain_text("memory limit")
    confirm(desk, "more memory for the long ramps", len(group))
    expect(desk.page.locator("#said")).to_contain_text(f"{len(group)} steps will run again. Journal line")
    line = queries.rescues(shown)[0]
    assert (line["actor"], line["reason"]) == ("otto", "more memory for the long ramps")
    expect(desk.page.locator("#said")).to_contain_text(str(line["seq"]))
    assert {queries.step_row(shown, i)["state"] for i in group} == {"ready"}
    assert queries.step_row(shown, group[0])["memory_mb"] > 0
    assert len(in_state(shown, "failed")) == others
    expect(desk.page.locator('[data-pick="state failed"]')).to_contain_text(f"{others:,}")


def test_a_stop_asked_for_by_one_person_is_agreed_to_by_another(desk_of, shown):
    desk, step = desk_of(), in_state(shown, "running")[0]
    desk.sign_in("otto", f"/owl?state=running&step={step}")
    desk.page.locator(f'[data-pick="one stop {step}"]').click()
    expect(desk.page.get_by_text("A second person has to agree before it is done.")).to_be_visible()
    confirm(desk, "it reads a bad dark", 1)
    expect(desk.page.locator("#said")).to_contain_text("waits for a second person")
    assert queries.step_row(shown, step)["state"] == "running"
    (asked,) = acts.asked(shown)
    expect(desk.page.get_by_text("you asked for it: somebody else must agree")).to_be_visible()
    expect(desk.page.locator(f'[data-pick="agree {asked["id"]}"]')).to_have_count(0)
    other = desk_of()
    other.sign_in("lena")
    other.page.locator(f'[data-pick="agree {asked["id"]}"]').click()
    expect(other.page.get_by_role("heading", name="Stop: 1 step stopped and held")).to_be_visible()
    confirm(other, "I see the same in its log", 1)
    expect(other.page.locator("#said")).to_contain_text("1 step stopped and held. Journal line")
    assert queries.step_row(shown, step)["state"] == "held"
    done = acts.recent(shown, verbs=("stop",))[0]
    assert (done["actor"], done["second"], done["state"]) == ("otto", "lena", "applied")
    expect(desk.page.get_by_role("heading", name="Waits for a second person")).to_have_count(0)


def test_what_was_asked_for_can_be_taken_back(desk_of, shown):
    desk, step = desk_of(), in_state(shown, "held")[-1]
    desk.sign_in("otto", f"/owl?state=held&step={step}")
    desk.page.locator(f'[data-pick="one drop {step}"]').click()
    confirm(desk, "not needed any more", 1)
    expect(desk.page.locator("#said")).to_contain_text("waits for a second person")
    (asked,) = acts.asked(shown)
    desk.page.locator(f'[data-pick="withdraw {asked["id"]}"]').click()
    confirm(desk, "it is needed after all")
    expect(desk.page.locator("#said")).to_contain_text(f"Act {asked['id']} is taken back, by otto.")
    assert not acts.asked(shown)
    assert queries.step_row(shown, step)["state"] == "held"


def test_a_step_is_held_with_the_keyboard_alone(desk_of, shown):
    desk, step = desk_of(), in_state(shown, "ready", kinds=("processing.image2",))[0]
    desk.sign_in("otto", "/owl?state=ready")
    look_for(desk, queries.step_row(shown, step)["dataset"], 1)
    keys = desk.page.keyboard
    keys.press("j")
    keys.press("x")
    expect(desk.page.get_by_text("1 selected")).to_be_visible()
    keys.press("h")
    expect(desk.page.get_by_role("heading", name="Hold: 1 step held")).to_be_visible()
    expect(desk.page.locator(".key-reason input")).to_be_focused()
    keys.type("the new darks come at noon")
    keys.press("Tab")
    keys.type("1")
    expect(desk.page.locator(".key-confirm button")).to_be_enabled()
    keys.press("Tab")
    keys.press("Enter")
    expect(desk.page.locator("#said")).to_contain_text("1 step held. Journal line")
    held = queries.step_row(shown, step)
    assert (held["state"], held["held_reason"]) == ("held", "the new darks come at noon")
