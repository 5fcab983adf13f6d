"""A deed with fields in a person's hand, without a browser."""

from __future__ import annotations

import asyncio
from typing import Any


def begun(view: Any, key: str, **given: str) -> None:
    """Open a deed and fill in its fields."""

    async def all_of_it() -> None:
        await view._pick(f"deed {key}")
        for name, value in given.items():
            view.pane.inputs[name].value = value
            await view.pane.say(name, value)

    asyncio.run(all_of_it())
    assert view.pane.view.visible, view.frame.wire.said


def confirmed(view: Any, count: int = 1, reason: str = "it has to be") -> str:
    """Give reason and count, and do what is previewed; gives what the person reads."""
    view.pane.reason.value_input = reason
    if count:
        view.pane.count.value_input = str(count)
    assert not view.pane.confirm.disabled, view.pane.missing.html + view.pane.preview.html
    asyncio.run(view.pane.carry_out())
    return str(view.frame.wire.said["text"])
