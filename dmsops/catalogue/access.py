"""When data become public, and who may see them before (JWST data access policy; archive facts as in CAOM).

The header knows the category, not the PI's choice; the archive's table of proposals does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_EXCLUSIVE = {"GO": 365, "GTO": 365, "DD": 365, "SURVEY": 365}
"""Days of exclusive access by proposal category; those not named are public at once."""


def exclusive_days_of(category: str) -> int:
    """Give the days of exclusive access that a category has where the program chose nothing else."""
    return _EXCLUSIVE.get(category, 0)


def release_of(category: str, archived: datetime | None, exclusive_days: int | None = None) -> datetime | None:
    """Give the day on which data become public: ``exclusive_days`` after they are archived, else what their category gives."""
    days = exclusive_days_of(category) if exclusive_days is None else exclusive_days
    return None if archived is None else archived + timedelta(days=days)


def read_group(collection: str, program: str) -> str:
    """Name the group that may read a program's exclusive data (``ivo://...gms?...`` as at CADC; the authority is ours)."""
    return f"ivo://dmsops/gms?{collection}-{program}"
