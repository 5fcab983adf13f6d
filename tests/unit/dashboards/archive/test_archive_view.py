"""The archive board without a browser: its lists, its stories, and everything that a person can do to a row."""

from __future__ import annotations

import asyncio
from html import escape

import pytest

from dashboards.app import archive_lists, archive_reads, archive_view
from dashboards.app.archive_address import VIEWS
from dashboards.app.archive_reads import Archive, ArchiveReader
from dashboards.app.archive_view import PAGE, ArchiveView
from dashboards.app.hub import Hub
from dmsops.archive import duplicates, errors, finding_queries, queries
from dmsops.core.people import find
from dmsops.ops import Ops
from tests.browser import archive_site as site_of
from tests.unit.dashboards.boards import assert_empty_lists_say_what_to_do, do, drawn_again


def number(site: Ops, check: str) -> int:
    (row,) = finding_queries.findings(site, checks=(check,), text="defect")
    return int(row["id"])


def test_what_needs_a_person_stands_first_by_kind_and_by_check(board):
    view = board()
    assert "2 observations not ingested" in view.top.html
    assert "two of one name" in view.top.html
    assert "1 open: <span class='id'>C30</span>" in view.top.html
    assert "1 stored object damaged or missing" in view.top.html
    needs = archive_reads.needing(view.seen)
    assert needs == {"errors": 2, "findings": 3, "objects": 1, "observations": 0, "audits": 0}
    assert view.frame.wire.beat["attention"]["archive"] == 6


def test_what_runs_is_said_below(board):
    html = board().top.html
    assert "ingest steps</a>: none waits" in html
    assert "3 looked at, 2 opened, 1 closed" in html
    assert "every object was read again in time" in html


@pytest.mark.parametrize("shown", VIEWS)
def test_every_row_of_every_list_has_its_story(board, shown):
    view = board(view=shown)
    rows = list(view.rows_of(shown))
    assert rows
    for row in rows:
        view.open_row(archive_lists.LISTS[shown].key(row))
        assert "<h2>" in view.story.html
        assert not view.frame.wire.said, view.frame.wire.said


def test_words_from_outside_never_become_markup(site, board):
    view = board(view="findings", row=str(number(site, "C30")))
    assert escape(site_of.SCRIPT) in view.story.html
    assert site_of.SCRIPT not in view.story.html + view.list.html
    assert "<b>x" not in board(view="<b>", row="<b>x", text="<b>x", check="<b>x").story.html


def test_findings_are_chosen_by_check_severity_state_and_text(site, board):
    view = board(view="findings")
    assert "C44" in view.list.html
    view._pick("severity error")
    assert "C44" not in view.list.html
    view._pick("check C33")
    assert view.list.html.count("<tr class") == 1
    view._pick("state fixed")
    assert "gone" in view.list.html
    view.address.text = "nothing like it"
    assert "is so: C33, error, fixed" in view.list.html


def test_a_long_list_of_findings_is_read_by_the_page(site, board, monkeypatch):
    site_of.many(site, 3 * PAGE)
    asked = []
    real = finding_queries.findings
    spy = lambda ops, **w: asked.append(w["limit"]) or real(ops, **w)  # noqa: E731
    monkeypatch.setitem(archive_view.READ, "findings", (finding_queries.number, spy))
    view = board(view="findings")
    assert view.list.html.count("<tr class") == PAGE
    assert f"1 to {PAGE} of 304" in view.picture.html
    view._pick("page 3")
    assert "301 to 304 of 304" in view.picture.html
    assert view.list.html.count("<tr class") == 4
    assert set(asked) == {PAGE}
    row = real(site, text="jw09999000001_03104_00299")[0]
    view.address.page = 0
    view.open_row(str(row["id"]))
    assert row["uri"] in view.story.html


