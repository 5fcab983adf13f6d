"""What people decide about received files, and what the states allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.errors import BadTransition, NotAllowed, NotFound
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.receipt import accept, queries, withdraw
from dmsops.receipt.states import DELIVERY_SENTENCES, SENTENCES, TRANSITIONS, DeliveryState, FileState, target
from dmsops.testing.deliveries import delivered_names
from tests.receipts import decided

VISIT = "02726402001"


def test_a_withdrawn_file_is_out_of_use_and_kept(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    file = queries.files_released(ops, "science", VISIT)[0]
    withdraw(ops, file["name"], 1, reason="simulator data in the flight stream")
    assert file["name"] not in [f["name"] for f in queries.files_released(ops, "science", VISIT)]
    ops.store.verify(file["sha256"])
    with pytest.raises(BadTransition, match="withdrawn"):
        withdraw(ops, file["name"], 1, reason="again")
    with pytest.raises(NotFound):
        withdraw(ops, file["name"], 7, reason="no such version")


def test_only_a_lead_may_withdraw(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    with pytest.raises(NotAllowed):
        withdraw(ops.as_person(Person("op", Role.OPERATOR)), delivered_names(folder)[0], 1, reason="no")


def test_a_file_that_will_never_come_is_waited_for_no_longer(ops: Ops, folder: Path) -> None:
    (folder / delivered_names(folder)[0]).unlink()
    assert accept(ops, folder).state is DeliveryState.PARTIAL
    request = queries.rerequests(ops)[0]["id"]
    decided(ops, close=[request], reason="lost on the ground, says FOS")
    assert queries.rerequests(ops) == []
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE
    with pytest.raises(BadTransition, match="closed already"):
        decided(ops, close=[request], reason="again")
    with pytest.raises(NotFound):
        decided(ops, close=[999], reason="which?")


def test_every_state_has_its_sentence() -> None:
    assert set(SENTENCES) == set(FileState)
    assert set(DELIVERY_SENTENCES) == set(DeliveryState)


def test_every_state_can_be_reached_and_a_refused_move_tells_where_it_stood() -> None:
    reached = {to for _, to in TRANSITIONS.values()}
    assert reached == set(FileState)
    with pytest.raises(BadTransition, match="'x': it is superseded, not released"):
        target("withdraw", FileState.SUPERSEDED, "x")
