"""The trend of the engineering board: pictures under each other, their time, and in words what is seen and what is doubtful."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import panel as pn
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import Range1d

from dashboards.app import engineering_words, theme
from dashboards.app.engineering_course import Course, course
from dashboards.app.engineering_plot import Plot
from dashboards.app.fragment import Fragment
from dashboards.app.turns import soon
from dmsops.engineering import queries
from dmsops.engineering.coverage import united

if TYPE_CHECKING:
    from dashboards.app.engineering_address import Address
    from dashboards.app.engineering_reads import Engineering
    from dashboards.app.frame import Frame

Row = dict[str, Any]
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
DEFAULT = "day"
WIDTH = 900
"""Points that are asked for until the page has said how wide the picture is."""
SETTLE_MS = 250
"""How long a person's zoom or shift has to stand still before its samples are asked for."""
LEAST = timedelta(milliseconds=2)
TOGETHER = 0.004
"""Doubtful times that are apart by less than this share of the picture are hatched as one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POOL = ThreadPoolExecutor(2, thread_name_prefix="trend reader")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be seen: mnemonics, the time, and the revision of the engineering database."""

    names: tuple[str, ...]
    start: datetime
    stop: datetime
    revision: int


class TrendPane:
    """The trend in one person's hand.

    Parameters
    ----------
    pick : callable
        Answers clicks that are not about the trend.
    """

    def __init__(self, frame: Frame, address: Address, pick: Callable[[str], Any]) -> None:
        self._frame = frame
        self._address = address
        self._document = pn.state.curdoc
        self._x = Range1d(start=0, end=1)
        self._setting = False
        self._due: Any = None
        self._firsts: dict[tuple[str, int], datetime | None] = {}
        self.wanted: Wanted | None = None
        self.lost = False
        self._shown: Wanted | None = None
        self.courses: dict[str, Course] = {}
        self.plots: dict[str, Plot] = {}
        self.words: dict[str, Fragment] = {}
        self.controls = Fragment(pick)
        self.pictures = pn.Column(sizing_mode="stretch_width")
        self.view = pn.Column(self.controls, self.pictures, sizing_mode="stretch_width", visible=False)
        self._pick = pick
        self._x.on_change("start", self._moved)
        self._x.on_change("end", self._moved)
        frame.wire.param.watch(lambda _: self._paint(), ["colours", "narrow"])

    def draw(self, seen: Engineering) -> None:
        """Show what the address asks for; samples are read beside the page, and only when something else is asked for."""
        self.view.visible = self._address.shown == "trend"
        if not self.view.visible:
            return
        names = tuple(name for name in self._address.plotted if seen.mnemonic(name))
        wanted = self._want(seen, names)
        if wanted != self.wanted:
            self.wanted, self.lost = wanted, False
            self._lay_out(names)
            self._ask()
        self.say(seen)

    def say(self, seen: Engineering) -> None:
        """Write what is seen in words."""
        self.controls.html = engineering_words.controls(self._address, seen, self.wanted, reading=self._reads)
        now = self._frame.hub.snapshot.now
        for name, words in self.words.items():
            found = self.courses.get(name)
            words.html = engineering_words.beside(seen, name, found, self.wanted, now, lost=self.lost)

    @property
    def _reads(self) -> bool:
        return self.wanted is not None and not self.lost and self._shown != self.wanted

    def _want(self, seen: Engineering, names: Sequence[str]) -> Wanted | None:
        if not names:
            return None
        start, stop = self._address.between or self._span(seen, names)
        return Wanted(names=tuple(names), start=start, stop=stop, revision=seen.totals.get("revision", 0))

    def _span(self, seen: Engineering, names: Sequence[str]) -> tuple[datetime, datetime]:
        """Give the time that a button means: it ends with the newest sample of what is plotted."""
        rows = [seen.mnemonic(name) for name in names]
        held = [row["latest_at"] for row in rows if row and row["latest_at"]]
        stop = max(held, default=seen.newest_at or self._frame.hub.snapshot.now)
        if self._address.span != "all":
            return stop - SPANS.get(self._address.span, SPANS[DEFAULT]), stop
        firsts = [first for name in names if (first := self._first(name, seen.totals.get("revision", 0)))]
        return min(firsts, default=stop - SPANS[DEFAULT]), stop

    def _first(self, name: str, revision: int) -> datetime | None:
        """Give the start of a mnemonic's oldest hour; it is asked for once in each revision, as samples may come late."""
        if (name, revision) not in self._firsts:
            hours = queries.hourly(self._frame.hub.ops, name)
            self._firsts = {key: first for key, first in self._firsts.items() if key[1] == revision}
            self._firsts[name, revision] = hours[0]["at"] if hours else None
        return self._firsts[name, revision]

    def _lay_out(self, names: tuple[str, ...]) -> None:
        """Put one picture for each mnemonic under each other, and set their common time."""
        if self.wanted is not None:
            self._setting = True
            self._x.update(start=_ms(self.wanted.start), end=_ms(self.wanted.stop))
            self._setting = False
        if tuple(self.plots) == names:
            return
        database = {row["name"]: row for row in self._frame.hub.snapshot.engineering.mnemonics}
        self.plots = {
            name: Plot(name, self._x, self._colours, held=bool(database[name]["states"]) or not database[name]["all_points"])
            for name in names
        }
        self.words = {name: Fragment(self._pick) for name in names}
        self.courses = {}
        parts = [(pn.pane.Bokeh(self.plots[name].figure, sizing_mode="stretch_width"), self.words[name]) for name in names]
        self.pictures[:] = [part for pair in parts for part in pair]
        self._paint()

    @property
    def _colours(self) -> dict[str, str]:
        return theme.LIGHT if self._frame.wire.colours == "light" else theme.DARK

    def _paint(self) -> None:
        for plot in self.plots.values():
            plot.paint(self._colours)
            drag: Any = None if self._frame.wire.narrow else plot.figure.toolbar.tools[0]
            plot.figure.toolbar.active_drag = drag  # on a narrow page a finger scrolls the page

    def _ask(self) -> None:
        """Have the samples read in another thread; without a page nobody waits for them."""
        wanted, document = self.wanted, self._document
        if wanted is None or document is None:
            return
        asked = _POOL.submit(self.read, wanted)
        asked.add_done_callback(lambda done: soon(document, partial(self._arrived, wanted, done)))

    def read(self, wanted: Wanted) -> dict[str, Course]:
        """Read the courses of what is wanted."""
        points = {name: self._points(name) for name in wanted.names}
        ops = self._frame.hub.ops
        return {name: course(ops, name, wanted.start, wanted.stop, points=points[name]) for name in wanted.names}

    def _points(self, name: str) -> int:
        """Give the width of a picture; the page says it once it is drawn."""
        width = WIDTH
        with contextlib.suppress(UnsetValueError, KeyError):
            width = self.plots[name].figure.inner_width or WIDTH
        return min(max(int(width), 200), 2000)

    def _arrived(self, wanted: Wanted, done: Future[dict[str, Course]]) -> None:
        with self._frame.telling():
            if wanted != self.wanted:
                return
            self.lost = done.exception() is not None
            if self.lost:
                self.say(self._frame.hub.snapshot.engineering)
            self.show(done.result())

    def show(self, courses: dict[str, Course]) -> None:
        """Draw courses that were read."""
        self.courses, self._shown = courses, self.wanted
        seen = self._frame.hub.snapshot.engineering
        for name, found in courses.items():
            gaps, suspects = engineering_words.doubts(seen, name, self.wanted)
            self.plots[name].show(found, self._hatched(gaps), self._hatched(suspects))
        self.say(seen)

    def _hatched(self, rows: Sequence[Row]) -> list[tuple[float, float]]:
        """Give doubtful times in milliseconds; those that the picture could not tell apart as one."""
        apart = 0 if self.wanted is None else (self.wanted.stop - self.wanted.start) / timedelta(microseconds=1) * TOGETHER
        spans = united([(row["first_us"], row["last_us"]) for row in rows], round(apart))
        return [(first / 1e3, last / 1e3) for first, last in spans]

    def _moved(self, _attribute: str, _old: Any, _new: Any) -> None:
        """Note that a person zoomed or shifted the picture; what they look at is asked for when it stands still."""
        document = self._document
        if self._setting or document is None:
            return
        if self._due is not None:
            document.remove_timeout_callback(self._due)
        self._due = document.add_timeout_callback(self._settled, SETTLE_MS)

    def _settled(self) -> None:
        self._due = None
        with self._frame.telling():
            self.look_at(_when(self._x.start), _when(self._x.end))

    def look_at(self, start: datetime, stop: datetime) -> None:
        """Look at another time: the address says so, and what it says is read."""
        if stop - start < LEAST:
            stop = start + LEAST
        self._address.param.update(start=_iso(start), stop=_iso(stop), span="")

    def zoom(self, factor: float, shift: float = 0.0) -> None:
        """Look at a time so many times as long, shifted by so much of itself."""
        if self.wanted is None:
            return
        length = self.wanted.stop - self.wanted.start
        middle = self.wanted.start + length / 2 + shift * length
        self.look_at(middle - length * factor / 2, middle + length * factor / 2)


def _ms(when: datetime) -> float:
    return (when - _EPOCH) / timedelta(milliseconds=1)


def _when(milliseconds: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=float(milliseconds))


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
