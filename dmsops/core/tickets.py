"""What every verb that changes something asks for: a reason, and the ticket of a preview that still holds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from dmsops.core.errors import BadInput, StalePlan

_DIGITS = 16


def ticket_of(facts: Any) -> str:
    """Give the ticket of a preview: a fingerprint of the facts that it rests on (plain data; anything else as its text)."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]


def need_reason(verb: str, reason: str) -> None:
    """Refuse an act without a reason (`BadInput`)."""
    if not reason.strip():
        raise BadInput(f"'{verb}' needs a reason", field="reason")


def need_ticket(given: str, now: str, changed: str, *, remedy: str | None = None) -> None:
    """Refuse an act whose preview does not hold any more.

    Parameters
    ----------
    given, now : str
        The ticket that the person saw, and that of a preview made at this moment.
    changed : str
        What has changed since, as a sentence.

    Raises
    ------
    StalePlan
        They differ.
    """
    if given != now:
        raise StalePlan(changed, remedy=remedy, seen=given, now=now)
