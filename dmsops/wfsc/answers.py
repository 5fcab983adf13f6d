"""Waiting for the wavefront team's answer: nothing counts as delivered before it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import DeliveryRefused
from dmsops.interfaces.wss import SimulatedWss
from dmsops.interfaces.wss_answers import Acknowledgement, put_aside, read_answer

if TYPE_CHECKING:
    from dmsops.core.config import Settings
    from dmsops.ops import Ops

_LOOK_SECONDS = 1.0
_REMEDY = (
    "Call the wavefront team (voice loop, P10); when they have answered, rescue the step (P08)."
    " If they have not got it, procedure P17 resends."
)

SIMULATED = (
    'The answers of WSS are simulated: no hand-over is known to have reached the wavefront team. Set wss_answers = "team" in site.toml.'
)
"""What a live site is told whose hand-overs are answered by the simulated wavefront team."""


def not_real(settings: Settings) -> str:
    """Say in a sentence that hand-overs of a live site are not answered by the wavefront team itself; empty when they are."""
    return SIMULATED if settings.mode == "live" and settings.wss_answers == "simulated" else ""


def address_of(ops: Ops) -> Path:
    """Give the folder where the wavefront team picks hand-overs up."""
    return ops.settings.wss_address or ops.settings.folder("outbox") / "wss"


def forget_refusal(address: Path, delivery_id: str) -> None:
    """Put a refusal aside before the same products are handed over again: the next answer is to be a new one."""
    given = read_answer(address, delivery_id)
    if given is not None and given.state == "refused":
        put_aside(address, delivery_id)


def await_answer(ops: Ops, placed: Path) -> Acknowledgement:
    """Give the answer to a hand-over that lies there, waiting for it as long as the setting ``wss_answer_minutes`` says.

    Raises
    ------
    DeliveryRefused
        There is none in time, or it cannot be read.
    """
    if ops.settings.wss_answers == "simulated":
        return SimulatedWss(placed.parent).take(placed, at=ops.clock.now())
    until = ops.clock.now() + timedelta(minutes=ops.settings.wss_answer_minutes)
    while (answer := read_answer(placed.parent, placed.name)) is None:
        if ops.clock.now() >= until:
            raise DeliveryRefused(
                f"WSS has not answered hand-over {placed.name} in {ops.settings.wss_answer_minutes:g} min:"
                " it lies there and does not count as delivered",
                remedy=_REMEDY,
                delivery=placed.name,
            )  # fmt: skip
        ops.clock.sleep(_LOOK_SECONDS)
    return answer
