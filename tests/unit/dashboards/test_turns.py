"""Writing to a page in turns, and a deed that is clicked twice."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.io import curdoc
from bokeh.models import Div, ImportedStyleSheet
from bokeh.server.contexts import BokehSessionContext
from bokeh.server.session import ServerSession
from panel.io import resources
from panel.io.resources import Resources
from panel.io.server import server_html_page_for_session
from panel.io.state import set_curdoc, state
from tornado.ioloop import IOLoop

from dashboards.app import confirm_pane, turns
from dashboards.app.deed_pane import Deed, DeedPane, Preview
from dashboards.app.turns import in_turn, soon
from dmsops.core.errors import StalePlan


class Browser:
    """As much of a browser's connection as counts as one."""

    protocol = None


def page() -> tuple[Document, Any]:
    """Make a page whose session is still to come."""
    document = Document()
    served = SimpleNamespace(application_context=SimpleNamespace(io_loop=IOLoop.current()))
    context: Any = BokehSessionContext("a", served, document)  # type: ignore[arg-type]
    document._session_context = lambda: context  # type: ignore[assignment]
    return document, context


def serve(document: Document, context: Any, *, browser: bool = True) -> ServerSession:
    """Make the session of a page, and connect a browser with it."""
    session = ServerSession("a", document, io_loop=IOLoop.current())
    context._set_session(session)
    if browser:
        connect(session)
    return session


def connect(session: ServerSession, *, stands: bool = True) -> None:
    """Connect a browser that takes whatever it is sent, and says that the page stands."""
    browser: Any = Browser()
    session.subscribe(browser)
    if stands:
        state._schedule_on_load(session.document, None)


def test_a_turn_waits_while_somebody_else_writes() -> None:
    written: list[str] = []

    async def go() -> None:
        document, context = page()
        serve(document, context, browser=False)
        begun, enough = asyncio.Event(), asyncio.Event()

        async def long(_: Any) -> None:
            begun.set()
            await enough.wait()
            written.append("the first")

        first = asyncio.create_task(context.with_locked_document(long))
        await begun.wait()
        with set_curdoc(document):
            second = asyncio.create_task(in_turn(lambda: written.append("the second")))
        for _ in range(20):
            await asyncio.sleep(0)
        assert written == [], "it wrote while the document was somebody else's"
        enough.set()
        await first
        await second

    asyncio.run(go())
    assert written == ["the first", "the second"]


def test_what_another_thread_asks_for_while_the_page_is_written_out_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        document, context = page()
        document.add_root(Div(stylesheets=[ImportedStyleSheet(url="a.css")]))
        session = serve(document, context)
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def while_written(*_: Any) -> None:
            asked = threading.Thread(target=lambda: soon(document, lambda: loop.call_soon_threadsafe(done.set)))
            asked.start()
            asked.join()

        monkeypatch.setattr(resources, "patch_stylesheet", while_written)
        server_html_page_for_session(session, Resources(mode="inline"), "a")
        await asyncio.wait_for(done.wait(), 20)

    asyncio.run(go())


