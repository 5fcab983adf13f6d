"""The distribution board without a browser: hand-overs, subscriptions, partners, what the library has then, and who may do nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from dashboards.app.distribution_view import DistributionView
from dmsops.archive import queries
from dmsops.catalogue.naming import product_uri
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.people import Person, Role, put_person
from dmsops.distribution import notice_queries, partners, staging, subscription_acts
from dmsops.ops import Ops
from dmsops.wfsc import queries as handed
from tests.browser import archive_site
from tests.browser import distribution_site as site_of
from tests.distributing import ADA, by_uris
from tests.unit.dashboards.boards import do, opened
from tests.unit.dashboards.filled import begun, confirmed


def last(site: Ops) -> tuple[str, str, str | None]:
    """Give the newest line of the journal: what, who, why."""
    with reading(site.db) as c:
        line = c.execute(sa.select(journal.journal).order_by(journal.journal.c.seq.desc()).limit(1)).one()
    return line.event, line.actor, line.reason


def test_a_hand_over_is_made_again_from_the_store(site, board):
    number = site_of.handover(site, "refused")
    view = board(row=number)
    said = do(view, "resend", reason="their disk was full")
    assert said == f"{number} handed over again by otto: acknowledged, says simulated WSS."
    (row,) = [row for row in handed.deliveries(site) if row["id"] == number]
    assert row["state"] == "acknowledged"
    assert f"open {number}" in view.list.html


def test_one_that_was_taken_is_warned_of_and_one_whose_bytes_are_gone_is_not_made(site, board):
    taken = board(row=site_of.handover(site, "acknowledged"))
    asyncio.run(taken._pick("deed resend"))
    assert "it gets the same files a second time" in taken.pane.preview.html
    lost = board(row=site_of.handover(site, "refused"))
    (sha256,) = next(row["files"] for row in handed.deliveries(site) if row["state"] == "refused").values()
    site.store.path(sha256).unlink()
    asyncio.run(lost._pick("deed resend"))
    assert "The store lacks their bytes" in lost.pane.preview.html
    assert lost.pane.what_is_missing() == "Nothing would change."


def test_one_whose_step_still_waits_for_its_answer_is_warned_of(site, board):
    patient = replace(site, settings=site.settings.model_copy(update={"wss_answer_minutes": 600.0}))
    view = opened(DistributionView, patient, row=site_of.handover(site, "sent"))
    asyncio.run(view._pick("deed resend"))
    assert "Its step still waits for the answer." in view.pane.preview.html
    late = board(row=site_of.handover(site, "sent"))
    asyncio.run(late._pick("deed resend"))
    assert "still waits" not in late.pane.preview.html


def test_a_hand_over_that_waits_for_the_team_goes_on_beside_the_page(site, board):
    number = site_of.handover(site, "refused")
    team = replace(site, settings=site.settings.model_copy(update={"wss_answers": "team", "wss_answer_minutes": 1e-6}))
    view = opened(DistributionView, team, row=number)
    assert "is being handed over again, by otto." in do(view, "resend")
    view.hub.distribution.works.wait()
    view.draw(view.hub.poll())
    assert f"Hand-over {number} again ended badly" in view.top.html
    assert "WSS has not answered" in view.top.html
    assert site_of.handover(site, "sent")


def test_a_failing_subscription_is_paused_resumed_and_tried_again(site, board):
    view = board(view="subscriptions", row="1")
    assert "is paused, by otto" in do(view, "pause", reason="its owner asked")
    assert notice_queries.show(site, 1)["state"] == "paused"
    assert last(site) == ("subscription.paused", "otto", "its owner asked")
    assert "Pause it: It is paused." in view.story.html
    assert "not getting through" not in view.top.html
    assert "is resumed, by otto" in do(view, "resume")
    assert "is tried again at once" in do(view, "retry")
    assert notice_queries.show(site, 1)["state"] == "active"


def test_a_subscription_is_ended_by_a_lead_only(site, board):
    assert "End it: &#x27;subscriptions end&#x27; needs the role lead" in board(view="subscriptions", row="1").story.html
    assert "is ended, by lena" in do(board("lena", view="subscriptions", row="1"), "end")
    assert notice_queries.show(site, 1)["state"] == "ended"


def test_the_first_notice_is_taken_out_of_the_way(site, board):
    view = board(view="subscriptions", row="1")
    waiting = notice_queries.show(site, 1)["waiting"]
    assert "is out of the way of subscription 1" in do(view, "skip")
    assert notice_queries.show(site, 1)["waiting"] == waiting - 1
    assert notice_queries.show(site, 1)["counts"]["skipped"] == 1
    assert "Take the first notice out of the way: Nothing waits for it." in board(view="subscriptions", row="2").story.html


def test_a_receiver_that_lost_something_is_told_again_from_where_it_says(site, board):
    view = board(view="subscriptions", row="2")
    told = [one["notice_id"] for one in notice_queries.show(site, 2)["last"]]
    begun(view, "again", after="what I have")
    assert "Write the last notice that the receiver has" in view.pane.preview.html
    assert view.pane.confirm.disabled
    asyncio.run(view.pane.say("after", f"evt-{told[2]}"))
    assert "2 notices of subscription 2 will be told again, by otto." in confirmed(view, 2)
    assert notice_queries.show(site, 2)["counts"] == {"delivered": len(told) - 2, "waiting": 2}


def test_a_preview_that_no_longer_holds_is_shown_again(site, board):
    view = board(view="subscriptions", row="1")
    begun(view, "pause")
    chief = site.as_person(Person("lena", Role.LEAD))
    subscription_acts.apply(chief, "pause", [1], ticket=subscription_acts.preview(site, "pause", [1]).hash, reason="quicker")
    view.pane.reason.value_input, view.pane.count.value_input = "too late", "1"
    asyncio.run(view.pane.carry_out())
    assert last(site)[1:] == ("lena", "quicker")
    assert "by otto" not in view.frame.wire.said["text"]


def test_a_refusal_is_closed_with_a_reason(site, board):
    (first, second) = partners.refusals(site)
    view = board(view="refusals", row=str(first["id"]))
    assert do(view, "close", reason="they have it now") == "1 refusal of esac closed, by otto."
    assert [row["id"] for row in partners.refusals(site)] == [second["id"]]
    assert last(site) == ("partner.refusal-closed", "otto", "they have it now")


def test_all_that_a_partner_refused_is_closed_by_its_count(site, board):
    assert do(board(view="partners", row="esac"), "close-all", 2) == "2 refusals of esac closed, by otto."
    assert partners.refusals(site) == []
    assert "Close what it refused: It has refused nothing that is open." in board(view="partners", row="esac").story.html


def test_a_partner_s_difference_is_announced_again(site, board):
    one = archive_site.found("C48", site_of.EXCLUSIVE[0], "missed: not there", "warning", fix="announce")
    archive_site.audited(site, [replace(one, uri=f"{one.uri}#{name}") for name in ("esac", "esac2")], ("C48",))
    view = board(view="partners", row="esac")
    version = queries.story(site, site_of.EXCLUSIVE[0])["observation"]["version"]
    assert "1 repair done" in do(view, "announce", reason="they never got it")
    assert queries.story(site, site_of.EXCLUSIVE[0])["observation"]["version"] == version + 1


def request_of(site: Ops, state: str) -> str:
    """Give the number of the staged request in a state."""
    return next(str(row["id"]) for row in staging.requests(site, state=state))


def test_somebody_s_staged_request_is_ended_and_its_owner_reads_why(site, board):
    number = request_of(site, "ready")
    view = board("lena", view="staged", row=number)
    asyncio.run(view._pick("deed end"))
    shown = view.pane.preview.html
    assert "The request of ada (A. Almeida), 3 files, " in shown
    assert "Its files are not kept ready any more, and a tar that goes out stops." in shown
    assert "Its owner reads: the archive&#x27;s staff ended it: (your reason)" in shown
    said = do(board("lena", view="staged", row=number), "end", reason="the disk is needed")
    assert said == "The staged request of ada has ended, by lena. They read: the archive's staff ended it: the disk is needed"
    mine = staging.find(site, ADA, number)
    assert (mine.state, mine.why) == ("ended", "the archive's staff ended it: the disk is needed")
    assert last(site) == ("staging.ended", "lena", "the disk is needed")
    story = board("lena", view="staged", row=number).story.html
    assert "End this request: It has ended." in story
    assert "<p>the archive&#x27;s staff ended it: the disk is needed</p>" in story
    assert "fault" not in story, "what staff has decided needs nobody"


def test_a_request_that_is_being_laid_ready_is_stopped(site, board):
    number = staging.make(site, ADA, [product_uri(f"{site_of.EXCLUSIVE[0]}_cal.fits")], by_uris(site))[0].id
    view = board("lena", view="staged", row=number)
    asyncio.run(view._pick("deed end"))
    assert "Laying ready stops before its next file." in view.pane.preview.html
    do(board("lena", view="staged", row=number), "end")
    assert staging.is_stopped(site, number)


def test_a_request_that_was_laid_ready_since_the_preview_is_not_ended(site, board):
    number = staging.make(site, ADA, [product_uri(f"{site_of.EXCLUSIVE[0]}_cal.fits")], by_uris(site))[0].id
    view = board("lena", view="staged", row=number)
    begun(view, "end")
    staging.lay_ready(site, number, by_uris(site))
    view.pane.reason.value_input, view.pane.count.value_input = "too late", "1"
    asyncio.run(view.pane.carry_out())
    assert staging.find(site, ADA, number).state == "ready"


def test_a_request_is_ended_by_a_lead_only(site, board):
    number = request_of(site, "ready")
    assert "End this request: &#x27;staging end&#x27; needs the role lead" in board(view="staged", row=number).story.html
    bold = board("lena", view="staged", row=number)
    begun(bold, "end")
    with site.db.begin() as c:
        put_person(c, "lena", Role.OPERATOR)
    bold.pane.reason.value_input, bold.pane.count.value_input = "once a lead", "1"
    asyncio.run(bold.pane.carry_out())
    assert staging.find(site, ADA, number).state == "ready"


@pytest.mark.parametrize(
    ("view", "verbs"),
    [
        ("handovers", ("wfsc resend",)),
        ("subscriptions", ("subscriptions pause", "subscriptions retry", "subscriptions end", "notify skip")),
        ("refusals", ("partners close-refusal",)), ("programs", ("access change", "accounts grant", "accounts end-grant")),
        ("accounts", ("accounts revoke", "accounts close")),
    ],
)  # fmt: skip
def test_a_reader_is_offered_no_verb_and_reads_the_reason_of_each(board, view, verbs):
    shown = board("vera", view=view)
    first = shown.rows_of(view)[0]
    shown.open_row(str(first.get("id", first.get("name"))))
    for verb in verbs:
        assert f"&#x27;{verb}&#x27; needs the role" in shown.story.html
    assert 'data-pick="deed ' not in shown.story.html
    for deed in shown.deeds:
        asyncio.run(shown._pick(f"deed {deed.key}"))
        assert not shown.pane.view.visible
