"""The distribution board: hand-overs to WSS, subscriptions, partners, accesses, staged requests, programs, accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import panel as pn

from dashboards.app import (
    distribution_deeds,
    distribution_lists,
    distribution_reads,
    distribution_stories,
    distribution_words,
    theme,
)  # fmt: skip
from dashboards.app.board_view import build_board
from dashboards.app.distribution_address import Address
from dashboards.app.frame import Board
from dashboards.app.list_board import ListBoard
from dmsops.catalogue.naming import product_uri
from dmsops.distribution import audit, board_queries, notice_queries
from dmsops.flows import programs

if TYPE_CHECKING:
    from dashboards.app.deed_pane import Deed
    from dashboards.app.distribution_reads import Distribution
    from dashboards.app.hub import Hub, Snapshot
    from dashboards.app.rows import Listing
    from dmsops.core.people import Person

Row = dict[str, Any]
PAGE = 100
"""Accesses of one page."""
WRAP = "li, p { overflow-wrap: anywhere; }"
"""Names and URIs are longer than the drawer is wide."""
BOARD = Board(
    name="distribution", title="Distribution", order=5,
    attention=lambda snapshot: sum(distribution_reads.needing(snapshot.distribution).values()),
)  # fmt: skip


class DistributionView(ListBoard):
    """The distribution board in one person's hand."""

    LISTS: ClassVar[Mapping[str, Listing]] = distribution_lists.LISTS
    TITLES: ClassVar[Mapping[str, str]] = {"handovers": "Hand-overs to WSS", "refusals": "Refused by partners"}
    address: Address

    def __init__(self, hub: Hub, person: Person) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 4, 0)}
        self.anchor = 0
        self.who = pn.widgets.TextInput(placeholder="whose: ada", width=160, css_classes=["key-who"], **sheets)
        self.uri = pn.widgets.TextInput(
            placeholder="which file: its whole name or URI", max_width=430, sizing_mode="stretch_width", css_classes=["key-uri"], **sheets
        )
        self.chosen = pn.FlexBox(self.who, self.uri, sizing_mode="stretch_width")
        super().__init__(BOARD, hub, person, Address())
        for part in (self.story, self.pane.preview):
            part.stylesheets = [WRAP]
        for widget, name in ((self.who, "who"), (self.uri, "uri")):
            widget.param.watch(lambda event, name=name: self._choose(name, str(event.new or "").strip()), "value")

    @property
    def seen(self) -> Distribution:
        """What the hub read last."""
        return self.hub.snapshot.distribution

    def parts(self) -> list[Any]:
        """Give the parts of the page, from the top."""
        return [self.top, self.tabs, self.filter, self.chosen, self.picture, self.list]

    def rows_of(self, view: str) -> Sequence[Row]:
        """Give the rows of a list that are shown, those that need a person first."""
        if view == "accesses":
            return self._accesses()
        if view == "subscriptions" and self.address.text:
            return self._subscriptions(self.address.text.strip())
        found: Sequence[Row] = getattr(self.seen, view)
        return found

    def count_of(self, view: str) -> int:
        """Count the rows of a list."""
        counts = {"accesses": self.seen.accesses, "subscriptions": sum(self.seen.told.get("subscriptions", {}).values())}
        return counts[view] if view in counts else len(self.rows_of(view))

    def _subscriptions(self, text: str) -> Sequence[Row]:
        """Give the subscriptions that were read, and those of an owner or program of that name, also where they are older."""

        def look() -> list[Row]:
            ops = self.hub.ops
            named = [*notice_queries.listed(ops, owner=text, limit=PAGE), *notice_queries.listed(ops, program=text, limit=PAGE)]
            known = {row["id"] for row in self.seen.subscriptions}
            fresh = {
                row["id"]: {**row, "standing": distribution_reads.subscription_standing(row)} for row in named if row["id"] not in known
            }
            return [*self.seen.subscriptions, *fresh.values()]

        found: list[Row] = self.hub.distribution.once(("subscriptions of", text), look)
        return found

    def _wanted(self) -> dict[str, Any]:
        """Give what is wanted of the accesses, as the library takes it: whole names, so that an index finds them."""
        uri = self.address.uri
        uris = () if not uri else (uri,) if ":" in uri else (uri, product_uri(uri))
        verdict = self.address.verdict if self.address.verdict in ("granted", "denied") else ""
        return {"who": self.address.who, "uris": uris, "verdict": verdict}

    def _accesses(self) -> Sequence[Row]:
        """Give the page of accesses; the newest page stands still, whatever comes meanwhile, until somebody asks for the new ones."""
        ops, wanted = self.hub.ops, self._wanted()
        if not self.anchor and not self.address.before:
            newest = audit.records(ops, limit=1)
            self.anchor = newest[0]["id"] + 1 if newest else 0
        before = self.address.before or self.anchor
        key = ("accesses", *wanted.values(), before)
        found: Sequence[Row] = self.hub.distribution.once(key, lambda: audit.records(ops, **wanted, before=before, limit=PAGE))
        return found

    def _row(self) -> Row | None:
        """Give the row whose story is open, also where it stands on another page."""
        view, key = self.address.shown, self.address.row
        found = super()._row()
        if found is not None or view != "accesses" or not key.isdecimal() or len(key) > 15:
            return found
        elsewhere: Row | None = self.hub.distribution.once(("access", key), lambda: board_queries.access(self.hub.ops, int(key)))
        return elsewhere

    def needing(self) -> Mapping[str, int]:
        """Count what needs a person, by list."""
        return distribution_reads.needing(self.seen)

    def deeds_of(self, view: str, row: Row) -> list[Deed]:
        """Give what can be done to a row."""
        if view == "programs":
            seen = self.hub.distribution.once(("program", row["id"]), lambda: programs.story(self.hub.ops, row["id"]))
            row = {**row, "granted": [one for one in seen["granted"] if one["stands"]]}
        return distribution_deeds.of(view, row, self.person, self.hub.distribution.works, self.hub.work)

    def story_of(self, view: str, row: Row, verbs: str) -> str:
        """Write a row's story."""
        return distribution_stories.story(self.hub.ops, self.hub.distribution.once, view, row, verbs, self.hub.snapshot.now)

    def draw_around(self, snapshot: Snapshot) -> None:
        """Draw what needs a person, what runs, and the choices of the list."""
        view, works = self.address.shown, self.hub.distribution.works
        announcing = [self.hub.work.piece] if self.hub.work.piece is not None and view == "partners" else []
        self.top.html = distribution_words.needs(self.seen, self.address, snapshot.now, [*works.pieces, *announcing])
        self.filter.visible = view != "accesses"
        self.chosen.visible = view == "accesses"
        self.who.value, self.uri.value = self.address.who, self.address.uri
        self.picture.html = self._choices() if view == "accesses" and self.seen.loaded else ""

    def _choices(self) -> str:
        """Write the choice among accesses, how many there are, and the way to others."""
        ops, wanted, rows = self.hub.ops, self._wanted(), self._accesses()
        key = tuple(wanted.values())
        total = self.hub.distribution.once(("number", *key), lambda: board_queries.number(ops, **wanted))
        first, newest = not self.address.before, max(self.anchor - 1, 0)
        look = lambda: board_queries.number(ops, **wanted, after=newest, most=PAGE)  # noqa: E731
        newer = self.hub.distribution.once(("newer", *key, newest), look) if first and newest else 0
        turn = distribution_words.turn(rows, total, board_queries.COUNTED, PAGE, first=first, newer=newer)
        return distribution_words.chips(self.address) + turn

    def _draw_list(self, view: str, snapshot: Snapshot) -> str:
        if not self.seen.loaded:
            return '<p class="soft">Being read…</p>'
        rows = self.rows_of(view)
        if view in self.seen.broken and not rows:
            return '<p class="soft">This list could not be read.</p>'
        if view != "accesses":
            return super()._draw_list(view, snapshot)
        if not rows and any(self._wanted().values()):
            return '<p class="soft">No access is so. Whose and which file are looked for as whole names.</p>'
        which = f"{view} {self.address.before or self.anchor} {self._wanted()}"
        return self.rows.draw(self.LISTS[view], rows, snapshot.now, view=which, text="", here=self.address.row)

    def _choose(self, name: str, value: str) -> None:
        """Take one of the choices among accesses; begin with the newest again."""
        if getattr(self.address, name) != value:
            self.anchor = 0
            self.address.param.update(**{name: value, "before": 0, "row": ""})

    def do(self, verb: str, rest: str) -> None:
        """Do what a click asks for and what is done at once."""
        if verb == "verdict":
            self._choose("verdict", rest)
        elif verb == "older":
            self.address.param.update(before=int(rest), row="")
        elif verb == "newer":
            self._turn_back(int(rest))
        elif verb == "of":
            name, _, value = rest.partition(" ")
            self.anchor = 0
            self.address.param.update(
                **{"view": "accesses", "text": "", "who": "", "uri": "", "verdict": "", "before": 0, "row": "", name: value}
            )
        else:
            self._begin_anew(verb)
            super().do(verb, rest)

    def _begin_anew(self, verb: str) -> None:
        """Forget the page of accesses where another list is asked for, or what is new."""
        if verb in ("renew", "newest"):
            self.anchor = 0
            self.hub.distribution.forget_pages()
            self.address.param.update(before=0, row="")
        elif verb in ("view", "look", "story"):
            self.anchor = 0
            self.address.param.update(who="", uri="", verdict="", before=0)

    def _turn_back(self, first: int) -> None:
        """Go to the page of newer rows; where that is the newest one, to what is new."""
        before = board_queries.page_before(self.hub.ops, **self._wanted(), first=first, limit=PAGE)
        self.anchor = self.anchor if before else 0
        self.address.param.update(before=before, row="")

    def _deed_ended(self, line: str) -> None:
        if line:
            self.rows.renew()
        super()._deed_ended(line)


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    return build_board(DistributionView)
