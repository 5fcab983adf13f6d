"""The workflow board: what failed, what runs, what waits and why; and the verbs on all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import actions, clock_bar, drawer, engines_panel, failure_groups, overview, panels, strip, theme, verb_bar
from dashboards.app.act_pane import ActPane, Request, pause_of
from dashboards.app.board_view import BoardView, build_board
from dashboards.app.fragment import Fragment
from dashboards.app.frame import Board, Frame
from dashboards.app.hub import Filter, Hub, Matching, Snapshot
from dashboards.app.owl_address import Address
from dashboards.app.steps_table import StepsTable
from dashboards.app.turns import in_turn
from dmsops.core.errors import DmsError, Refused
from dmsops.workflow import acts, compare, queries

if TYPE_CHECKING:
    from dmsops.core.people import Person
    from dmsops.workflow.compare import AttemptDiff

BOARD = Board(name="owl", title="Workflow", order=1, attention=lambda snapshot: failure_groups.needing(snapshot.failures))


class OwlView(BoardView):
    """The workflow board in one person's hand."""

    def __init__(self, hub: Hub, person: Person) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 0)}
        self.hub = hub
        self.person = person
        self.may_act = not actions.may_not(person, "rescue")
        self.address = Address()
        self.frame = Frame(BOARD, hub, person)
        self.clock = Fragment()
        self.overview = Fragment(self._pick)
        self.asked = Fragment(self._pick)
        self.panel = Fragment(self._pick)
        self.table = StepsTable(self.open_step, lambda sort: self._narrow(sort=sort))
        self.strip = Fragment(self._pick)
        self.new = Fragment(self._pick)
        self.narrowed = Fragment(self._pick, sizing_mode=None)
        self.verbs = Fragment(self._pick)
        self.filter = pn.widgets.TextInput(
            placeholder="filter: dataset, step or fault  ( / )", width=320, css_classes=["key-filter"], **sheets
        )
        self.close = pn.widgets.Button(label="Close (esc)", css_classes=["key-close"], **sheets)
        self.story = Fragment(self._pick)
        self.pane = ActPane(self.frame, self._act_ended)
        self.offers: list[verb_bar.Offer] = []
        self._whole_groups = False
        self._diff: AttemptDiff | None = None
        self._drawn: tuple[int, Filter] | None = None
        self._picks = self._words()
        self._connect()

    def _connect(self) -> None:
        self.filter.param.watch(lambda e: setattr(self.address, "text", e.new), "value")
        self.address.param.watch(self._address_changed, list(Address.NAMES))
        self.table.widget.param.watch(lambda _: self._offer_verbs(), "selection")
        self.close.on_click(lambda _: self.close_drawer())
        self.frame.wire.param.watch(
            lambda _: self.table.fit(narrow=self.frame.wire.narrow, drawer=self.frame.wire.drawer), ["narrow", "drawer"]
        )

    def parts(self) -> Sequence[Any]:
        """Give the parts of the page, from the top."""
        bar = pn.FlexBox(self.filter, self.narrowed, align_items="center", gap="6px 12px", sizing_mode="stretch_width")
        return (self.clock, self.overview, self.asked, self.panel, bar, self.verbs, self.new, self.table.widget, self.strip)

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a reading of the hub: rows change where they stand, new ones wait to be asked for."""
        wanted = self.address.wanted
        self.clock.html = clock_bar.draw(snapshot.clocks)
        self.overview.html = overview.draw(snapshot, wanted)
        self.asked.html = engines_panel.asked(snapshot.asked, self.person, snapshot.now)
        self.panel.html = panels.draw(self.hub, self.address, whole=self._whole_groups, acts=self.may_act)
        self.narrowed.html = overview.narrowed(wanted)
        if self._drawn == (snapshot.seq, wanted):
            self.table.tick(snapshot.now)
            return
        same_view = self._drawn is not None and self._drawn[1] == wanted
        self._drawn = (snapshot.seq, wanted)
        self._draw_rows(snapshot, same_view=same_view)
        self._draw_strip(snapshot)
        self._offer_verbs()
        if self.address.step and not self.pane.view.visible:
            self._draw_story()

    def _draw_rows(self, snapshot: Snapshot, *, same_view: bool) -> None:
        wanted = self.address.wanted
        rows = self.hub.steps(wanted)
        if not same_view or not self.table.rows:
            self.table.show(rows, snapshot.now)
            self.new.html = overview.hint(rows, snapshot, wanted, self.hub.matching(wanted))
            return
        gone = set(self.table.shown) - {r["id"] for r in rows}
        left = self.hub.steps(Filter(ids=tuple(sorted(gone)))) if gone else []
        new = self.table.update([*rows, *left], snapshot.now)
        if new or gone:
            self.new.html = overview.waiting(new, len(gone))

    def _draw_strip(self, snapshot: Snapshot) -> None:
        visit = self.address.visit
        if not visit:
            flows = snapshot.workflows
            flow = next((w for w in flows if w["failed"] or w["running"] or w["open"]), next(iter(flows), None))
            visit = flow["dataset"] if flow else ""
        picture = strip.draw(self.hub.steps(Filter(visit=visit))) if visit else ""
        self.strip.html = f'<h3>Visit <span class="id">{escape(visit)}</span></h3>{picture}' if picture else ""

    def _draw_story(self) -> None:
        step = self.address.step
        row = queries.step_row(self.hub.ops, step)
        verbs = verb_bar.draw_one(verb_bar.offers(self.person, [row], Filter(), Matching(counts={})), step)
        self.story.html = drawer.story(self.hub.ops, row, verbs, self.hub.snapshot.now, self._diff_of(row))

    def _diff_of(self, row: dict[str, Any]) -> AttemptDiff | None:
        """Give the comparison that was asked for, while it is of this step's newest attempt."""
        seen = self._diff
        return seen if seen is not None and (seen.step_id, seen.after) == (row["id"], row["attempt"]) else None

    async def compare(self, step_id: int) -> None:
        """Show what changed between a step's newest attempt and the bad one before it; reading products takes its time."""
        try:
            diff = await asyncio.to_thread(compare.attempts, self.hub.ops, step_id)
        except Exception as error:  # noqa: BLE001 - a person must read what happened, whatever it was
            await in_turn(partial(self.frame.refuse, error))
            return
        await in_turn(partial(self._compared, step_id, diff))

    def _compared(self, step_id: int, diff: AttemptDiff) -> None:
        self._diff = diff
        if self.address.step == step_id:
            self._draw_story()

    def _offer_verbs(self) -> None:
        chosen, wanted = self.table.chosen, self.address.wanted
        matching = self.hub.matching(wanted)
        self.offers = verb_bar.offers(self.person, chosen, wanted, matching)
        self.verbs.html = verb_bar.draw(self.offers, len(chosen), wanted, matching)

    def _address_changed(self, *events: Any) -> None:
        with self.frame.telling():
            self.frame.wire.query = self.address.query
            self.filter.value = self.address.text
            self.table.order(self.address.wanted.sort)
            self.draw(self.hub.snapshot)
            if any(e.name == "step" for e in events) and self.address.step:
                self.open_step(self.address.step)

    def _words(self) -> dict[str, Callable[[str], Any]]:
        return {
            "step": lambda rest: self.open_step(int(rest)),
            "state": lambda rest: self._narrow(state=",".join(overview.toggled(self.address.wanted.states, rest))),
            "text": lambda rest: self._narrow(text=rest),
            "kind": lambda rest: self._narrow(kind="" if rest == self.address.kind else rest),
            "visit": lambda rest: self._narrow(visit="" if rest == self.address.visit else rest),
            "cell": self._cell,
            "drop": lambda rest: self._narrow(**{rest: ""} if rest in ("kind", "visit", "fault") else {}),
            "everything": lambda _: self._narrow(text="", state="", kind="", visit="", fault=""),
            "view": lambda rest: self._narrow(view="" if rest == "failures" else rest),
            "whole": lambda _: self._show_whole(),
            "untick": lambda _: self.table.select(()),
            "renew": lambda _: self._renew(),
        }

    def _narrow(self, **parts: str) -> None:
        self.address.param.update(**parts)

    def _cell(self, rest: str) -> None:
        state, _, kind = rest.partition(" ")
        same = (self.address.state, self.address.kind) == (state, kind)
        self._narrow(state="" if same else state, kind="" if same else kind)

    def _show_whole(self) -> None:
        self._whole_groups = True
        self.draw(self.hub.snapshot)

    def _renew(self) -> None:
        self._drawn = None
        self.draw(self.hub.snapshot)

    def _pick(self, value: str) -> Awaitable[None] | None:
        """Do what a click on an element with that value asks for; what takes its time is given back to be awaited."""
        verb, _, rest = value.partition(" ")
        with self.frame.telling():
            if verb == "compare":
                return self.compare(int(rest))
            if verb in self._picks:
                self._picks[verb](rest)
                return None
            request = self._requested(verb, rest)
            if request is not None:
                return self.begin(request)
        return None

    def _requested(self, verb: str, rest: str) -> Request | None:
        if verb == "act":
            return self._on_steps(rest)
        if verb == "one":
            of, _, number = rest.partition(" ")
            return Request(verb=of, choice=actions.ticked((int(number),)))
        if verb == "group":
            of, _, fingerprint = rest.partition(" ")
            return self._on_group(of, fingerprint)
        if verb in ("pause", "resume"):
            scope, _, target = rest.partition(" ")
            return pause_of(verb, scope, target)
        if verb in ("agree", "withdraw"):
            row = next((r for r in self.hub.snapshot.asked if r["id"] == int(rest)), None)
            if row is None:
                raise Refused(f"act {rest} is not waiting any more", remedy="")
            return Request.answering(row, verb)
        return None

    def _on_steps(self, verb: str) -> Request:
        offer = next(o for o in self.offers if o.verb == verb)
        if offer.why_not:
            raise Refused(offer.why_not.rstrip("."), remedy="")
        chosen = self.table.selected
        return Request(verb=verb, choice=actions.ticked(chosen) if chosen else actions.by_filter(self.address.wanted, verb))

    def _on_group(self, verb: str, fingerprint: str) -> Request | None:
        if verb == "show":
            self._narrow(fault=fingerprint, state="failed", kind="", visit="", text="")
            return None
        return Request(verb=verb, choice=actions.of_kind_of_failure(fingerprint, verb))

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

    async def ask(self, verb: str) -> None:
        """Preview a verb on the selected steps, or on all that the filter finds and it is for."""
        begun = self._pick(f"act {verb}")
        if begun is not None:
            await begun

    async def begin(self, request: Request) -> None:
        """Open the drawer with a preview."""
        try:
            acts.may(self.person, request.verb)
        except DmsError as error:
            await in_turn(partial(self.frame.refuse, error))
            return
        await self.pane.open(request, self._aside)
        await in_turn(lambda: self.frame.focus(self.pane.first()))

    def _aside(self) -> None:
        """Make room for the preview."""
        self.address.step = 0
        self.story.visible = False
        self.frame.wire.drawer = True

    def _act_ended(self, line: str) -> None:
        self.frame.wire.drawer = False
        if not line:
            return
        self.table.select(())
        self.frame.say(line)
        self.draw(self.hub.poll())


def build() -> Any:
    """Build the board for whoever is signed in."""
    return build_board(OwlView, "tabulator")
