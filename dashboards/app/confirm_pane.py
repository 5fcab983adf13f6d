"""What stands in the drawer before anything is changed: a preview, a reason, a count, the confirmation; the same for every board."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import theme
from dashboards.app.fragment import Fragment
from dashboards.app.turns import in_turn
from dmsops.core.errors import StalePlan

if TYPE_CHECKING:
    from dashboards.app.frame import Frame

TELL_SECONDS = 3.0
"""How often a person is told that something still goes on."""


class ConfirmPane[Asked, Seen](ABC):
    """What somebody reads and fills in before something is done.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt as a line for the person; empty when nothing was done.
    to_count : str
        What the field of the count is called.

    Attributes
    ----------
    asked : object
        What is to be done; None while the pane is closed.
    seen : object
        What the preview shows; None while it is being made.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None], *, to_count: str) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 4, 0)}
        self._frame = frame
        self._on_end = on_end
        self._round = 0
        self._doing = False
        self.asked: Asked | None = None
        self.seen: Seen | None = None
        self.preview = Fragment()
        self.missing = Fragment()
        self.reason = pn.widgets.TextInput(
            label="Reason (goes into the journal)", sizing_mode="stretch_width", css_classes=["key-reason"], **sheets
        )
        self.count = pn.widgets.TextInput(label=to_count, width=260, css_classes=["key-count"], visible=False, **sheets)
        self.confirm = pn.widgets.Button(label="Do it", color="primary", disabled=True, css_classes=["key-confirm"], **sheets)
        self.cancel = pn.widgets.Button(label="Leave it", css_classes=["key-leave"], **sheets)
        self.reason.param.watch(self._check, "value_input")
        self.count.param.watch(self._check, "value_input")
        self.confirm.on_click(self.carry_out)
        self.cancel.on_click(lambda _: self.close(""))
        self.view = pn.Column(*self.parts(), visible=False, sizing_mode="stretch_width")

    def parts(self) -> list[Any]:
        """Give the parts of the pane, from the top."""
        return [self.preview, self.reason, self.count, self.missing, pn.Row(self.confirm, self.cancel)]

    @abstractmethod
    def look(self, asked: Asked) -> Seen:
        """Make the preview; in another thread."""

    @abstractmethod
    def do(self, asked: Asked, seen: Seen, reason: str) -> str:
        """Do what the preview shows, and give the receipt as a line; in another thread."""

    @abstractmethod
    def title(self, asked: Asked) -> str:
        """Give what stands above the preview."""

    @abstractmethod
    def describe(self, asked: Asked, seen: Seen) -> str:
        """Write the preview as HTML."""

    @abstractmethod
    def label(self) -> str:
        """Give the words of the button that does it."""

    @abstractmethod
    def to_type(self) -> int:
        """Give the number that a person types to confirm; 0 where there is nothing to count."""

    @abstractmethod
    def keeps(self) -> str:
        """Say what keeps it from being done whatever is filled in; empty when nothing does."""

    @abstractmethod
    def asks_reason(self) -> str:
        """Say that a reason is wanted; empty where none is."""

    def looking(self, asked: Asked) -> str:
        """Say that the preview is being made."""
        return "Looking…"

    def fill(self, asked: Asked) -> None:
        """Set the fields for what is asked for now."""
        self.reason.value = self.reason.value_input = ""

    def first(self) -> str:
        """Give the class of the field that is filled in first."""
        return "key-reason"

    async def open(self, asked: Asked, beside: Callable[[], None] = lambda: None) -> None:
        """Make the preview and show it; what else the page changes with it is changed in the same turn."""

        def begin() -> None:
            beside()
            self.asked = asked
            self.fill(asked)
            self.view.visible = True

        await in_turn(begin)
        await self.renew()

    async def renew(self, *_: Any) -> None:
        """Make the preview again; of several under way the newest counts."""
        asked = self.asked
        if asked is None:
            return
        self._round += 1
        this = self._round
        await in_turn(partial(self._begin, asked, this))
        try:
            made = await self._beside(partial(self.look, asked), partial(self._still_looking, asked, this))
        except Exception as error:  # noqa: BLE001 - no preview may stay open that will never be there
            then = partial(self.could_not, error)
        else:
            then = partial(self._show, asked, made)
        await in_turn(lambda: then() if this == self._round else None)

    async def _beside(self, work: Callable[[], Any], tell: Callable[[str], None]) -> Any:
        """Do something in another thread, and tell every few seconds for how long already."""
        began = time.monotonic()
        working = asyncio.create_task(asyncio.to_thread(work))
        while not (await asyncio.wait({working}, timeout=TELL_SECONDS))[0]:
            await in_turn(partial(tell, f" {time.monotonic() - began:.0f} s so far"))
        return await working

    def _begin(self, asked: Asked, this: int) -> None:
        if this == self._round:
            self.seen = None
            self.count.value = self.count.value_input = ""
            self._still_looking(asked, this, "")
            self._check()

    def _still_looking(self, asked: Asked, this: int, so_far: str) -> None:
        if this == self._round:
            self.preview.html = f"<h2>{escape(self.title(asked))}</h2><p>{self.looking(asked)}{so_far}</p>"

    def _show(self, asked: Asked, made: Seen) -> None:
        self.seen = made
        self.preview.html = self.describe(asked, made)
        self._check()

    def could_not(self, error: Exception) -> None:
        """Say why there is no preview, and close."""
        self._frame.refuse(error)
        self.close("")

    @property
    def said(self) -> str:
        """The reason as it stands in its field."""
        return str(self.reason.value_input or self.reason.value or "").strip()

    def what_is_missing(self) -> str:
        """Say what still keeps it from being done; empty when nothing does."""
        if self.seen is None:
            return self.keeps() or "The preview is being made."
        typed, wanted = str(self.count.value_input or self.count.value or "").strip().replace(",", ""), self.to_type()
        count = f"Type {wanted} to confirm." if wanted and typed != str(wanted) else ""
        return self.keeps() or ("" if self.said else self.asks_reason()) or count

    def _check(self, *_: Any) -> None:
        missing = "It is being done…" if self._doing else self.what_is_missing()
        self.count.visible = bool(self.to_type())
        self.confirm.disabled = bool(missing)
        self.cancel.disabled = self._doing
        self.confirm.label = self.label()
        self.missing.html = f'<p class="{self.tone()}">{escape(missing)}</p>' if missing else ""

    def tone(self) -> str:
        """Give the class of the line that says what is missing."""
        return "soft"

    async def carry_out(self, *_: Any) -> None:
        """Do what the preview shows, once however often it is clicked; a preview that no longer holds is made again and shown instead."""
        asked, seen = self.asked, self.seen
        if asked is None or seen is None or self._doing or self.what_is_missing():
            return
        self._doing = True
        stale = False
        await in_turn(self._check)
        try:
            line = await self._beside(partial(self.do, asked, seen, self.said), self._still_doing)
        except Exception as error:  # noqa: BLE001 - a person must read what happened, whatever it was
            stale = isinstance(error, StalePlan)
            await in_turn(partial(self._refused, error))
        else:
            await in_turn(partial(self._done, asked, line))
        if stale and self.asked is asked:
            await self.stale(asked)

    async def stale(self, asked: Asked) -> None:
        """Show what holds now, where what the preview showed does not hold any more."""
        await self.renew()

    def _still_doing(self, so_far: str) -> None:
        self.missing.html = f'<p class="soft">It is being done…{so_far}</p>'

    def _done(self, asked: Asked, line: str) -> None:
        self._doing = False
        if self.asked is asked:
            self.close(line)
        else:  # the person has gone on to something else meanwhile
            self._frame.say(line)
            self._check()

    def _refused(self, error: Exception) -> None:
        self._doing = False
        self._frame.refuse(error)
        self._check()

    def close(self, line: str) -> None:
        """Close the pane; whatever it was making is forgotten."""
        self._round += 1
        self.asked = self.seen = None
        self.view.visible = False
        self._on_end(line)
