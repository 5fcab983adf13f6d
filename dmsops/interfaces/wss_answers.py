"""The wavefront team's answers to hand-overs: a JSON file each, beside the hand-overs (ours).

An answer comes from outside: it is read with care, and one that cannot be read is no answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dmsops.core.errors import DeliveryRefused
from dmsops.core.names import safe_file_name

ACKNOWLEDGEMENTS = "acknowledgements"
LARGEST = 1_000_000
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The wavefront team's answer: taken, or refused with reasons; ``answered_by`` says who (or what) answered."""

    delivery_id: str
    state: Literal["accepted", "refused"]
    reasons: tuple[str, ...]
    files: int
    at: str
    answered_by: str


def answer_file(folder: Path, delivery_id: str) -> Path:
    """Name the file that an answer to a hand-over comes in; ``folder`` is where hand-overs are laid."""
    return folder / ACKNOWLEDGEMENTS / f"{safe_file_name(delivery_id)}.json"


def read_answer(folder: Path, delivery_id: str) -> Acknowledgement | None:
    """Read the wavefront team's answer to a hand-over; None when there is none yet.

    Raises
    ------
    DeliveryRefused
        There is a file, and it is no answer to this hand-over; the message names file and field.
    """
    path = answer_file(folder, delivery_id)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _no_answer(path, f"cannot be read: {error.strerror}") from None
    try:
        given = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise _no_answer(path, "is no JSON object")
    return _acknowledgement(path, given, delivery_id)


def _acknowledgement(path: Path, given: dict[str, Any], delivery_id: str) -> Acknowledgement:
    texts = {name: given.get(name) for name in ("at", "answered_by")}
    reasons = given.get("reasons", [])
    wrong = next((name for name, value in texts.items() if not isinstance(value, str) or not value), None)
    if given.get("delivery_id") != delivery_id:
        wrong = "delivery_id"
    elif given.get("state") not in ("accepted", "refused"):
        wrong = "state"
    elif not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        wrong = "reasons"
    if wrong is not None:
        raise _no_answer(path, f"field '{wrong}' is '{str(given.get(wrong))[:80]}'")
    files = given.get("files", 0)
    return Acknowledgement(
        delivery_id=delivery_id, state=given["state"], reasons=tuple(reasons), files=files if isinstance(files, int) else 0,
        at=given["at"], answered_by=given["answered_by"],
    )  # fmt: skip


def _no_answer(path: Path, why: str) -> DeliveryRefused:
    remedy = "Ask the wavefront team to answer again, on the voice loop if the clock runs (procedures P10, P17)."
    return DeliveryRefused(f"the answer {path.name} {why}: the hand-over counts as not delivered", remedy=remedy, file=path.name)


def put_aside(folder: Path, delivery_id: str) -> None:
    """Put an answer that was given aside, under a name of its own, so that the next one is a new one."""
    path = answer_file(folder, delivery_id)
    number = sum(1 for _ in path.parent.glob(f"{path.stem}.*.json")) + 1
    path.rename(path.with_name(f"{path.stem}.{number}.json"))
