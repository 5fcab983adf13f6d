"""Ephemerides at receipt: what cannot be true is quarantined, what is not expected waits for a person, the best one is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadDelivery, BadInput, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role
from dmsops.interfaces.fdf import Ephemeris, write_oem
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept, ephemerides, queries
from dmsops.receipt.ephemeris_acts import accept as accept_anyway
from dmsops.receipt.ephemeris_acts import preview_acceptance
from dmsops.receipt.ephemeris_checks import coverage_of, residual
from dmsops.receipt.tables import ephemeris_file
from dmsops.testing.deliveries import small_visit, write_delivery

FIRST = np.datetime64("2022-12-03T12:00:00", "ms")
VELOCITY = np.array([0.1, 0.2, 0.05])
Send = Callable[..., list[dict[str, Any]]]


def ephemeris(
    kind: str = "Predicted", *, hours: int = 24, start: int = 0, step: float = 600.0, off: float = 0.0, speed: float = 0.0
) -> Ephemeris:
    """A straight way near L2: `off` km and `speed` km/s beside the usual one, from `start` hours after noon."""
    seconds = start * 3600.0 + np.arange(0.0, hours * 3600.0 + 1, step)
    velocity = VELOCITY + np.array([speed, 0, 0])
    positions = np.array([1.4e6 + off, 2e5, 1e5]) + (seconds - start * 3600.0)[:, None] * velocity + start * 3600.0 * VELOCITY
    times = FIRST + (seconds * 1000).astype("timedelta64[ms]")
    return Ephemeris(kind=kind, times=times, positions=positions, velocities=np.tile(velocity, (len(times), 1)))  # type: ignore[arg-type]


@pytest.fixture
def send(ops: Ops, tmp_path: Path) -> Send:
    """Give a function that delivers ephemerides, each in a delivery of its own, and gives what is known of all."""
    numbers = iter(range(1, 100))

    def deliver(*sent: Ephemeris, created: datetime | None = None) -> list[dict[str, Any]]:
        for one in sent:
            number = next(numbers)
            folder = tmp_path / f"E{number}"
            folder.mkdir()
            when = created or datetime(2022, 12, 4, tzinfo=UTC) + timedelta(minutes=number)
            write_oem(one, folder, created=when)
            write_manifest(folder, delivery_id=f"E{number}", sender="FDF", sequence=number, created=when)
            accept(ops, folder)
        return ephemerides.coverage(ops)

    return deliver


def test_an_ephemeris_that_goes_on_from_the_one_before_may_be_used(ops: Ops, send: Send) -> None:
    first, second = send(ephemeris(), ephemeris(start=12, off=3.0, speed=1e-6))
    assert (first["compared_with"], first["residual_km"], first["needs_person"]) == (None, None, False)
    assert second["compared_with"] == first["name"]
    assert second["residual_km"] == pytest.approx(3.0, abs=0.1)
    assert second["residual_km_s"] == pytest.approx(1e-6, abs=1e-9)
    assert [r["name"] for r in ephemerides.usable(ops)] == [second["name"], first["name"]]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"positions": ephemeris().positions / 1000}, "would be 1,418 km from the Earth"),
        ({"positions": ephemeris().positions * 2}, "2,835,489 km"),
        ({"velocities": ephemeris().velocities * 1000}, "otherwise than the velocity says"),
        ({"velocities": -ephemeris().velocities}, "otherwise than the velocity says"),
    ],
)
def test_what_cannot_be_true_is_quarantined_in_words_with_its_procedure(ops: Ops, send: Send, changed: Any, said: str) -> None:
    assert send(replace(ephemeris(), **changed)) == []
    (row,) = queries.quarantine(ops)
    assert row["fault"] == "content"
    assert row["name"] in row["reason"]
    assert said in row["reason"]
    assert "P06" in row["reason"]


def test_a_name_that_speaks_of_other_days_is_refused() -> None:
    with pytest.raises(BadDelivery, match=r"it would be JWST_P_20221203_20221204\.OEM"):
        coverage_of(ephemeris(), "JWST_P_20220101_20220102.OEM")


@pytest.mark.parametrize(
    ("kinds", "off", "speed", "doubted"),
    [
        (("Predicted", "Predicted"), 900.0, 0.0, False),
        (("Predicted", "Predicted"), 1100.0, 0.0, True),
        (("Predicted", "Definitive"), 900.0, 0.0, False),
        (("Predicted", "Definitive"), 1100.0, 0.0, True),
        (("Predicted", "Definitive"), 0.0, 0.011, True),
        (("Definitive", "Definitive"), 40.0, 0.0, False),
        (("Definitive", "Definitive"), 60.0, 0.0, True),
        (("Definitive", "Predicted"), 1100.0, 0.0, True),
    ],
)
def test_one_that_is_too_far_from_another_waits_for_a_person(
    ops: Ops, send: Send, kinds: tuple[str, str], off: float, speed: float, doubted: bool
) -> None:
    first, second = send(ephemeris(kinds[0]), ephemeris(kinds[1], start=12, hours=20, off=off, speed=speed))
    assert (second["needs_person"], bool(second["doubts"])) == (doubted, doubted)
    used = [r["name"] for r in ephemerides.usable(ops)]
    assert first["name"] in used
    assert (second["name"] in used) is not doubted


def test_an_ephemeris_with_a_hole_waits_for_a_person(ops: Ops, send: Send) -> None:
    (row,) = send(ephemeris(step=3600.0))
    assert row["largest_step_seconds"] == 3600
    assert row["needs_person"]
    assert "3600 s between two of its vectors" in row["doubts"][0]


def test_a_definitive_one_is_held_against_the_last_definitive_and_the_prediction(ops: Ops, send: Send) -> None:
    *_, last = send(ephemeris(), ephemeris("Definitive", hours=18, off=30.0), ephemeris("Definitive", start=12, hours=20, off=90.0))
    (doubt,) = last["doubts"]
    assert "60.0 km" in doubt
    assert "JWST_D_" in doubt
    assert last["residual_km"] == pytest.approx(60.0)


def test_one_in_doubt_is_no_measure_for_the_next(ops: Ops, send: Send) -> None:
    rows = send(ephemeris(), ephemeris("Definitive", off=5000.0), ephemeris("Definitive", hours=20, off=10.0), created=None)
    assert [r["needs_person"] for r in rows if r["state"] == "released"].count(True) <= 1
    assert ephemerides.usable(ops)[0]["residual_km"] == pytest.approx(10.0)


@pytest.fixture
def doubtful(send: Send) -> str:
    """Receive a definitive ephemeris that is far from its prediction, and give its name."""
    return str(next(r["name"] for r in send(ephemeris(), ephemeris("Definitive", off=5000.0)) if r["needs_person"]))


def test_a_lead_may_accept_one_that_is_in_doubt(ops: Ops, doubtful: str) -> None:
    seen = preview_acceptance(ops, doubtful)
    assert "5000.0 km" in seen.doubts[0]
    assert [r["name"] for r in ephemerides.usable(ops)] != [doubtful]
    accept_anyway(ops, doubtful, ticket=seen.hash, reason="a manoeuvre, FDF says so")
    assert ephemerides.usable(ops)[0]["name"] == doubtful
    with reading(ops.db) as c:
        assert journal.verify(c) is None
        (line,) = c.execute(sa.select(journal.journal).where(journal.journal.c.event == "ephemeris.accepted")).all()
    assert (line.target, line.reason, line.actor) == (doubtful, "a manoeuvre, FDF says so", "tester")


def test_accepting_needs_a_lead_a_reason_the_right_ticket_and_a_doubt(ops: Ops, doubtful: str) -> None:
    ticket = preview_acceptance(ops, doubtful).hash
    with pytest.raises(NotAllowed):
        accept_anyway(ops.as_person(Person("op", Role.OPERATOR)), doubtful, ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="reason"):
        accept_anyway(ops, doubtful, ticket=ticket, reason=" ")
    with pytest.raises(StalePlan):
        accept_anyway(ops, doubtful, ticket="0" * 16, reason="x")
    with pytest.raises(Refused, match="not in doubt"):
        preview_acceptance(ops, "JWST_P_20221203_20221204.OEM")
    with pytest.raises(NotFound, match=r"JWST_D_20200101_20200102\.OEM"):
        preview_acceptance(ops, "JWST_D_20200101_20200102.OEM")
    accept_anyway(ops, doubtful, ticket=ticket, reason="x")
    with pytest.raises(Refused):
        accept_anyway(ops, doubtful, ticket=ticket, reason="twice")


def test_one_that_was_received_and_not_checked_when_the_receiver_was_killed_is_not_used_and_checked_by_the_next(
    ops: Ops, send: Send
) -> None:
    send(ephemeris())
    with ops.db.begin() as c:
        c.execute(sa.update(ephemeris_file).values(checked_at=None))
    assert ephemerides.usable(ops) == []
    ephemerides.check_received(ops)
    ephemerides.check_received(ops)
    assert len(ephemerides.usable(ops)) == 1
    with reading(ops.db) as c:
        lines = c.execute(sa.select(journal.journal).where(journal.journal.c.event == "ephemeris.checked")).all()
    assert len(lines) == 2


def at(hours: float) -> datetime:
    return datetime(2022, 12, 3, 12, tzinfo=UTC) + timedelta(hours=hours)


def chosen(ops: Ops, start: float, end: float) -> dict[str, Any]:
    """Give what is chosen for an exposure between these hours; an empty dict for nothing."""
    return ephemerides.choose(ephemerides.usable(ops), at(start), at(end)) or {}


def test_an_exposure_gets_a_definitive_one_else_the_newest_prediction_else_none(ops: Ops, send: Send) -> None:
    send(ephemeris(), ephemeris(start=6, hours=30, off=1.0), ephemeris("Definitive", hours=10, off=2.0))
    assert chosen(ops, 2, 3)["kind"] == "Definitive"
    assert chosen(ops, 5.5, 6.5)["kind"] == "Definitive"
    assert chosen(ops, 12, 13)["residual_km"] == pytest.approx(1.0)
    assert chosen(ops, 36, 37) == {}
    assert chosen(ops, 9.5, 10.5)["kind"] == "Predicted"


def test_the_newer_prediction_is_the_one_that_was_written_later_whatever_its_name(ops: Ops, send: Send) -> None:
    send(ephemeris(hours=40), created=datetime(2022, 12, 2, tzinfo=UTC))
    send(ephemeris(off=1.0), created=datetime(2022, 12, 3, tzinfo=UTC))
    assert chosen(ops, 2, 3)["name"] == "JWST_P_20221203_20221204.OEM"


def test_times_that_no_ephemeris_covers_and_visits_ahead_are_listed(ops: Ops, send: Send) -> None:
    send(ephemeris(hours=6), ephemeris(start=30, hours=6))
    gap, *_ = ephemerides.holes(ops)
    assert (gap["covers_from"], gap["covers_to"]) == (at(6), at(30))
    visit = small_visit()
    later = replace(visit, start=visit.start + timedelta(days=9), end=visit.end + timedelta(days=9))
    accept(ops, write_delivery(ops.settings.folder("inbox") / "D0009", later, delivery_id="D0009"))
    assert "visit V02726402001" in [h["what"] for h in ephemerides.holes(ops)]


def test_looking_at_a_file_says_what_receipt_would_and_changes_nothing(ops: Ops, send: Send, tmp_path: Path) -> None:
    send(ephemeris())
    seen = ephemerides.look_at(ops, write_oem(ephemeris("Definitive", off=5000.0), tmp_path))
    assert (seen["kind"], seen["compared_with"]) == ("Definitive", "JWST_P_20221203_20221204.OEM")
    assert "5000.0 km" in seen["doubts"][0]
    assert len(ephemerides.coverage(ops)) == 1


def test_two_that_have_no_time_in_common_cannot_be_compared() -> None:
    assert residual(ephemeris(), ephemeris(start=30)) is None
    assert residual(ephemeris(), ephemeris()) == (0.0, 0.0)
