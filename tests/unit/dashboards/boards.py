"""A board in a person's hand, and the whole way of a deed on it, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dashboards.app.hub import Hub
from dmsops.core.people import find
from dmsops.ops import Ops


def opened(kind: Callable[..., Any], ops: Ops, name: str = "otto", /, **address: str) -> Any:
    """Open a board of a site as a person, at an address."""
    view = kind(Hub(ops), find(ops.db, name))
    view.open({key: [value.encode()] for key, value in address.items()})
    return view


def drawn_again(view: Any) -> None:
    """Let the hub read anew, and draw what it read."""
    view.hub.forget()
    view.draw(view.hub.poll())


def do(view: Any, key: str, count: int = 1, reason: str = "it has to be") -> str:
    """Go the whole way of a deed: button, preview, reason, count, confirmation; gives what the person reads.

    A count of 0 says that none is asked for.
    """
    begun, pane = view._pick(f"deed {key}"), view.pane
    assert begun is not None
    asyncio.run(begun)
    assert pane.view.visible, view.frame.wire.said
    pane.reason.value_input = reason
    assert pane.missing.html == (f'<p class="soft">Type {count} to confirm.</p>' if count else ""), pane.missing.html
    if count:
        pane.count.value_input = str(count)
    assert not pane.confirm.disabled, pane.missing.html + pane.preview.html
    asyncio.run(pane.carry_out())
    return str(view.frame.wire.said["text"])
