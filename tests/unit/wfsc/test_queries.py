"""Hand-overs for eyes: which ones need a person."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from dmsops.wfsc import queries
from dmsops.wfsc.tables import wfsc_delivery

MINUTE = timedelta(minutes=1)


def said(state: str, prepared: float, sent: float | None) -> str:
    row = {"state": state, "prepared_at": START - prepared * MINUTE, "sent_at": None if sent is None else START - sent * MINUTE}
    return queries.standing(row, START, 10 * MINUTE)


def test_a_hand_over_is_late_when_its_time_for_an_answer_is_over() -> None:
    assert [said("sent", 99, 9), said("sent", 99, 11)] == ["waits for the answer", "not answered"]
    assert [said("prepared", 9, None), said("prepared", 11, None)] == ["being sent", "not sent"]
    assert [said("refused", 1, 1), said("acknowledged", 99, 99)] == ["refused", "acknowledged"]


def test_a_hand_over_needs_nobody_once_its_products_were_taken_with_a_later_one(tmp_path: Path) -> None:
    ops = small_site(tmp_path / "site", START)

    def put(number: int, state: str, visit: str, *names: str) -> None:
        sent = {"prepared_at": ops.clock.now() + number * MINUTE, "sent_at": ops.clock.now() + number * MINUTE}
        row = {"id": f"WFS_{number}", "visit": visit, "state": state, "files": dict.fromkeys(names, "0" * 64), "place": "wss", **sent}
        with ops.db.begin() as c:
            c.execute(sa.insert(wfsc_delivery).values(**row))

    put(1, "refused", "02726402001", "a.fits", "b.fits")
    put(2, "acknowledged", "02726402001", "a.fits")
    put(3, "acknowledged", "02726405001", "a.fits", "b.fits")
    assert [row["standing"] for row in queries.handovers(ops)] == ["refused", "acknowledged", "acknowledged"]
    put(4, "acknowledged", "02726402001", "b.fits")
    put(5, "refused", "02726402001", "a.fits")
    assert [row["standing"] for row in queries.handovers(ops)] == ["replaced", "acknowledged", "acknowledged", "acknowledged", "refused"]
    ops.db.dispose()
