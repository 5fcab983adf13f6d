"""An act in the drawer: what it is for, its preview, its parameters, reason, count, receipt; the same for every verb."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import actions, plan_text, theme
from dashboards.app.act_fields import Fields
from dashboards.app.actions import Choice
from dashboards.app.fragment import Fragment
from dmsops.core.errors import BadInput, NotFound, StalePlan
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


class ActPane:
    """What somebody reads and fills in before an act.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt as a line for the person; empty when nothing was done.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None]) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 4, 0)}
        self._frame = frame
        self._on_end = on_end
        self._turn = 0
        self.request: Request | None = None
        self.plan: Plan | None = None
        self.wrong = ""
        self.preview = Fragment()
        self.fields = Fields(self.renew)
        self.offers = Fragment(self._take_reason)
        self.reason = pn.widgets.TextInput(
            label="Reason (goes into the journal)", sizing_mode="stretch_width", css_classes=["key-reason"], **sheets
        )
        self.count = pn.widgets.TextInput(label="Type the number of steps to confirm", width=260, css_classes=["key-count"], **sheets)
        self.confirm = pn.widgets.Button(label="Do it", color="primary", disabled=True, css_classes=["key-confirm"], **sheets)
        self.cancel = pn.widgets.Button(label="Leave it", css_classes=["key-leave"], **sheets)
        self.missing = Fragment()
        self.reason.param.watch(self._check, "value_input")
        self.count.param.watch(self._check, "value_input")
        self.confirm.on_click(self.carry_out)
        self.cancel.on_click(lambda _: self._close(""))
        self.view = pn.Column(
            self.preview, self.fields.view, self.reason, self.offers, self.count, self.missing, pn.Row(self.confirm, self.cancel),
            visible=False, sizing_mode="stretch_width",
        )  # fmt: skip

    async def open(self, request: Request) -> None:
        """Make the preview and show it."""
        self.request = request
        self.reason.value = self.reason.value_input = ""
        self.reason.label = "The note (goes into the journal)" if request.verb == "note" else "Reason (goes into the journal)"
        self.fields.show("" if request.answer else request.verb, fixed=request.choice.params, person=self._frame.person.name)
        self.offers.html = _offers([] if request.answer else actions.recent_reasons(self._frame.hub.ops, request.verb))
        self.view.visible = True
        await self.renew()

    async def renew(self, *_: Any) -> None:
        """Make the preview again; of several under way the newest counts."""
        request = self.request
        if request is None:
            return
        self._turn += 1
        turn = self._turn
        self.plan, self.wrong = None, ""
        self.count.value = self.count.value_input = ""
        self.preview.html = f"<h2>{escape(_title(request))}</h2><p>Looking at {escape(request.choice.words)}…</p>"
        self._check()
        ops, person = self._frame.hub.ops, self._frame.person
        try:
            made = await asyncio.to_thread(actions.preview, ops, person, request.verb, request.choice, self.fields.params)
        except Exception as error:  # noqa: BLE001 - no preview may stay open that will never be there
            if turn == self._turn:
                self._could_not(error)
            return
        if turn == self._turn:
            self.plan = made
            self.preview.html = self._head(request) + plan_text.describe(
                made, "" if request.answer else request.choice.words, asks=not request.answer
            )
            self._check()

    def _could_not(self, error: Exception) -> None:
        """Say what is wrong with a parameter beside it; close over anything else."""
        if isinstance(error, BadInput | NotFound) and self.fields.names:
            self.wrong = f"{error.message[:1].upper()}{error.message[1:]}."
            self.preview.html = f"<h2>{escape(_title(self.request))}</h2>"
            self._check()
            return
        self._frame.refuse(error)
        self._close("")

    def _head(self, request: Request) -> str:
        return f"<p><b>{request.answer.capitalize()}</b>: {escape(request.choice.words)}</p>" if request.answer else ""

    def _take_reason(self, reason: str) -> None:
        self.reason.value = self.reason.value_input = reason

    @property
    def said(self) -> str:
        """The reason as it stands in its field."""
        return str(self.reason.value_input or self.reason.value or "").strip()

    def _check(self, *_: Any) -> None:
        missing = self.what_is_missing()
        self.count.visible = bool(self._to_type)
        self.confirm.disabled = bool(missing)
        self.confirm.label = self._label(len(self.plan.again) if self.plan else 0)
        self.missing.html = f'<p class="{"warn" if self.wrong else "soft"}">{escape(missing)}</p>' if missing else ""

    @property
    def _takes_back(self) -> bool:
        return self.request is not None and self.request.answer == "withdraw"

    @property
    def _to_type(self) -> str:
        """The number that a person types to confirm; empty when there is nothing to count."""
        return str(len(self.plan.again)) if self.plan and self.plan.again and not self._takes_back else ""

    def _label(self, count: int) -> str:
        if self.request is None:
            return "Do it"
        if self.request.answer:
            return f"{self.request.answer.capitalize()} act {self.request.number}"
        ask = "Ask to " if self.plan and self.plan.second else ""
        verb = {"handled": "mark as handled", "note": "note"}.get(self.request.verb, self.request.verb)
        words = f"{verb}{f' {theme.plural(count, "step")}' if count else ''}"
        return ask + words if ask else words.capitalize()

    def what_is_missing(self) -> str:
        """Say what still keeps the act from being done; empty when nothing does."""
        if self.wrong:
            return self.wrong
        if self.plan is None:
            return "The preview is being made."
        if not self._takes_back and not self.plan.again and not self.plan.notes:
            return "Nothing would change."
        if not self.said:
            return "Write the note to go on." if self.request and self.request.verb == "note" else "Write a reason to go on."
        typed = str(self.count.value_input or self.count.value or "").strip().replace(",", "")
        return f"Type {self._to_type} to confirm." if self._to_type and typed != self._to_type else ""

    async def carry_out(self, *_: Any) -> None:
        """Do what the preview shows; a plan that no longer holds is made again and shown instead."""
        if self.request is None or self.plan is None or self.what_is_missing():
            return
        line, request = "", self.request
        self.confirm.disabled = True
        with self._frame.telling():
            try:
                line = await asyncio.to_thread(self._act, request, self.plan.hash)
            except StalePlan as error:
                self._frame.refuse(error)
                if request.answer:
                    self._close("")
                else:
                    await self.renew()
        if line:
            self._close(line)
        else:
            self._check()

    def _act(self, request: Request, ticket: str) -> str:
        ops, person, params = self._frame.hub.ops, self._frame.person, self.fields.params
        if request.answer == "withdraw":
            actions.withdraw(ops, person, request.number, reason=self.said)
            return f"Act {request.number} is taken back, by {person.name}."
        if request.answer == "agree":
            done = actions.agree(ops, person, request.number, reason=self.said)
        else:
            done = actions.carry_out(ops, person, request.verb, request.choice, params, reason=self.said, ticket=ticket)
        return plan_text.receipt(done, person.name)

    def _close(self, line: str) -> None:
        self._turn += 1
        self.request = None
        self.view.visible = False
        self._on_end(line)


def _title(request: Request | None) -> str:
    return request.verb.capitalize() if request else ""


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
