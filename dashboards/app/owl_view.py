"""The workflow board: what failed, what runs, what waits and why; and the rescue of what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import panel as pn
import param

from dashboards.app import actions, clock_bar, drawer, overview, strip, theme
from dashboards.app.auth import session_person
from dashboards.app.fragment import Fragment
from dashboards.app.frame import Board, Frame, closed_door
from dashboards.app.hub import Filter, Hub, Snapshot, open_hub
from dashboards.app.rescue_pane import RescuePane
from dashboards.app.steps_table import StepsTable
from dmsops.core.errors import DmsError, Refused
from dmsops.workflow.states import StepState

if TYPE_CHECKING:
    from dashboards.app.actions import Receipt
    from dmsops.core.people import Person

BOARD = Board(name="owl", title="Workflow", order=1, attention=lambda snapshot: snapshot.counts.get("failed", 0))


class Address(param.Parameterized):
    """What the page's address says: the view is the address, and a pasted link shows another person the same."""

    text = param.String(default="", doc="Words that steps must hold.")
    state = param.String(default="", doc="States shown, with commas between them; empty shows all.")
    step = param.Integer(default=0, doc="The step whose story is open; 0 when none is.")

    def read(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Take what the address said when the page was opened; what does not fit is left out."""
        given = {name: values[-1].decode(errors="replace") for name, values in arguments.items() if values}
        step = given.get("step", "")
        self.param.update(text=given.get("text", ""), state=given.get("state", ""), step=int(step) if step.isdecimal() else 0)

    @property
    def query(self) -> str:
        """Write it back as the address's query, without what is empty."""
        return urlencode({name: getattr(self, name) for name in ("text", "state", "step") if getattr(self, name)})

    @property
    def wanted(self) -> Filter:
        """The steps that the address asks for; words that are no state are left out."""
        states = tuple(s for s in self.state.split(",") if s in set(StepState))
        return Filter(states=states, text=self.text.strip())


class OwlView:
    """The workflow board in one person's hand."""

    def __init__(self, hub: Hub, person: Person) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 0)}
        self.hub = hub
        self.person = person
        self.address = Address()
        self.frame = Frame(BOARD, hub, person)
        self.clock = Fragment()
        self.overview = Fragment(self._pick)
        self.table = StepsTable(self.open_step)
        self.strip = Fragment(self._pick)
        self.new = Fragment(self._pick)
        self.why_not = Fragment(sizing_mode=None, styles={"flex": "1 1 240px"})
        self.filter = pn.widgets.TextInput(
            placeholder="filter: dataset, step or fault  ( / )", width=320, css_classes=["key-filter"], **sheets
        )
        self.button = pn.widgets.Button(label="Rescue…", css_classes=["key-rescue"], **sheets)
        self.close = pn.widgets.Button(label="Close (esc)", css_classes=["key-close"], **sheets)
        self.story = Fragment(self._pick)
        self.pane = RescuePane(self.frame, self._rescue_ended)
        self._drawn: tuple[int, Filter] | None = None
        self._connect()

    def _connect(self) -> None:
        self.filter.param.watch(lambda e: setattr(self.address, "text", e.new), "value")
        self.address.param.watch(self._address_changed, ["text", "state", "step"])
        self.table.widget.param.watch(lambda _: self._offer_rescue(), "selection")
        self.button.on_click(self.ask_rescue)
        self.close.on_click(lambda _: self.close_drawer())
        self.frame.wire.param.watch(
            lambda _: self.table.fit(narrow=self.frame.wire.narrow, drawer=self.frame.wire.drawer), ["narrow", "drawer"]
        )

    def page(self) -> pn.Template:
        """Give the whole page."""
        bar = pn.FlexBox(self.filter, self.button, self.why_not, align_items="center", gap="6px 12px", sizing_mode="stretch_width")
        main = pn.Column(self.clock, self.overview, bar, self.new, self.table.widget, self.strip, sizing_mode="stretch_width")
        side = pn.Column(self.close, self.story, self.pane.view, sizing_mode="stretch_width")
        return self.frame.page(main, side)

    def open(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Show what the address asks for."""
        if self.hub.snapshot.seq < 0:
            self.hub.poll()
        self.frame.hear(self.hub.snapshot)
        self.address.read(arguments)
        self.draw(self.hub.snapshot)

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a reading of the hub: rows change where they stand, new ones wait to be asked for."""
        self.clock.html = clock_bar.draw(snapshot.clocks)
        self.overview.html = overview.draw(snapshot, self.address.wanted)
        wanted = self.address.wanted
        if self._drawn == (snapshot.seq, wanted):
            self.table.tick(snapshot.now)
            return
        same_view = self._drawn is not None and self._drawn[1] == wanted
        self._drawn = (snapshot.seq, wanted)
        self._draw_rows(snapshot, same_view=same_view)
        self._draw_strip(snapshot)
        self._offer_rescue()
        if self.address.step and not self.pane.view.visible:
            self._draw_story()

    def _draw_rows(self, snapshot: Snapshot, *, same_view: bool) -> None:
        rows = self.hub.steps(self.address.wanted)
        if not same_view or not self.table.rows:
            self.table.show(rows, snapshot.now)
            self.new.html = overview.hint(rows, snapshot, self.address.wanted)
            return
        gone = set(self.table.shown) - {r["id"] for r in rows}
        left = self.hub.steps(Filter(ids=tuple(sorted(gone)))) if gone else []
        new = self.table.update([*rows, *left], snapshot.now)
        if new or gone:
            self.new.html = overview.waiting(new, len(gone))

    def _draw_strip(self, snapshot: Snapshot) -> None:
        flow = next((w for w in snapshot.workflows if w["failed"] or w["running"] or w["open"]), next(iter(snapshot.workflows), None))
        picture = strip.draw(self.hub.steps(Filter(visit=flow["dataset"]))) if flow else ""
        self.strip.html = f'<h3>Visit <span class="id">{escape(flow["dataset"])}</span></h3>{picture}' if flow and picture else ""

    def _draw_story(self) -> None:
        self.story.html = drawer.story(self.hub.ops, self.address.step, self.hub.snapshot.now)

    def _offer_rescue(self) -> None:
        chosen, wanted = len(self.table.selected), self.address.wanted
        failed = 0
        if not wanted.states or "failed" in wanted.states:
            failed = len(self.hub.steps(Filter(states=("failed",), text=wanted.text)))
        reason = actions.why_no_rescue(self.person, chosen, failed)
        self.button.disabled = bool(reason)
        self.button.label = f"Rescue {chosen} selected…" if chosen else f"Rescue all {failed} failed…" if failed else "Rescue…"
        self.why_not.html = f'<span class="soft">{escape(reason)}</span>' if reason else ""

    def _address_changed(self, *events: Any) -> None:
        with self.frame.telling():
            self.frame.wire.query = self.address.query
            self.filter.value = self.address.text
            self.draw(self.hub.snapshot)
            if any(e.name == "step" for e in events) and self.address.step:
                self.open_step(self.address.step)

    def _pick(self, value: str) -> None:
        verb, _, rest = value.partition(" ")
        with self.frame.telling():
            if verb == "step":
                self.open_step(int(rest))
            elif verb == "state":
                self.address.state = ",".join(overview.toggled(self.address.wanted.states, rest))
            elif verb == "text":
                self.address.text = rest
            elif verb == "renew":
                self._drawn = None
                self.draw(self.hub.snapshot)

    def open_step(self, step_id: int) -> None:
        """Open the drawer with a step's story."""
        with self.frame.telling():
            self.address.step = step_id
            self._draw_story()
            self.pane.view.visible = False
            self.story.visible = True
            self.frame.wire.drawer = True

    def close_drawer(self) -> None:
        """Close the drawer; a preview in it is given up."""
        self.pane.view.visible = False
        self.frame.wire.drawer = False
        self.address.step = 0

    async def ask_rescue(self, *_: Any) -> None:
        """Preview the rescue of the selected steps, or of all failed ones that the filter finds."""
        with self.frame.telling():
            steps = self.table.selected or actions.failed_ids(self.hub.ops, self.address.wanted)
            reason = actions.why_no_rescue(self.person, len(steps), len(steps))
            if reason:
                raise Refused(reason.rstrip("."), remedy="")
            self.address.step = 0
            self.story.visible = False
            self.frame.wire.drawer = True
            await self.pane.open(steps)
            self.frame.focus("key-reason")

    def _rescue_ended(self, receipt: Receipt | None) -> None:
        self.frame.wire.drawer = False
        if receipt is None:
            return
        self.table.select(())
        self.frame.say(f"{theme.plural(receipt.steps, 'step')} will run again. Journal line {receipt.seq}, by {self.person.name}.")
        self.draw(self.hub.poll())


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    hub = open_hub()
    pn.extension("tabulator", reconnect=True)
    try:
        person = session_person(hub.ops)
    except DmsError as error:
        return closed_door(error)
    view = OwlView(hub, person)
    pn.config.exception_handler = view.frame.refuse
    view.open(pn.state.session_args)
    view.frame.follow(view.draw)
    return view.page()
