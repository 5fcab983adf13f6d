"""What the receipt board's address says: which list, which words, which row's story."""

from __future__ import annotations

from typing import ClassVar

from dashboards.app.address import ListAddress

VIEWS = ("visits", "gaps", "requests", "quarantine", "deliveries", "ephemerides", "messages")
"""The lists of the board, in the order of what usually needs a person; the first one needs no word in the address."""


class Address(ListAddress):
    """The address's parts; an empty one is left out of it."""

    VIEWS: ClassVar[tuple[str, ...]] = VIEWS
