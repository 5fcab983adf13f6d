"""The archive board: what was not ingested, what the doctor found, stored objects, observations with their versions, audits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import panel as pn

from dashboards.app import archive_deeds, archive_lists, archive_reads, archive_repairs, archive_stories, archive_words, theme
from dashboards.app.archive_address import Address
from dashboards.app.board_view import build_board
from dashboards.app.deed_pane import buttons
from dashboards.app.frame import Board
from dashboards.app.list_board import ListBoard
from dmsops.archive import finding_queries, pages, queries
from dmsops.archive.finding_states import FindingState

if TYPE_CHECKING:
    from dashboards.app.archive_reads import Archive
    from dashboards.app.deed_pane import Deed
    from dashboards.app.hub import Hub, Snapshot
    from dashboards.app.rows import Listing
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]
PAGE = 100
"""Rows of one page of findings, objects or observations."""
WRAP = "li, p { overflow-wrap: anywhere; }"
"""Sums and URIs are longer than the drawer is wide."""
PAGED = ("findings", "objects", "observations")
BOARD = Board(name="archive", title="Archive", order=4, attention=lambda snapshot: sum(archive_reads.needing(snapshot.archive).values()))


class ArchiveView(ListBoard):
    """The archive board in one person's hand."""

    LISTS: ClassVar[Mapping[str, Listing]] = archive_lists.LISTS
    TITLES: ClassVar[Mapping[str, str]] = {"errors": "Not ingested", "objects": "Stored objects"}
    address: Address

    def __init__(self, hub: Hub, person: Person) -> None:
        self.all_deeds: list[Deed] = []
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 0)}
        self.scope = pn.widgets.TextInput(placeholder="audit only what begins so: jw02726", width=320, css_classes=["key-scope"], **sheets)
        super().__init__(BOARD, hub, person, Address())
        for part in (self.story, self.pane.preview):
            part.stylesheets = [WRAP]
        self.scope.param.watch(lambda _: self.draw(self.hub.snapshot), "value")

    @property
    def seen(self) -> Archive:
        """What the hub read last."""
        return self.hub.snapshot.archive

    def parts(self) -> list[Any]:
        """Give the parts of the page, from the top."""
        return [self.top, self.tabs, self.filter, self.scope, self.picture, self.list]

    def _wanted(self) -> dict[str, Any]:
        """Give what is wanted of the findings, as the library takes it."""
        state = self.address.state
        known = tuple(FindingState)
        states = () if state == "all" else (state,) if state in known else finding_queries.UNSETTLED
        checks = (self.address.check,) if self.address.check else ()
        severity = self.address.severity if self.address.severity in ("error", "warning") else ""
        return {"states": states, "checks": checks, "severity": severity, "text": self.address.text}

    def _page(self, view: str) -> tuple[int, int, Sequence[Row]]:
        """Give which page of a long list is shown, how many rows it has in all, and the page's rows."""
        ops, wanted = self.hub.ops, self._wanted() if view == "findings" else {"text": self.address.text}
        count, read = READ[view]
        key = (view, tuple(wanted.values()))
        total: int = self.hub.once((*key, "n"), lambda: count(ops, **wanted))
        page = min(self.address.page, max(total - 1, 0) // PAGE)
        return page, total, self.hub.once((*key, page), lambda: read(ops, **wanted, limit=PAGE, offset=page * PAGE))

    def rows_of(self, view: str) -> Sequence[Row]:
        """Give the rows of a list that are shown, those that need a person first."""
        if view in PAGED:
            return self._page(view)[2]
        found: Sequence[Row] = getattr(self.seen, view)
        return found

    def count_of(self, view: str) -> int:
        """Count the rows of a list."""
        if view == "findings":
            return sum(row["open"] + row["acknowledged"] for row in self.seen.checks)
        counts = {"objects": self.seen.damaged, "observations": self.seen.total}
        return counts[view] if view in counts else len(self.rows_of(view))

    def _row(self) -> Row | None:
        """Give the row whose story is open, also where it stands on another page."""
        view, key = self.address.shown, self.address.row
        found = super()._row()
        if found is not None or view not in PAGED:
            return found
        elsewhere: Row | None = self.hub.once(("row", view, key), lambda: _elsewhere(self.hub.ops, view, key))
        return elsewhere

    def needing(self) -> Mapping[str, int]:
        """Count what needs a person, by list."""
        return archive_reads.needing(self.seen)

    def deeds_of(self, view: str, row: Row) -> list[Deed]:
        """Give what can be done to a row."""
        return archive_deeds.of(view, row, self.person, self.hub.work)

    def story_of(self, view: str, row: Row, verbs: str) -> str:
        """Write a row's story."""
        return archive_stories.story(self.hub.ops, self.hub.once, view, row, verbs, self.hub.snapshot.now)

    def offered(self) -> Sequence[Deed]:
        """Give what can be done now, to the row whose story is open, to all that is found, and to the archive."""
        return [*self.deeds, *self.all_deeds]

    def draw_around(self, snapshot: Snapshot) -> None:
        """Draw what needs a person, what runs, and the choices of the list."""
        view, seen = self.address.shown, self.seen
        self.top.html = archive_words.needs(seen, self.address, snapshot, self.hub.work.piece)
        self.scope.visible = view == "audits"
        self.filter.visible = view != "audits"
        self.picture.html = self._picture(view) if seen.loaded else ""

    def _picture(self, view: str) -> str:
        self.all_deeds = []
        if view == "audits":
            self.all_deeds = archive_deeds.of_audits(self.hub.work, str(self.scope.value or "").strip(), self.person)
            return buttons(self.all_deeds) + archive_words.trend(self.seen.audits)
        if view not in PAGED:
            return ""
        page, total, _ = self._page(view)
        turn = archive_words.pages(page, total, PAGE)
        if view == "objects":
            self.all_deeds = archive_deeds.of_objects(self.hub.work, int(self.seen.due.get("objects", 0)), self.person)
            return f"<p>{archive_words.fixity(self.seen)}.</p>" + buttons(self.all_deeds) + turn
        return self._of_findings(total) + turn if view == "findings" else turn

    def _of_findings(self, total: int) -> str:
        """Write the choices among findings, and what can be done to all that they find."""
        wanted, ops = self._wanted(), self.hub.ops
        if total > 1:
            key, mine = tuple(wanted.values()), {**wanted, "states": archive_repairs.standing(wanted)}
            counts = self.hub.once(("states", key), lambda: finding_queries.by_state(ops, **wanted))
            fixable = self.hub.once(("fixable", key), lambda: finding_queries.number(ops, **mine, fixable=True) if mine["states"] else 0)
            self.all_deeds = archive_deeds.of_findings(wanted, counts, fixable, self.person, self.hub.work)
        return archive_words.chips(self.address, self.seen) + _for_all(self.all_deeds, total)

    def _draw_list(self, view: str, snapshot: Snapshot) -> str:
        if not self.seen.loaded:
            return '<p class="soft">Being read…</p>'
        if view in self.seen.broken and not self.rows_of(view):
            return '<p class="soft">This list could not be read.</p>'
        if view not in PAGED:
            return super()._draw_list(view, snapshot)
        page, total, rows = self._page(view)
        if not total and self.count_of(view):
            return f'<p class="soft">None of the {self.count_of(view):,} is so: {escape(self._words(view))}.</p>'
        which = f"{view} {page} {self._wanted()}"
        return self.rows.draw(self.LISTS[view], rows, snapshot.now, view=which, text="", here=self.address.row)

    def _words(self, view: str) -> str:
        chosen = (self.address.check, self.address.severity, self.address.state) if view == "findings" else ()
        return ", ".join([*filter(None, chosen), *([f"“{self.address.text}”"] if self.address.text else [])])

    def do(self, verb: str, rest: str) -> None:
        """Do what a click asks for and what is done at once."""
        if verb == "check":
            self.address.param.update(view="findings", check=rest, page=0, row="")
        elif verb in ("severity", "state"):
            self.address.param.update(**{verb: rest, "page": 0, "row": ""})
        elif verb == "page":
            self.address.page = int(rest)
        else:
            if verb in ("view", "look", "story"):
                self.address.param.update(page=0, check="", severity="", state="")
            super().do(verb, rest)

    def _deed_ended(self, line: str) -> None:
        if line:
            self.rows.renew()
        super()._deed_ended(line)


def _elsewhere(ops: Ops, view: str, key: str) -> Row | None:
    """Look for a row of a long list by its key alone."""
    found: Sequence[Row]
    if view == "findings":
        number = [int(key)] if key.isdecimal() and len(key) < 16 else []
        found = finding_queries.findings(ops, states=(), ids=number, limit=1) if number else ()
    elif view == "observations":
        found = queries.observations(ops, prefix=key, limit=1)
    else:
        found = pages.damaged(ops, text=key, limit=1)
    return next((row for row in found if archive_lists.LISTS[view].key(row) == key), None)


def _observations(ops: Ops, **wanted: Any) -> Sequence[Row]:
    return queries.observations(ops, newest=True, **wanted)


READ: Mapping[str, tuple[Callable[..., int], Callable[..., Sequence[Row]]]] = {
    "findings": (finding_queries.number, finding_queries.findings),
    "objects": (pages.number_of_damaged, pages.damaged),
    "observations": (queries.number_of_observations, _observations),
}
"""How the rows of a long list are counted, and how a page of them is read."""


def _for_all(deeds: Sequence[Deed], count: int) -> str:
    if not deeds:
        return ""
    return f"<details><summary>For all {count:,} that the filter finds</summary>{buttons(list(deeds))}</details>"


def build() -> Any:
    """Build the board for whoever is signed in; without a sign-in it shows nothing but how to sign in."""
    return build_board(ArchiveView)
