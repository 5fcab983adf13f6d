"""The store's contract: write-once, content-addressed bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Bytes by their sha256; nothing is ever overwritten, and what `put` has returned survives a power cut."""

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256 (hex); a file already there is left alone.

        ``sha256`` is what the caller expects; another sum raises `StoreDamaged` and stores nothing.
        """

    def path(self, sha256: str) -> Path:
        """Give a read-only local file with these bytes; raises `NotFound`."""

    def has(self, sha256: str) -> bool:
        """Say whether these bytes are here."""

    def verify(self, sha256: str) -> None:
        """Read the bytes again and compare; raises `StoreDamaged` (names object and both sums) or `NotFound`."""

    def objects(self) -> Iterator[str]:
        """Give every object's sha256."""

    def remove(self, sha256: str) -> None:
        """Remove an object; only the audit's sweep of orphans calls this."""
