"""The table of steps: rows keep their place and their selection while their contents change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import panel as pn

from dashboards.app import theme
from dmsops.workflow.states import StepState

Row = dict[str, Any]
COLUMNS = ("state", "id", "kind", "dataset", "since", "tries", "fault")
TITLES = {"id": "step", "kind": "what", "dataset": "dataset", "fault": "what went wrong"}
_NARROW_HIDES = ["index", "kind", "dataset", "tries", "fault"]
_DRAWER_HIDES = ["index", "kind", "tries", "fault"]
_WIDTHS = {"state": 100, "id": 76, "kind": 190, "dataset": 264, "since": 230, "tries": 72}
_GLOW_SECONDS = 3.0
_MINUTE = timedelta(minutes=1)


def since(row: Row) -> datetime | None:
    """Give the time that counts for a step: when it ended, or started when it runs, or was planned when it waits."""
    when: datetime | None = row["started_at"] if row["state"] == StepState.RUNNING else row["ended_at"] or row["created_at"]
    return when


def cells(row: Row, now: datetime, *, changed: bool = False) -> dict[str, Any]:
    """Write one step as table cells."""
    state = theme.mark(row["state"])
    return {
        "state": state.replace('class="mark ', 'class="mark new ') if changed else state,
        "id": str(row["id"]),
        "kind": row["kind"],
        "dataset": row["dataset"],
        "since": theme.age(since(row), now),
        "tries": row["attempt"],
        "fault": row["fault"] or "",
    }


def _minute(row: Row, now: datetime) -> int:
    when = since(row)
    return -1 if when is None else (now - when) // _MINUTE


def _frame(table: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(table, columns=list(COLUMNS))
    frame.index.name = "index"
    return frame.astype({name: object for name in COLUMNS if name != "tries"})


class _Rows(pn.widgets.Tabulator):
    """A table whose rows come in their order: the database sorts all steps, a page could only sort the rows it has."""

    def _sort_df(self, df: pd.DataFrame) -> pd.DataFrame:
        return df


class StepsTable:
    """A table of steps on the page.

    Parameters
    ----------
    on_open : callable
        Called with the step's number when its row is clicked.
    on_sort : callable
        Called with the column that was clicked, a minus before it for the other direction; empty for the usual order.
    """

    def __init__(self, on_open: Callable[[int], None], on_sort: Callable[[str], None]) -> None:
        self.rows: list[Row] = []
        self._place: dict[int, int] = {}
        self._glow: dict[int, datetime] = {}
        self._cells: list[dict[str, Any]] = []
        self._minutes: list[int] = []
        self._on_open = on_open
        self._on_sort = on_sort
        self.widget = _Rows(
            _frame([]), pagination="remote", page_size=25, show_index=False, selectable="checkbox", disabled=True, layout="fit_columns",
            theme="simple", sizing_mode="stretch_width", titles=TITLES, widths=_WIDTHS, formatters={"state": {"type": "html"}},
            configuration={"headerSortTristate": True}, stylesheets=[theme.css("table")], css_classes=["steps"], margin=0,
        )  # fmt: skip
        self.widget.on_click(self._clicked)
        self.widget.param.watch(self._sorted, "sorters")

    def show(self, rows: Sequence[Row], now: datetime) -> None:
        """Show other rows; those that were selected and are still there stay selected."""
        chosen = set(self.selected)
        self.rows = list(rows)
        self._place = {row["id"]: at for at, row in enumerate(self.rows)}
        self._glow.clear()
        self._cells = [cells(row, now) for row in self.rows]
        self._minutes = [_minute(row, now) for row in self.rows]
        self.widget.value = _frame(self._cells)
        self.select(chosen)

    def update(self, rows: Sequence[Row], now: datetime) -> int:
        """Change what is shown where it stands; gives how many of ``rows`` are not shown yet."""
        new, touched = 0, set()
        for row in rows:
            at = self._place.get(row["id"])
            if at is None:
                new += 1
            elif row != self.rows[at]:
                touched.add(row["id"])
                if row["state"] != self.rows[at]["state"]:
                    self._glow[row["id"]] = now
                self.rows[at] = row
        self.tick(now, touched)
        return new

    def tick(self, now: datetime, touched: Collection[int] = ()) -> None:
        """Write again the rows that changed, whose age shows another minute or whose glow ends; send only cells that differ.

        A row is sent whole when its glow ends: what was sent while the page still opened may have been lost (decision 18).
        """
        again, glowed = {*touched, *self._glow}, self._glow
        self._glow = {i: at for i, at in glowed.items() if (now - at).total_seconds() < _GLOW_SECONDS}
        ended = glowed.keys() - self._glow.keys()
        patches: dict[str, list[tuple[int, Any]]] = {}
        for at, row in enumerate(self.rows):
            if row["id"] not in again and _minute(row, now) == self._minutes[at]:
                continue
            wanted = cells(row, now, changed=row["id"] in self._glow)
            for name in COLUMNS:
                if row["id"] in ended or wanted[name] != self._cells[at][name]:
                    patches.setdefault(name, []).append((at, wanted[name]))
            self._cells[at], self._minutes[at] = wanted, _minute(row, now)
        if patches:
            self.widget.patch(patches)

    @property
    def shown(self) -> list[int]:
        """Numbers of the steps shown, in their order."""
        return [row["id"] for row in self.rows]

    @property
    def selected(self) -> list[int]:
        """Numbers of the selected steps."""
        return [self.rows[at]["id"] for at in self.widget.selection if at < len(self.rows)]

    @property
    def chosen(self) -> list[Row]:
        """The selected rows."""
        return [self.rows[at] for at in self.widget.selection if at < len(self.rows)]

    def select(self, steps: Collection[int]) -> None:
        """Select exactly these steps, those of them that are shown."""
        self.widget.selection = sorted(self._place[i] for i in steps if i in self._place)

    def order(self, sort: str) -> None:
        """Show by which column the rows are sorted."""
        name = sort.removeprefix("-")
        self.widget.sorters = [{"field": name, "dir": "desc" if sort.startswith("-") else "asc"}] if name else []

    def _sorted(self, _: Any) -> None:
        by = next(iter(self.widget.sorters), None)
        self._on_sort(f"{'-' if by['dir'] == 'desc' else ''}{by['field']}" if by else "")

    def fit(self, *, narrow: bool, drawer: bool) -> None:
        """Keep the columns that there is room for: number, state and age always."""
        self.widget.hidden_columns = _NARROW_HIDES if narrow else _DRAWER_HIDES if drawer else ["index"]

    def _clicked(self, event: Any) -> None:
        if event.column in COLUMNS and event.row is not None and event.row < len(self.rows):
            self._on_open(self.rows[event.row]["id"])
