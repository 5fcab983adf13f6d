"""The partners' feed: descriptions (CAOM 2.4) over HTTP, in the form of torkeep (opencadc/caom2), read only.

``GET /caom/observations/JWST?start=&end=&maxrec=`` gives lines of four fields divided by tabs, ``collection observationID
maxLastModified accMetaChecksum``, in the order of their times; ``/caom/deletions/JWST`` gives ``id collection observationID
lastModified``; ``/caom/observations/JWST/{id}`` one document, whose ``ETag`` is its accMetaChecksum. Ours are: a page that is not the
last has a header ``Link: <...>; rel="next"``, which goes on exactly there (``after`` names the last id of ``start``); ``/caom/files``
gives the addresses of an observation's files; ``POST /caom/refusals`` takes a partner's word about what they could not take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime
from itertools import batched
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dmsops.archive import feed, holdings, rows
from dmsops.archive.describing import collection_of
from dmsops.archive.feed import Described, Listed, Span
from dmsops.catalogue.describe import entity_id
from dmsops.core.clock import time_of
from dmsops.core.db import reading, utc_text
from dmsops.core.errors import BadInput, DmsError, NotFound, StoreDamaged
from dmsops.distribution import partners
from dmsops.distribution.access import decide, may_have
from dmsops.distribution.files import judge
from dmsops.interfaces.partners import stamp
from dmsops.services import vosi
from dmsops.services.downloads import address_of
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

TSV, XML = "text/tab-separated-values", "text/xml"
REMEDY = "The feed is described in procedure P17."
_OFFERED = {
    "vos://cadc.nrc.ca~vospace/CADC/std/CAOM2Repository#obs-1.2": "observations",
    "vos://cadc.nrc.ca~vospace/CADC/std/CAOM2Repository#del-1.0": "deletions",
}
"""What is offered beside VOSI, by the names under which harvesters look for it (CADC's), and where."""
_CHUNK = 500
"""Lines that are sent at once where a list has no bound."""


def routes() -> list[Route]:
    """Give the feed's routes; the short forms are those of `GET /caom/{collection}`."""
    given: list[tuple[str, Any, float]] = [
        ("/caom/availability", vosi.availability, 1), ("/caom/capabilities", capabilities, 1),
        ("/caom/observations", collections, 1), ("/caom/deletions", collections, 1),
        ("/caom/observations/{collection}", observations, 5), ("/caom/observations/{collection}/{observation}", observation, 1),
        ("/caom/deletions/{collection}", deletions, 5), ("/caom-deleted/{collection}", deletions, 5),
        ("/caom/files/{collection}/{observation}", files, 1),
        ("/caom/{collection}", observations, 5), ("/caom/{collection}/{observation}", observation, 1),
    ]  # fmt: skip
    refusals = Route(path="/caom/refusals", handler=refused, methods=("POST",))
    return [refusals, *(Route(path=path, handler=handler, told=told_text, cost=cost) for path, handler, cost in given)]


def told_text(status: int, error: DmsError) -> Response:
    """Tell an error as harvesters read it: one line of text."""
    return _text(f"{error.message}\n", "text/plain", status)


def _text(body: str | bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    from starlette.responses import Response

    return Response(body, status, headers, f"{kind}; charset=utf-8")


def _collection(call: Call) -> str:
    name = call.path["collection"]
    if name != collection_of(call.ops):
        raise NotFound(f"there is no collection '{name[:60]}' here; there is {collection_of(call.ops)}", remedy=REMEDY)
    return str(name)


def capabilities(call: Call) -> Response:
    """Say what the feed offers and where (VOSI), by torkeep's names."""
    root = f"{call.base}/caom"
    return vosi.capabilities_of([vosi.offered(standard, f"{root}/{path}", use="base") for standard, path in _OFFERED.items()], root)


def collections(call: Call) -> Response:
    """List the collections: there is one."""
    return _text(f"{collection_of(call.ops)}\n", TSV)


def observations(call: Call) -> Response:
    """List observations by time."""
    return _list(call, withdrawn=False)


def deletions(call: Call) -> Response:
    """List what was withdrawn, by time; what was restored since, or archived again, is not among it."""
    return _list(call, withdrawn=True)


def _list(call: Call, *, withdrawn: bool) -> Response:
    collection, span, asker = _collection(call), _span(call), partners.as_harvester(call.requester)
    policy = None if asker.everything else lambda release, program: may_have(asker, release, program, call.now)
    limit = _limit(call)
    asked = urlsplit(call.url)
    here = {"Content-Location": f"{asked.path}?{asked.query}" if asked.query else asked.path}
    if limit is None:
        return _whole(call, collection, span, feed.all_listed(call.ops, collection, span, policy, withdrawn=withdrawn), withdrawn)
    with reading(call.ops.db) as c:
        found = feed.listed(c, collection, span, limit, policy, withdrawn=withdrawn)
    body = "".join(_lines(collection, found, withdrawn=withdrawn))
    more = len(found) == limit > 0
    _note(call, collection, found[-1].changed_at if more else span.until, len(body), withdrawn=withdrawn)
    return _text(body, TSV, headers=here | ({"Link": _next(call, found[-1], limit, withdrawn=withdrawn)} if more else {}))


def _whole(call: Call, collection: str, span: Span, found: Iterable[Listed], withdrawn: bool) -> Response:
    """Answer with a list that has no bound: some lines at a time, however long it is."""
    from starlette.responses import StreamingResponse

    _note(call, collection, span.until, 0, withdrawn=withdrawn)
    pieces = ("".join(some) for some in batched(_lines(collection, found, withdrawn=withdrawn), _CHUNK))
    return StreamingResponse(pieces, media_type=TSV)


def _note(call: Call, collection: str, until: datetime, size: int, *, withdrawn: bool) -> None:
    if not call.requester.is_anonymous:
        line = partners.harvested(call.requester, call.address, collection, until, size, deletions=withdrawn)
        call.service.recorder.record(line)


def _span(call: Call) -> Span:
    start, end = (_time(call, *names) for names in (("start", "since"), ("end", "until")))
    return Span(now=call.now, start=start or feed.BEGINNING, end=end, after=_printable(call.field("after")[:120]))


def _printable(text: str) -> str:
    if text and not text.isprintable():
        raise BadInput("field 'after' is no id of an observation", field="after")
    return text


def _time(call: Call, *names: str) -> datetime | None:
    for name in names:
        if text := call.field(name).strip():
            return time_of(text, name)
    return None


def _limit(call: Call) -> int | None:
    text = call.field("maxrec").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadInput(f"field 'maxrec' is no number of records: '{text[:40]}'", field="maxrec")
    return min(int(text), feed.PAGE)


def _lines(collection: str, found: Iterable[Listed], *, withdrawn: bool) -> Iterator[str]:
    for row in found:
        at = stamp(row.changed_at)
        if withdrawn:
            yield f"{entity_id(collection, row.observation_id)}\t{collection}\t{row.observation_id}\t{at}\n"
        else:
            yield f"{collection}\t{row.observation_id}\t{at}\t{row.checksum}\n"


def _next(call: Call, last: Listed, limit: int, *, withdrawn: bool) -> str:
    asked = {"start": utc_text(last.changed_at), "after": last.observation_id, "maxrec": str(limit)}
    end = call.field("end") or call.field("until")
    kind = "deletions" if withdrawn else "observations"
    query = urlencode(asked | ({"end": end} if end else {}))
    return f'<{call.base}/caom/{kind}/{call.path["collection"]}?{query}>; rel="next"'


def observation(call: Call) -> Response:
    """Give one description; conditional by its accMetaChecksum."""
    found = _found(call)
    etag = f'"{found.checksum}"'
    headers = {"Last-Modified": format_datetime(found.shown_at(call.now), usegmt=True)} | ({"ETag": etag} if found.checksum else {})
    if "if-match" in call.headers and not _names(call.headers["if-match"], found.checksum):
        return _text(f"{found.observation_id} has accMetaChecksum {found.checksum} now\n", "text/plain", 412, headers)
    if "if-none-match" in call.headers and _names(call.headers["if-none-match"], found.checksum):
        return _text("", XML, 304, headers)
    return _text(_document(call, found), XML, headers=headers)


def _found(call: Call) -> Described:
    collection, name = _collection(call), call.path["observation"]
    asker = partners.as_harvester(call.requester)
    with reading(call.ops.db) as c:
        found = feed.described(c, collection, name) if len(name) <= 120 and name.isprintable() else None
    if found is None or not decide(asker, release=found.visible, program=found.program, now=call.now).allowed:
        raise NotFound(f"there is no observation '{name[:120]}' here", remedy=REMEDY)
    return found


def _names(header: str, checksum: str) -> bool:
    """Say whether a conditional header names a sum, in quotes or (as harvesters send it) without."""
    given = {word.strip().removeprefix("W/").strip('"') for word in header.split(",")}
    return "*" in given or (bool(checksum) and checksum in given)


def _document(call: Call, found: Described) -> bytes:
    """Read a document; one that the store lacks is our damage, not a deletion."""
    try:
        if found.xml_sha256 is not None:
            return rows.stored(call.ops.store, found.xml_sha256)
    except NotFound:
        pass
    remedy = "Examine the archive, and bring the document back (procedure P16)."
    raise StoreDamaged(f"the store lacks the document of {found.observation_id}", remedy=remedy, observation=found.observation_id)


def files(call: Call) -> Response:
    """List an observation's files that may be known of: ``uri sha256 length release address``; no address where it may not be had yet."""
    found = _found(call)
    asker = partners.as_harvester(call.requester)
    with reading(call.ops.db) as c:
        held = list(holdings.of(c, [found.observation_id]))
    lines = []
    for one in held:
        visible = decide(asker, release=one.meta_release, program=one.program, now=call.now).allowed
        given = visible and judge(call.requester, one, call.now).allowed
        address = address_of(call, one.uri) if given else ""
        release = stamp(one.release) if one.release else ""
        lines += [f"{one.uri}\t{one.sha256}\t{one.size}\t{release}\t{address}\n"] if visible else []
    return _text("".join(lines), TSV)


def refused(call: Call) -> Response:
    """Take a partner's word: ``{"refusals": [{"uri": ..., "reason": ...}], "taken": [uri, ...]}``."""
    from starlette.responses import JSONResponse

    partners.need_partner(call.requester)
    body = call.json()
    told = _texts(body, "refusals", lambda one: isinstance(one, dict) and set(map(type, (one.get("uri"), one.get("reason")))) == {str})
    taken = _texts(body, "taken", lambda one: isinstance(one, str))
    reasons = {one["uri"]: one["reason"] for one in told}
    partners.need_usable(reasons, taken)
    with reading(call.ops.db) as c:
        ours = feed.known(c, collection_of(call.ops), [*reasons, *taken])
    unknown = sorted({*reasons, *taken} - ours)
    done = partners.tell(call.ops, call.requester, reasons, taken, unknown)
    return JSONResponse({"new": done.new, "again": done.again, "taken": done.taken, "unknown": list(done.unknown)})


def _texts(body: dict[str, Any], name: str, good: Any) -> list[Any]:
    given = body.get(name, [])
    if not isinstance(given, list) or not all(map(good, given)):
        wanted = '[{"uri": "...", "reason": "..."}]' if name == "refusals" else '["uri"]'
        raise BadInput(f"field '{name}' is not of the form {wanted}", field=name)
    return given
