"""The parameters of a verb as fields on the page, made for the verb that is open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import panel as pn

from dashboards.app import theme
from dmsops.core.errors import BadInput
from dmsops.workflow import acts

_TICKS = {
    "following": "also everything that follows from these",
    "remake": "also steps that ended well, and what follows from them",
    "upstream": "also what came before these",
    "more_memory": "with more memory (the next rung)",
}
_TEXTS = {
    "until": ("Until (UTC, may stay empty)", "2022-12-04T05:30:00Z"),
    "priority": ("Priority, -49 (later) to 49 (sooner)", "0"),
    "person": ("To whom (name on this site)", ""),
    "changes": ("Changed parameters (may stay empty)", '{"name": value}'),
    "derived_from": ("Everything made from these files (may stay empty)", "names, with spaces between them"),
}


class Fields:
    """Fields for the parameters of one verb.

    Parameters
    ----------
    on_change : callable
        Awaited when a field was changed.
    """

    def __init__(self, on_change: Callable[..., Awaitable[None]]) -> None:
        self._on_change = on_change
        self._fields: dict[str, Any] = {}
        self.view = pn.Column(sizing_mode="stretch_width")

    def show(self, verb: str, *, fixed: Collection[str] = (), person: str = "") -> None:
        """Show the fields of a verb, without those that are settled already; no verb shows none."""
        names = sorted((n for n in acts.verb_named(verb).params if n not in fixed), key=lambda n: n not in _TICKS) if verb else []
        self._fields = {name: self._field(name, person) for name in names}
        self.view.objects = list(self._fields.values())

    def _field(self, name: str, person: str) -> Any:
        sheets: dict[str, Any] = {"stylesheets": [theme.css("widgets")], "margin": (4, 8, 0, 0), "css_classes": [f"key-{name}"]}
        if name in _TICKS:
            field: Any = pn.widgets.Checkbox(label=_TICKS[name], **sheets)
        else:
            label, hint = _TEXTS.get(name, (name, ""))
            value = person if name == "person" else ""
            field = pn.widgets.TextInput(label=label, placeholder=hint, value=value, width=330, **sheets)
        field.param.watch(self._on_change, "value")
        return field

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    @property
    def names(self) -> list[str]:
        """Names of the fields shown."""
        return list(self._fields)

    @property
    def params(self) -> dict[str, Any]:
        """What the fields say, as the verb takes it, without what was left empty."""
        said = {name: field.value.strip() if isinstance(field.value, str) else field.value for name, field in self._fields.items()}
        given = {name: value for name, value in said.items() if value}
        if "derived_from" in given:
            given["derived_from"] = tuple(given["derived_from"].replace(",", " ").split())
        if "changes" in given:
            given["changes"] = _by_name(given["changes"])
        return given


def _by_name(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"'{text}' does not say parameters by name; write them as JSON, as {{\"name\": 3}}", field="changes")
    return found