def test_a_finding_is_repaired_and_the_preview_says_what_changes(site, board):
    view = board(view="findings", row=str(number(site, "C33")))
    asyncio.run(view._pick("deed repair"))
    assert "its rows are written again from its document" in view.pane.preview.html
    view.pane.close("")
    assert "1 repair done" in do(view, "repair")


def test_what_a_person_must_do_is_not_offered_as_a_repair(site, board):
    view = board(view="findings", row=str(number(site, "C30")))
    assert "A person acts: its remedy says how." in view.story.html


def test_a_finding_is_acknowledged_waived_and_opened_again(site, board):
    one = number(site, "C30")
    view = board(view="findings", row=str(one))
    for verb, state in (("acknowledge", "acknowledged"), ("waive", "waived"), ("reopen", "open")):
        assert "1 finding " in do(view, verb)
        seen = finding_queries.story(site, one)
        assert (seen["state"], seen["events"][-1]["actor"], seen["events"][-1]["reason"]) == (state, "otto", "it has to be")


def test_a_finding_is_waived_until_a_day_that_is_to_come(site, board):
    one = number(site, "C30")
    view = board(view="findings", row=str(one))
    asyncio.run(view._pick("deed waive"))
    assert view.pane.first() == "key-reason", "the waiver's end may stay empty"
    asyncio.run(view.pane.say("until", "1999-01-01"))
    assert "is past" in view.pane.preview.html
    assert view.pane.confirm.disabled
    asyncio.run(view.pane.say("until", "2999-01-01"))
    assert "until 2999-01-01 00:00Z" in view.pane.preview.html
    view.pane.reason.value_input, view.pane.count.value_input = "the next pipeline mends it", "1"
    asyncio.run(view.pane.carry_out())
    assert finding_queries.story(site, one)["waived_until"].year == 2999
    assert "2999-01-01 00:00Z" in board(view="findings", row=str(one)).story.html


def test_an_open_story_is_read_once_until_the_site_changes(site, board, monkeypatch):
    one, asked, real = number(site, "C30"), [], finding_queries.story
    monkeypatch.setattr(finding_queries, "story", lambda ops, finding: asked.append(finding) or real(ops, finding))
    view = board(view="findings", row=str(one))
    for _ in range(3):
        view.draw(view.hub.poll())
    assert asked == [one]
    do(board(view="findings", row=str(one)), "waive", reason="somebody else looked")
    asked.clear()
    view.draw(view.hub.poll())
    assert asked == [one]
    assert "somebody else looked" in view.story.html


def test_all_findings_of_a_filter_are_waived_and_those_that_are_waived_already_are_left_alone(site, board):
    site_of.many(site, 20)
    first = board(view="findings", row=str(finding_queries.findings(site, text="jw09999")[0]["id"]))
    do(first, "waive")
    view = board(view="findings", check="C44", state="all", text="jw09999")
    asyncio.run(view._pick("deed all-waive"))
    assert "1 finding will not be touched" in view.pane.preview.html
    view.pane.close("")
    assert "19 findings waived, by otto." in do(view, "all-waive", 19)
    assert finding_queries.number(site, states=("waived",), text="jw09999") == 20


def test_an_ingest_error_is_closed_unmended(site, board):
    (row,) = [r for r in errors.listed(site) if r["kind"] != duplicates.KIND]
    view = board(row=str(row["id"]))
    assert "Nothing of it is archived." in view.story.html
    assert "closed without being mended, by otto." in do(view, "close")
    assert [r["kind"] for r in errors.listed(site)] == [duplicates.KIND]


def test_an_ingest_that_would_be_refused_again_is_not_begun(site, board):
    (row,) = [r for r in errors.listed(site) if r["kind"] != duplicates.KIND]
    view = board(row=str(row["id"]))
    asyncio.run(view._pick("deed again"))
    assert view.pane.confirm.disabled
    assert "What stands in the way" in view.pane.preview.html


