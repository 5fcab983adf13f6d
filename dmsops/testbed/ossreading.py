"""Reading the event log of a visit message by message: what is known after each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dmsops.core.errors import BadVisit
from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import Acquisition, Guiding, MirrorMove, VisitStatus
from dmsops.testbed.osslines import Message, bad_line, messages, number_of

_OPENING = frozenset({"found", "started", "skipped"})
"""Kinds of message that a visit may begin with."""
FULL = "SSR ALMOST FULL"


@dataclass(slots=True)
class Draft:
    """An exposure while its messages are read."""

    start: Message
    name: ExposureName
    offset: tuple[float, float]
    pupils: Message | None = None
    completed: Message | None = None
    left: datetime | None = None


class Reading:
    """What is known of the visit so far; one method per kind of message."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.visit: VisitId | None = None
        self.start: datetime | None = None
        self.end: datetime | None = None
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.status: VisitStatus | None = None
        self.reason = ""
        self.failure = ""
        self.group = ""
        self.offset = (0.0, 0.0)
        self.drafts: list[Draft] = []
        self.open: Draft | None = None
        self.moves: list[MirrorMove] = []
        self.moving = False
        self.guide: tuple[int, float, float] | None = None
        self.guiding: Guiding | None = None
        self.acquisitions: list[Acquisition] = []
        self.locating: dict[str, Message] | None = None
        self.wavefront_scripts = False
        self.moving_target = False
        self.real_time = False
        self.stopped = ""

    def take(self, message: Message) -> None:
        """Take one message in."""
        self.first = self.first or message.at
        self.last = message.at
        if "visit" in message.words:
            visit = VisitId.parse(message.words["visit"])
            if self.visit not in {None, visit}:
                raise bad_line(self.file, message, f"the log is of {self.visit}, and this speaks of another visit")
            self.visit = visit
        getattr(self, f"_{message.kind}")(message)

    def _found(self, m: Message) -> None:
        if m.words["which"] == "START":
            self.start = m.at
        else:
            self.end = m.at
            self._leave(m)

    def _started(self, m: Message) -> None:
        self.start = self.start or m.at

    def _skipped(self, m: Message) -> None:
        self.status, self.reason = "SKIPPED", m.words["reason"] or self.failure
        self._over(m)

    def _ended(self, m: Message) -> None:
        self.reason = m.words.get("reason", "")
        self.status = "UNSUCCESSFUL" if self.reason else "SUCCESSFUL"
        self._over(m)

    def _over(self, m: Message) -> None:
        self.end, self.group = m.at, ""
        self._leave(m)

    def _planned(self, m: Message) -> None:
        if self.status is None and m.words["what"] == "STOPPED":
            self.stopped = m.words.get("reason", "plan processing stopped")

    def _parallels(self, _: Message) -> None:
        """Parallel visits are named in a line of their own; their exposures come in the visit's own groups."""

    def _group(self, m: Message) -> None:
        self.group = m.words["group"] if m.words["what"] == "started" else ""

    def _activated(self, m: Message) -> None:
        script = m.words["script"]
        self.wavefront_scripts |= script == "SCWFCMAIN" or script.startswith("NRCWF")
        self.moving_target |= script == "FGSMTMAIN"
        self.real_time |= script == "GENRTVSTMAIN"

    def _terminated(self, m: Message) -> None:
        if self.open is not None and m.words["script"].startswith(self.open.start.words["type"][:3]):
            self._leave(m)
        if m.words["how"] == "ERROR":
            self.failure = self.failure or m.text
        elif m.words["how"] == "SSR_ALMOST_FULL":
            self.stopped = FULL
        elif m.words["how"] == "GS_ACQUIRED":
            self._locked(m)

    def _exposed(self, m: Message) -> None:
        self._leave(m)
        name = self._name(m)
        if any(d.name == name for d in self.drafts):
            raise bad_line(self.file, m, "this exposure has started before")
        self.open = Draft(m, name, self.offset)
        self.drafts.append(self.open)

    def _pupils(self, m: Message) -> None:
        self._of_open(m).pupils = m

    def _completed(self, m: Message) -> None:
        self._of_open(m).completed = m
        self.open = None

    def _dithered(self, m: Message) -> None:
        x, y = self._xy(m)
        self.offset = (round(self.offset[0] + x, 12), round(self.offset[1] + y, 12))

    def _guided(self, m: Message) -> None:
        self.guide = self.guide or (int(m.words["guider"]), *self._xy(m))

    def _locked(self, _: Message) -> None:
        if self.guiding is None or self.guiding.outcome == "FAILED":
            self.guiding = Guiding(outcome="ACQUIRED", attempt=self.guiding.attempt + 1 if self.guiding else 1)

    def _attempted(self, m: Message) -> None:
        self.guiding = Guiding(outcome="FAILED", attempt=int(m.words["attempt"]))

    def _unguided(self, m: Message) -> None:
        self.guiding = Guiding(outcome="FAILED", attempt=self.guiding.attempt if self.guiding else 1)
        self._failed(m)

    def _lost(self, m: Message) -> None:
        self.guiding = Guiding(outcome="LOST", attempt=self.guiding.attempt if self.guiding else 1)
        self._failed(m)

    def _ruled(self, _: Message) -> None:
        """Open the summary of a target acquisition, or close it."""
        found, self.locating = self.locating, None if self.locating is not None else {}
        if found and "located" in found:
            self.acquisitions.append(self._summary(found))

    def _summary(self, found: dict[str, Message]) -> Acquisition:
        centre, converged = found.get("centred"), found.get("converged")
        taken = [d.name for d in self.drafts if d.start.words["type"].endswith(("_TACQ", "_TACONFIRM", "_MSATA", "_WATA"))]
        return Acquisition(
            detector=found["located"].words["detector"],
            outcome="SUCCESSFUL" if converged is not None and converged.words["flag"] == "SUCCESS" else "FAILED",
            exposure=taken[-1] if taken else None,
            column=None if centre is None else number_of(self.file, centre, "column"),
            row=None if centre is None else number_of(self.file, centre, "row"),
        )

    def _located(self, m: Message) -> None:
        if self.locating is not None:
            self.locating[m.kind] = m

    _centred = _converged = _located

    def _acquired(self, m: Message) -> None:
        if self.acquisitions and self.acquisitions[-1].sam_x is None:
            x, y = self._xy(m)
            self.acquisitions[-1] = replace(self.acquisitions[-1], sam_x=x, sam_y=y)

    def _unlocated(self, m: Message) -> None:
        if self.acquisitions and self.acquisitions[-1].sam_x is None:
            self.acquisitions[-1] = replace(self.acquisitions[-1], outcome="FAILED")
        self._failed(m)

    def _initiated(self, _: Message) -> None:
        self.moving = True

    def _moved(self, m: Message) -> None:
        self.moves.append(MirrorMove(at=m.at, group=int(m.words["group"])))

    def _unfound(self, _: Message) -> None:
        self.wavefront_scripts = True

    def _failed(self, m: Message) -> None:
        self.failure = self.failure or m.text

    def _leave(self, m: Message) -> None:
        """Whatever is still exposing ends here without being completed."""
        if self.open is not None:
            self.open.left = m.at
            self.open = None

    def _xy(self, m: Message) -> tuple[float, float]:
        return number_of(self.file, m, "x"), number_of(self.file, m, "y")

    def _name(self, m: Message) -> ExposureName:
        if self.visit is None or not self.group:
            raise bad_line(self.file, m, "this exposure stands outside any group of a visit")
        return ExposureName(self.visit, self.group, m.words["sequence"], m.words["activity"].lower(), int(m.words["number"]))

    def _of_open(self, m: Message) -> Draft:
        if self.open is None or self.open.name != self._name(m):
            raise bad_line(self.file, m, "no start of this exposure comes before")
        return self.open


def readings(path: Path) -> list[Reading]:
    """Read a log that may hold several visits, one after another.

    A visit that begins while the one before has not ended leaves that one without an end (the recorder was almost full,
    or messages were lost); words that name no visit belong to the one that began last.

    Raises
    ------
    BadVisit
        The log cannot be read, holds no visit, or one of them twice; the message names file, line and text.
    """
    found = [Reading(path.name)]
    for message in messages(path):
        named = message.words.get("visit")
        if named is not None and message.kind in _OPENING and found[-1].visit not in {None, VisitId.parse(named)}:
            if any(r.visit == VisitId.parse(named) for r in found):
                raise bad_line(path.name, message, "this visit was in the log before")
            found.append(Reading(path.name))
        found[-1].take(message)
    if found[-1].visit is None:
        raise BadVisit(f"{path.name}: no message of a visit is in it", file=path.name)
    return found
