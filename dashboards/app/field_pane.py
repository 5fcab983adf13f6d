"""Deeds that a person says something more for than a reason: fields above the reason, and a preview made anew when one is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import panel as pn

from dashboards.app import theme
from dashboards.app.deed_pane import Deed, DeedPane

if TYPE_CHECKING:
    from dashboards.app.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a deed asks for: its name, its title, an example of what is written there, what stands there at first.

    One that is ``optional`` may stay empty; its title says so.
    """

    name: str
    title: str
    hint: str = ""
    value: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDeed(Deed):
    """A deed with fields; ``given`` is what they say, and is read by the deed's own ``look`` and ``do``."""

    fields: tuple[Field, ...] = ()
    given: dict[str, str] = field(default_factory=dict)


class FieldPane(DeedPane):
    """A pane that shows a deed's fields between its preview and the reason.

    Parameters
    ----------
    on_end : callable
        As of `DeedPane`.
    """

    def __init__(self, frame: Frame, on_end: Callable[[str], None]) -> None:
        self.inputs: dict[str, Any] = {}
        self.fields = pn.Column(sizing_mode="stretch_width")
        super().__init__(frame, on_end)

    def parts(self) -> list[Any]:
        """Give the parts of the pane, from the top."""
        preview, *rest = super().parts()
        return [preview, self.fields, *rest]

    def first(self) -> str:
        """Give the class of the field that is filled in first: what a deed must be told stands above the reason."""
        asked = self.asked.fields if isinstance(self.asked, FieldDeed) else ()
        return next((f"key-{one.name}" for one in asked if not one.optional), super().first())

    def fill(self, asked: Deed) -> None:
        """Make the fields of a deed."""
        super().fill(asked)
        wanted = asked.fields if isinstance(asked, FieldDeed) else ()
        if isinstance(asked, FieldDeed):
            asked.given.clear()
            asked.given.update({one.name: one.value for one in wanted})
        self.inputs = {one.name: self._input(one) for one in wanted}
        self.fields.objects = list(self.inputs.values())

    def _input(self, one: Field) -> Any:
        label = f"{one.title}, may stay empty" if one.optional else one.title
        made = pn.widgets.TextInput(
            label=label, placeholder=one.hint, value=one.value, width=330, stylesheets=[theme.css("widgets")], margin=(4, 8, 0, 0),
            css_classes=[f"key-{one.name}"],
        )  # fmt: skip

        async def changed(event: Any) -> None:
            await self.say(one.name, str(event.new or ""))

        made.param.watch(changed, "value")
        return made

    async def say(self, name: str, value: str) -> None:
        """Take what a field says now, and make the preview again."""
        if isinstance(self.asked, FieldDeed) and self.asked.given.get(name) != value.strip():
            self.asked.given[name] = value.strip()
            await self.renew()
