"""The store's contract: write-once, content-addressed bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Bytes by their sha256; nothing is ever overwritten, and what `put` has returned survives a power cut."""

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256 (hex); a file already there is left alone.

        ``sha256`` is what the caller expects; another sum raises `StoreDamaged` and stores nothing.
        """

    def put_many(self, files: Sequence[tuple[Path, str | None]]) -> list[str]:
        """Copy files in, each with the sum that is expected of it (or None), and give the sums found, in the same order.

        A file with another sum than expected is not stored; the others are. Cheaper than `put` for each: what makes them
        survive a power cut is done for all of them together.
        """

    def path(self, sha256: str) -> Path:
        """Give a read-only local file with these bytes; raises `NotFound`."""

    def has(self, sha256: str) -> bool:
        """Say whether these bytes are here."""

    def verify(self, sha256: str) -> None:
        """Read the bytes again and compare; raises `StoreDamaged` (names object and both sums) or `NotFound`."""

    def objects(self) -> Iterator[str]:
        """Give every object's sha256."""

    def age(self, sha256: str) -> float:
        """Give the seconds since these bytes were last put, by the store's own clock; raises `NotFound`."""

    def remove(self, sha256: str, *, unused_seconds: float = 0.0) -> bool:
        """Remove an object that was last put longer ago than that, and say whether it was; only the sweep of orphans calls this.

        Bytes that are being put again at this moment are either left, or put anew.
        """

    def unfinished(self) -> int:
        """Give the number of unfinished copies whose writer is dead."""

    def sweep(self) -> int:
        """Remove unfinished copies whose writer is dead, and give their number; a living writer's are left alone."""
