"""The receipt board without a browser: its lists, its stories, and everything that a person can do to a row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest

from dashboards.app import receipt_lists
from dashboards.app.receipt_address import VIEWS
from dashboards.app.receipt_reads import ReceiptReader, Receiving
from dashboards.app.receipt_view import ReceiptView
from dmsops.core import outbox
from dmsops.ops import Ops
from dmsops.receipt import accept, gaps, queries, reconcile
from dmsops.testbed.faults import inject
from dmsops.workflow import queries as workflow
from tests.browser import receipt_site, toy_site
from tests.unit.dashboards import boards

do = partial(boards.do, count=0)


@pytest.fixture
def site(tmp_path) -> Iterator[Ops]:
    ops = receipt_site.full(tmp_path / "site")
    yield ops
    ops.db.dispose()


@pytest.fixture
def board(site: Ops) -> Callable[..., ReceiptView]:
    return partial(boards.opened, ReceiptView, site)


def test_what_needs_a_person_is_counted_and_stands_first(board):
    view = board()
    assert receipt_site.SILENT in view.list.html.split("</tr>")[1]
    assert "no status file" in view.list.html.split("</tr>")[1]
    counts = {v: sum(1 for _ in view.seen.rows(v)) for v in VIEWS}
    assert counts == {"visits": 4, "gaps": 3, "requests": 2, "quarantine": 1, "deliveries": 5, "ephemerides": 1, "messages": 6}
    assert view.frame.wire.beat["attention"]["receipt"] == 3 + 3 + 1


def test_the_hub_does_not_wait_for_a_reading_of_receipt(site):
    reader = ReceiptReader(site)
    assert reader.latest(1, wait=False) == Receiving()
    reader._under_way.result(60)
    assert len(reader.latest(1, wait=False).visits) == 4


@pytest.mark.parametrize("shown", VIEWS)
def test_every_row_of_every_list_has_its_story(board, shown):
    view = board(view=shown)
    for row in view.seen.rows(shown):
        view.open_row(receipt_lists.LISTS[shown].key(row))
        assert "<h2>" in view.story.html
        assert not view.frame.wire.said, view.frame.wire.said


def test_words_of_the_filter_and_the_open_row_are_in_the_address(board):
    view = board(view="quarantine", text="D0002", row=f"D0002 {next(iter(queries.quarantine(board().hub.ops)))['name']}")
    assert "In quarantine" in view.story.html
    assert view.address.query.startswith("view=quarantine&text=D0002&row=D0002")
    view.address.text = "nothing like it"
    assert "None of the 1 rows holds" in view.list.html
    view._pick("view gaps")
    assert (view.address.query, view.frame.wire.drawer) == ("view=gaps", False)


def test_an_address_with_nonsense_opens_the_first_list(board):
    view = board(view="<b>", text="%", row="x" * 1000)
    assert view.address.shown == "visits"
    assert "<b>" not in view.story.html


def test_a_gap_is_used_by_a_person_with_preview_and_reason(site, board):
    view = board(view="gaps", row=f"{receipt_site.GAP} NRCA4")
    assert "Use it with gaps" in view.story.html
    said = do(view, "use")
    row = next(g for g in gaps.gap_report(site, receipt_site.HOLED) if (g["exposure"], g["detector"]) == (receipt_site.GAP, "NRCA4"))
    assert (row["state"], row["decided_by"], row["reason"]) == ("used with gaps", "otto", "it has to be")
    assert "decided by otto" in said


def test_a_preview_that_no_longer_holds_is_shown_again(site, board):
    view = board(view="gaps", row=f"{receipt_site.GAP} NRCA4")
    asyncio.run(view._pick("deed use"))
    seen = gaps.preview(site, receipt_site.GAP, "NRCA4", "give-up")
    gaps.decide(site, receipt_site.GAP, "NRCA4", "give-up", ticket=seen.hash, reason="another person was quicker")
    view.pane.reason.value_input = "too late"
    asyncio.run(view.pane.carry_out())
    assert "has changed since the preview" in view.frame.wire.said["text"]
    assert view.pane.view.visible
    assert next(g for g in gaps.gap_report(site, receipt_site.HOLED) if g["decision"])["reason"] == "another person was quicker"


def test_a_visit_is_reconciled_and_pps_is_told(site, board):
    view = board(row=receipt_site.HURT)
    assert "Otherwise than planned" in view.story.html or "missing" in view.story.html
    assert "reconciled as partial" in do(view, "reconcile")
    assert [m["kind"] for m in outbox.messages(site.db, neighbour="pps")] == ["visit-status"]
    row = next(v for v in reconcile.visits(site) if v["visit"] == receipt_site.HURT)
    assert (row["reconciled_by"], row["reconciled_outcome"]) == ("otto", "partial")


def test_the_missing_status_file_is_asked_for(site, board):
    view = board(row=receipt_site.SILENT)
    assert "its work" in view.story.html
    assert "No status file has come yet" in view.story.html
    do(view, "ask")
    assert [m["subject"] for m in outbox.messages(site.db) if m["kind"] == "osf-request"] == [f"V{receipt_site.SILENT}"]


def test_a_request_is_repeated_and_then_waived(site, board):
    view = board(view="requests")
    first = view.seen.requests[0]
    view.open_row(str(first["id"]))
    do(view, "again")
    assert next(r for r in queries.rerequests(site) if r["id"] == first["id"])["times"] == first["times"] + 1
    do(view, "waive")
    assert first["id"] not in {r["id"] for r in queries.rerequests(site)}


def test_a_delivery_in_the_inbox_is_accepted(site, board):
    view = board(view="deliveries", row="D0006")
    assert "released, by otto" in do(view, "accept")
    assert queries.receipt_of(site, "D0006").state == "complete"


def test_what_is_there_of_a_visit_is_planned(site, board):
    view = board(row=receipt_site.HURT)
    do(view, "plan")
    assert workflow.workflows(site, text=receipt_site.HURT)


def test_what_a_second_issue_changes_is_made_again(site, board):
    inject(site.settings.folder("inbox") / "D0001", ["F17"], stage="after")
    accept(site, site.settings.folder("inbox") / "D0001-2")
    view = board(row=receipt_site.WHOLE)
    said = do(view, "again")
    assert "1 level 1b product" in said or "2 level 1b products" in said
    begun = view._pick("deed again")
    asyncio.run(begun)
    assert view.pane.what_is_missing() == "Nothing would change."


def test_a_first_issue_changes_nothing(board):
    assert "Its status file is the first issue" in board(row=receipt_site.WHOLE).story.html


def test_a_viewer_reads_why_nothing_can_be_done(board):
    view = board("vera", row=receipt_site.HURT)
    assert "needs the role operator; vera is viewer" in view.story.html
    begun = view._pick("deed reconcile")
    asyncio.run(begun)
    assert not view.pane.view.visible
    assert "needs the role operator" in view.frame.wire.said["text"]


def test_new_rows_wait_behind_a_click(site, board):
    view = board(view="deliveries")
    receipt_site.deliver(site, "02726407001", 3.0, 7)
    view.hub.receipt.forget()
    view.draw(view.hub.poll())
    assert "1 new: show" in view.list.html
    assert "D0007" not in view.list.html
    view._pick("renew now")
    assert "D0007" in view.list.html


def test_an_empty_site_says_what_to_do(tmp_path):
    ops = toy_site.empty(tmp_path / "site")
    view = boards.opened(ReceiptView, ops, "lena")
    for shown in VIEWS:
        view._pick(f"view {shown}")
        assert receipt_lists.LISTS[shown].empty.split("`")[0][:30] in view.list.html
    assert view.frame.wire.beat["attention"]["receipt"] == 0
    ops.db.dispose()


def test_times_that_pass_are_noticed_without_a_line_in_the_journal(site, board):
    view = board(view="requests")
    assert all(r["overdue"] for r in view.seen.requests)
    assert view.hub.snapshot.now - view.seen.requests[0]["due"] > timedelta(hours=1)