@pytest.mark.parametrize("keep", ["old", "new"])
def test_of_two_of_one_name_a_person_keeps_one(site, board, keep):
    (row,) = duplicates.listed(site)
    view = board(row=str(row["id"]))
    assert f"the {keep} one is kept, decided by otto." in do(view, f"keep-{keep}")
    assert not duplicates.listed(site)


def test_an_observation_is_withdrawn_and_taken_back_by_a_lead(site, board):
    assert "needs the role lead" in board(view="observations", row=site_of.SOUND).story.html
    view = board("lena", view="observations", row=site_of.SOUND)
    assert "is withdrawn, by lena." in do(view, "withdraw")
    assert queries.story(site, site_of.SOUND)["observation"]["state"] == "withdrawn"
    assert "It is withdrawn." in view.story.html
    do(view, "restore")
    assert queries.story(site, site_of.SOUND)["observation"]["state"] == "archived"
    assert "taken back by lena" in view.story.html


def test_an_audit_runs_beside_the_page_and_says_what_came_of_it(site, board):
    view = board(view="audits")
    view.scope.value = site_of.SOUND
    asyncio.run(view._pick("deed audit"))
    assert site_of.SOUND in view.pane.preview.html
    assert not view.pane.reason.visible
    asyncio.run(view.pane.carry_out())
    view.hub.work.wait()
    drawn_again(view)
    assert "1 looked at" in view.top.html
    assert view.seen.last_audit["actor"] == "otto"
    assert "3 audits" in view.picture.html


def test_only_one_piece_of_long_work_is_begun_and_what_breaks_is_said(site, board):
    import threading

    view, go_on = board(), threading.Event()
    work = view.hub.work

    def break_(progress):
        progress(3, 10)
        go_on.wait(30)
        raise ZeroDivisionError

    work.begin(site, "A long look", break_)
    view._pick("view audits")
    view._pick("view errors")
    assert "A long look" in view.top.html
    view._pick("view audits")
    assert "A long look is under way." in view.picture.html
    go_on.set()
    work.wait()
    view.draw(view.hub.poll())
    assert "ended badly" in view.top.html


def test_a_list_that_cannot_be_read_is_named_and_does_not_look_like_good_news(site, board, monkeypatch):
    def broken(*_, **__):
        raise OSError

    monkeypatch.setattr(errors, "listed", broken)
    view = board()
    assert "What could not be read" in view.top.html
    assert "could not be read" in view.list.html
    assert "1 stored object damaged" in view.top.html


def test_a_viewer_reads_why_nothing_can_be_done(site, board):
    view = board("vera", view="findings", row=str(number(site, "C33")))
    assert "needs the role operator; vera is viewer" in view.story.html
    asyncio.run(view._pick("deed repair"))
    assert not view.pane.view.visible


def test_observations_are_found_by_words_a_page_at_a_time(site):
    assert [r["id"] for r in queries.observations(site, text="03104 00001")] == [site_of.SOUND]
    assert queries.number_of_observations(site, text="%") == 0
    newest = [r["id"] for r in queries.observations(site, newest=True)]
    assert newest == [r["id"] for at in range(3) for r in queries.observations(site, newest=True, limit=1, offset=at)]
    assert sorted(newest) == [r["id"] for r in queries.observations(site)]
    assert queries.observations(site, text=site_of.SOUND)[0]["products"] == 2


def test_before_the_first_reading_the_board_says_that_it_reads(site):
    reader = ArchiveReader(site)
    assert reader.latest(1, wait=False) == Archive()
    view = ArchiveView(Hub(site), find(site.db, "otto"))
    view.draw(view.hub.snapshot)
    assert "is being read…" in view.top.html
    assert "Being read…" in view.list.html


def test_an_empty_site_says_what_to_do(tmp_path):
    assert_empty_lists_say_what_to_do(ArchiveView, "archive", archive_lists.LISTS, tmp_path / "site", of="the archive")
