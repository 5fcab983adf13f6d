"""The parts of ESA's archive that its client asks for beside TAP: signing in, files (``/esa/data``) and messages.

The client signs in over HTTPS only: the site has a certificate, or a proxy before it that has one. Shared tables, user areas, and MAST
tokens that are linked to a user of ESA's have no counterpart here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.archive import holdings
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound
from dmsops.distribution import logins, tarring, uws
from dmsops.distribution.access import Requester
from dmsops.distribution.files import Held, Judgement, judge
from dmsops.services.downloads import access_of, give
from dmsops.services.vo_answers import of_call, told_votable
from dmsops.services.web import SESSION, Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.archive.holdings import Holding

MOST_PLANES = 500
_TYPES = {"science": "this"}
"""ESA's word for a kind of product, where it is not ours."""


def routes() -> list[Route]:
    """Give the routes of ESA's data server."""
    return [
        Route(path="/esa/data", handler=_data, methods=("GET", "POST"), cost=2.0),
        Route(path="/esa/tap/notification", handler=_messages),
        Route(path="/tap/notification", handler=_messages),
        Route(path="/esa/login", handler=_sign_in, methods=("POST",), told=told_votable, cost=5.0),
        Route(path="/esa/logout", handler=_sign_out, methods=("POST",)),
        Route(path="/esa/tap/deletejobs", handler=_delete, methods=("POST",)),
    ]


def _messages(_call: Call) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("")


def _sign_in(call: Call) -> Response:
    """Begin a session: ``username`` is an account's, ``password`` a token of it; the answer is a cookie."""
    if "?" in call.url:
        raise BadInput("name and password stand in the form, never in the address, which is written down on the way", field="password")
    session = logins.begin(call.ops, call.field("username"), call.field("password"))
    return _with_session(session, round(logins.LASTS.total_seconds()))


def _sign_out(call: Call) -> Response:
    """End the session that was sent."""
    logins.end(call.ops, call.session)
    return _with_session("", 0)


def _with_session(session: str, seconds: int) -> Response:
    from starlette.responses import PlainTextResponse

    answer = PlainTextResponse("", headers={"Cache-Control": "no-store"})
    answer.set_cookie(SESSION, session, max_age=seconds, path="/esa", secure=True, httponly=True, samesite="strict")
    return answer


def _delete(call: Call) -> Response:
    """Delete jobs by their names."""
    from starlette.responses import PlainTextResponse

    for job_id in of_call(call).get("JOB_IDS", "").split(","):
        uws.delete(call.ops, call.requester, job_id.strip())
    return PlainTextResponse("")


def _data(call: Call) -> Response:
    fields = of_call(call)
    kind = fields.get("RETRIEVAL_TYPE", "").upper()
    if kind == "PRODUCT":
        return give(call, fields.get("ARTIFACTID", ""), "esa", call.requester)
    if kind == "OBSERVATION":
        return _tar(call, fields)
    raise BadInput(f"RETRIEVAL_TYPE is PRODUCT or OBSERVATION, not '{kind[:40]}'", field="RETRIEVAL_TYPE")


def _tar(call: Call, fields: dict[str, str]) -> Response:
    from starlette.responses import StreamingResponse

    planes = [text for text in fields.get("PLANEID", "").split(",") if text]
    if not 0 < len(planes) <= MOST_PLANES:
        raise BadInput(f"1 to {MOST_PLANES} planes are asked for at once, not {len(planes)}", field="planeid")
    found = [held for held in _files(call, planes, fields) if judge(call.requester, held, call.now).visible]
    if not found:
        raise NotFound("the archive has no files of these planes", remedy="Search for them again in jwst.plane (procedure P17).")

    def record(held: Held, who: Requester, judged: Judgement) -> None:
        call.service.recorder.record(access_of(call, held, who, judged, "esa"))

    pieces = tarring.tar(call.ops, lambda: call.requester, found, record)
    return StreamingResponse(pieces, media_type="application/x-tar", headers={"Content-Disposition": 'attachment; filename="products.tar"'})


def _files(call: Call, planes: list[str], fields: dict[str, str]) -> list[Holding]:
    """Give the files of planes (``observation/level2``), of the kinds that are asked for."""
    wanted = {text.partition("/")[::2] for text in planes}
    kinds = {_TYPES.get(word.strip(), word.strip()) for word in fields.get("PRODUCT_TYPE", "").split(",") if word.strip()}
    levels = {"LEVEL1ONLY": {1}}.get(fields.get("CALIBRATIONLEVEL", "").upper())
    with reading(call.ops.db) as c:
        files = list(holdings.of(c, [observation for observation, _ in wanted]))
    return [
        held for held in files
        if (held.observation_id, f"level{held.level}") in wanted and (not kinds or held.product_type in kinds)
        and (levels is None or held.level in levels)
    ]  # fmt: skip
