"""The engineering board: what needs a person, what was ingested, every mnemonic's newest value, and its trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dashboards.app import engineering_deeds, engineering_lists, engineering_reads, engineering_stories, engineering_words
from dashboards.app.board_view import build_board
from dashboards.app.deed_pane import buttons
from dashboards.app.engineering_address import MOST, Address
from dashboards.app.engineering_trend import TrendPane
from dashboards.app.frame import Board
from dashboards.app.list_board import ListBoard
from dashboards.app.rows import holds

if TYPE_CHECKING:
    from dashboards.app.deed_pane import Deed
    from dashboards.app.engineering_reads import Engineering
    from dashboards.app.hub import Hub, Snapshot
    from dashboards.app.rows import Listing
    from dmsops.core.people import Person

Row = dict[str, Any]
BOARD = Board(
    name="engineering",
    title="Engineering",
    order=3,
    attention=lambda snapshot: sum(engineering_reads.needing(snapshot.engineering).values()),
)
MOVES = {"in": (0.5, 0.0), "out": (2.0, 0.0), "back": (1.0, -0.5), "on": (1.0, 0.5)}
"""How much of the time is seen after a button, and by how much of itself it is shifted."""


class EngineeringView(ListBoard):
    """The engineering board in one person's hand."""

    LISTS: ClassVar[Mapping[str, Listing]] = engineering_lists.LISTS
    TITLES: ClassVar[Mapping[str, str]] = {"limits": "Outside limits"}
    address: Address

    def __init__(self, hub: Hub, person: Person) -> None:
        super().__init__(BOARD, hub, person, Address())
        self.trend = TrendPane(self.frame, self.address, self._pick)
        self.all_deeds: list[Deed] = []

    @property
    def seen(self) -> Engineering:
        """What the hub read last."""
        return self.hub.snapshot.engineering

    def parts(self) -> list[Any]:
        """Give the parts of the page, from the top."""
        return [*super().parts(), self.trend.view]

    def rows_of(self, view: str) -> Sequence[Row]:
        """Give the rows of a list, those that need a person first."""
        return self.seen.rows(view)

    def needing(self) -> Mapping[str, int]:
        """Count what needs a person, by list."""
        return engineering_reads.needing(self.seen)

    def deeds_of(self, view: str, row: Row) -> list[Deed]:
        """Give what can be done to a row."""
        return engineering_deeds.of(view, row, self.person)

    def story_of(self, view: str, row: Row, verbs: str) -> str:
        """Write a row's story."""
        return engineering_stories.story(self.hub.ops, view, row, verbs, self.hub.snapshot.now)

    def offered(self) -> Sequence[Deed]:
        """Give what can be done now, to the row whose story is open and to all rows that are found."""
        return [*self.deeds, *self.all_deeds]

    def draw_around(self, snapshot: Snapshot) -> None:
        """Draw what needs a person, what can be done to all rows that are found, and the trend."""
        view = self.address.shown
        self.top.html = engineering_words.needs(self.seen, view, snapshot.now)
        found = [row for row in self.rows_of(view) if holds(row, self.address.text)] if view in self.LISTS else []
        self.all_deeds = engineering_deeds.of_all(view, found, self.person)
        self.picture.html = _for_all(self.all_deeds, len(found))
        self.trend.draw(self.seen)

    def _draw_list(self, view: str, snapshot: Snapshot) -> str:
        if not self.seen.loaded:
            return '<p class="soft">Being read…</p>'
        if view in self.seen.broken and not self.rows_of(view):
            return '<p class="soft">This list could not be read.</p>'
        return super()._draw_list(view, snapshot)

    def do(self, verb: str, rest: str) -> None:
        """Do what a click asks for and what is done at once."""
        if verb == "plot":
            self.address.param.update(view="trend", names=rest, row="", text="")
        elif verb == "add":
            names = dict.fromkeys([*self.address.plotted, rest])
            self.address.param.update(view="trend", names=",".join([*names][:MOST]), row="", text="")
        elif verb == "drop":
            self.address.names = ",".join(name for name in self.address.plotted if name != rest)
        elif verb == "see":
            name, start, stop = rest.split(" ")
            self.address.param.update(view="trend", names=name, start=start, stop=stop, span="", row="", text="")
        elif verb == "span":
            self.address.param.update(span="" if rest == "day" else rest, start="", stop="")
        elif verb == "move":
            self.trend.zoom(*MOVES[rest])
        else:
            super().do(verb, rest)


def _for_all(deeds: Sequence[Deed], count: int) -> str:
    """Write what can be done to all rows that are found."""
    if not deeds:
        return ""
    return f"<details><summary>For all {count:,} that the filter finds</summary>{buttons(list(deeds))}</details>"


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    return build_board(EngineeringView)
