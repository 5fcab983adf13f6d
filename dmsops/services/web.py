"""How the site answers the world: routes of synchronous functions, one asker per request, limits, errors in the words of each protocol.

A route's function runs in a thread and gives a Starlette response. What it raises as a `DmsError` is told with a status and a sentence,
in the form that the clients of its protocol read (`Route.told`); anything else is 500 and a number that stands in the site's log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dmsops.core.errors import BadInput, DmsError, NotAllowed, NotFound, NotSignedIn, Refused, StoreUnreachable, TooMany
from dmsops.distribution import accounts, logins
from dmsops.distribution.access import ANONYMOUS, Requester
from dmsops.distribution.audit import Recorder
from dmsops.distribution.limits import Limits
from dmsops.services.access import without_tokens
from dmsops.services.answering import LONGEST, note_failure, words_of

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from dmsops.ops import Ops

LARGEST_BODY = 4_000_000
"""Bytes of a request's body."""
COOKIE = "mast_token"
SESSION = "SESSION"
"""The cookie of who signed in by name (ESA's client)."""
_STORE_SECONDS = 30
"""When to come again while the store does not answer."""
_STATUS: tuple[tuple[type[DmsError], int], ...] = (
    (TooMany, 429), (NotSignedIn, 401), (NotAllowed, 403), (Refused, 409), (NotFound, 404), (BadInput, 400),
    (StoreUnreachable, 503),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all requests of one process share."""

    ops: Ops
    recorder: Recorder
    limits: Limits
    base: str
    """Address that clients reach the site by, without a slash at its end; what a request says of it is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, read: who asks what. ``fields`` are query and form together, in order; ``path`` the variable parts of the path."""

    service: Service
    method: str
    url: str
    base: str
    path: Mapping[str, str]
    fields: Sequence[tuple[str, str]]
    body: bytes
    headers: Mapping[str, str]
    requester: Requester
    address: str
    now: datetime
    session: str = ""
    """Of a client that signed in by name."""

    @property
    def ops(self) -> Ops:
        """The site."""
        return self.service.ops

    def field(self, name: str, default: str = "") -> str:
        """Give the first value of a field; names in any case, as the IVOA's protocols have them."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), default)

    def all(self, name: str) -> list[str]:
        """Give all values of a field."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object; raises `BadInput`."""
        return json_object(self.body, "the request's body")


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Read a JSON object of no great depth; raises `BadInput`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} is not JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise BadInput(f"{what} is not a JSON object")
    return found


type Handler = Callable[[Call], Response]
type Teller = Callable[[int, DmsError], Response]


def told_json(status: int, error: DmsError) -> Response:
    """Tell an error as JSON: ``{"error": {code, message, remedy, facts}, "message": ...}``."""
    from starlette.responses import Response

    told = json.dumps({"error": error.as_dict(), "message": error.message})  # in ASCII: half a letter that was asked for cannot be sent
    return Response(told, status, media_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address of the site: its path (Starlette's pattern), methods, function, how errors are told, what it costs of the limit."""

    path: str
    handler: Handler
    methods: tuple[str, ...] = ("GET",)
    told: Teller = told_json
    cost: float = 1.0


def make_app(service: Service, routes: Sequence[Route]) -> Starlette:
    """Make the application of the site's routes."""
    from starlette.applications import Starlette
    from starlette.routing import Route as Path

    return Starlette(routes=[Path(r.path, _endpoint(service, r), methods=[*r.methods]) for r in routes])


def _endpoint(service: Service, route: Route) -> Callable[[Request], Any]:
    from starlette.concurrency import run_in_threadpool

    async def endpoint(request: Request) -> Response:
        body = await _body(request)
        return await run_in_threadpool(_answer, service, route, request, body)

    return endpoint


async def _body(request: Request) -> bytes | None:
    """Read the body; None when it is longer than allowed."""
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > LARGEST_BODY:
            return None
    return bytes(taken)


def _answer(service: Service, route: Route, request: Request, body: bytes | None) -> Response:
    began, asker = time.monotonic(), ANONYMOUS
    try:
        address = request.client.host if request.client else "-"
        service.limits.take(address)
        asker = _asker(service.ops, request)
        if not asker.is_anonymous or route.cost > 1:
            service.limits.take(f"{address} {asker.name}", route.cost)
        response = route.handler(_call(service, request, body, asker, address))
    except DmsError as error:
        response = _told(route, error)
    except Exception as error:  # noqa: BLE001 - no traceback goes to a client
        response = _failed(service.ops, route, request, error)
    if not asker.is_anonymous:
        response.headers.setdefault("Cache-Control", "private, no-store")  # what is theirs is in no cache that others read
    _log(service.ops, request, asker, response, began)
    return response


def _asker(ops: Ops, request: Request) -> Requester:
    """Find who asks: by a token, else by a session."""
    token, session = _token(request), request.cookies.get(SESSION, "")
    return logins.asker_of(ops, session) if session and not token else accounts.requester(ops, token)


def _token(request: Request) -> str:
    """Give the request's token: the header ``Authorization: token X`` (MAST's) or ``Bearer X``, else MAST's cookie."""
    kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() in ("token", "bearer"):
        return token.strip()
    return request.cookies.get(COOKIE, "").strip().strip('"')


def _call(service: Service, request: Request, body: bytes | None, asker: Requester, address: str) -> Call:
    if body is None:
        raise BadInput(f"the request's body is longer than {LARGEST_BODY:,} bytes")
    fields = [*request.query_params.multi_items(), *_form(request, body)]
    _need_text([*request.path_params.items(), *fields])
    return Call(
        service=service, method=request.method, url=str(request.url), base=service.base,
        path=request.path_params, fields=fields, body=body, headers=request.headers, requester=asker, address=address,
        now=service.ops.clock.now(), session=request.cookies.get(SESSION, ""),
    )  # fmt: skip


def _need_text(fields: Sequence[tuple[str, str]]) -> None:
    """Refuse what no database takes for text, before a service puts it to one."""
    for name, value in fields:
        if "\x00" in name or "\x00" in value:
            shown = name.replace("\x00", "")[:40]
            raise BadInput(f"field '{shown}' has a character that no text has (NUL)", field=shown)


def _form(request: Request, body: bytes) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        raise BadInput("forms are read as application/x-www-form-urlencoded; files cannot be uploaded here")
    if kind != "application/x-www-form-urlencoded":
        return []
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10_000)
    except ValueError as error:
        raise BadInput(f"the form cannot be read: {error}") from None


def status_of(error: DmsError) -> int:
    """Give the HTTP status of an error; what failed on our side is 500."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _told(route: Route, error: DmsError) -> Response:
    status = status_of(error)
    response = route.told(status, error)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'token, Bearer realm="dmsops"'
    if status in (429, 503):
        response.headers["Retry-After"] = str(error.facts.get("after", 1 if status == 429 else _STORE_SECONDS))
    return response


def _failed(ops: Ops, route: Route, request: Request, error: Exception) -> Response:
    number = note_failure(ops, "site.failed", error, what=_what(request))
    return route.told(500, DmsError(words_of(number), number=number))


def _what(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return without_tokens(f"{request.method} {request.url.path}{query}")[:LONGEST]


def _log(ops: Ops, request: Request, asker: Requester, response: Response, began: float) -> None:
    ms = round((time.monotonic() - began) * 1000)
    ops.log.info("site.answered", who=asker.name, what=_what(request), status=response.status_code, ms=ms)
