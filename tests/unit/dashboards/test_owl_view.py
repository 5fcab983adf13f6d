"""The workflow board without a browser: what it draws, and what an act does in the library."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dashboards.app import actions
from dashboards.app.hub import Filter
from dmsops.core.errors import BadInput, NotAllowed, StalePlan
from dmsops.core.people import Role, find, put_person
from dmsops.workflow import queries, rescue
from tests.browser import toy_site


def draw(view):
    view.draw(view.hub.poll())


def failed(ops):
    return [r["id"] for r in queries.steps(ops, states=("failed",))]


def offer(view, verb):
    return next(o for o in view.offers if o.verb == verb)


def test_an_empty_site_says_what_to_do(people, open_board):
    view = open_board(people)
    assert "No step has been planned" in view.new.html
    assert "for steps that are failed: there is none here" in offer(view, "rescue").why_not
    assert view.page() is not None


def test_failed_steps_come_first_then_running_ones(full, open_board):
    view = open_board(full)
    states = [row["state"] for row in view.table.rows]
    assert states[:4] == ["failed", "failed", "running", "running"]
    assert len(states) == len(toy_site.specs())
    assert 'data-pick="state failed"' in view.overview.html
    assert "▲" not in view.overview.html  # shapes are drawn, not typed: no font is needed
    assert view.page() is not None


def test_words_from_outside_are_escaped(full, open_board):
    view = open_board(full)
    view.open_step(failed(full)[0])
    for html in (view.panel.html, view.story.html):
        assert "&lt;b&gt;" in html
        assert "cache <b>" not in html


def test_a_chip_filters_by_state_and_is_in_the_address(full, open_board):
    view = open_board(full)
    view.overview.pick("state running")
    assert {row["state"] for row in view.table.rows} == {"running"}
    assert view.frame.wire.query == "state=running"
    view.overview.pick("state running")
    assert view.frame.wire.query == ""


def test_a_pasted_address_shows_the_same_view(full, open_board):
    step = failed(full)[0]
    view = open_board(full, text="nrca1", state="failed,nonsense", step=str(step))
    assert view.filter.value == "nrca1"
    assert view.address.wanted == Filter(states=("failed",), text="nrca1")
    assert [row["id"] for row in view.table.rows] == [step]
    assert f"Step {step}" in view.story.html
    assert view.frame.wire.drawer


def test_an_address_with_digits_stays_text(full, open_board):
    view = open_board(full, text="02726")
    assert view.address.text == "02726"
    assert len(view.table.rows) == len(toy_site.specs())


def test_an_address_of_a_step_that_is_not_there_is_refused_in_words(full, open_board):
    view = open_board(full, step="4711")
    assert "There is no step 4711" in view.frame.wire.said["text"]


def test_the_drawer_says_why_a_step_waits_and_who_makes_what_is_missing(full, open_board):
    view = open_board(full)
    waiting = next(r["id"] for r in view.table.rows if r["kind"] == "toy.deliver")
    view.open_step(waiting)
    assert "Why it does not run yet" in view.story.html
    assert "JWST_P_2022338000000_2023100000000.OEM has to arrive from outside" in view.story.html
    maker = failed(full)[0]
    view.story.pick(f"step {maker}")
    assert f"Step {maker}: Remove detector effects" in view.story.html
    assert "Fetch the reference (procedure P20)" in view.story.html
    assert "ERROR - reference file" in view.story.html


def test_rows_stay_in_place_and_selected_when_they_change(full, open_board):
    view = open_board(full)
    order, chosen = view.table.shown, failed(full)[0]
    view.table.select([chosen])
    toy_site.finish(full, toy_site.claim(full, 1)[0])
    draw(view)
    assert view.table.shown == order
    assert view.table.selected == [chosen]
    assert len([r for r in view.table.rows if r["state"] == "done"]) == 9


def test_new_rows_wait_until_they_are_asked_for(full, open_board):
    view = open_board(full)
    view.table.select(failed(full)[:1])
    toy_site.plan(full, "02727402001", cls="science")
    draw(view)
    assert len(view.table.rows) == len(toy_site.specs())
    assert f"{len(toy_site.specs())} new: show" in view.new.html
    view.new.pick("renew now")
    assert len(view.table.rows) == 2 * len(toy_site.specs())
    assert view.table.selected == failed(full)[:1]


def test_a_row_that_left_the_filter_stays_until_asked(full, open_board):
    view = open_board(full, state="failed")
    step = failed(full)[0]
    rescue.rescue(full, steps=[step], reason="test", ticket=rescue.plan(full, [step]).hash)
    draw(view)
    assert [r["state"] for r in view.table.rows] == ["ready", "failed"]
    assert "1 no longer fit the filter" in view.new.html


def test_the_strip_shows_the_worst_state_of_each_exposure_and_detector(full, open_board):
    view = open_board(full)
    root = f"jw{toy_site.VISIT}_04102_00001_nrca1"
    assert f'aria-label="{root}: failed, 2 steps"' in view.strip.html
    view.strip.pick(f"text {root}")
    assert {r["dataset"] for r in view.table.rows} == {root}


def rescue_with(view, reason="reference is there now", count="2"):
    async def act():
        await view.ask("rescue")
        view.pane.reason.value_input = reason
        view.pane.count.value_input = count
        assert not view.pane.confirm.disabled
        await view.pane.carry_out()

    asyncio.run(act())


def test_rescue_makes_failed_steps_run_again_and_is_journalled(full, open_board):
    view, steps = open_board(full), failed(full)
    rescue_with(view)
    assert [queries.step_row(full, i)["state"] for i in steps] == ["ready", "ready"]
    line = queries.rescues(full)[0]
    assert (line["actor"], line["reason"]) == ("otto", "reference is there now")
    assert view.frame.wire.said["text"] == f"2 steps will run again. Journal line {line['seq']}, by otto."
    assert not view.frame.wire.drawer
    assert actions.recent_reasons(full, "rescue") == ["reference is there now"]


def test_only_the_selected_steps_are_rescued(full, open_board):
    view, (one, other) = open_board(full), failed(full)
    view.table.select([other])
    assert "<b>1 selected</b>" in view.verbs.html
    assert ">Rescue 1…</button>" in view.verbs.html
    rescue_with(view, count="1")
    assert queries.step_row(full, one)["state"] == "failed"
    assert queries.step_row(full, other)["state"] == "ready"


def test_all_failed_means_all_that_the_filter_finds(full, open_board):
    view = open_board(full, text="nrca2")
    assert offer(view, "rescue").count == 1
    rescue_with(view, count="1")
    assert [queries.step_row(full, i)["dataset"][-5:] for i in failed(full)] == ["nrca1"]


@pytest.mark.parametrize(("reason", "count", "says"), [("", "2", "Write a reason"), ("why", "3", "Type 2"), ("  ", "2", "Write a reason")])
def test_rescue_needs_a_reason_and_the_count(full, open_board, reason, count, says):
    view = open_board(full)
    asyncio.run(view.ask("rescue"))
    view.pane.reason.value_input = reason
    view.pane.count.value_input = count
    assert view.pane.confirm.disabled
    assert says in view.pane.missing.html
    asyncio.run(view.pane.carry_out())
    assert len(failed(full)) == 2


def test_a_reason_written_before_the_preview_is_there_does_not_stand_for_the_count(full, open_board, monkeypatch):
    view, preview = open_board(full), actions.preview

    def slow(*given):
        view.pane.reason.value_input = "quick fingers"
        return preview(*given)

    monkeypatch.setattr(actions, "preview", slow)
    asyncio.run(view.ask("rescue"))
    assert "Type 2 to confirm" in view.pane.missing.html
    assert view.pane.confirm.disabled


def test_the_preview_names_rows_it_will_not_touch(full, open_board):
    view = open_board(full)
    running = next(r["id"] for r in view.table.rows if r["state"] == "running")
    view.table.select([*failed(full), running])
    asyncio.run(view.ask("rescue"))
    assert f"step {running}: it is running: it has not failed" in view.pane.preview.html
    assert "2 steps run again" in view.pane.preview.html


def test_a_plan_that_no_longer_holds_is_shown_again_not_carried_out(full, open_board):
    view, (one, other) = open_board(full), failed(full)
    asyncio.run(view.ask("rescue"))
    rescue.rescue(full, steps=[one], reason="another board", ticket=rescue.plan(full, [one]).hash)
    view.pane.reason.value_input = "mine"
    view.pane.count.value_input = "2"
    asyncio.run(view.pane.carry_out())
    assert queries.step_row(full, other)["state"] == "failed"
    assert view.frame.wire.said["text"].startswith("The site has changed since the preview")
    assert "1 step runs again" in view.pane.preview.html
    assert view.pane.confirm.disabled


def test_a_viewer_reads_why_the_button_is_off(full, open_board):
    view = open_board(full, "vera")
    assert all("needs the role operator; vera is viewer" in o.why_not for o in view.offers)
    assert "needs the role operator; vera is viewer" in view.verbs.html
    asyncio.run(view.ask("rescue"))
    assert view.pane.seen is None
    assert len(failed(full)) == 2


def test_the_library_refuses_a_viewer_whatever_the_page_says(full):
    vera, steps = find(full.db, "vera"), failed(full)
    plan = actions.preview(full, vera, "rescue", actions.ticked(steps), {})
    with pytest.raises(NotAllowed, match="vera is viewer"):
        actions.carry_out(full, vera, "rescue", actions.ticked(steps), {}, reason="let me", ticket=plan.hash)
    assert len(failed(full)) == 2


def test_a_role_taken_away_counts_at_once(full):
    otto, steps = find(full.db, "otto"), failed(full)
    plan = actions.preview(full, otto, "rescue", actions.ticked(steps), {})
    with full.db.begin() as c:
        put_person(c, "otto", Role.VIEWER)
    with pytest.raises(NotAllowed):
        actions.carry_out(full, otto, "rescue", actions.ticked(steps), {}, reason="still here", ticket=plan.hash)


def test_a_wrong_ticket_and_an_empty_choice_are_refused(full):
    otto = find(full.db, "otto")
    with pytest.raises(StalePlan):
        actions.carry_out(full, otto, "rescue", actions.ticked(failed(full)), {}, reason="x", ticket="not this plan")
    with pytest.raises(BadInput):
        actions.preview(full, otto, "rescue", actions.ticked([]), {})


def test_a_mistake_in_the_board_becomes_a_sentence(full, open_board):
    view = open_board(full)
    with view.frame.telling():
        raise ZeroDivisionError
    assert "procedure P21" in view.frame.wire.said["text"]
    assert "ZeroDivisionError" in (full.settings.folder("logs") / "journal.jsonl").read_text()


def test_ages_grow_by_the_minute_without_a_change_of_the_site(full, open_board):
    view = open_board(full)
    full.clock.advance(timedelta(minutes=14))
    draw(view)
    assert set(view.table.widget.value["since"]) == {"14 min · 04:00:00Z"}


def test_a_change_of_state_glows_once(full, open_board):
    view = open_board(full)
    item = toy_site.claim(full, 1)[0]
    draw(view)
    at = view.table.shown.index(item.step_id)
    assert 'class="mark new active"' in view.table.widget.value["state"][at]
    full.clock.advance(timedelta(seconds=5))
    draw(view)
    assert 'class="mark active"' in view.table.widget.value["state"][at]
