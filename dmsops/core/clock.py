"""Time: the only place where DMSOps asks what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from dmsops.core.errors import BadInput


class Clock(Protocol):
    """Something that knows the time (UTC, aware) and can wait."""

    def now(self) -> datetime:
        """Give the time, UTC and aware."""

    def sleep(self, seconds: float) -> None:
        """Wait that long on this clock."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the machine's time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for real."""
        time.sleep(seconds)


class SimulatedClock:
    """A clock for rehearsals: starts where told, and may run fast or stand still.

    Parameters
    ----------
    start : datetime
        The first time it shows; must be aware.
    rate : float
        Simulated seconds per real second; 0 stands still and moves only by `sleep` and `advance`.
    """

    def __init__(self, start: datetime, rate: float = 0.0) -> None:
        if start.tzinfo is None:
            msg = "a simulated clock starts at an aware time"
            raise ValueError(msg)
        self._start = start.astimezone(UTC)
        self._rate = rate
        self._zero = time.monotonic()
        self._skipped = timedelta()

    def now(self) -> datetime:
        """Give the simulated time."""
        ran = (time.monotonic() - self._zero) * self._rate
        return self._start + self._skipped + timedelta(seconds=ran)

    def sleep(self, seconds: float) -> None:
        """Wait on the simulated clock: jumps if it stands still."""
        if self._rate > 0:
            time.sleep(seconds / self._rate)
        else:
            self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._skipped += by


def iso(when: datetime) -> str:
    """Write a time as ``2022-12-04T03:42:02.580Z``."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of_day(when: datetime, seen_from: datetime) -> str:
    """Write a time for people: ``03:42:02Z``, with its date where that is another day: ``2022-12-04 03:42:02Z``."""
    shown = when.astimezone(UTC)
    same = shown.date() == seen_from.astimezone(UTC).date()
    return f"{shown:%H:%M:%S}Z" if same else f"{shown:%Y-%m-%d %H:%M:%S}Z"


def parse_iso(text: str) -> datetime:
    """Read a time written by `iso` (or any ISO time; without a zone it is UTC).

    Raises
    ------
    ValueError
        It is none, or lies outside the years 1 to 9999 of UTC.
    """
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        msg = f"'{text}' lies outside the years of UTC"
        raise ValueError(msg) from None


def time_of(text: str, field: str) -> datetime:
    """Read a UTC time that somebody gave: as `parse_iso`, with blanks around it, also a date alone.

    Raises
    ------
    BadInput
        It is none.
    """
    try:
        return parse_iso(text.strip())
    except ValueError:
        raise BadInput(f"field '{field}': '{text[:40]}' is no time as 2022-12-04T03:42:02Z (UTC)", field=field) from None
