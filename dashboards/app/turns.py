"""Writing to the page from a task that waits in between: in turns, each while nobody else writes.

Panel runs such a task without the document's lock, and Bokeh runs whatever the browser sent on another thread that has it. Where both
write at once, Panel may send one of two changes of the same property at once and leave the other to Bokeh, which sends it later: the
page then keeps the older one (a field that stays hidden, a button that stays grey), seen with panel 1.10.0 and bokeh 3.10.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn


async def in_turn(write: Callable[[], None]) -> None:
    """Change the page while its document is locked, and send all that changed in one go before anybody else has their turn.

    Never to be awaited by something that has the lock already, as by what Panel calls at once when a widget changes.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        write()
        return

    async def locked(_: Any) -> None:
        with pn.io.hold(document):
            write()

    await document.session_context.with_locked_document(locked)
