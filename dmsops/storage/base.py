"""The store's contract: write-once, content-addressed bytes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from dmsops.core.errors import BadInput, NotFound, StoreDamaged

_SHA256 = re.compile(r"[0-9a-f]{64}")


def need_sha256(sha256: str) -> None:
    """Refuse what is no sha256 in hex: it may become part of a path; raises `BadInput`."""
    if _SHA256.fullmatch(sha256) is None:
        raise BadInput(f"'{sha256}' is not a sha256 in hex", field="sha256")


def missing(sha256: str) -> NotFound:
    """Give the error that says that a store lacks an object."""
    return NotFound(f"the store has no object {sha256[:12]}...", sha256=sha256)


def need_same(sha256: str, found: str) -> None:
    """Refuse an object whose bytes have another sum than its name; raises `StoreDamaged`."""
    if found != sha256:
        raise StoreDamaged(f"object {sha256[:12]}... now has sha256 {found[:12]}...", expected=sha256, found=found)


class Store(Protocol):
    """Bytes by their sha256; nothing is ever overwritten, and what `put` has returned survives a power cut."""

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256 (hex); a sound one that is there already is left alone, a damaged one set aside.

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

    def size(self, sha256: str) -> int:
        """Give the number of bytes; raises `NotFound`."""

    def sizes(self, sums: Collection[str]) -> dict[str, int]:
        """Give the numbers of bytes of many objects, several asked for at once; one that is not there is left out."""

    def verify(self, sha256: str) -> None:
        """Read the bytes again and compare; raises `StoreDamaged` (names object and both sums) or `NotFound`."""

    def restore(self, path: Path, sha256: str) -> bool:
        """Put good bytes in the place of damaged or missing ones, and say whether that was needed.

        The damaged bytes are kept aside under ``damaged/``. A file with another sum raises `StoreDamaged` and changes nothing.
        """

    def set_aside(self, sha256: str) -> bool:
        """Take damaged bytes out of their place, so that good ones can be put there, and say whether that was needed.

        They are kept under ``damaged/``. A sound object is left where it is. Killed in the middle, it is done by the next call.
        """

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
