"""Writing to the page from a task that waits in between, or from another thread: in turns, each while nobody else writes.

Panel runs such a task without the document's lock, and Bokeh runs whatever the browser sent on another thread that has it. Where both
write at once, Panel may send one of two changes of the same property at once and leave the other to Bokeh, which sends it later: the
page then keeps the older one (a field that stays hidden, a button that stays grey), seen with panel 1.10.0 and bokeh 3.10.2.

``Document.add_next_tick_callback`` is not for other threads either: it passes through the list of changes that Panel holds back, and
while the page is written out Panel puts an older copy of that list back, so that what was asked for meanwhile is never done. Panel
itself asks that way for cells of a table until the browser has said that the page stands, and writing out takes no lock: nothing is
written from beside before that, nor while no browser is connected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
from bokeh.io.doc import patch_curdoc

if TYPE_CHECKING:
    from bokeh.document import Document

OPENS_SECONDS = 0.05
"""How often is looked whether a page that is being made, or was cut off, stands in its browser."""
_UNDER_WAY: set[asyncio.Task[None]] = set()


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


def soon(document: Document, write: Callable[[], None]) -> None:
    """Change a page from any thread, as soon as it stands in its browser and nobody else writes; a page that was closed is left alone.

    Parameters
    ----------
    document : bokeh.document.Document
        The page's, which a server serves.
    write : callable
        Changes the page; it is called in a thread of the server's.

    Raises
    ------
    RuntimeError
        The server has ended.
    """
    context: Any = document.session_context
    served = context and context.server_context and context.server_context.application_context
    if not served:
        return
    loop: asyncio.AbstractEventLoop = getattr(served.io_loop, "asyncio_loop", served.io_loop)

    def begin() -> None:
        there: Any = document.session_context
        if there is None or there.destroyed:
            return
        if there.session is None or not there.session.connection_count or not _stands(document):
            loop.call_later(OPENS_SECONDS, begin)
            return
        task = loop.create_task(_written(document, there.session, write))
        _UNDER_WAY.add(task)  # a loop alone does not keep its tasks
        task.add_done_callback(_UNDER_WAY.discard)

    loop.call_soon_threadsafe(begin)


def _stands(document: Document) -> bool:
    with patch_curdoc(document):
        return bool(pn.state.loaded)


async def _written(document: Document, session: Any, write: Callable[[], None]) -> None:
    def written() -> None:
        with patch_curdoc(document):
            write()

    try:
        await session.with_document_locked(written)
    except Exception:
        logging.getLogger(__name__).exception("a page could not be written to")
