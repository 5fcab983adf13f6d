"""Events over HTTP: one's own subscriptions, streams of events (server-sent, or polled), and a feed of what may be seen."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import AsyncIterator
from itertools import batched
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.feed import visible_at
from dmsops.archive.tables import observation
from dmsops.core.clock import iso
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, TooMany
from dmsops.distribution import notice_queries, streams, subscriptions
from dmsops.distribution.access import Scope, may_have
from dmsops.distribution.accounts import need_scope
from dmsops.distribution.notices import Delivery, document, happening, owner_of
from dmsops.distribution.subscriptions import Wish
from dmsops.distribution.tables import notice, notice_delivery
from dmsops.flows.notices import meta_releases
from dmsops.services.json_api import ROOT, answer, fields_of, number_of, sent_as_json
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

READERS, READERS_EACH = 24, 3
"""Streams that are read at once, by all and by one owner; each keeps a connection open."""
BEAT_SECONDS = 15.0
"""A stream in which nothing happens says so, so that nobody on the way thinks it dead."""
POLL_SECONDS = 1.0
OPEN_SECONDS = 600.0
"""A stream ends after this long and its reader comes again: with a token that is still good."""
RETRY_MS = 3000
FEED = 100
_open: Counter[str] = Counter()
_lock = threading.Lock()
_n = notice.c
_FIELDS = {"events": list, "channel": str, "address": str, "program": str, "target": str, "instrument": str, "catch_up": bool}


def routes() -> list[Route]:
    """Give the routes."""
    return [
        Route(path=f"{ROOT}/events", handler=events),
        Route(path=f"{ROOT}/events.atom", handler=feed, cost=5.0),
        Route(path=f"{ROOT}/subscriptions", handler=mine),
        Route(path=f"{ROOT}/subscriptions", handler=make, methods=("POST",), cost=5.0),
        Route(path=f"{ROOT}/subscriptions/{{number}}", handler=show),
        Route(path=f"{ROOT}/subscriptions/{{number}}", handler=end, methods=("DELETE",)),
        Route(path=f"{ROOT}/subscriptions/{{number}}/{{act}}", handler=act, methods=("POST",)),
    ]


def _subscription(call: Call) -> int:
    return number_of(call.path["number"], "number")


def make(call: Call) -> Response:
    """Subscribe: a JSON object of `Wish`; the answer has the number and, for a webhook, the secret, which is shown this once."""
    given = fields_of(call, _FIELDS)
    if not all(isinstance(word, str) for word in given.get("events", ())):
        raise BadInput("field 'events' is not of its type", field="events")
    words = {key: value for key, value in given.items() if key != "events"}
    wish = Wish(**{"channel": "stream", **words}, events=tuple(given.get("events", ())))
    made = subscriptions.subscribe(call.ops, call.requester, wish)
    waiting = _counts(call, [made.id])[made.id][Delivery.WAITING]
    return answer({"id": made.id, "waiting": waiting, **({"secret": made.secret} if made.secret else {})}, 201)


def mine(call: Call) -> Response:
    """List one's own subscriptions."""
    need_scope(call.requester, Scope.SUBSCRIBE, "to see subscriptions")
    rows = notice_queries.listed(call.ops, owner=owner_of(call.requester), limit=1000)
    counts = _counts(call, [row["id"] for row in rows])
    return answer({"subscriptions": [_shown(row, counts[row["id"]]) for row in rows]})


def show(call: Call) -> Response:
    """Show one of one's own subscriptions, with what became of its last notices."""
    number = _own(call, _subscription(call))
    found = notice_queries.show(call.ops, number)
    allowed = _seen(call, {row["observation_id"] for row in found["last"]})
    counts = _counts(call, [number])[number]
    last = [row for row in found["last"] if row["observation_id"] in allowed]
    return answer({**_shown(found, counts), "counts": counts, "last": last})


def _shown(row: dict[str, Any], counts: Counter[str]) -> dict[str, Any]:
    """Give a subscription as its owner may see it: what waits unseen has no number, no time and no error."""
    waiting = counts[Delivery.WAITING]
    return row | {"waiting": waiting} | ({} if waiting else {"error": None, "next_at": None})


def _counts(call: Call, numbers: list[int]) -> dict[int, Counter[str]]:
    """Count the deliveries of subscriptions by state; those of observations that the asker may not see count for nothing."""
    o, d = observation.c, notice_delivery.c
    may = may_have(call.requester, visible_at, o.proposal_id, call.now)
    query = sa.select(d.subscription_id, d.state, sa.func.count()).join(notice, _n.id == d.notice_id)
    query = query.join(observation, o.id == _n.observation_id).where(may).group_by(d.subscription_id, d.state)
    found: dict[int, Counter[str]] = {number: Counter() for number in numbers}
    with reading(call.ops.db) as c:
        for some in batched(numbers, 400):
            for number, state, many in c.execute(query.where(d.subscription_id.in_(some))):
                found[number][state] = many
    return found


def _own(call: Call, number: int) -> int:
    need_scope(call.requester, Scope.SUBSCRIBE, "to see subscriptions")
    with reading(call.ops.db) as c:
        return int(subscriptions.owned(c, call.requester, number).id)


def _seen(call: Call, identities: set[str]) -> set[str]:
    o = observation.c
    may = may_have(call.requester, visible_at, o.proposal_id, call.now)
    with reading(call.ops.db) as c:
        return set(c.execute(sa.select(o.id).where(o.id.in_(identities), may)).scalars())


