"""Reading the event log of a visit message by message: what is known after each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import MirrorMove, VisitStatus
from dmsops.testbed.osslines import Message, bad_line


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
        self.guided_at_all = False
        self.wavefront_scripts = False

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
        self.status, self.reason, self.end = "SKIPPED", m.words["reason"] or self.failure, m.at
        self._leave(m)

    def _ended(self, m: Message) -> None:
        self.reason, self.end = m.words.get("reason", ""), m.at
        self.status = "UNSUCCESSFUL" if self.reason else "SUCCESSFUL"
        self._leave(m)

    def _group(self, m: Message) -> None:
        self.group = m.words["group"] if m.words["what"] == "started" else ""

    def _activated(self, m: Message) -> None:
        self.wavefront_scripts |= m.words["script"] == "SCWFCMAIN" or m.words["script"].startswith("NRCWF")

    def _terminated(self, m: Message) -> None:
        if m.words["script"].startswith("NRC"):
            self._leave(m)
        if m.words["how"] == "ERROR":
            self.failure = self.failure or m.text

    def _exposed(self, m: Message) -> None:
        self._leave(m)
        if not m.words["type"].startswith("NRC_"):
            raise bad_line(self.file, m, "the test bed flies NIRCam exposures only")
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
        self.offset = (round(self.offset[0] + float(m.words["x"]), 12), round(self.offset[1] + float(m.words["y"]), 12))

    def _guided(self, m: Message) -> None:
        self.guide = self.guide or (int(m.words["guider"]), float(m.words["x"]), float(m.words["y"]))

    def _locked(self, _: Message) -> None:
        self.guided_at_all = True

    def _initiated(self, _: Message) -> None:
        self.moving = True

    def _moved(self, m: Message) -> None:
        self.moves.append(MirrorMove(at=m.at, group=int(m.words["group"])))

    def _failed(self, m: Message) -> None:
        self.failure = self.failure or m.text

    def _leave(self, m: Message) -> None:
        """Whatever is still exposing ends here without being completed."""
        if self.open is not None:
            self.open.left = m.at
            self.open = None

    def _name(self, m: Message) -> ExposureName:
        if self.visit is None or not self.group:
            raise bad_line(self.file, m, "this exposure stands outside any group of a visit")
        return ExposureName(self.visit, self.group, m.words["sequence"], m.words["activity"].lower(), int(m.words["number"]))

    def _of_open(self, m: Message) -> Draft:
        if self.open is None or self.open.name != self._name(m):
            raise bad_line(self.file, m, "no start of this exposure comes before")
        return self.open
