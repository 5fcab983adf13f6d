"""When data become public (JWST data access policy; the header knows the category, not the PI's choice)."""

from __future__ import annotations

from datetime import datetime, timedelta

_EXCLUSIVE = {"GO": 365, "GTO": 365, "DD": 365, "SURVEY": 365}
"""Days of exclusive access by proposal category; those not named are public at once."""


def release_of(category: str, archived: datetime | None) -> datetime | None:
    """Give the day on which data become public: 12 months after they are archived for GO-like programs, else at once."""
    return None if archived is None else archived + timedelta(days=_EXCLUSIVE.get(category, 0))