def act(call: Call) -> Response:
    """Pause, resume, retry, end, or (again, with ``after``: an event's number) be told again."""
    given, number, verb = sent_as_json(call), _subscription(call), call.path["act"]
    if verb != "again":
        return answer({"id": number, "state": subscriptions.act(call.ops, call.requester, verb, number)})
    after = number_of(str(given.get("after", 0)).removeprefix("evt-"), "after")
    return answer({"id": number, "waiting": subscriptions.again(call.ops, call.requester, number, after=after)})


def end(call: Call) -> Response:
    """End a subscription."""
    number = _subscription(call)
    return answer({"id": number, "state": subscriptions.act(call.ops, call.requester, "end", number)})


def events(call: Call) -> Response:
    """Read a stream: ``subscription``, and from where on by ``Last-Event-ID`` or ``after``; ``format=json`` gives one page and ends.

    Who says from where on says that all up to there has come; without it the stream begins with the first that is not known to have.
    """
    from starlette.responses import StreamingResponse

    number = number_of(call.field("subscription"), "subscription")
    need_scope(call.requester, Scope.SUBSCRIBE, "to read events")
    with reading(call.ops.db) as c:
        streams.need_stream(subscriptions.owned(c, call.requester, number))
    after = _after(call, number)
    if call.field("format") == "json":
        piece = streams.read(call.ops, number, after, meta_releases)
        return answer({"events": [told for _, told in piece.events], "after": piece.after})
    if call.method == "HEAD":
        return StreamingResponse(iter(()), media_type="text/event-stream")
    _need_room(owner_of(call.requester))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(call, number, after), media_type="text/event-stream", headers=headers)


def _after(call: Call, number: int) -> int:
    said = call.headers.get("last-event-id", "") or call.field("after")
    if not said:
        return streams.begin(call.ops, number)
    after = number_of(said, "after")
    streams.acknowledge(call.ops, number, after)
    return after


def _need_room(owner: str) -> None:
    with _lock:
        if _open.total() >= READERS or _open[owner] >= READERS_EACH:
            raise TooMany(f"{_open[owner]} streams of {owner} are read already, {_open.total()} of all: close one", after=30)


async def _stream(call: Call, number: int, after: int) -> AsyncIterator[str]:
    """Give a stream's events as they come, until its time is over, it ends, or its reader goes."""
    owner = owner_of(call.requester)
    with _lock:
        _open[owner] += 1
    try:
        yield f"retry: {RETRY_MS}\n\n"
        async for text in _events(call, number, after):
            yield text
    finally:
        with _lock:
            _open[owner] -= 1


async def _events(call: Call, number: int, after: int) -> AsyncIterator[str]:
    import asyncio

    from starlette.concurrency import run_in_threadpool

    loop = asyncio.get_running_loop()
    until, beat = loop.time() + OPEN_SECONDS, loop.time() + BEAT_SECONDS
    while loop.time() < until:
        piece = await run_in_threadpool(streams.read, call.ops, number, after, meta_releases)
        if not piece.open:
            return
        for at, told in piece.events:
            yield f"id: {at}\nevent: {told['event']}\ndata: {json.dumps(told, sort_keys=True)}\n\n"
        if not piece.events and loop.time() >= beat:
            yield ": nothing new\n\n"
        if piece.events or loop.time() >= beat:
            beat = loop.time() + BEAT_SECONDS
        after = piece.after
        if len(piece.events) < streams.PAGE:
            await asyncio.sleep(POLL_SECONDS)


def feed(call: Call) -> Response:
    """Give the last events that the asker may see as an Atom feed; ``program``, ``event`` and ``observation`` choose."""
    from starlette.responses import Response as Plain

    o = observation.c
    chosen = [
        column == call.field(name)
        for column, name in ((_n.program, "program"), (_n.event, "event"), (_n.observation_id, "observation"))
        if call.field(name)
    ]
    may = may_have(call.requester, visible_at, o.proposal_id, call.now)
    query = sa.select(notice).join(observation, o.id == _n.observation_id).where(may, *chosen).order_by(_n.id.desc()).limit(FEED)
    with reading(call.ops.db) as c:
        rows = c.execute(query).all()
    return Plain(_atom(call, rows), media_type="application/atom+xml")


def _atom(call: Call, rows: Any) -> bytes:
    from lxml import etree

    root: Any = etree.Element("feed", xmlns="http://www.w3.org/2005/Atom")

    def add(parent: Any, name: str, text: str = "", **attributes: str) -> Any:
        made: Any = etree.SubElement(parent, name, attributes)
        made.text = "".join(letter for letter in text if letter.isprintable()) or None
        return made

    address = f"{call.base}{ROOT}/events.atom"
    add(root, "title", f"Events of {call.ops.settings.name}")
    add(root, "id", address)
    add(root, "link", rel="self", href=address)
    add(root, "updated", iso(rows[0].at if rows else call.now))
    add(add(root, "author"), "name", call.ops.settings.name)
    for row in rows:
        told = document(row.id, happening(row))
        entry = add(root, "entry")
        add(entry, "id", f"{address}#{told['id']}")
        add(entry, "title", f"{told['event']}: {told['observation_id']}")
        add(entry, "updated", told["at"])
        add(entry, "content", json.dumps(told, sort_keys=True), type="text")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
