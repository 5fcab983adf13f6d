"""The wavefront clock: from the receipt of a visit to its delivery, as a bar with what is used, expected and allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

Row = dict[str, Any]


def nearest(clocks: Sequence[Row], now: datetime) -> dict[str, str]:
    """Say the nearest deadline in a line for the top bar."""
    return {"text": "no clock running", "level": ""}


def draw(clocks: Sequence[Row], now: datetime) -> str:
    """Draw every running clock."""
    return ""
