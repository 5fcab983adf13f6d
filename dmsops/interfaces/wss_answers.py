"""The wavefront team's answers to hand-overs: a JSON file each, beside the hand-overs (ours).

An answer comes from outside: it is read with care, and one that cannot be read is no answer.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard

from dmsops.core.errors import DeliveryRefused
from dmsops.core.names import safe_file_name

ACKNOWLEDGEMENTS = "acknowledgements"
LARGEST = 1_000_000
"""Bytes of an answer."""
LONGEST = 64
"""Letters of who answered, and of when."""


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
    wrong = next((name for name, value in texts.items() if not _is_text(value) or not 0 < len(value) <= LONGEST), None)
    if given.get("delivery_id") != delivery_id:
        wrong = "delivery_id"
    elif given.get("state") not in ("accepted", "refused"):
        wrong = "state"
    elif not isinstance(reasons, list) or not all(_is_text(reason) for reason in reasons):
        wrong = "reasons"
    if wrong is not None:
        raise _no_answer(path, f"field '{wrong}' is {given.get(wrong)!r:.80}")
    files = given.get("files", 0)
    return Acknowledgement(
        delivery_id=delivery_id, state=given["state"], reasons=tuple(reasons), files=files if isinstance(files, int) else 0,
        at=given["at"], answered_by=given["answered_by"],
    )  # fmt: skip


def _is_text(value: object) -> TypeGuard[str]:
    """Tell whether a value is text that a database takes: letters, and white space between them."""
    return isinstance(value, str) and "".join(value.split()).isprintable()


def _no_answer(path: Path, why: str) -> DeliveryRefused:
    remedy = "Ask the wavefront team to answer again, on the voice loop if the clock runs (procedures P10, P17)."
    return DeliveryRefused(f"the answer {path.name} {why}: the hand-over counts as not delivered", remedy=remedy, file=path.name)


def put_aside(folder: Path, delivery_id: str) -> None:
    """Put what lies in an answer's place aside, readable or not, under a name of its own, so that the next answer is a new one.

    Raises
    ------
    DeliveryRefused
        It cannot be renamed.
    """
    path = answer_file(folder, delivery_id)
    names = (path.with_name(f"{path.stem}.{number}.json") for number in itertools.count(1))
    try:
        path.rename(next(name for name in names if not name.exists()))
    except FileNotFoundError:
        return
    except OSError as error:
        remedy = f"See that files can be renamed in {path.parent}, then resend it (procedure P17)."
        raise DeliveryRefused(f"what lies in {path.name} cannot be put aside: {error.strerror}", remedy=remedy, file=path.name) from None
