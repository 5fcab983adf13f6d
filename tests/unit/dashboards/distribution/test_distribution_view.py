"""The distribution board without a browser: its lists, its stories, its pages of accesses, and how it says what needs a person."""

from __future__ import annotations

import threading
from datetime import timedelta
from html import escape

import pytest

from dashboards.app import distribution_lists, distribution_reads
from dashboards.app.distribution_address import VIEWS
from dashboards.app.distribution_reads import Distribution, DistributionReader
from dashboards.app.distribution_view import PAGE, DistributionView
from dashboards.app.distribution_work import Works
from dashboards.app.hub import Hub
from dmsops.archive import finding_queries
from dmsops.core.errors import Refused
from dmsops.core.people import find
from dmsops.distribution import audit
from dmsops.flows import partners, telling
from tests.browser import distribution_site as site_of
from tests.distributing import REASON
from tests.unit.dashboards.boards import assert_empty_lists_say_what_to_do, drawn_again, opened


def test_what_needs_a_person_stands_first_with_its_procedure(board):
    view = board()
    assert "2 hand-overs to the wavefront team: 1 not answered, 1 refused (P10, P17)" in view.top.html
    assert "1 subscription not getting through (P17)" in view.top.html
    assert "2 things refused by partners: esac 2 (P17)" in view.top.html
    assert "1 staged request: 1 failed (P17)" in view.top.html
    assert "accesses since midnight UTC: 4 given, " in view.top.html
    assert distribution_reads.needing(view.seen) == {"handovers": 2, "subscriptions": 2, "refusals": 2, "staged": 1}
    assert view.frame.wire.beat["attention"]["distribution"] == 7


def test_what_needs_a_person_stands_first_in_its_list(board):
    view = board()
    assert [row["standing"] for row in view.seen.handovers] == ["not answered", "refused", "acknowledged"]
    assert [row["standing"] for row in view.seen.subscriptions] == ["failing", "active", "active"]
    assert [row["standing"] for row in view.seen.staged] == ["failed", "ready"]
    assert [row["id"] for row in view.seen.programs] == [site_of.PROGRAM, site_of.OTHER]


def test_that_nobody_tells_is_said_until_somebody_does(site, board):
    view = board(view="subscriptions")
    assert "Nobody tells 1 subscription, due" in view.top.html
    telling.tell(site, send=site_of.answers)
    drawn_again(view)
    assert "Nobody tells" not in view.top.html
    assert "1 subscription not getting through" in view.top.html


def test_stories_tell_what_came_before(board):
    view = board(view="handovers", row=site_of.handover(board().hub.ops, "refused"))
    assert REASON in view.story.html
    view._pick("story subscriptions 1")
    assert "nobody listens there" in view.story.html
    assert "1 try" in view.story.html
    view._pick(f"story programs {site_of.PROGRAM}")
    assert "Who was let in" in view.story.html
    assert "left the group" not in view.story.html  # the reason of an end is in the journal
    assert "student of the PI" in view.story.html
    assert "3, of which 3 are exclusive; 3 files" in view.story.html
    asked = view.story.html.split("Who asked for its files")[1]
    assert sorted({who for who in ("ada", "carl", "anonymous", "ben") if f"<td>{who}</td>" in asked}) == ["ada", "anonymous", "carl"]
    view._pick("story accounts ada")
    assert "laptop" in view.story.html


def test_every_row_of_every_list_has_its_story_and_words_from_outside_never_become_markup(board):
    view = board()
    for shown in VIEWS:
        view._pick(f"view {shown}")
        assert view.rows_of(shown)
        for row in view.rows_of(shown):
            view.open_row(distribution_lists.LISTS[shown].key(row))
            assert "<h2>" in view.story.html
            assert site_of.SCRIPT not in view.story.html + view.list.html + view.top.html
            assert not view.frame.wire.said, view.frame.wire.said
    assert escape(site_of.SCRIPT) in board(view="refusals").list.html
    assert escape(site_of.SCRIPT) in board(view="accounts").list.html
    wild = board(view="accesses", row="<b>x", who="<b>x", uri="<b>x", verdict="<b>x")
    assert "<b>x" not in wild.story.html + wild.list.html + wild.picture.html


