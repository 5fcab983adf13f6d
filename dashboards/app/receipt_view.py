"""The receipt board: what came, what is missing and asked for, what was planned and reported, where the observatory was."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import clock_bar, receipt_deeds, receipt_lists, receipt_reads, receipt_stories, spans, theme
from dashboards.app.auth import session_person
from dashboards.app.deed_pane import Deed, DeedPane, buttons
from dashboards.app.fragment import Fragment
from dashboards.app.frame import Board, Frame, closed_door
from dashboards.app.hub import Hub, Snapshot, open_hub
from dashboards.app.receipt_address import VIEWS, Address
from dashboards.app.rows import Rows
from dmsops.core.errors import DmsError, Refused

if TYPE_CHECKING:
    from dashboards.app.receipt_reads import Receiving
    from dmsops.core.people import Person

BOARD = Board(name="receipt", title="Receipt", order=2, attention=lambda snapshot: sum(receipt_reads.needing(snapshot.receiving).values()))
TITLES = {"visits": "Plan, report, received", "gaps": "Gaps", "requests": "Asked for", "ephemerides": "Ephemerides"}


class ReceiptView:
    """The receipt board in one person's hand."""

    def __init__(self, hub: Hub, person: Person) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 0)}
        self.hub = hub
        self.person = person
        self.address = Address()
        self.frame = Frame(BOARD, hub, person)
        self.rows = Rows()
        self.clock = Fragment()
        self.tabs = Fragment(self._pick)
        self.picture = Fragment(self._pick)
        self.list = Fragment(self._pick)
        self.filter = pn.widgets.TextInput(placeholder="filter: any word of a row  ( / )", width=320, css_classes=["key-filter"], **sheets)
        self.close = pn.widgets.Button(label="Close (esc)", css_classes=["key-close"], **sheets)
        self.story = Fragment(self._pick)
        self.pane = DeedPane(self.frame, self._deed_ended)
        self.deeds: list[Deed] = []
        self.filter.param.watch(lambda e: setattr(self.address, "text", e.new), "value")
        self.address.param.watch(self._address_changed, list(Address.NAMES))
        self.close.on_click(lambda _: self.close_drawer())

    def page(self) -> pn.Template:
        """Give the whole page."""
        main = pn.Column(self.clock, self.tabs, self.filter, self.picture, self.list, sizing_mode="stretch_width")
        side = pn.Column(self.close, self.story, self.pane.view, sizing_mode="stretch_width")
        return self.frame.page(main, side)

    def open(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Show what the address asks for."""
        if self.hub.snapshot.seq < 0:
            self.hub.poll()
        self.frame.hear(self.hub.snapshot)
        self.address.read(arguments)
        self.draw(self.hub.snapshot)

    @property
    def seen(self) -> Receiving:
        """What the hub read last."""
        return self.hub.snapshot.receiving

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a reading of the hub."""
        view = self.address.shown
        self.clock.html = clock_bar.draw(snapshot.clocks)
        self.tabs.html = _tabs(self.seen, view)
        self.picture.html = spans.draw(self.seen, snapshot.now) if view == "ephemerides" else _beside(self.seen, view)
        self.list.html = self.rows.draw(
            receipt_lists.LISTS[view], self.seen.rows(view), snapshot.now, view=view, text=self.address.text, here=self.address.row
        )
        if self.address.row and not self.pane.view.visible:
            self._draw_story()

    def _row(self) -> dict[str, Any] | None:
        listing = receipt_lists.LISTS[self.address.shown]
        return next((row for row in self.seen.rows(self.address.shown) if listing.key(row) == self.address.row), None)

    def _draw_story(self) -> None:
        row = self._row()
        if row is None:
            self.deeds = []
            self.story.html = f'<p class="soft">{escape(self.address.row)} is not in this list any more.</p>'
            return
        self.deeds = receipt_deeds.of(self.address.shown, row, self.person)
        self.story.html = receipt_stories.story(self.hub.ops, self.address.shown, row, buttons(self.deeds), self.hub.snapshot.now)

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
            if verb == "view":
                self.address.param.update(view="" if rest == VIEWS[0] else rest, row="", text="")
            elif verb == "open":
                self.open_row(rest)
            elif verb == "look":
                view, _, text = rest.partition(" ")
                self.address.param.update(view=view, text=text, row="")
            elif verb == "renew":
                self.rows.renew()
                self.draw(self.hub.snapshot)
        return None

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

    async def begin(self, key: str) -> None:
        """Open the preview of something that can be done to the row whose story is open."""
        with self.frame.telling():
            deed = next((d for d in self.deeds if d.key == key), None)
            if deed is None or deed.why_not:
                raise Refused(deed.why_not.rstrip(".") if deed else "that cannot be done any more", remedy="")
            self.story.visible = False
            await self.pane.open(deed)
            self.frame.focus("key-reason")

    def _deed_ended(self, line: str) -> None:
        self.story.visible = True
        if line:
            self.frame.say(line)
            self.hub.receipt.forget()
            self.hub.poll()
        self.draw(self.hub.snapshot)


def _tabs(seen: Receiving, here: str) -> str:
    needs = receipt_reads.needing(seen)

    def one(view: str) -> str:
        count = f'<b class="alert">▲{needs[view]:,}</b>' if needs[view] else f'<b class="soft">{len(seen.rows(view)):,}</b>'
        title = TITLES.get(view, view.capitalize())
        return f'<button role="tab" data-pick="view {view}" aria-selected="{str(view == here).lower()}">{title}{count}</button>'

    return f'<div class="chips tabs" role="tablist">{"".join(one(view) for view in VIEWS)}</div>'


def _beside(seen: Receiving, view: str) -> str:
    """Write what stands beside a list: numbers of deliveries that never came, or came late."""
    if view != "deliveries" or not seen.sequence:
        return ""
    lines = "".join(f"<li>{escape(row['words'])}</li>" for row in seen.sequence)
    return f'<div class="warn"><h3>Numbers of deliveries</h3><ul>{lines}</ul></div>'


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    hub = open_hub()
    pn.extension(reconnect=True)
    try:
        person = session_person(hub.ops)
    except DmsError as error:
        return closed_door(error)
    view = ReceiptView(hub, person)
    pn.config.exception_handler = view.frame.refuse
    view.open(pn.state.session_args)
    view.frame.follow(view.draw)
    return view.page()
