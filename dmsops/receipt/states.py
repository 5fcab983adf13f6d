"""States of a delivered file and of a delivery: a sentence each, changes as a table."""

from __future__ import annotations

import enum

from dmsops.core.transitions import follow


class FileState(enum.StrEnum):
    """Where a delivered file stands."""

    ANNOUNCED = "announced"
    STAGING = "staging"
    VERIFIED = "verified"
    PROMOTED = "promoted"
    RELEASED = "released"
    REPLAYED = "replayed"
    QUARANTINED = "quarantined"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


SENTENCES: dict[FileState, str] = {
    FileState.ANNOUNCED: "Named by a manifest; its bytes have not been looked at.",
    FileState.STAGING: "Being copied into the store and checked.",
    FileState.VERIFIED: "In the store with the announced sum, and its content can be read.",
    FileState.PROMOTED: "Has its version number; it is acknowledged and released with it.",
    FileState.RELEASED: "Acknowledged to the sender; processing may use it.",
    FileState.REPLAYED: "The same bytes had come under this name before; acknowledged and counted, nothing new.",
    FileState.QUARANTINED: "Not fit for use, for the reason given; kept apart, and asked for again if a manifest names it.",
    FileState.SUPERSEDED: "A later delivery brought other bytes under this name; this version is kept, not used.",
    FileState.WITHDRAWN: "Taken out of use by a person, for the reason given; kept.",
}
CURRENT = (FileState.PROMOTED, FileState.RELEASED)
VERSIONED = (*CURRENT, FileState.SUPERSEDED, FileState.WITHDRAWN)
GOOD = (FileState.VERIFIED, *VERSIONED, FileState.REPLAYED)

TRANSITIONS: dict[str, tuple[tuple[FileState, ...], FileState]] = {
    "announce": ((FileState.QUARANTINED,), FileState.ANNOUNCED),
    "stage": ((FileState.ANNOUNCED, FileState.QUARANTINED), FileState.STAGING),
    "verify": ((FileState.STAGING,), FileState.VERIFIED),
    "quarantine": ((FileState.STAGING,), FileState.QUARANTINED),
    "promote": ((FileState.VERIFIED,), FileState.PROMOTED),
    "replay": ((FileState.VERIFIED,), FileState.REPLAYED),
    "release": ((FileState.PROMOTED,), FileState.RELEASED),
    "supersede": (CURRENT, FileState.SUPERSEDED),
    "withdraw": ((FileState.RELEASED,), FileState.WITHDRAWN),
}
"""verb: (states it may start from, state it leads to)."""


def target(verb: str, state: FileState, name: str) -> FileState:
    """Give the state that the verb leads to.

    Raises
    ------
    BadTransition
        The verb does not apply in that state; the message says which states it applies in.
    """
    return follow(TRANSITIONS, verb, state, f"file '{name}'", remedy="Look at the file's story with procedure P04.", file=name)


class DeliveryState(enum.StrEnum):
    """Where a delivery stands."""

    ANNOUNCED = "announced"
    COMPLETE = "complete"
    PARTIAL = "partial"
    QUARANTINED = "quarantined"


DELIVERY_SENTENCES: dict[DeliveryState, str] = {
    DeliveryState.ANNOUNCED: "Its manifest was read; its files are being taken. The wavefront clock of its visits runs from here.",
    DeliveryState.COMPLETE: "Acknowledged; everything it announced is here.",
    DeliveryState.PARTIAL: "Acknowledged; some of what it announced was asked for again and has not come.",
    DeliveryState.QUARANTINED: "Its manifest cannot be used; all of it is kept apart, and it was asked for again.",
}