def test_accesses_are_chosen_by_verdict_person_and_whole_name(board):
    view = board(view="accesses")
    assert view.list.html.count("<tr class") == 10
    view._pick("verdict denied")
    assert view.list.html.count("<tr class") == 6
    view.who.value = "carl"
    assert (view.list.html.count("<tr class"), view.address.query) == (3, "view=accesses&who=carl&verdict=denied")
    view.uri.value = f"{site_of.EXCLUSIVE[0]}_cal.fits"
    assert view.list.html.count("<tr class") == 1
    view.who.value = "car"
    assert "No access is so. Whose and which file are looked for as whole names." in view.list.html


def test_an_access_leads_to_all_of_its_asker_and_all_of_its_file(board):
    view = board(view="accesses", who="carl")
    view.open_row(str(view.rows_of("accesses")[0]["id"]))
    view._pick("of uri mast:JWST/product/" + f"{site_of.EXCLUSIVE[2]}_cal.fits")
    assert {row["who"] for row in view.rows_of("accesses")} == {"ada", "carl", "anonymous"}
    view._pick("story accounts carl")
    view._pick("of who carl")
    assert view.list.html.count("<tr class") == 3


def test_many_accesses_are_turned_by_the_page_to_and_fro(site, board, monkeypatch):
    site_of.many(site, 250)
    asked = []
    real = audit.records
    monkeypatch.setattr(audit, "records", lambda ops, **wanted: asked.append(wanted["limit"]) or real(ops, **wanted))
    view = board(view="accesses", who="mona")
    pages = [[row["id"] for row in view.rows_of("accesses")]]
    for _ in range(2):
        view._pick(f"older {pages[-1][-1]}")
        pages.append([row["id"] for row in view.rows_of("accesses")])
    assert [len(page) for page in pages] == [PAGE, PAGE, 50]
    ids = [number for page in pages for number in page]
    assert ids == sorted(ids, reverse=True)
    view._pick(f"newer {pages[2][0]}")
    assert [row["id"] for row in view.rows_of("accesses")] == pages[1]
    view._pick(f"newer {pages[1][0]}")
    assert (view.address.before, [row["id"] for row in view.rows_of("accesses")]) == (0, pages[0])
    assert max(asked) == PAGE


def test_the_newest_page_stands_still_until_the_new_ones_are_asked_for(site, board):
    view = board(view="accesses", verdict="denied")
    before = view.rows_of("accesses")
    site_of.many(site, 40)
    drawn_again(view)
    assert view.rows_of("accesses") == before
    assert "4 new: show" in view.picture.html
    view._pick("renew now")
    assert len(view.rows_of("accesses")) == len(before) + 4
    assert "new: show" not in view.picture.html


def test_an_access_of_another_page_is_opened_by_its_address(site, board):
    first = audit.records(site)[-1]
    site_of.many(site, 2 * PAGE)
    assert escape(first["uri"]) in board(view="accesses", row=str(first["id"])).story.html
    assert "is not in this list any more" in board(view="accesses", row="9" * 15).story.html


def test_subscriptions_that_are_not_among_the_newest_are_found_by_their_owner(board, monkeypatch):
    monkeypatch.setattr(distribution_reads, "MOST", 1)
    view = board(view="subscriptions")
    assert {row["owner"] for row in view.rows_of("subscriptions")} == {"ada", "carl"}
    view.address.text = "ben"
    assert view.list.html.count("<tr class") == 1
    assert "2 ben" in view.list.html


