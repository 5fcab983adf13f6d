"""Many files at once: MAST's curl script, signed addresses, and staged requests with their tar."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from dmsops.archive import holdings
from dmsops.core.clock import iso
from dmsops.core.errors import BadInput, Refused
from dmsops.distribution import signing, staging, tarring
from dmsops.distribution.access import Requester, Scope
from dmsops.distribution.accounts import named, need_scope
from dmsops.distribution.files import Held, Judgement, judge, refusal, unknown
from dmsops.services.bundle_script import script
from dmsops.services.downloads import SIGNED, access_of, address_of
from dmsops.services.web import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.distribution.staging import Staged
    from dmsops.ops import Ops
    from dmsops.services.web import Call

STAGE = "/api/v0.1/stage"
MOST_FILES = 10_000
_WORKERS = 4
_under_way: set[tuple[str, str]] = set()
_lock = threading.Lock()


def routes() -> list[Route]:
    """Give the routes of bundles and staged requests."""
    return [
        Route(path="/api/v0.1/Download/bundle.sh", handler=_bundle, methods=("GET", "POST")),
        Route(path="/api/v0.1/Download/sign", handler=_sign, methods=("POST",)),
        Route(path=STAGE, handler=_make, methods=("POST",), cost=5),
        Route(path=STAGE, handler=_own),
        Route(path=f"{STAGE}/{{id}}", handler=_one, methods=("GET",)),
        Route(path=f"{STAGE}/{{id}}", handler=_end, methods=("DELETE",)),
        Route(path=f"{STAGE}/{{id}}/files.tar", handler=_tar, methods=("GET",), cost=5),
    ]


def _uris(call: Call) -> list[str]:
    """Read the URIs of a request: fields ``uri`` of a form, or a list ``uris`` in JSON."""
    given: Any = call.all("uri")
    if not given and call.headers.get("content-type", "").startswith("application/json"):
        given = call.json().get("uris")
    if not isinstance(given, list) or not given or not all(isinstance(uri, str) for uri in given):
        raise BadInput("no file is named: give fields 'uri', or a JSON object with a list 'uris'", field="uris")
    if len(given) > MOST_FILES:
        raise BadInput(f"up to {MOST_FILES:,} files are asked for at once, not {len(given):,}", field="uris")
    return list(dict.fromkeys(given))


def _bundle(call: Call) -> Response:
    """Write the script; it is no file of the archive, so what it names is judged when the script asks for it."""
    from starlette.responses import Response

    uris = _uris(call)
    found = holdings.found(call.ops, uris)
    seen = [found[uri] for uri in uris if uri in found and judge(call.requester, found[uri], call.now).visible]
    unseen = sorted(set(uris) - {held.uri for held in seen})
    name = f"mastDownload_{call.now:%Y%m%d%H%M%S}"
    files = [(f"{held.collection}/{held.observation_id}/{held.name}", address_of(call, held.uri), held.sha256) for held in seen]
    text = script(call.base, iso(call.now), name, files, unseen)
    return Response(text, media_type="application/x-sh", headers={"Content-Disposition": f'attachment; filename="{name}.sh"'})


def _sign(call: Call) -> Response:
    """Sign addresses of files that the asker may have now."""
    from starlette.responses import JSONResponse

    need_scope(call.requester, Scope.READ, "a signed address")
    uris, hours = _uris(call), _hours(call)
    found = holdings.found(call.ops, uris)
    judged = {uri: judge(call.requester, held, call.now) for uri, held in found.items()}
    allowed = [uri for uri in uris if uri in judged and judged[uri].allowed]
    _record_refused(call, [(found[uri], judged[uri]) for uri in judged if not judged[uri].allowed], "sign")
    refused = [{"uri": uri, "why": _why(call, uri, judged)} for uri in uris if uri not in set(allowed)]
    return JSONResponse({"urls": _signed(call, [found[uri] for uri in allowed], hours), "refused": refused})


def _hours(call: Call) -> float:
    try:
        return float(call.field("hours") or signing.HOURS)
    except ValueError:
        raise BadInput("field 'hours' is a number of hours", field="hours") from None


def _why(call: Call, uri: str, judged: Mapping[str, Judgement]) -> str:
    error = refusal(call.requester, uri, judged[uri]) if uri in judged else unknown(uri)
    return error.message


def _signed(call: Call, files: Iterable[Held], hours: float) -> list[dict[str, Any]]:
    told = []
    for held in files:
        token, until = signing.sign(call.ops, call.requester, held.uri, hours=hours)
        told.append({
            "uri": held.uri, "name": held.name, "size": held.size, "sha256": held.sha256, "url": f"{call.base}{SIGNED}/{token}",
            "expires": iso(until),
        })  # fmt: skip
    return told


def _record_refused(call: Call, refused: Iterable[tuple[Held, Judgement]], route: str) -> None:
    call.service.recorder.record(*(access_of(call, held, call.requester, judged, route) for held, judged in refused))


def _make(call: Call) -> Response:
    staged, judged = staging.make(call.ops, call.requester, _uris(call), partial(holdings.found, call.ops))
    _record_refused(call, [(held, found) for held, found in judged.values() if not found.allowed], "stage")
    if not staged.uris:
        raise Refused("none of these files can be staged: " + "; ".join(why for _, why in staged.refused[:3]))
    _begin(call.ops, staged.id)
    return _told(call, staged, 202)


def _own(call: Call) -> Response:
    from starlette.responses import JSONResponse

    need_scope(call.requester, Scope.SUBSCRIBE, "a list of staged requests")
    return JSONResponse({"requests": [_plain(call, staged) for staged in staging.own(call.ops, call.requester)]})


def _one(call: Call) -> Response:
    """Tell how far a request is; one that nobody lays ready (its process was killed) is begun again."""
    staged = _mine(call)
    if staged.state == staging.REQUESTED:
        _begin(call.ops, staged.id)
    return _told(call, staged, 200)


def _mine(call: Call) -> Staged:
    need_scope(call.requester, Scope.SUBSCRIBE, "a staged request")
    return staging.find(call.ops, call.requester, call.path["id"])


def _end(call: Call) -> Response:
    from starlette.responses import Response

    staging.end(call.ops, call.requester, _mine(call).id)
    return Response(status_code=204)


def _told(call: Call, staged: Staged, status: int) -> Response:
    from starlette.responses import JSONResponse

    urls = []
    if staged.state == staging.READY and staged.expires_at is not None:
        found = holdings.found(call.ops, staged.uris)
        allowed = [found[uri] for uri in staged.uris if uri in found and judge(call.requester, found[uri], call.now).allowed]
        urls = _signed(call, allowed, (staged.expires_at - call.now) / timedelta(hours=1))
    return JSONResponse(_plain(call, staged) | {"urls": urls}, status)


def _plain(call: Call, staged: Staged) -> dict[str, Any]:
    address = f"{call.base}{STAGE}/{staged.id}"
    return {
        "id": staged.id, "state": staged.state, "files": len(staged.uris), "size": staged.size, "made": _iso(staged.made_at),
        "ready": _iso(staged.ready_at), "expires": _iso(staged.expires_at), "why": staged.why,
        "address": address, "tar": f"{address}/files.tar", "refused": [{"uri": uri, "why": why} for uri, why in staged.refused],
    }  # fmt: skip


def _iso(when: datetime | None) -> str | None:
    return None if when is None else iso(when)


def _tar(call: Call) -> Response:
    from starlette.responses import StreamingResponse

    staged = _mine(call)
    if staged.state != staging.READY:
        why = f": {staged.why}" if staged.why else ""
        raise Refused(
            f"the staged request is {staged.state}, not ready{why}", remedy="Ask for it again in a while, or make a new one (P17)."
        )
    found = holdings.found(call.ops, staged.uris)
    files = [found[uri] for uri in staged.uris if uri in found]
    record = lambda held, who, judged: call.service.recorder.record(access_of(call, held, who, judged, "stage"))  # noqa: E731
    asker = lambda: _as_now(call, staged.id)  # noqa: E731
    headers = {"Content-Disposition": f'attachment; filename="{shlex.quote(staged.id)}.tar"', "Cache-Control": "private, no-store"}
    return StreamingResponse(tarring.tar(call.ops, asker, files, record), media_type="application/x-tar", headers=headers)


def _as_now(call: Call, number: str) -> Requester | None:
    """Give who asks with the rights of this moment, and never with more than the token has that they came with.

    Where the request was ended meanwhile, `Refused` cuts its tar off before the next file.
    """
    if staging.is_stopped(call.ops, number):
        raise Refused(f"staged request {number} was ended while its tar went out: the tar stops there, without its end")
    mine, now = call.requester, named(call.ops, call.requester.name, call.requester.kind)
    if now is None:
        return None
    return replace(now, programs=now.programs & mine.programs, everything=now.everything and mine.everything)


def _begin(ops: Ops, number: str) -> None:
    """Lay a request's files ready in a thread; when enough are under way, who looks at it next begins it."""
    key = (str(ops.settings.site), number)
    with _lock:
        if key in _under_way or len(_under_way) >= _WORKERS:
            return
        _under_way.add(key)
    threading.Thread(target=_laid_ready, args=(ops, key), name=f"stage {number[:8]}", daemon=True).start()


def _laid_ready(ops: Ops, key: tuple[str, str]) -> None:
    try:
        staging.lay_ready(ops, key[1], partial(holdings.found, ops))
    except Exception as error:  # noqa: BLE001 - the request waits for the next try; the log says why
        ops.log.warning("stage.failed", request=key[1], why=str(error)[:300])
    finally:
        with _lock:
            _under_way.discard(key)
