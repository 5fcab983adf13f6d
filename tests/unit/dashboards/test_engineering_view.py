"""The engineering board without a browser: its lists, its stories, and everything that a person can do to a row or to all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from html import escape

import pytest

from dashboards.app import engineering_lists, engineering_reads
from dashboards.app.engineering_reads import Engineering, EngineeringReader
from dashboards.app.engineering_view import EngineeringView
from dashboards.app.hub import Hub
from dmsops.core import outbox
from dmsops.core.people import find
from dmsops.engineering import queries, resolve
from dmsops.flows import engineering as flow
from dmsops.ops import Ops
from dmsops.workflow import queries as workflow
from tests.browser import engineering_site as site_of
from tests.browser import toy_site
from tests.engineering_files import named, take
from tests.unit.dashboards.boards import do, opened

LISTS = tuple(engineering_lists.LISTS)


@pytest.fixture
def site(tmp_path) -> Iterator[Ops]:
    ops = site_of.full(tmp_path / "site")
    yield ops
    ops.db.dispose()


@pytest.fixture
def board(site: Ops) -> Callable[..., EngineeringView]:
    return partial(opened, EngineeringView, site)


def settle_all(ops: Ops) -> None:
    ids = [row["id"] for row in queries.suspect_intervals(ops)]
    seen = resolve.preview(ops, ids, keep="standing")
    resolve.resolve(ops, ids, keep="standing", ticket=seen.hash, reason="somebody else was quicker")


def test_what_needs_a_person_is_counted_and_said_first(board):
    view = board()
    counts = {v: len(view.seen.rows(v)) for v in LISTS}
    assert counts == {"files": 5, "conflicts": 1, "gaps": 1, "products": 1, "limits": 2, "mnemonics": 577}
    assert view.frame.wire.beat["attention"]["engineering"] == 3 + 1 + 1 + 1 + 1
    for words in (
        "3 files are not taken: 2 refused (procedure P03), 1 whose ingest failed (procedure P08)",
        "1 contested interval of 1 mnemonic to settle",
        "1 gap is neither asked for nor waived, 21 s in all",
        "1 product made with other telemetry than is held now",
        f'1 mnemonic is outside red limits now: <span class="id">{site_of.LOAD}</span>',
        "Newest sample",
    ):
        assert words in view.top.html
    assert view.list.html.index(site_of.BROKEN) < view.list.html.index(site_of.REFUSED) < view.list.html.index(named(2, "C"))


def test_above_another_list_stands_what_needs_a_person_there(board):
    top = board(view="gaps").top.html
    assert "neither asked for nor waived" in top
    assert "contested" not in top


def test_the_hub_does_not_wait_for_a_reading_of_engineering(site):
    reader = EngineeringReader(site)
    assert reader.latest(1, wait=False) == Engineering()
    reader._under_way.result(60)
    assert len(reader.latest(1, wait=False).files) == 5


def test_a_reading_that_broke_does_not_break_the_next_one(site):
    reader = EngineeringReader(site)
    reader._read = lambda _: 1 / 0
    reader.latest(1, wait=False)
    with pytest.raises(ZeroDivisionError):
        reader._under_way.result(60)
    with pytest.raises(ZeroDivisionError):
        reader.latest(1, wait=False)
    reader._read = engineering_reads.read
    reader.forget()
    assert reader.latest(1, wait=True).loaded


def test_a_list_that_cannot_be_read_is_named_and_hides_no_other(site, board):
    with site.db.begin() as c:
        c.exec_driver_sql("ALTER TABLE engineering_suspect RENAME TO hidden")
    view = board(view="conflicts")
    assert "Conflicts: OperationalError" in view.top.html
    assert "This list could not be read." in view.list.html
    view._pick("view files")
    assert site_of.BROKEN in view.list.html
    assert not view.frame.wire.beat["fault"]
    with site.db.begin() as c:
        c.exec_driver_sql("ALTER TABLE hidden RENAME TO engineering_suspect")


@pytest.mark.parametrize("shown", LISTS)
def test_every_row_of_every_list_has_its_story(board, shown):
    view = board(view=shown)
    for row in view.seen.rows(shown)[:40]:
        view.open_row(engineering_lists.LISTS[shown].key(row))
        assert "<h2>" in view.story.html
        assert not view.frame.wire.said, view.frame.wire.said


def test_words_from_outside_never_become_markup(board):
    view = board(row=next(str(r["id"]) for r in board().seen.files if r["name"] == site_of.BROKEN))
    assert "byte 0 is no packet &lt;b&gt;" in view.story.html
    assert "byte 0 is no packet &lt;b&gt;" in view.list.html
    assert "<b>" not in board(view="<b>", row="<b>x", text="<b>").story.html


def test_contested_samples_stand_side_by_side_with_their_files(board):
    story = board(view="conflicts", row="1").story.html
    rows = story.split("<tr>")[2:]
    assert [("-5" in r, f'● <span class="n">{value}' in r) for r, value in zip(rows, (600, 601, 602), strict=True)] == [(True, True)] * 3
    assert story.index("real time") < story.index("recorded<br>E0000")


def test_a_mnemonic_is_found_by_name_or_subsystem(board):
    view = board(view="mnemonics", text="nircam fw_lw")
    assert view.list.html.count("<tr class") == 4
    assert site_of.WHEEL in view.list.html
    assert "OPEN" in view.list.html
    view.address.text = "no such thing"
    assert "None of the 577 rows holds" in view.list.html


def test_levels_are_word_shape_and_colour(board):
    html = board(view="mnemonics").list.html
    first = html.split('<tr class="row"')[1]
    assert site_of.LOAD in first
    assert 'class="mark alert"' in first
    assert "outside red" in first


def test_a_refused_file_is_discarded_by_an_operator_and_taken_by_a_lead(site, board):
    view = board(row="3")
    assert "needs the role lead" in view.story.html
    assert "1 left out for good, by otto." in do(view, "discard")
    lead = board("lena", row="4")
    assert "taken by the next ingest" in do(lead, "accept")
    found = {row["id"]: (row["state"], row["decided_by"], row["decided_reason"]) for row in queries.files(site)}
    assert found[3] == ("discarded", "otto", "it has to be")
    assert found[4] == ("waiting", "lena", "it has to be")


def test_all_refused_files_are_discarded_at_once(site, board):
    view = board(text="E0000")
    assert "Leave 2 refused files out for good" in view.picture.html
    assert "2 left out for good" in do(view, "all-discard", 2)
    assert {row["state"] for row in queries.files(site) if row["id"] in (3, 4)} == {"discarded"}
    assert not view.frame.wire.drawer


def test_what_is_done_one_by_one_says_how_far_it_came(site, board):
    view = board()
    asyncio.run(view._pick("deed all-discard"))
    other = board(row="3")
    do(other, "discard")
    view.pane.reason.value_input, view.pane.count.value_input = "both", "2"
    asyncio.run(view.pane.carry_out())
    assert "1 of 2 left out for good, by otto; then it stopped" in view.frame.wire.said["text"]


def test_a_gap_is_asked_for_and_then_waived(site, board):
    view = board(view="gaps", row=str(site_of.GAP_AT))
    assert "1 asked for, by otto." in do(view, "ask")
    assert [m["kind"] for m in outbox.messages(site.db)] == ["re-request"]
    assert "Ask for it again" in view.story.html
    do(view, "waive")
    assert [(g["decision"], g["actor"]) for g in queries.gaps(site)] == [("waived", "otto")]
    assert "Nobody waits for it any more already" in view.story.html


def test_contested_samples_are_settled_for_a_file(site, board):
    view = board(view="conflicts", row="1")
    assert "Keep C0000_2022338040000_002.h5" in view.story.html
    asyncio.run(view._pick("deed keep-2"))
    assert "3 contested samples, of which 3 get another value; 1 hour" in view.pane.preview.html
    view.pane.close("")
    assert "1 interval settled for C0000_2022338040000_002.h5: 3 samples changed, by otto." in do(view, "keep-2")
    first, last = site_of.CONTESTED
    (row,) = queries.suspect_intervals(site, every=True)
    assert (row["state"], row["choice"], row["decided_by"]) == ("resolved", named(2, "C"), "otto")
    held = queries.samples(site, site_of.ATTITUDE, row["first_at"], row["last_at"])
    assert held.value.tolist() == [-5.0] * (last - first)


def test_a_preview_that_no_longer_holds_is_shown_again_or_refused(site, board):
    view = board(view="conflicts", row="1")
    asyncio.run(view._pick("deed keep-0"))
    settle_all(site)
    view.pane.reason.value_input, view.pane.count.value_input = "too late", "1"
    asyncio.run(view.pane.carry_out())
    assert "was resolved by" in view.frame.wire.said["text"]
    assert queries.suspect_intervals(site, every=True)[0]["decided_reason"] == "somebody else was quicker"


def test_many_conflicts_are_settled_for_a_stream_and_the_others_stay(site, board):
    take(site, site_of.attitude(900, 901, value=-7.0), named(6, "R"))
    take(site, site_of.attitude(1000, 1001, value=-8.0), named(7, "C"))
    view = board(view="conflicts")
    words = ["what stands now", "what is real time (C)", "what is recorded (E)", "what is replayed (R)"]
    assert [d.title for d in view.all_deeds][:4] == [f"Keep {w}" for w in words]
    asyncio.run(view._pick("deed all-keep-1"))
    assert "1 interval will not be touched" in view.pane.preview.html
    view.pane.close("")
    assert "2 intervals settled for what is real time (C): 4 samples changed" in do(view, "all-keep-1", 2)
    assert [row["files"] for row in queries.suspect_intervals(site)] == [[named(1, "E"), named(6, "R")]]


def test_an_affected_product_is_made_again_through_the_rescue(site, board):
    (found,) = flow.affected(site)
    view = board(view="products", row=str(found.step))
    assert "became contested after it was made" in view.story.html
    assert "1 step will run again. Journal line" in do(view, "remake")
    assert workflow.step_row(site, found.step)["state"] == "ready"


def test_a_product_that_would_see_the_same_is_not_made_again(board):
    view = board(view="products", row="1")
    row = {**view.seen.products[0], "stale": False}
    (deed,) = view.deeds_of("products", row)
    assert "it would see the same telemetry" in deed.why_not


def test_a_viewer_reads_why_nothing_can_be_done(board):
    view = board("vera", view="conflicts", row="1")
    assert "needs the role operator; vera is viewer" in view.story.html
    asyncio.run(view._pick("deed keep-0"))
    assert not view.pane.view.visible
    assert "needs the role operator" in view.frame.wire.said["text"]


def test_a_beat_is_a_new_one_also_where_the_site_s_clock_stands(board):
    view = board()
    before = view.frame.wire.beat
    view.frame.hear(view.hub.snapshot)
    assert before["now"] == view.frame.wire.beat["now"]
    assert before != view.frame.wire.beat


def test_an_empty_site_says_what_to_do(tmp_path):
    ops = toy_site.empty(tmp_path / "site")
    view = opened(EngineeringView, ops, "lena")
    assert "Nothing of engineering needs a person now." in view.top.html
    assert "No sample is held yet." in view.top.html
    for shown in LISTS[:-1]:
        view._pick(f"view {shown}")
        assert escape(engineering_lists.LISTS[shown].empty) in view.list.html
    view._pick("view trend")
    assert "Choose what to plot" in view.trend.controls.html
    ops.db.dispose()


def test_before_the_first_reading_the_board_says_that_it_reads(site):
    view = EngineeringView(Hub(site), find(site.db, "otto"))
    view.draw(view.hub.snapshot)
    assert "is being read…" in view.top.html
    assert "Being read…" in view.list.html