def test_a_partner_s_differences_are_announced_again_as_the_doctor_found_them(board, monkeypatch):
    rows = [{"uri": "caom:JWST-REHEARSAL/jw1#esac", "observed": "missed: not there"}] * 2
    monkeypatch.setattr(finding_queries, "findings", lambda *_, **__: rows)
    monkeypatch.setattr(finding_queries, "number", lambda *_, **__: 2)
    view = board(view="partners", row="esac")
    assert "Announce its 2 differences again…" in view.story.html
    assert "missed 2" in view.list.html
    monkeypatch.undo()
    drawn_again(view)
    assert "Announce its differences again: The doctor found no difference" in view.story.html


def test_a_partner_is_behind_after_a_day_and_never_red(site):
    (esac,) = [row for row in partners.states(site) if row["name"] == "esac"]
    told = {"behind": 2, "waits_since": site_of.NOW - timedelta(hours=23)}
    late = {"behind": 2, "waits_since": site_of.NOW - timedelta(hours=25)}
    assert "changes wait" in distribution_lists.partner_mark({**esac, **told}, site_of.NOW)
    assert "in step" in distribution_lists.partner_mark({**esac, "behind": 0}, site_of.NOW)
    assert "behind" in distribution_lists.partner_mark({**esac, **late}, site_of.NOW)
    assert "never harvested" in distribution_lists.partner_mark({**esac, "harvested_at": None}, site_of.NOW)
    assert "alert" not in distribution_lists.partner_mark({**esac, **late, "differences": {"missed": 1}}, site_of.NOW)


def test_times_to_come_are_written_with_their_date():
    now = site_of.NOW
    assert distribution_lists.when(now + timedelta(days=364, hours=1), now).startswith('in 364 d · <span class="time">2023-')
    assert distribution_lists.when(now + timedelta(minutes=5), now).startswith("in 5 min 00 s · ")
    assert distribution_lists.when(None, now) == "—"


def test_long_works_wait_for_their_own_thing_only(site):
    works, go_on = Works(), threading.Event()
    works.begin(site, "handover 1", "Hand-over 1", lambda _: str(go_on.wait(30)))
    works.begin(site, "program 1", "Program 1", lambda far: far(1, 2) or "done")
    assert [works.busy("handover 1"), works.busy("never")] == ["Hand-over 1 is under way.", ""]
    with pytest.raises(Refused, match="Hand-over 1 is under way"):
        works.begin(site, "handover 1", "Hand-over 1 again", lambda _: "taken")
    go_on.set()
    works.wait()
    assert {piece.title: piece.result for piece in works.pieces} == {"Hand-over 1": "True", "Program 1": "done"}
    for number in range(9):
        works.begin(site, f"handover {number}", f"Hand-over {number}", lambda _: "taken")
        works.wait()
    assert len(works.pieces) <= 5


def test_what_was_read_by_the_page_is_kept_until_the_next_reading_or_deed(site):
    reader, asked = DistributionReader(site), []

    def pages() -> int:
        return reader.once("page", lambda: asked.append(1) or len(asked))

    reader.latest(1, wait=True)
    assert [pages(), pages()] == [1, 1]
    reader.latest(2, wait=True)
    assert [pages(), pages()] == [2, 2]
    reader.forget()
    assert pages() == 3


def test_a_list_that_cannot_be_read_is_named_and_blinds_no_other(site, monkeypatch):
    def broken(*_: object) -> list[object]:
        raise Refused("the table is locked")

    monkeypatch.setattr(distribution_reads.partner_flow, "states", broken)
    view = opened(DistributionView, site, view="partners")
    assert "Partners: the table is locked" in view.top.html
    assert "This list could not be read." in view.list.html
    assert len(view.seen.handovers) == 3


def test_before_the_first_reading_the_board_says_that_it_reads(site):
    reader = DistributionReader(site)
    assert reader.latest(1, wait=False) == Distribution()
    reader._under_way.result(60)
    view = DistributionView(Hub(site), find(site.db, "otto"))
    view.draw(view.hub.snapshot)
    assert "is being read…" in view.top.html
    assert "Being read…" in view.list.html


def test_an_empty_site_says_what_to_do(tmp_path):
    assert_empty_lists_say_what_to_do(DistributionView, "distribution", distribution_lists.LISTS, tmp_path / "site")
