"""A deed in the drawer: its preview, a reason, the confirmation, the receipt; for every verb that is not about steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import theme
from dashboards.app.fragment import Fragment
from dmsops.core import people
from dmsops.core.errors import NotAllowed, StalePlan
from dmsops.core.people import Role, require

if TYPE_CHECKING:
    from dashboards.app.frame import Frame
    from dmsops.core.people import Person
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a deed would do, as HTML, and the hash of what that was made from.

    ``empty`` when nothing would change; ``count`` is the number that a person types to confirm it, 0 when there is nothing to type.
    """

    html: str
    ticket: str = ""
    empty: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that a person can do to one row.

    Attributes
    ----------
    key : str
        Word of its button and of its CSS class.
    title : str
        What it does, as the button says it.
    look : callable
        Makes the preview; given the site in the person's hand.
    do : callable
        Does it; given the site in the person's hand, the preview's hash and the reason; gives the receipt as a line.
    why_not : str
        Why it cannot be done now; empty when it can.
    reasoned : bool
        False where nothing is decided, so that no reason is asked for.
    """

    key: str
    title: str
    look: Callable[[Ops], Preview]
    do: Callable[[Ops, str, str], str]
    why_not: str = ""
    reasoned: bool = True


class DeedPane:
    """What somebody reads and fills in before a deed.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt as a line; empty when nothing was done.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None]) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 4, 0)}
        self._frame = frame
        self._on_end = on_end
        self._turn = 0
        self.deed: Deed | None = None
        self.seen: Preview | None = None
        self.preview = Fragment()
        self.missing = Fragment()
        self.reason = pn.widgets.TextInput(
            label="Reason (goes into the journal)", sizing_mode="stretch_width", css_classes=["key-reason"], **sheets
        )
        self.count = pn.widgets.TextInput(label="Type the count to confirm", width=260, css_classes=["key-count"], **sheets)
        self.confirm = pn.widgets.Button(label="Do it", color="primary", disabled=True, css_classes=["key-confirm"], **sheets)
        self.cancel = pn.widgets.Button(label="Leave it", css_classes=["key-leave"], **sheets)
        self.reason.param.watch(self._check, "value_input")
        self.count.param.watch(self._check, "value_input")
        self.confirm.on_click(self.carry_out)
        self.cancel.on_click(lambda _: self.close(""))
        self.view = pn.Column(
            self.preview, self.reason, self.count, self.missing, pn.Row(self.confirm, self.cancel),
            visible=False, sizing_mode="stretch_width",
        )  # fmt: skip

    async def open(self, deed: Deed) -> None:
        """Make the preview and show it."""
        self.deed = deed
        self.reason.value = self.reason.value_input = ""
        self.reason.visible = deed.reasoned
        self.view.visible = True
        await self.renew()

    async def renew(self) -> None:
        """Make the preview again; of several under way the newest counts."""
        if self.deed is None:
            return
        self._turn += 1
        turn = self._turn
        self.seen = None
        self.count.value = self.count.value_input = ""
        self.preview.html = f"<h2>{escape(self.deed.title)}</h2><p>Looking…</p>"
        self._check()
        try:
            made = await asyncio.to_thread(self.deed.look, self._in_hand())
        except Exception as error:  # noqa: BLE001 - no preview may stay open that will never be there
            if turn == self._turn:
                self._frame.refuse(error)
                self.close("")
            return
        if turn == self._turn and self.deed is not None:
            self.seen = made
            self.preview.html = f"<h2>{escape(self.deed.title)}</h2>{made.html}"
            self._check()

    def _in_hand(self) -> Ops:
        """Give the site in the person's hand, with the role they have now: it may have changed since they signed in."""
        ops = self._frame.hub.ops
        return ops.as_person(people.find(ops.db, self._frame.person.name))

    @property
    def said(self) -> str:
        """The reason as it stands in its field."""
        return str(self.reason.value_input or self.reason.value or "").strip()

    def what_is_missing(self) -> str:
        """Say what still keeps the deed from being done; empty when nothing does."""
        if self.seen is None:
            return "The preview is being made."
        if self.seen.empty:
            return "Nothing would change."
        if not self.said and (self.deed is None or self.deed.reasoned):
            return "Write a reason to go on."
        typed = str(self.count.value_input or self.count.value or "").strip().replace(",", "")
        return f"Type {self.seen.count} to confirm." if self.seen.count and typed != str(self.seen.count) else ""

    def _check(self, *_: Any) -> None:
        missing = self.what_is_missing()
        self.count.visible = bool(self.seen and self.seen.count)
        self.confirm.disabled = bool(missing)
        self.confirm.label = self.deed.title if self.deed else "Do it"
        self.missing.html = f'<p class="soft">{escape(missing)}</p>' if missing else ""

    async def carry_out(self, *_: Any) -> None:
        """Do what the preview shows; a preview that no longer holds is made again and shown instead."""
        if self.deed is None or self.seen is None or self.what_is_missing():
            return
        line, deed, ticket = "", self.deed, self.seen.ticket
        self.confirm.disabled = True
        self.missing.html = '<p class="soft">It is being done…</p>'
        with self._frame.telling():
            try:
                line = await asyncio.to_thread(deed.do, self._in_hand(), ticket, self.said)
            except StalePlan as error:
                self._frame.refuse(error)
                await self.renew()
        if line:
            self.close(line)
        else:
            self._check()

    def close(self, line: str) -> None:
        """Close the pane; whatever it was making is forgotten."""
        self._turn += 1
        self.deed = self.seen = None
        self.view.visible = False
        self._on_end(line)


def buttons(deeds: list[Deed]) -> str:
    """Write what can be done as buttons; what cannot be done now stands behind a click, with its reason."""
    on = "".join(f'<button class="key-{d.key}" data-pick="deed {d.key}">{escape(d.title)}…</button>' for d in deeds if not d.why_not)
    off = "".join(f"<li>{escape(d.title)}: {escape(d.why_not)}</li>" for d in deeds if d.why_not)
    rest = f"<details><summary>what cannot be done now</summary><ul>{off}</ul></details>" if off else ""
    return (f'<div class="chips one">{on}</div>' if on else "") + rest


def cannot(person: Person, least: Role, verb: str) -> str:
    """Say in the library's words why a person may not do it; empty when they may."""
    try:
        require(person, least, verb)
    except NotAllowed as error:
        return f"{error.message}."
    return ""
