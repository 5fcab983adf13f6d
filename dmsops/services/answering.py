"""How every service answers: in a thread, always in words, with one line in the site's log and never a token in it."""

from __future__ import annotations

import secrets
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from dmsops.core.people import Person
from dmsops.interfaces.edb import Answer, guarded, told
from dmsops.ops import Ops
from dmsops.services.access import header_token, who_asks, without_tokens

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message, Receive, Scope, Send

LOG = "logs/journal.jsonl"
LONGEST = 300
"""Characters of a request that are written down."""


class Asked:
    """One request: what was asked, by whom, and what was sent."""

    def __init__(self, ops: Ops, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        self.who, self.status, self.size, self.whole = "-", 0, 0, False
        self._ops = ops
        self._began = time.monotonic()

    def reader(self, token: str | None = None) -> Ops:
        """Give the site in the hand of the person whose token was given; by default the header's.

        Raises
        ------
        NotSignedIn
            There is no token, or it belongs to nobody.
        """
        person: Person = who_asks(self._ops, header_token(self.authorization) if token is None else token)
        self.who = person.name
        return self._ops.as_person(person)

    def sent(self, message: Message) -> None:
        """Take account of what has been sent to the client."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)

    def as_line(self) -> dict[str, Any]:
        """Give what the log says of it: who, what, status, milliseconds, bytes, and whether all of it was sent."""
        asked = self.path + (f"?{unquote_plus(self.query)}" if self.query else "")
        ms = round((time.monotonic() - self._began) * 1000)
        what = without_tokens(f"{self.method} {asked}")[:LONGEST]
        return {"who": self.who, "what": what, "status": self.status, "ms": ms, "bytes": self.size, "whole": self.whole}


type Route = Callable[[Asked], Answer]


def make_app(ops: Ops, name: str, route: Route) -> Starlette:
    """Make a service of a function that answers one request.

    Parameters
    ----------
    name : str
        Of the service, as its lines in the log begin.
    route : callable
        Answers; runs in a thread. Its `DmsError` becomes a status and a sentence, anything else it raises 500 and a number.
    """
    from starlette.applications import Starlette
    from starlette.routing import Mount

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _serve(ops, name, route, scope, receive, send)

    return Starlette(routes=[Mount("/", app=service)])


async def _serve(ops: Ops, name: str, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
    from starlette.concurrency import run_in_threadpool

    asked = Asked(ops, scope)

    async def noted(message: Message) -> None:
        await send(message)
        asked.sent(message)

    try:
        answer = await run_in_threadpool(_answered, ops, name, route, asked)
        await _response(answer)(scope, receive, noted)
    except Exception as error:  # noqa: BLE001 - it broke while it was sent: left without its end, the client sees that it is not whole
        _failed(ops, name, asked, error)
    finally:
        event = f"{name}.answered"
        ops.log.info(event, **asked.as_line())


def _answered(ops: Ops, name: str, route: Route, asked: Asked) -> Answer:
    try:
        return guarded(lambda: route(asked) if asked.method == "GET" else _only_get())
    except Exception as error:  # noqa: BLE001 - no traceback goes to a client
        number = _failed(ops, name, asked, error)
        return told(500, code="failed", message=words_of(number), remedy="Tell the shift lead the number; procedure P21 opens an anomaly.")


def _only_get() -> Answer:
    return told(405, code="input.bad", message="this service is only read: ask with GET", remedy="Procedure P07 shows what can be asked.")


def _failed(ops: Ops, name: str, asked: Asked, error: Exception) -> str:
    return note_failure(ops, f"{name}.failed", error, **asked.as_line())


def note_failure(ops: Ops, event: str, error: Exception, **facts: Any) -> str:
    """Write what nobody foresaw into the site's log, without tokens, and give the number under which it stands there."""
    number = secrets.token_hex(4)
    ops.log.error(event, number=number, trace=without_tokens("".join(traceback.format_exception(error))), **facts)
    return number


def words_of(number: str) -> str:
    """Tell a client of a failure that nobody foresaw."""
    return f"the service failed on this request; {LOG} of the site says why, under the number {number}"


def _response(answer: Answer) -> Any:
    from starlette.responses import Response, StreamingResponse

    headers = {401: {"WWW-Authenticate": "token"}, 405: {"Allow": "GET"}}.get(answer.status)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, headers, answer.content_type)
    return StreamingResponse(answer.body, answer.status, headers, answer.content_type)
