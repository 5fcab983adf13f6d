"""The receipt board: what came, what is missing and asked for, what was planned and reported, where the observatory was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from dashboards.app import clock_bar, receipt_deeds, receipt_lists, receipt_reads, receipt_stories, spans
from dashboards.app.board_view import build_board
from dashboards.app.frame import Board
from dashboards.app.list_board import ListBoard
from dashboards.app.receipt_address import Address

if TYPE_CHECKING:
    from dashboards.app.deed_pane import Deed
    from dashboards.app.hub import Hub, Snapshot
    from dashboards.app.receipt_reads import Receiving
    from dashboards.app.rows import Listing
    from dmsops.core.people import Person

BOARD = Board(name="receipt", title="Receipt", order=2, attention=lambda snapshot: sum(receipt_reads.needing(snapshot.receiving).values()))


class ReceiptView(ListBoard):
    """The receipt board in one person's hand."""

    LISTS: ClassVar[Mapping[str, Listing]] = receipt_lists.LISTS
    TITLES: ClassVar[Mapping[str, str]] = {"visits": "Plan, report, received", "requests": "Asked for"}

    def __init__(self, hub: Hub, person: Person) -> None:
        super().__init__(BOARD, hub, person, Address())

    @property
    def seen(self) -> Receiving:
        """What the hub read last."""
        return self.hub.snapshot.receiving

    def rows_of(self, view: str) -> Sequence[dict[str, Any]]:
        """Give the rows of a list, those that need a person first."""
        return self.seen.rows(view)

    def needing(self) -> Mapping[str, int]:
        """Count what needs a person, by list."""
        return receipt_reads.needing(self.seen)

    def deeds_of(self, view: str, row: dict[str, Any]) -> list[Deed]:
        """Give what can be done to a row."""
        return receipt_deeds.of(view, row, self.person)

    def story_of(self, view: str, row: dict[str, Any], verbs: str) -> str:
        """Write a row's story."""
        return receipt_stories.story(self.hub.ops, view, row, verbs, self.hub.snapshot.now)

    def draw_around(self, snapshot: Snapshot) -> None:
        """Draw the wavefront clocks, and what stands beside the list."""
        view = self.address.shown
        self.top.html = clock_bar.draw(snapshot.clocks)
        self.picture.html = spans.draw(self.seen, snapshot.now) if view == "ephemerides" else _beside(self.seen, view)


def _beside(seen: Receiving, view: str) -> str:
    """Write what stands beside a list: numbers of deliveries that never came, or came late."""
    if view != "deliveries" or not seen.sequence:
        return ""
    lines = "".join(f"<li>{escape(row['words'])}</li>" for row in seen.sequence)
    return f'<div class="warn"><h3>Numbers of deliveries</h3><ul>{lines}</ul></div>'


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    return build_board(ReceiptView)
