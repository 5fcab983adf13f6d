"""Downloads: one file to whom the policy lets have it, by MAST's addresses, in ranges, and by signed addresses.

Each request is decided anew, a range of a file too, and written down before a byte goes out. Before that the object is looked at: its
size always, its sum where reading it is cheap (`files.CHEAP`). Larger ones carry their sum with them (``Repr-Digest``, ``ETag``), for the
client to check; the archive itself reads them in turn (procedure P16).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dmsops.archive import holdings
from dmsops.catalogue.naming import product_uri
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.distribution import signing
from dmsops.distribution.access import Requester, Rights
from dmsops.distribution.audit import Access
from dmsops.distribution.files import Held, Judgement, judge, refusal, sound_path, unknown
from dmsops.services.web import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.archive.holdings import Holding
    from dmsops.services.web import Call

DOWNLOAD = "/api/v0.1/Download/file"
SIGNED = "/api/v0.1/Download/signed"
_CHUNK = 1 << 20


def routes() -> list[Route]:
    """Give the routes of downloads."""
    methods = ("GET", "HEAD")
    return [
        Route(path=DOWNLOAD, handler=_by_uri, methods=methods),
        Route(path="/api/v0/download/file", handler=_by_uri, methods=methods),
        Route(path="/search/jwst/api/v0.1/retrieve_product", handler=_by_name, methods=methods),
        Route(path=f"{SIGNED}/{{token}}", handler=_by_signature, methods=methods),
    ]


def _by_uri(call: Call) -> Response:
    return give(call, _need(call, "uri"), "download", call.requester)


def _by_name(call: Call) -> Response:
    """MAST's product names are ``<fileset>/<file>``; the file's name says it all."""
    return give(call, product_uri(_need(call, "product_name").rpartition("/")[2]), "missions", call.requester)


def _by_signature(call: Call) -> Response:
    said = signing.read(call.ops, call.path["token"])
    return give(call, said.uri, "signed", said.requester)


def _need(call: Call, name: str) -> str:
    value = call.field(name).strip()
    if not value:
        raise BadInput(f"field '{name}' is missing: it names the file", field=name)
    return value


def give(call: Call, uri: str, route: str, asker: Requester) -> Response:
    """Give a file, or what the client needs of it.

    Raises
    ------
    NotFound
        There is no such file, or nobody may know of it yet.
    NotSignedIn, NotAllowed
        It is, and may not be had.
    StoreDamaged
        It may be had, and its bytes are not what they should be.
    """
    with reading(call.ops.db) as c:
        found = holdings.by_uri(c, uri)
    if found is None:
        raise unknown(uri)
    judged = judge(asker, found, call.now)
    if not judged.allowed:
        call.service.recorder.record(access_of(call, found, asker, judged, route))
        raise refusal(asker, uri, judged)
    headers = _headers(found, judged)
    if _is_known(call, found):
        return _not_modified(headers)
    response: Response = _file(found, sound_path(call.ops, found), headers)
    if call.method != "HEAD":
        size = _size_of(response, call.headers.get("range"), call.headers.get("if-range"), found.size)
        call.service.recorder.record(access_of(call, found, asker, judged, route, size))
    return response


def access_of(call: Call, held: Held, asker: Requester, judged: Judgement, route: str, size: int | None = None) -> Access:
    """Give the line that the record of access gets of a file that was judged; ``size`` in bytes, default all of it."""
    whole = held.size if size is None else size
    return Access(requester=asker, address=call.address, route=route, uri=held.uri, verdict=judged.verdict, size=whole)


def address_of(call: Call, uri: str) -> str:
    """Give the address at which a file is downloaded."""
    return f"{call.base}{DOWNLOAD}?uri={quote(uri, safe=':/')}"


def _headers(found: Holding, judged: Judgement) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    public = judged.verdict.rights is Rights.PUBLIC
    return {
        "ETag": f'"{found.sha256}"', "Repr-Digest": f"sha-256=:{digest}:", "Last-Modified": _http_date(found.archived_at),
        "Accept-Ranges": "bytes", "Cache-Control": "no-cache" if public else "private, no-store", "Vary": "Cookie, Authorization",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip


def _http_date(when: datetime) -> str:
    return format_datetime(when.astimezone(UTC), usegmt=True)


def _is_known(call: Call, found: Holding) -> bool:
    """Say whether the client has these bytes already (RFC 9110 13.2: what it names of the entity wins over dates)."""
    tags = call.headers.get("if-none-match")
    if tags is not None:
        given = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
        return "*" in given or f'"{found.sha256}"' in given
    since = _date(call.headers.get("if-modified-since"))
    return since is not None and found.archived_at.replace(microsecond=0) <= since


def _date(text: str | None) -> datetime | None:
    try:
        when = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return when.replace(tzinfo=UTC) if when is not None and when.tzinfo is None else when


def _not_modified(headers: dict[str, str]) -> Response:
    from starlette.responses import Response

    return Response(status_code=304, headers=headers)


def _file(found: Holding, path: Path, headers: dict[str, str]) -> Any:
    from starlette.responses import FileResponse

    response = FileResponse(path, headers=headers, media_type=found.content_type, filename=found.name, stat_result=path.stat())
    response.chunk_size = _CHUNK
    return response


def _size_of(response: Any, asked: str | None, if_range: str | None, size: int) -> int:
    """Say how many bytes of the file a request gets, as Starlette reads its ranges."""
    if asked is None or (if_range is not None and not response._should_use_range(if_range)):  # noqa: SLF001 - read as it will be sent
        return size
    try:
        ranges = response._parse_range_header(asked, size)  # noqa: SLF001
    except Exception:  # noqa: BLE001 - it is refused when it is sent: nothing is given
        return 0
    return sum(end - start for start, end in ranges) if ranges else size
