"""What every command shares: the site, ``--json``, errors as sentences, previews before changes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from dmsops.core.clock import iso
from dmsops.core.errors import DmsError
from dmsops.ops import connect

WIDE = 240
"""Columns of output that goes to a file or another program: nothing is folded for a screen that is not there."""
WORDY = frozenset({"fault", "remedy", "reason", "words", "health", "is", "why", "does", "title", "trigger"})
"""Columns of sentences: they may be folded; names and ids never are."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
notes = Console(stderr=True, highlight=False)


@dataclass(slots=True)
class Answer:
    """What a command found or did: ``data`` for machines, ``lines`` (text or rich tables) for people."""

    data: Any
    lines: list[Any] = field(default_factory=list)
    exit_code: int = 0


def plain(value: Any) -> Any:
    """Turn records, times, paths and enums into JSON-able data."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Iterable) and not isinstance(value, Path):
        return [plain(v) for v in value]
    return iso(value) if isinstance(value, datetime) else str(value)


def verb(group: click.Group, name: str, *, opens: bool = True) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a command of a function that gives an `Answer`.

    Adds ``--site`` and ``--json``. With ``opens`` the function's first argument is the opened site, else the
    value of ``--site`` (or None). A `DmsError` becomes its sentence, its remedy and its exit code.
    """

    def make(function: Callable[..., Answer]) -> click.Command:
        @functools.wraps(function)
        def run(site: str | None, as_json: bool, **given: Any) -> None:
            try:
                with _only_answers_on_stdout():
                    answer = function(connect(site) if opens else site, **given)
            except DmsError as error:
                _show_error(error, as_json=as_json)
                sys.exit(error.exit_code)
            _show(answer, as_json=as_json)
            sys.exit(answer.exit_code)

        wrapped: Callable[..., Any] = run
        wrapped = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(wrapped)
        wrapped = click.option("--site", metavar="DIR", help="The site's folder (default: DMSOPS_SITE).")(wrapped)
        return group.command(name, help=inspect.getdoc(function))(wrapped)

    return make


@contextlib.contextmanager
def _only_answers_on_stdout() -> Iterator[None]:
    """Send what libraries (and their processes) print to standard error: standard output is for the answer."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plain(answer.data), indent=2))
        return
    for line in answer.lines:
        console.print(line, soft_wrap=isinstance(line, str))


def _show_error(error: DmsError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": error.as_dict()}, indent=2))
        return
    notes.print(f"[bold]{'Refused' if error.exit_code == 2 else 'Failed'}[/bold] ({error.code}): ", end="")
    notes.print(error.message, markup=False, soft_wrap=True)
    notes.print(f"What to do: {error.remedy}", markup=False, soft_wrap=True)


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], title: str = "") -> Table:
    """Draw rows; ``columns`` maps a key of the rows to its heading."""
    drawn = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for key, heading in columns.items():
        drawn.add_column(heading, overflow="fold", no_wrap=key not in WORDY)
    for row in rows:
        drawn.add_row(*(word(row.get(key)) for key in columns))
    return drawn


def word(value: Any) -> str:
    """Write a value for eyes: times as UTC, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return iso(value)[:19].replace("T", " ") + "Z"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(word, value))
    return str(value).replace("[", r"\[")


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--apply HASH``, ``--reason TEXT`` and ``--yes`` to a verb that changes something."""
    function = click.option("--yes", is_flag=True, help="Apply the plan just made, without a second look.")(function)
    function = click.option("--reason", default="", metavar="TEXT", help="Why; goes into the journal.")(function)
    return click.option("--apply", "ticket", metavar="HASH", help="Apply the plan with this hash (from the preview).")(function)
