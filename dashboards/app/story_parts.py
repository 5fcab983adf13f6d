"""What the stories of rows are made of, on every board of lists; every outside word is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dmsops.core.errors import NotFound
from dmsops.receipt import history

if TYPE_CHECKING:
    from dashboards.app.archive_work import Piece
    from dmsops.ops import Ops

Once = Callable[[Any, Callable[[], Any]], Any]
"""Reads something, by its key, once until the site has changed: a story is drawn every second."""
LINES = 60
"""As many lines of a story are written; `dmsops receipt where` has the whole."""
SHOWN = 25
"""As many items of a preview are written."""


def head(title: str, verbs: str, facts: Mapping[str, str], sentence: str = "") -> str:
    """Write the head of a story: title, a sentence, what can be done, and facts by name; empty facts are left out."""
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items() if value)
    said = f"<p>{sentence}</p>" if sentence else ""
    return f"<h2>{title}</h2>{said}{verbs}<dl>{listed}</dl>"


def ident(text: object) -> str:
    """Write a name or number in a monospaced face, never broken in the middle where there is room."""
    return f'<code class="sum">{escape(str(text))}</code>' if text else ""


def table(title: str, lines: Iterable[Iterable[str]], columns: Iterable[str] = (), css: str = "grid") -> str:
    """Write rows of cells under a title; cells and titles of columns are HTML already; nothing when there is no row."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    named = "".join(f"<th>{name}</th>" for name in columns)
    top = f"<thead><tr>{named}</tr></thead>" if named else ""
    return f'<h3>{title}</h3><div class="scroll"><table class="{css}">{top}{body}</table></div>' if body else ""


def bullets(title: str, lines: list[str], css: str = "") -> str:
    """Write lines of text under a title; nothing when there is no line."""
    if not lines:
        return ""
    body = f"<h3>{title}</h3><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
    return f'<div class="{css}">{body}</div>' if css else body


def shortened(title: str, lines: list[str], css: str = "") -> str:
    """Write the first lines of many, and how many more there are."""
    more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    return bullets(f"{title} ({len(lines):,})" if len(lines) > 1 else title, [*lines[:SHOWN], *more], css)


def events(ops: Ops, name: str, now: datetime) -> str:
    """Write what happened to a name, the newest last."""
    try:
        found = history.where(ops, name)
    except NotFound:
        return ""
    aged = ((theme.age(e.at, now).replace(" · ", "<br>"), e) for e in found[-LINES:])
    lines = "".join(f"<tr><td>{age}</td><td>{escape(e.what)}</td><td>{ident(e.name)} {escape(e.words)}</td></tr>" for age, e in aged)
    cut = f'<p class="soft">the last {LINES} of {len(found):,}; `dmsops receipt where` has all</p>' if len(found) > LINES else ""
    return f'<h3>What happened</h3><div class="scroll"><table>{lines}</table></div>{cut}'


def broken(lists: Mapping[str, str]) -> str:
    """Say which lists could not be read, and why: an empty list must not look like good news."""
    said = "".join(f"<li>{escape(view.capitalize())}: {escape(why)}</li>" for view, why in lists.items())
    if not said:
        return ""
    what = "Its traceback is in the site's log: open an anomaly (procedure P21)."
    return f'<div class="warn"><h3>What could not be read</h3><ul>{said}</ul><p>{what}</p></div>'


def need(view: str, words: str, pick: str = "") -> str:
    """Write what needs a person as a line that opens its list (or does ``pick``); the words are HTML already."""
    return f'<button class="need" data-pick="{escape(pick or f"view {view}")}">{theme.mark("failed", "")}{words}</button>'


def piece_line(piece: Piece, now: datetime) -> str:
    """Tell of a piece of work beside the page: how far it is, or how it ended."""
    who = f"begun by {escape(piece.actor)} {theme.age(piece.began, now)}"
    if piece.under_way:
        far = f"{piece.done:,} of {piece.total:,}" if piece.total else "it begins"
        return f'<p role="status">{theme.mark("running", piece.title)}, {who}: {far}.</p>'
    if piece.fault:
        return f'<div class="fault"><p><b>{escape(piece.title)} ended badly</b>, {who}</p><p>{escape(piece.fault)}</p></div>'
    return f"<p>{theme.mark('done', piece.title)}, {who}: {escape(piece.result)}</p>"
