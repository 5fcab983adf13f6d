"""A list of rows as HTML that answers clicks and keys: rows keep their place, new ones wait to be asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

Row = dict[str, Any]
MOST = 200
"""As many rows are drawn as a person can read through; the filter finds the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its title and how a row's cell is written as HTML; ``narrow`` ones stay where there is little room."""

    title: str
    cell: Callable[[Row, datetime], str]
    narrow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One kind of row: its columns, its key and what is said when there is none."""

    columns: tuple[Column, ...]
    key: Callable[[Row], str]
    empty: str


class Rows:
    """The rows of one list as a person sees them."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._of: tuple[str, str] | None = None

    def draw(self, listing: Listing, rows: Sequence[Row], now: datetime, *, view: str, text: str, here: str = "") -> str:
        """Write the rows that hold the text.

        Parameters
        ----------
        view, text : str
            What is shown; with another one the list starts anew.
        here : str
            Key of the row whose story is open.
        """
        found = {listing.key(row): row for row in rows if holds(row, text)}
        if self._of != (view, text):
            self._of, self._shown = (view, text), list(found)
        known = set(self._shown)
        new = [key for key in found if key not in known]
        standing = [key for key in self._shown if key in found]
        if not found:
            words = listing.empty if not rows else f"None of the {len(rows):,} rows holds “{text}”."
            return f'<p class="soft">{escape(words)}</p>'
        head = "".join(f"<th{_class(c)}>{escape(c.title)}</th>" for c in listing.columns)
        body = "".join(_line(listing, key, found[key], now, here=here) for key in standing[:MOST])
        waiting = f'<p><button data-pick="renew now">{len(new):,} new: show</button></p>' if new else ""
        left = len(standing) - MOST
        more = f'<p class="soft">and {left:,} more; the filter finds them.</p>' if left > 0 else ""
        return f'{waiting}<div class="scroll tall"><table class="grid rows"><thead><tr>{head}</tr></thead>{body}</table></div>{more}'

    def renew(self) -> None:
        """Show the new rows at their place with the next drawing."""
        self._of = None


def holds(row: Row, text: str) -> bool:
    """Say whether any of a row's words holds every word of the text, whatever the case."""
    if not text:
        return True
    words = " ".join(str(value) for value in row.values()).lower()
    return all(part in words for part in text.lower().split())


def _class(column: Column) -> str:
    return "" if column.narrow else ' class="wide"'


def _line(listing: Listing, key: str, row: Row, now: datetime, *, here: str) -> str:
    cells = "".join(f"<td{_class(c)}>{c.cell(row, now)}</td>" for c in listing.columns)
    chosen = ' aria-selected="true"' if key == here else ""
    return f'<tr class="row" tabindex="0" data-pick="open {escape(key)}"{chosen}>{cells}</tr>'
