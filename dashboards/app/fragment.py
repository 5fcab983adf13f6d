"""HTML written by the board that answers clicks: the one way boards draw text that is no table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import panel as pn
import param
from panel.custom import JSComponent

from dashboards.app import theme


class Fragment(JSComponent):
    """A piece of page.

    Everything in ``html`` that comes from outside is escaped by whoever writes it. An element with ``data-pick``
    is a button; its value goes to ``on_pick``, which may give back what is to be awaited.
    """

    html = param.String(default="")

    _esm = theme.HERE / "fragment.js"
    _stylesheets: ClassVar[list[str]] = [theme.css("fragment")]

    def __init__(self, on_pick: Callable[[str], Awaitable[None] | None] | None = None, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": (2, 0), **params})
        self._on_pick = on_pick

    def _handle_msg(self, msg: Any) -> None:
        begun = self.pick(str(msg.get("pick", "")) if isinstance(msg, dict) else "")
        if begun is not None:

            async def finish() -> None:
                await begun

            pn.state.execute(finish, schedule=False)

    def pick(self, value: str) -> Awaitable[None] | None:
        """Do what a click on the element with that value does."""
        return self._on_pick(value) if self._on_pick is not None and value else None
