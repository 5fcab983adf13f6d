"""Files that large requests ask for, without an archive: each is there, public and of ten bytes; only 'gone' is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dmsops.testing.deliveries import START


@dataclass(frozen=True)
class Public:
    """A public file of ten bytes."""

    uri: str
    name: str = "a_cal.fits"
    program: str = "02726"
    sha256: str = "0" * 64
    size: int = 10
    release: datetime = START
    meta_release: datetime = START


def found(uris: Sequence[str]) -> dict[str, Public]:
    """Find files by their URIs."""
    return {uri: Public(uri) for uri in uris if uri != "gone"}
