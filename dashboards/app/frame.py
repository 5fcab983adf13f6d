"""The page around every board: top bar, rail, drawer, keys; and the connection between one person and the hub."""

from __future__ import annotations

import importlib
import itertools
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.custom import JSComponent

from dashboards.app import clock_bar, theme
from dashboards.app.turns import soon
from dmsops.core.errors import DmsError

if TYPE_CHECKING:
    from dashboards.app.hub import Hub, Snapshot
    from dmsops.core.people import Person

SCRIPTS = Path(__file__).resolve().parents[1]
_NO_BOARDS = {"serve", "__init__"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board in the rail.

    ``attention`` counts, from what the hub read last, what needs a person on it.
    """

    name: str
    title: str
    order: int
    attention: Callable[[Snapshot], int]


def boards() -> list[Board]:
    """Give the boards that are there: one script each in ``dashboards/``, with ``BOARD`` in ``app/<name>_view.py``."""
    names = [p.stem for p in SCRIPTS.glob("*.py") if p.stem not in _NO_BOARDS]
    found = [importlib.import_module(f"dashboards.app.{name}_view").BOARD for name in names]
    return sorted(found, key=lambda b: (b.order, b.name))


class Wire(JSComponent):
    """What the server tells the page around the board, and what the page tells back."""

    beat = param.Dict(default={})
    said = param.Dict(default={})
    drawer = param.Boolean(default=False)
    query = param.String(default="")
    narrow = param.Boolean(default=False)
    colours = param.String(default="dark")

    _esm = theme.HERE / "page.js"

    def tell(self, message: dict[str, str]) -> None:
        """Send the page a message."""
        self._send_msg(message)


class Frame:
    """The page of one board in one person's hand."""

    def __init__(self, board: Board, hub: Hub, person: Person) -> None:
        self.board = board
        self.hub = hub
        self.person = person
        self._boards = boards()
        self._beats = itertools.count()
        self.wire = Wire(beat=self._beat(hub.snapshot))

    def page(self, main: Any, drawer: Any) -> pn.Template:
        """Put a board's content and drawer into the page."""
        settings = self.hub.ops.settings
        page = pn.Template((theme.HERE / "page.html").read_text(encoding="utf-8"))
        for name, part in (("main", main), ("drawer", drawer), ("wire", self.wire)):
            page.add_panel(name, part)
        words = {
            "site": settings.name, "mode": settings.mode, "board": self.board.title, "here": self.board.name, "boards": self._boards,
            "person": self.person.name, "role": self.person.role.word, "page_css": theme.variables() + theme.css("page"),
            "keys_js": theme.script("keys"),
        }  # fmt: skip
        for name, value in words.items():
            page.add_variable(name, value)
        return page

    def hear(self, snapshot: Snapshot) -> None:
        """Pass a reading of the hub on to the page."""
        self.wire.beat = self._beat(snapshot)

    def _beat(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "n": next(self._beats),  # so that a beat is a new one also where the site's clock stands
            "now": snapshot.now.timestamp() * 1000,
            "behind": snapshot.behind_seconds,
            "fault": snapshot.fault,
            "deadline": clock_bar.nearest(snapshot.clocks),
            "attention": {b.name: b.attention(snapshot) for b in self._boards},
        }

    def say(self, text: str, level: str = "done") -> None:
        """Show one line above the board; it stays until the next one."""
        self.wire.said = {"text": text, "level": level}

    def focus(self, css_class: str) -> None:
        """Put the cursor into the field of that class, so that a person can type on."""
        self.wire.tell({"focus": css_class})

    def refuse(self, error: Exception) -> None:
        """Show an error as a sentence and what to do about it; never a traceback."""
        if isinstance(error, DmsError):
            self.say(f"{error.message[:1].upper()}{error.message[1:]}. {error.remedy}", "refused")
            return
        self.hub.ops.log.error(
            "board.broke", board=self.board.name, actor=self.person.name, error="".join(traceback.format_exception(error))
        )
        self.say(
            "The board could not do that, because of a mistake in it. It is in the site's log: open an anomaly (procedure P21).", "refused"
        )

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn whatever goes wrong inside into a line on the page."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a person must read what happened, whatever it was
            self.refuse(error)

    def follow(self, draw: Callable[[Snapshot], None]) -> None:
        """Draw each reading of the hub until the person closes the page; readings are dropped while one is being drawn."""
        document = pn.state.curdoc
        if document is None:
            return
        waiting = False

        def show() -> None:
            nonlocal waiting
            waiting = False
            with self.telling():
                self.hear(self.hub.snapshot)
                draw(self.hub.snapshot)

        def hear(_: Snapshot) -> None:
            nonlocal waiting
            if not waiting:
                waiting = True
                soon(document, show)

        leave = self.hub.join(hear)
        self.hub.start()
        pn.state.on_session_destroyed(lambda _: leave())


def closed_door(error: DmsError) -> pn.pane.HTML:
    """Draw what somebody sees who may see nothing: why, and what to do."""
    return pn.pane.HTML(f"<p>{escape(error.message)}. {escape(error.remedy)}</p>")
