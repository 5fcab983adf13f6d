"""Acts on the workflow board beside rescue: every verb by ticks and by group, pauses, the second person, comparisons."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dashboards.app import actions, theme
from dashboards.app.hub import Filter
from dmsops.workflow import acts, fleet, pauses, queries, rescue
from tests.browser import toy_site

FITTING = {
    "rescue": "failed", "hold": "ready", "prioritise": "ready", "accept": "failed", "handled": "failed", "assign": "failed",
    "note": "running", "stop": "running", "drop": "waiting",
}  # fmt: skip


def pick(view, value):
    begun = view._pick(value)
    if begun is not None:
        asyncio.run(begun)


def finish(view, reason="it has to be"):
    view.pane.reason.value_input = reason
    view.pane.count.value_input = str(len(view.pane.seen.again))
    assert not view.pane.confirm.disabled, view.pane.missing.html
    asyncio.run(view.pane.carry_out())
    return view.frame.wire.said["text"]


def in_state(ops, state):
    return [r["id"] for r in queries.steps(ops, states=(state,))]


@pytest.mark.parametrize("verb", FITTING)
def test_every_verb_goes_from_ticks_through_its_preview_to_a_receipt(full, open_board, verb):
    view, step = open_board(full), in_state(full, FITTING[verb])[0]
    view.table.select([step])
    pick(view, f"act {verb}")
    assert [t.step_id for t in view.pane.seen.again] == [step]
    said = finish(view)
    done = acts.recent(full, verbs=(verb,))[0]
    assert (done["actor"], done["reason"]) == ("otto", "it has to be")
    assert done["state"] == ("asked" if acts.verb_named(verb).second else "applied")
    assert "Journal line" in said


def test_a_held_step_is_released_from_its_own_drawer(full, open_board):
    view, step = open_board(full), in_state(full, "ready")[0]
    view.open_step(step)
    pick(view, f"one hold {step}")
    finish(view)
    view.open_step(step)
    assert f'data-pick="one release {step}"' in view.story.html
    assert "Hold is for steps that are" in view.story.html
    pick(view, f"one release {step}")
    finish(view)
    assert queries.step_row(full, step)["state"] == "ready"


def test_a_drawers_verb_leaves_the_ticked_steps_alone(full, open_board):
    view, (one, other) = open_board(full), in_state(full, "failed")
    view.table.select([one])
    view.open_step(other)
    pick(view, f"one rescue {other}")
    assert [t.step_id for t in view.pane.seen.again] == [other]


def test_a_note_on_a_group_becomes_its_known_problem(full, open_board):
    view = open_board(full)
    group = view.hub.snapshot.failures[0]["fingerprint"]
    pick(view, f"group note {group}")
    assert not view.pane.count.visible
    finish(view, "new masks come with the next delivery")
    assert "<b>Known:</b> new masks come with the next delivery" in view.panel.html


def test_a_group_is_shown_by_its_filter_and_its_verbs_reach_all_of_it(full, open_board):
    view = open_board(full)
    pick(view, f"group show {view.hub.snapshot.failures[0]['fingerprint']}")
    assert view.table.shown == in_state(full, "failed")
    assert next(o for o in view.offers if o.verb == "drop").count == 2


def test_everything_is_paused_and_goes_on(full, open_board):
    view = open_board(full, view="engines")
    pick(view, "pause engine all")
    finish(view, "the disk is being changed")
    assert pauses.standing(full)
    assert "<b>everything</b> by otto" in view.overview.html
    assert 'data-pick="resume engine all"' in view.panel.html
    pick(view, "resume engine all")
    finish(view, "the disk is there")
    assert not pauses.standing(full)
    assert "Nothing is paused." in view.panel.html


def test_a_viewer_can_begin_nothing_whatever_the_page_sends(full, open_board):
    view = open_board(full, "vera")
    for value in ("pause engine all", "one hold 1", f"group rescue {view.hub.snapshot.failures[0]['fingerprint']}"):
        pick(view, value)
        assert view.pane.seen is None
        assert "needs the role operator; vera is viewer" in view.frame.wire.said["text"]


def test_the_one_who_asked_reads_that_somebody_else_must_agree(full, open_board):
    view, step = open_board(full), in_state(full, "running")[0]
    view.table.select([step])
    pick(view, "act stop")
    finish(view)
    assert "you asked for it: somebody else must agree" in view.asked.html
    other = open_board(full, "lena")
    pick(other, f"agree {acts.asked(full)[0]['id']}")
    finish(other, "seen")
    assert queries.step_row(full, step)["state"] == "held"
    assert not other.asked.html
    view.draw(view.hub.poll())
    pick(view, "agree 1")
    assert "Act 1 is not waiting any more" in view.frame.wire.said["text"]


def test_what_changed_between_two_attempts_is_shown_when_asked(full, open_board):
    step = in_state(full, "failed")[0]
    ticket = rescue.plan(full, [step], changes={"threshold": 5}).hash
    rescue.rescue(full, steps=[step], changes={"threshold": 5}, ticket=ticket, reason="a lower threshold")
    again = next(i for i in toy_site.claim(full, 20) if i.step_id == step)
    toy_site.fail(full, again, "the jumps do not converge")
    view = open_board(full, step=str(step))
    assert "From attempt 1 to attempt 2" not in view.story.html
    pick(view, f"compare {step}")
    assert "From attempt 1 to attempt 2" in view.story.html
    assert "the jumps do not converge" in view.story.html
    assert "The same:" in view.story.html


def test_a_preview_that_breaks_closes_and_says_so(full, open_board, monkeypatch):
    view = open_board(full)
    monkeypatch.setattr(actions, "preview", lambda *_: 1 / 0)
    pick(view, "act rescue")
    assert not view.pane.view.visible
    assert not view.frame.wire.drawer
    assert "procedure P21" in view.frame.wire.said["text"]


def test_rows_come_sorted_over_all_steps_and_the_address_says_how(full, open_board):
    view = open_board(full, sort="-dataset")
    names = [r["dataset"] for r in view.table.rows]
    assert names == sorted(names, reverse=True)
    assert view.table.widget.sorters == [{"field": "dataset", "dir": "desc"}]
    view.table.widget.sorters = [{"field": "id", "dir": "asc"}]
    assert view.frame.wire.query == "sort=id"
    assert view.table.shown == sorted(view.table.shown)
    view.table.widget.sorters = []
    assert view.frame.wire.query == ""
    assert view.table.rows[0]["state"] == "failed"


def test_a_sort_that_is_none_is_left_out(full, open_board):
    assert open_board(full, sort="colour").address.wanted == Filter()


def test_engines_say_who_acts_and_who_has_gone_silent(full, open_board):
    fleet.sign_on(full, 3)
    view = open_board(full, view="engines")
    assert view.panel.html.count("standing by") == 2
    assert "<td>alive</td>" in view.panel.html
    full.clock.advance(timedelta(seconds=full.settings.lease_seconds + 1))
    view.draw(view.hub.poll())
    assert "lost: no sign of life" in view.overview.html
    assert "2 running steps without a sign of life" in view.overview.html


def test_a_choice_by_words_reaches_steps_beyond_the_page(full):
    found = actions.by_filter(Filter(text="mask_0063"), "rescue").resolved(full)
    assert sorted(found.steps) == in_state(full, "failed")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"until": "2022-12-04T05:30:00Z"}, "until <code>2022-12-04T05:30:00Z</code>"),
        ({"following": True, "changes": {"n": 3}}, "changes: n <code>3</code>, following"),
        ({"derived_from": ["a", "<b>"]}, "derived_from <code>a &lt;b&gt;</code>"),
    ],
)
def test_parameters_are_words(given, words):
    assert theme.params(given) == words