def test_a_page_that_is_being_written_out_is_not_written_to_from_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Panel does at the next tick, as cells of a table that it changes while the page opens, would be lost."""
    begun, being_written, asked_for = threading.Event(), threading.Event(), threading.Event()

    async def go() -> None:
        document, context = page()
        document.add_root(Div(stylesheets=[ImportedStyleSheet(url="a.css")]))
        session = serve(document, context, browser=False)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def write() -> None:
            begun.set()
            being_written.wait(20)
            document.add_next_tick_callback(lambda: loop.call_soon_threadsafe(done.set))
            asked_for.set()

        def while_written(*_: Any) -> None:
            being_written.set()
            if begun.is_set():
                asked_for.wait(20)

        monkeypatch.setattr(resources, "patch_stylesheet", while_written)
        soon(document, write)
        await asyncio.sleep(5 * turns.OPENS_SECONDS)
        server_html_page_for_session(session, Resources(mode="inline"), "a")
        connect(session)
        await asyncio.wait_for(done.wait(), 20)

    asyncio.run(go())


def test_what_is_asked_for_before_the_page_is_there_waits_for_it() -> None:
    written: list[Any] = []

    async def go() -> None:
        document, context = page()
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def write() -> None:
            written.append(curdoc())
            loop.call_soon_threadsafe(done.set)

        soon(document, write)
        for _ in range(20):
            await asyncio.sleep(0)
        assert written == []
        session = serve(document, context, browser=False)
        await asyncio.sleep(3 * turns.OPENS_SECONDS)
        assert written == [], "no browser had connected"
        connect(session, stands=False)
        await asyncio.sleep(3 * turns.OPENS_SECONDS)
        assert written == [], "the page did not stand yet"
        connect(session)
        await done.wait()
        assert written == [document], "it was another page's"

    asyncio.run(asyncio.wait_for(go(), 20))


@pytest.mark.parametrize("there", [True, False])
def test_a_page_that_was_closed_is_left_alone(there: bool) -> None:
    written: list[str] = []

    async def go() -> None:
        document, context = page()
        session = serve(document, context) if there else None
        soon(document, lambda: written.append("it is gone"))
        if session is not None:
            session.destroy()
        else:
            document._session_context = lambda: None  # type: ignore[assignment]
        for _ in range(3):
            await asyncio.sleep(turns.OPENS_SECONDS)
        soon(document, lambda: written.append("it is gone"))
        await asyncio.gather(*turns._UNDER_WAY)

    asyncio.run(asyncio.wait_for(go(), 20))
    assert written == []


def pane(ops: Any, ended: list[str]) -> DeedPane:
    refused: list[Exception] = []
    frame: Any = SimpleNamespace(hub=SimpleNamespace(ops=ops), person=ops.operator, refuse=refused.append, say=ended.append)
    made = DeedPane(frame, ended.append)
    made._in_hand = lambda: ops  # type: ignore[method-assign]
    return made


def test_what_is_clicked_twice_is_done_once(ops: Any) -> None:
    ended: list[str] = []
    done: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def do(_: Any, ticket: str, reason: str) -> str:
        done.append(f"{ticket} {reason}")
        begun.set()
        go_on.wait(20)
        return "It is done."

    async def go() -> None:
        shown = pane(ops, ended)
        await shown.open(Deed(key="a", title="Do a", look=lambda _: Preview(html="", ticket="t", count=1), do=do))
        shown.reason.value_input, shown.count.value_input = "because", "1"
        clicks = [asyncio.create_task(shown.carry_out()) for _ in range(2)]
        await asyncio.to_thread(begun.wait, 20)
        assert shown.confirm.disabled
        assert shown.cancel.disabled
        shown.reason.value_input = "because of it"
        assert shown.confirm.disabled, "it can be done again by writing on"
        go_on.set()
        await asyncio.gather(*clicks)

    asyncio.run(go())
    assert done == ["t because"]
    assert ended == ["It is done."]


def test_who_has_gone_on_to_something_else_is_told_and_not_interrupted(ops: Any) -> None:
    ended: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def do(*_: Any) -> str:
        begun.set()
        go_on.wait(20)
        return "The first is done."

    async def go() -> None:
        shown = pane(ops, ended)
        await shown.open(Deed(key="a", title="Do a", look=lambda _: Preview(html=""), do=do))
        shown.reason.value_input = "because"
        click = asyncio.create_task(shown.carry_out())
        await asyncio.to_thread(begun.wait, 20)
        await shown.open(Deed(key="b", title="Do b", look=lambda _: Preview(html="<p>The second.</p>"), do=do))
        assert shown.confirm.disabled, "one at a time"
        go_on.set()
        await click
        assert (shown.view.visible, "The second." in shown.preview.html) == (True, True)
        shown.reason.value_input = "because"
        assert not shown.confirm.disabled

    asyncio.run(go())
    assert ended == ["The first is done."]


def test_what_takes_its_time_says_for_how_long_already(ops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirm_pane, "TELL_SECONDS", 0.01)
    go_on = threading.Event()

    def look(_: Any) -> Preview:
        go_on.wait(20)
        return Preview(html="<p>This is it.</p>")

    async def go() -> None:
        shown = pane(ops, [])
        told = asyncio.Event()
        shown.preview.param.watch(lambda event: told.set() if "s so far" in event.new else None, "html")
        opening = asyncio.create_task(shown.open(Deed(key="a", title="Do a", look=look, do=lambda *_: "")))
        await told.wait()
        assert shown.confirm.disabled
        go_on.set()
        await opening
        assert "This is it." in shown.preview.html

    asyncio.run(go())


def test_a_preview_that_holds_no_more_is_made_again(ops: Any) -> None:
    ended: list[str] = []
    tickets = iter(("old", "new"))

    def do(_: Any, ticket: str, reason: str) -> str:
        if ticket == "old":
            raise StalePlan("it has changed")
        return f"{ticket}: {reason}"

    async def go() -> None:
        shown = pane(ops, ended)
        await shown.open(Deed(key="a", title="Do a", look=lambda _: Preview(html="", ticket=next(tickets)), do=do))
        shown.reason.value_input = "because"
        await shown.carry_out()
        assert (shown.view.visible, shown.seen and shown.seen.ticket) == (True, "new")
        await shown.carry_out()

    asyncio.run(go())
    assert ended == ["new: because"]
