"""What comes of telling somebody, and when to try again."""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 3600.0
JITTER = 0.25
"""How much longer than its step a wait may be, so that many that failed together do not come back together."""
REFUSALS = 8
"""How often one notice may be refused by its receiver (some 20 minutes) before those after it have their turn."""


class Result(enum.StrEnum):
    """What a receiver did."""

    DONE = "done"
    LATER = "later"
    """It could not be reached, or says to come again."""
    REFUSED = "refused"
    """It does not take this one."""
    GONE = "gone"
    """It wants no more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of telling somebody, and why it did not work."""

    result: Result
    why: str = ""


def wait_seconds(attempt: int, number: int) -> float:
    """Give the wait after so many attempts (from 1): seconds at first, doubled each time up to an hour.

    Parameters
    ----------
    number : int
        What is tried again; it spreads the wait by up to a quarter, always alike.
    """
    step = min(FIRST_SECONDS * 2.0 ** min(max(attempt, 1) - 1, 30), LONGEST_SECONDS)
    spread = zlib.crc32(f"{number}:{attempt}".encode()) % 1000 / 1000.0
    return step * (1.0 + JITTER * spread)
