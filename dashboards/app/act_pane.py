"""An act in the drawer: what it is for, its preview, its parameters, reason, count, receipt; the same for every verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import actions, plan_text, theme
from dashboards.app.act_fields import Fields
from dashboards.app.actions import Choice
from dashboards.app.confirm_pane import ConfirmPane
from dashboards.app.fragment import Fragment
from dashboards.app.turns import in_turn
from dmsops.core.errors import BadInput, NotFound
from dmsops.workflow.choose import Selection

if TYPE_CHECKING:
    from dashboards.app.frame import Frame
    from dmsops.workflow.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person began: a verb on a choice of steps; or the answer to an act that waits for a second person.

    Attributes
    ----------
    answer : str
        ``agree`` or ``withdraw`` where ``number`` is the act that waits; empty for an act of one's own.
    """

    verb: str
    choice: Choice
    answer: str = ""
    number: int = 0

    @classmethod
    def answering(cls, row: dict[str, Any], answer: str) -> Request:
        """Answer an act that waits."""
        words = f"act {row['id']}, asked for by {row['actor']}: {row['reason']}"
        choice = Choice(words=words, selection=Selection.of(row["selection"]), params=row["params"])
        return cls(verb=row["verb"], choice=choice, answer=answer, number=row["id"])


class ActPane(ConfirmPane[Request, "Plan"]):
    """What somebody reads and fills in before an act.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt as a line for the person; empty when nothing was done.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None]) -> None:
        self.wrong = ""
        self.fields = Fields(self.renew)
        self.offers = Fragment(self._take_reason)
        super().__init__(frame, on_end, to_count="Type the number of steps to confirm")

    def parts(self) -> list[Any]:
        """Give the parts of the pane, from the top."""
        return [self.preview, self.fields.view, self.reason, self.offers, self.count, self.missing, pn.Row(self.confirm, self.cancel)]

    def fill(self, asked: Request) -> None:
        """Set the fields for an act."""
        super().fill(asked)
        self.reason.label = "The note (goes into the journal)" if asked.verb == "note" else "Reason (goes into the journal)"
        self.fields.show("" if asked.answer else asked.verb, fixed=asked.choice.params, person=self._frame.person.name)
        self.offers.html = _offers([] if asked.answer else actions.recent_reasons(self._frame.hub.ops, asked.verb))

    async def renew(self, *_: Any) -> None:
        """Make the preview again, with the parameters as they are now."""
        self.wrong = ""
        await super().renew()

    def looking(self, asked: Request) -> str:
        """Say what is looked at."""
        return f"Looking at {escape(asked.choice.words)}…"

    def look(self, asked: Request) -> Plan:
        """Make the plan of an act."""
        return actions.preview(self._frame.hub.ops, self._frame.person, asked.verb, asked.choice, self.fields.params)

    def could_not(self, error: Exception) -> None:
        """Say what is wrong with a parameter beside it; close over anything else."""
        if self.asked is not None and isinstance(error, BadInput | NotFound) and self.fields.names:
            self.wrong = f"{error.message[:1].upper()}{error.message[1:]}."
            self.preview.html = f"<h2>{escape(self.title(self.asked))}</h2>"
            self._check()
            return
        super().could_not(error)

    def title(self, asked: Request) -> str:
        """Give the verb."""
        return asked.verb.capitalize()

    def describe(self, asked: Request, seen: Plan) -> str:
        """Write the plan, and what is answered by it."""
        head = f"<p><b>{asked.answer.capitalize()}</b>: {escape(asked.choice.words)}</p>" if asked.answer else ""
        return head + plan_text.describe(seen, "" if asked.answer else asked.choice.words, asks=not asked.answer)

    def _take_reason(self, reason: str) -> None:
        self.reason.value = self.reason.value_input = reason

    @property
    def _takes_back(self) -> bool:
        return self.asked is not None and self.asked.answer == "withdraw"

    def to_type(self) -> int:
        """Give the number of steps that are done again."""
        return len(self.seen.again) if self.seen and not self._takes_back else 0

    def label(self) -> str:
        """Give the verb, and how many steps it is for."""
        if self.asked is None:
            return "Do it"
        if self.asked.answer:
            return f"{self.asked.answer.capitalize()} act {self.asked.number}"
        count = len(self.seen.again) if self.seen else 0
        ask = "Ask to " if self.seen and self.seen.second else ""
        verb = {"handled": "mark as handled", "note": "note"}.get(self.asked.verb, self.asked.verb)
        words = f"{verb}{f' {theme.plural(count, "step")}' if count else ''}"
        return ask + words if ask else words.capitalize()

    def keeps(self) -> str:
        """Say what is wrong with a parameter, or that nothing would change."""
        if self.wrong or self.seen is None:
            return self.wrong
        return "" if self._takes_back or self.seen.again or self.seen.notes else "Nothing would change."

    def asks_reason(self) -> str:
        """Ask for the note that an act writes, or for its reason."""
        return "Write the note to go on." if self.asked and self.asked.verb == "note" else "Write a reason to go on."

    def tone(self) -> str:
        """Warn where a parameter is wrong."""
        return "warn" if self.wrong else "soft"

    async def stale(self, asked: Request) -> None:
        """Show what holds now; somebody else's act that does not hold any more is not answered."""
        if asked.answer:
            await in_turn(lambda: self.close(""))
        else:
            await super().stale(asked)

    def do(self, asked: Request, seen: Plan, reason: str) -> str:
        """Do an act, or answer one."""
        ops, person, params = self._frame.hub.ops, self._frame.person, self.fields.params
        if asked.answer == "withdraw":
            actions.withdraw(ops, person, asked.number, reason=reason)
            return f"Act {asked.number} is taken back, by {person.name}."
        if asked.answer == "agree":
            done = actions.agree(ops, person, asked.number, reason=reason)
        else:
            done = actions.carry_out(ops, person, asked.verb, asked.choice, params, reason=reason, ticket=seen.hash)
        return plan_text.receipt(done, person.name)


def pause_of(verb: str, scope: str, target: str) -> Request:
    """Begin a pause, or its end."""
    what = "the whole site" if scope == "engine" else f"{scope} {target}"
    params = {"scope": scope, "target": target} if scope != "engine" else {"scope": scope}
    return Request(verb=verb, choice=Choice(words=what, params=params))


def _offers(reasons: list[str]) -> str:
    if not reasons:
        return ""
    chips = "".join(f'<button data-pick="{escape(r)}">{escape(r)}</button>' for r in reasons)
    return f'<div class="chips"><span class="soft">used before:</span>{chips}</div>'
