"""Rescue in the drawer: preview, reason, count, receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import actions, theme
from dashboards.app.fragment import Fragment
from dmsops.core.errors import DmsError, StalePlan

if TYPE_CHECKING:
    from dashboards.app.actions import Receipt
    from dashboards.app.frame import Frame
    from dmsops.workflow.plan import Plan

_MANY = 40


class RescuePane:
    """What somebody reads and fills in before steps run again.

    Parameters
    ----------
    on_end : callable
        Called when the pane closes, with the receipt, or None when nothing was done.
    """

    def __init__(self, frame: Frame, on_end: Callable[[Receipt | None], None]) -> None:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 4, 0)}
        self._frame = frame
        self._on_end = on_end
        self.steps: tuple[int, ...] = ()
        self.plan: Plan | None = None
        self.preview = Fragment()
        self.offers = Fragment(self._take_reason)
        self.reason = pn.widgets.TextInput(
            label="Reason (goes into the journal)", sizing_mode="stretch_width", css_classes=["key-reason"], **sheets
        )
        self.count = pn.widgets.TextInput(label="Type the number of steps to confirm", width=260, css_classes=["key-count"], **sheets)
        self.confirm = pn.widgets.Button(label="Rescue", color="primary", disabled=True, css_classes=["key-confirm"], **sheets)
        self.cancel = pn.widgets.Button(label="Leave it", css_classes=["key-leave"], **sheets)
        self.missing = Fragment()
        self.reason.param.watch(self._check, "value_input")
        self.count.param.watch(self._check, "value_input")
        self.confirm.on_click(self.carry_out)
        self.cancel.on_click(lambda _: self._close(None))
        self.view = pn.Column(
            self.preview, self.reason, self.offers, self.count, self.missing, pn.Row(self.confirm, self.cancel), visible=False,
            sizing_mode="stretch_width",
        )  # fmt: skip

    async def open(self, steps: Collection[int]) -> None:
        """Make the preview and show it."""
        self.steps = tuple(steps)
        self.plan = None
        self.reason.value = self.reason.value_input = ""
        self.view.visible = True
        await self._preview()

    async def _preview(self) -> None:
        self.plan = None
        self.count.value = self.count.value_input = ""
        self.preview.html = f"<h2>Rescue</h2><p>Checking {theme.plural(len(self.steps), 'step')} and what they use…</p>"
        ops = self._frame.hub.ops
        try:
            self.plan = await asyncio.to_thread(actions.preview, ops, self._frame.person, self.steps)
        except DmsError as error:
            self._frame.refuse(error)
            self._close(None)
            return
        self.preview.html = describe(self.plan)
        self.offers.html = _offers(actions.recent_reasons(ops))
        self._check()

    def _take_reason(self, reason: str) -> None:
        self.reason.value = self.reason.value_input = reason

    @property
    def said(self) -> str:
        """The reason as it stands in its field."""
        return str(self.reason.value_input or self.reason.value or "").strip()

    def _check(self, *_: Any) -> None:
        missing = self.what_is_missing()
        self.confirm.disabled = bool(missing)
        self.confirm.label = f"Rescue {theme.plural(len(self.plan.again), 'step')}" if self.plan and self.plan.again else "Rescue"
        self.missing.html = f'<p class="soft">{missing}</p>' if missing else ""

    def what_is_missing(self) -> str:
        """Say what still keeps the rescue from being carried out; empty when nothing does."""
        if self.plan is None:
            return "The preview is being made."
        if not self.plan.again:
            return "Nothing would run again."
        if not self.said:
            return "Write a reason to go on."
        if str(self.count.value_input or self.count.value or "").strip() != str(len(self.plan.again)):
            return f"Type {len(self.plan.again)} to confirm."
        return ""

    async def carry_out(self, *_: Any) -> None:
        """Rescue what the preview shows; a plan that no longer holds is made again and shown instead."""
        if self.plan is None or self.what_is_missing():
            return
        receipt, ops = None, self._frame.hub.ops
        with self._frame.telling():
            ticket = self.plan.hash
            try:
                receipt = await asyncio.to_thread(actions.carry_out, ops, self._frame.person, self.steps, reason=self.said, ticket=ticket)
            except StalePlan as error:
                self._frame.refuse(error)
                await self._preview()
        if receipt is not None:
            self._close(receipt)

    def _close(self, receipt: Receipt | None) -> None:
        self.view.visible = False
        self._on_end(receipt)


def describe(plan: Plan) -> str:
    """Write a rescue plan as HTML: counts first, then what, why, and what is left alone."""
    count = len(plan.again)
    head = f"<h2>Rescue: {theme.plural(count, 'step')} {'runs' if count == 1 else 'run'} again</h2>"
    facts = {
        "takes": f"about {theme.duration(plan.estimate_seconds)} on one worker",
        "left alone": f"{theme.plural(plan.reused, 'step')} of the same workflows that ended well",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    again = [
        f'{theme.mark(a.state)} step {a.step_id} {escape(a.kind)} <span class="id">{escape(a.dataset)}</span>: {escape(a.why)}'
        for a in plan.again
    ]
    return "".join(
        [
            head,
            f"<dl>{listed}</dl>",
            _list("Runs again", again),
            _list("Gets a new version", [f'<span class="id">{escape(name)}</span>' for name in plan.supersedes]),
            _list("Tells a neighbour again", [escape(text) for text in plan.tells], warn=True),
            _list("Damaged in the store, set aside", [f'<span class="id">{escape(sha256)}</span>' for sha256 in plan.damaged], warn=True),
            _list("Will not be touched", [f"step {step}: {escape(why)}" for step, why in plan.untouched]),
        ]
    )


def _list(title: str, lines: list[str], *, warn: bool = False) -> str:
    if not lines:
        return ""
    shown = "".join(f"<li>{line}</li>" for line in lines[:_MANY])
    more = f"<li>and {len(lines) - _MANY:,} more</li>" if len(lines) > _MANY else ""
    body = f"<h3>{title} ({len(lines):,})</h3><ul>{shown}{more}</ul>"
    return f'<div class="warn">{body}</div>' if warn else body


def _offers(reasons: list[str]) -> str:
    if not reasons:
        return ""
    chips = "".join(f'<button data-pick="{escape(r)}">{escape(r)}</button>' for r in reasons)
    return f'<div class="chips"><span class="soft">used before:</span>{chips}</div>'
