"""Hand-overs for eyes: which ones need a person."""

from __future__ import annotations

from datetime import timedelta

from dmsops.testing.deliveries import START
from dmsops.wfsc import queries

MINUTE = timedelta(minutes=1)


def said(state: str, prepared: float, sent: float | None) -> str:
    row = {"state": state, "prepared_at": START - prepared * MINUTE, "sent_at": None if sent is None else START - sent * MINUTE}
    return queries.standing(row, START, 10 * MINUTE)


def test_a_hand_over_is_late_when_its_time_for_an_answer_is_over() -> None:
    assert [said("sent", 99, 9), said("sent", 99, 11)] == ["waits for the answer", "not answered"]
    assert [said("prepared", 9, None), said("prepared", 11, None)] == ["being sent", "not sent"]
    assert [said("refused", 1, 1), said("acknowledged", 99, 99)] == ["refused", "acknowledged"]
