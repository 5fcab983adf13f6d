"""A board of lists: tabs that count what needs a person, one list, and a drawer with a row's story and what can be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import panel as pn

from dashboards.app import theme
from dashboards.app.board_view import BoardView
from dashboards.app.deed_pane import Deed, buttons
from dashboards.app.field_pane import FieldPane
from dashboards.app.fragment import Fragment
from dashboards.app.frame import Board, Frame
from dashboards.app.hub import Hub
from dashboards.app.rows import Listing, Rows
from dashboards.app.turns import in_turn
from dmsops.core.errors import Refused

if TYPE_CHECKING:
    from dashboards.app.address import ListAddress
    from dashboards.app.hub import Snapshot
    from dmsops.core.people import Person

Row = dict[str, Any]


class ListBoard(BoardView):
    """A board of lists in one person's hand; what it lists, and what can be done to it, its own board says.

    Attributes
    ----------
    LISTS : mapping of str to Listing
        By view.
    TITLES : mapping of str to str
        Titles of tabs whose view's name is not the title.
    """

    LISTS: ClassVar[Mapping[str, Listing]]
    TITLES: ClassVar[Mapping[str, str]] = {}

    def __init__(self, board: Board, hub: Hub, person: Person, address: ListAddress) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 0)}
        self.hub = hub
        self.person = person
        self.address = address
        self.frame = Frame(board, hub, person)
        self.rows = Rows()
        self.top = Fragment(self._pick)
        self.tabs = Fragment(self._pick)
        self.picture = Fragment(self._pick)
        self.list = Fragment(self._pick)
        self.filter = pn.widgets.TextInput(placeholder="filter: any word of a row  ( / )", width=320, css_classes=["key-filter"], **sheets)
        self.close = pn.widgets.Button(label="Close (esc)", css_classes=["key-close"], **sheets)
        self.story = Fragment(self._pick)
        self.pane = FieldPane(self.frame, self._deed_ended)
        self.deeds: list[Deed] = []
        self.filter.param.watch(lambda e: setattr(self.address, "text", e.new), "value")
        self.address.param.watch(self._address_changed, list(address.NAMES))
        self.close.on_click(lambda _: self.close_drawer())

    def rows_of(self, view: str) -> Sequence[Row]:
        """Give the rows of a list, those that need a person first."""
        raise NotImplementedError

    def count_of(self, view: str) -> int:
        """Count the rows of a list."""
        return len(self.rows_of(view))

    def needing(self) -> Mapping[str, int]:
        """Count what needs a person, by list."""
        raise NotImplementedError

    def deeds_of(self, view: str, row: Row) -> list[Deed]:
        """Give what can be done to a row."""
        raise NotImplementedError

    def story_of(self, view: str, row: Row, verbs: str) -> str:
        """Write a row's story."""
        raise NotImplementedError

    def draw_around(self, snapshot: Snapshot) -> None:
        """Draw what stands around the list."""

    def parts(self) -> list[Any]:
        """Give the parts of the page, from the top."""
        return [self.top, self.tabs, self.filter, self.picture, self.list]

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a reading of the hub."""
        view = self.address.shown
        self.tabs.html = self._draw_tabs(view)
        self.draw_around(snapshot)
        self.list.html = self._draw_list(view, snapshot)
        if self.address.row and not self.pane.view.visible:
            self._draw_story()

    def _draw_list(self, view: str, snapshot: Snapshot) -> str:
        if view not in self.LISTS:
            return ""
        return self.rows.draw(self.LISTS[view], self.rows_of(view), snapshot.now, view=view, text=self.address.text, here=self.address.row)

    def _draw_tabs(self, here: str) -> str:
        needs = self.needing()

        def one(view: str) -> str:
            listed = f'<b class="soft">{self.count_of(view):,}</b>' if view in self.LISTS else ""
            count = f'<b class="alert">▲{needs[view]:,}</b>' if needs.get(view) else listed
            title = self.TITLES.get(view, view.capitalize())
            return f'<button role="tab" data-pick="view {view}" aria-selected="{str(view == here).lower()}">{title}{count}</button>'

        return f'<div class="chips tabs" role="tablist">{"".join(one(view) for view in self.address.VIEWS)}</div>'

    def _row(self) -> Row | None:
        view = self.address.shown
        listing = self.LISTS.get(view)
        return next((row for row in self.rows_of(view) if listing.key(row) == self.address.row), None) if listing else None

    def _draw_story(self) -> None:
        row = self._row()
        if row is None:
            self.deeds = []
            self.story.html = f'<p class="soft">{escape(self.address.row)} is not in this list any more.</p>'
            return
        self.deeds = self.deeds_of(self.address.shown, row)
        self.story.html = self.story_of(self.address.shown, row, buttons(self.deeds))

    def _address_changed(self, *_: Any) -> None:
        with self.frame.telling():
            self.frame.wire.query = self.address.query
            self.filter.value = self.address.text
            self.frame.wire.drawer = bool(self.address.row) or self.pane.view.visible
            self.draw(self.hub.snapshot)

    def _pick(self, value: str) -> Awaitable[None] | None:
        """Do what a click on an element with that value asks for; what takes its time is given back to be awaited."""
        verb, _, rest = value.partition(" ")
        with self.frame.telling():
            if verb == "deed":
                return self.begin(rest)
            self.do(verb, rest)
        return None

    def do(self, verb: str, rest: str) -> None:
        """Do what a click asks for and what is done at once."""
        if verb == "view":
            self.address.param.update(view="" if rest == self.address.VIEWS[0] else rest, row="", text="")
        elif verb == "open":
            self.open_row(rest)
        elif verb == "look":
            view, _, text = rest.partition(" ")
            self.address.param.update(view=view, text=text, row="")
        elif verb == "story":
            view, _, row = rest.partition(" ")
            self.address.param.update(view=view, text="", row="")
            self.open_row(row)
        elif verb == "renew":
            self.rows.renew()
            self.draw(self.hub.snapshot)

    def open_row(self, key: str) -> None:
        """Open the drawer with a row's story; a preview in it is given up."""
        self.pane.view.visible = False
        self.story.visible = True
        self.address.row = key
        self._draw_story()
        self.frame.wire.drawer = True

    def close_drawer(self) -> None:
        """Close the drawer."""
        self.pane.view.visible = False
        self.address.row = ""
        self.frame.wire.drawer = False

    def offered(self) -> Sequence[Deed]:
        """Give what can be done now."""
        return self.deeds

    async def begin(self, key: str) -> None:
        """Open the preview of something that is offered, with the cursor where a person writes first."""
        deed = next((d for d in self.offered() if d.key == key), None)
        if deed is None or deed.why_not:
            gone = Refused(deed.why_not.rstrip(".") if deed else "that cannot be done any more", remedy="")
            await in_turn(partial(self.frame.refuse, gone))
            return
        await self.pane.open(deed, self._aside)
        await in_turn(lambda: self.frame.focus(self.pane.first()))

    def _aside(self) -> None:
        """Make room for the preview."""
        self.story.visible = False
        self.frame.wire.drawer = True

    def _deed_ended(self, line: str) -> None:
        self.story.visible = bool(self.address.row)
        self.frame.wire.drawer = bool(self.address.row)
        if line:
            self.frame.say(line)
            self.hub.forget()
            self.hub.poll()
        self.draw(self.hub.snapshot)
