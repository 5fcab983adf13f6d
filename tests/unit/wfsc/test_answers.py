"""Answers of the wavefront team: waited for, read with care, counted once; refusals and resends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DeliveryRefused, NotAllowed, NotFound, StalePlan, StoreDamaged
from dmsops.core.people import Person, Role
from dmsops.interfaces.wss import SimulatedWss
from dmsops.interfaces.wss_answers import LARGEST, answer_file, read_answer
from dmsops.ops import Ops
from dmsops.testbed.faults import strike
from dmsops.testing.products import write_product
from dmsops.wfsc import deliver, queries, resend
from dmsops.wfsc.answers import address_of

VISIT = "02726402001"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
SAID = {"state": "accepted", "reasons": [], "files": 1, "at": "2022-12-04T06:00:00.000Z", "answered_by": "WSS duty officer"}


@pytest.fixture
def products(ops: Ops, tmp_path: Path) -> dict[str, Path]:
    """Give a product that is in the store too."""
    path = write_product(tmp_path / COMBINED)
    ops.store.put(path)
    return {COMBINED: path}


class Answering(SimulatedClock):
    """A clock on which somebody does something when it has waited for a while."""

    def __init__(self, ops: Ops, after: float, act: Callable[[], None]) -> None:
        super().__init__(ops.clock.now())
        self.left, self.act = after, act

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.left -= seconds
        if -seconds < self.left <= 0:
            self.act()


def by_the_team(ops: Ops, after: float = 1e9, act: Callable[[], None] = lambda: None) -> Ops:
    """Give the site with a team that answers itself."""
    return replace(ops, clock=Answering(ops, after, act), settings=ops.settings.model_copy(update={"wss_answers": "team"}))


def answer(ops: Ops, **changes: Any) -> Callable[[], None]:
    """Make the act that answers the hand-over that lies there."""

    def act() -> None:
        (place,) = (p for p in address_of(ops).iterdir() if p.name.startswith("WFS_"))
        path = answer_file(address_of(ops), place.name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"delivery_id": place.name, **SAID, **changes}))

    return act


def test_a_hand_over_counts_as_delivered_when_the_team_has_said_so(ops: Ops, products: dict[str, Path]) -> None:
    record = deliver(by_the_team(ops, 90, answer(ops)), VISIT, products)
    assert (record["state"], record["answered_by"]) == ("acknowledged", "WSS duty officer")
    assert record["acknowledged_at"] >= record["sent_at"]


def test_without_an_answer_it_is_sent_and_not_delivered_and_the_answer_that_comes_late_counts(ops: Ops, products: dict[str, Path]) -> None:
    with pytest.raises(DeliveryRefused, match=r"has not answered hand-over WFS_02726402001_.* in 10 min") as refused:
        deliver(by_the_team(ops), VISIT, products)
    assert "P08" in refused.value.remedy
    assert [row["state"] for row in queries.deliveries(ops)] == ["sent"]
    answer(ops)()
    assert deliver(by_the_team(ops), VISIT, products)["state"] == "acknowledged"


def test_a_refusal_is_told_and_the_next_hand_over_waits_for_a_new_answer(ops: Ops, products: dict[str, Path]) -> None:
    with pytest.raises(DeliveryRefused, match="cannot be opened"):
        deliver(by_the_team(ops, 5, answer(ops, state="refused", reasons=["cannot be opened"])), VISIT, products)
    assert [(row["state"], row["reason"]) for row in queries.deliveries(ops)] == [("refused", "cannot be opened")]
    with pytest.raises(DeliveryRefused, match="has not answered"):
        deliver(by_the_team(ops), VISIT, products)
    assert deliver(by_the_team(ops, 5, answer(ops)), VISIT, products)["state"] == "acknowledged"
    assert len(list(answer_file(address_of(ops), "x").parent.glob("*.1.json"))) == 1


BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "is no JSON object"),
    "a list": (b"[]", "is no JSON object"),
    "nested without end": (b"[" * 100_000, "is no JSON object"),
    "too long": (b"{" + b" " * LARGEST + b"}", "is no JSON object"),
    "another hand-over": (json.dumps({**SAID, "delivery_id": "WFS_x"}).encode(), "field 'delivery_id' is 'WFS_x'"),
    "no state": (json.dumps({**SAID, "state": "perhaps", "delivery_id": "WFS_1"}).encode(), "field 'state' is 'perhaps'"),
    "reasons of no kind": (json.dumps({**SAID, "reasons": "no", "delivery_id": "WFS_1"}).encode(), "field 'reasons'"),
    "a reason that is no text": (json.dumps({**SAID, "reasons": ["\ud800"], "delivery_id": "WFS_1"}).encode(), "field 'reasons'"),
    "a name that is no text": (json.dumps({**SAID, "answered_by": "\0", "delivery_id": "WFS_1"}).encode(), "field 'answered_by'"),
    "a long name": (json.dumps({**SAID, "answered_by": "x" * 65, "delivery_id": "WFS_1"}).encode(), "field 'answered_by'"),
    "nobody": (json.dumps({**SAID, "answered_by": "", "delivery_id": "WFS_1"}).encode(), "field 'answered_by'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_answer_that_cannot_be_read_is_none(tmp_path: Path, kind: str) -> None:
    text, words = BAD[kind]
    path = answer_file(tmp_path, "WFS_1")
    path.parent.mkdir()
    path.write_bytes(text)
    with pytest.raises(DeliveryRefused, match="counts as not delivered") as refused:
        read_answer(tmp_path, "WFS_1")
    assert words in refused.value.message


def test_what_was_lost_there_is_resent_from_the_store_and_asked_about_anew(ops: Ops, products: dict[str, Path]) -> None:
    number = deliver(ops, VISIT, products)["delivery_id"]
    products[COMBINED].unlink()
    (address_of(ops) / number / COMBINED).unlink()
    ops.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    seen = resend.preview(ops, number)
    assert (seen.state, seen.lacking) == ("acknowledged", ())
    row = resend.resend(ops, number, ticket=seen.hash, reason="the disk there was lost")
    assert (row["state"], row["acknowledged_at"], row["answered_by"]) == ("acknowledged", ops.clock.now(), SimulatedWss.NAME)
    assert (address_of(ops) / number / COMBINED).stat().st_size > 0
    with reading(ops.db) as c:
        query = sa.select(journal.journal.c.event).where(journal.journal.c.event.like("handover.%"))
        told = list(c.execute(query.order_by(journal.journal.c.seq)).scalars())
    assert told[-3:] == ["handover.resent", "handover.sent", "handover.acknowledged"]


def test_a_resend_that_is_not_answered_is_not_delivered(ops: Ops, products: dict[str, Path]) -> None:
    number = deliver(ops, VISIT, products)["delivery_id"]
    with pytest.raises(DeliveryRefused, match="has not answered"):
        resend.resend(by_the_team(ops), number, ticket=resend.preview(ops, number).hash, reason="lost")
    assert [row["state"] for row in queries.deliveries(ops)] == ["sent"]


def lay_garbage(path: Path) -> None:
    path.write_bytes(b"\x80\xff{")


def lay_wrong_json(path: Path) -> None:
    path.write_text(json.dumps({"delivery_id": "WFS_x", "state": "perhaps"}))


def lay_a_folder(path: Path) -> None:
    path.mkdir()
    (path / "answer.txt").write_text("yes")


UNREADABLE: dict[Callable[[Path], None], str] = {
    lay_garbage: "is no JSON object",
    lay_wrong_json: "field 'delivery_id' is 'WFS_x'",
    lay_a_folder: "cannot be read: Is a directory",
}


@pytest.mark.parametrize("lay", UNREADABLE, ids=lambda lay: lay.__name__)
def test_an_answer_that_cannot_be_read_is_told_and_a_resend_puts_it_aside(
    ops: Ops, products: dict[str, Path], lay: Callable[[Path], None]
) -> None:
    with pytest.raises(DeliveryRefused, match="has not answered"):
        deliver(by_the_team(ops), VISIT, products)
    number = queries.deliveries(ops)[0]["id"]
    path = answer_file(address_of(ops), number)
    path.parent.mkdir()
    lay(path)
    with pytest.raises(DeliveryRefused, match=UNREADABLE[lay]):
        deliver(by_the_team(ops), VISIT, products)
    seen = resend.preview(ops, number)
    row = resend.resend(by_the_team(ops, 5, answer(ops)), number, ticket=seen.hash, reason="their answer cannot be read")
    assert row["state"] == "acknowledged"
    assert path.with_name(f"{number}.1.json").exists()


def test_nothing_is_resent_when_the_answer_before_cannot_be_put_aside(ops: Ops, products: dict[str, Path]) -> None:
    with pytest.raises(DeliveryRefused, match="has not answered"):
        deliver(by_the_team(ops), VISIT, products)
    (before,) = queries.deliveries(ops)
    (address_of(ops) / "acknowledgements").write_text("a file in the folder's place")
    with pytest.raises(DeliveryRefused, match="cannot be put aside: Not a directory"):
        resend.resend(by_the_team(ops), before["id"], ticket=resend.preview(ops, before["id"]).hash, reason="lost")
    assert queries.deliveries(ops) == [before]


def test_a_resend_wants_role_reason_preview_and_bytes(ops: Ops, products: dict[str, Path]) -> None:
    number = deliver(ops, VISIT, products)["delivery_id"]
    seen = resend.preview(ops, number)
    with pytest.raises(NotAllowed):
        resend.resend(ops.as_person(Person("v", Role.VIEWER)), number, ticket=seen.hash, reason="x")
    with pytest.raises(BadInput, match="reason"):
        resend.resend(ops, number, ticket=seen.hash, reason="")
    with pytest.raises(StalePlan, match=number):
        resend.resend(ops, number, ticket="0", reason="x")
    with pytest.raises(NotFound, match="no hand-over 'WFS_none'"):
        resend.preview(ops, "WFS_none")
    ops.store.remove(seen.files[COMBINED])
    assert resend.preview(ops, number).lacking == (COMBINED,)
    with pytest.raises(StoreDamaged, match=COMBINED):
        resend.resend(ops, number, ticket=seen.hash, reason="x")


def test_the_fault_of_a_refusal_is_found_and_a_second_hand_over_repairs_it(tmp_path: Path, ops: Ops, products: dict[str, Path]) -> None:
    rehearsal = replace(ops, settings=ops.settings.model_copy(update={"mode": "rehearsal"}))
    (words,) = strike(rehearsal, ["F38"])
    reason = words.rpartition(": ")[2]
    with pytest.raises(DeliveryRefused, match=reason):
        deliver(rehearsal, VISIT, products)
    assert [row["reason"] for row in queries.deliveries(ops)] == [reason]
    number = queries.deliveries(ops)[0]["id"]
    done = resend.resend(rehearsal, number, ticket=resend.preview(ops, number).hash, reason="they made room")
    assert done["state"] == "acknowledged"
