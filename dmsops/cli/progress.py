"""Progress of long work, on standard error; silent when it is not a terminal but for a line now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dmsops.cli.frame import notes
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

QUIET_SECONDS = 10.0


class Bar:
    """A progress bar that takes ``(done, total, what)``."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar = Progress(
            TextColumn("{task.description:24}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[what]}"),
            console=notes, disable=not notes.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task(title, total=None, what="")
        self._said = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show where it stands."""
        self._bar.update(self._task, completed=done, total=total, what=what)
        if not notes.is_terminal and (done >= total or time.monotonic() - self._said > QUIET_SECONDS):
            self._said = time.monotonic()
            notes.print(f"{self._title}: {done}/{total} {what}", markup=False)


class StepBar(Bar):
    """The engine's progress: steps that ended well of all, and what runs now."""

    def __init__(self, title: str = "Processing") -> None:
        super().__init__(title)

    def __call__(self, ops: Ops, tally: Any, running: list[Any]) -> None:  # type: ignore[override]
        """Count the site's steps and show them."""
        counts = queries.counts(ops)
        good = counts["done"] + counts["reused"]
        now = ", ".join(f"{item.kind.split('.')[-1]} {item.dataset[-24:]}" for item in running[:2])
        failed = f"{counts['failed']} failed; " if counts["failed"] else ""
        super().__call__(good, sum(counts.values()), failed + now)
