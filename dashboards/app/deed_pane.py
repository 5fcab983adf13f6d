"""A deed in the drawer: its preview, a reason, the confirmation, the receipt; for every verb that is not about steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from dashboards.app.confirm_pane import ConfirmPane
from dmsops.core import people
from dmsops.core.errors import NotAllowed
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


class DeedPane(ConfirmPane[Deed, Preview]):
    """What somebody reads and fills in before a deed.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt as a line; empty when nothing was done.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None]) -> None:
        super().__init__(frame, on_end, to_count="Type the count to confirm")

    def fill(self, asked: Deed) -> None:
        """Set the fields for a deed."""
        super().fill(asked)
        self.reason.visible = asked.reasoned

    def look(self, asked: Deed) -> Preview:
        """Make a deed's preview."""
        return asked.look(self._in_hand())

    def do(self, asked: Deed, seen: Preview, reason: str) -> str:
        """Do a deed."""
        return asked.do(self._in_hand(), seen.ticket, reason)

    def _in_hand(self) -> Ops:
        """Give the site in the person's hand, with the role they have now: it may have changed since they signed in."""
        ops = self._frame.hub.ops
        return ops.as_person(people.find(ops.db, self._frame.person.name))

    def title(self, asked: Deed) -> str:
        """Give a deed's title."""
        return asked.title

    def describe(self, asked: Deed, seen: Preview) -> str:
        """Give the preview as the deed wrote it."""
        return f"<h2>{escape(asked.title)}</h2>{seen.html}"

    def label(self) -> str:
        """Give the deed's title."""
        return self.asked.title if self.asked else "Do it"

    def to_type(self) -> int:
        """Give the count of the preview."""
        return self.seen.count if self.seen else 0

    def keeps(self) -> str:
        """Say that nothing would change, where it is so."""
        return "Nothing would change." if self.seen and self.seen.empty else ""

    def asks_reason(self) -> str:
        """Ask for a reason, where something is decided."""
        return "Write a reason to go on." if self.asked is None or self.asked.reasoned else ""


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
