"""``/tap/async``: jobs as UWS 1.1 has them, with every part of a job at its own address."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dmsops.core.clock import iso, time_of
from dmsops.core.errors import BadInput, NotFound
from dmsops.distribution import uws
from dmsops.distribution.votable import TYPE, error_document
from dmsops.services import tap_seen, uws_xml
from dmsops.services.tap_runner import wake
from dmsops.services.vo_answers import form_wanted, of_call, packed, sent, told_votable
from dmsops.services.vosi import ESA
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

LONGEST_WAIT = 60.0
"""Seconds that WAIT blocks at most."""
_WAITERS = threading.Semaphore(12)
"""Requests that may wait at once: each keeps a thread of the service."""
_LOOK = 0.2
_OWN = frozenset({"PHASE", "ACTION", "WAIT", "DESTRUCTION", "EXECUTIONDURATION", "RUNID"})
"""Fields of the protocol, which are no parameters of a job."""


def routes(root: str) -> list[Route]:
    """Give the routes of jobs below an address."""
    job = f"{root}/async/{{id}}"

    def route(path: str, handler: Callable[[Call, str], Response], *methods: str, cost: float = 1.0) -> Route:
        return Route(path=path, handler=lambda call: handler(call, root), methods=methods or ("GET",), told=told_votable, cost=cost)

    return [
        route(f"{root}/async", listed, "GET"),
        route(f"{root}/async", made, "POST", cost=5.0),
        route(job, shown, "GET"),
        route(job, changed, "POST"),
        route(job, deleted, "DELETE"),
        *(route(f"{job}/{name}", partial(part, name), "GET") for name in ("phase", "executionduration", "destruction", "quote", "owner")),
        *(route(f"{job}/{name}", changed, "POST") for name in ("phase", "executionduration", "destruction", "parameters")),
        route(f"{job}/parameters", parameters, "GET"),
        route(f"{job}/results", results, "GET"),
        route(f"{job}/results/result", result, "GET"),
        route(f"{job}/error", error, "GET"),
    ]


def _address(call: Call, root: str, job_id: str = "") -> str:
    return f"{call.base}{root}/async" + (f"/{job_id}" if job_id else "")


def _to(address: str) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(address, 303)


def _xml(content: bytes) -> Response:
    from starlette.responses import Response

    return Response(content, media_type="text/xml")


def _text(content: str) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse(content)


def listed(call: Call, root: str) -> Response:
    """List the asker's jobs: PHASE (any number of them), AFTER, LAST."""
    wake(call.ops, call.base)
    phases = [phase.upper() for phase in call.all("PHASE")]
    if unknown := next((phase for phase in phases if phase not in uws.PHASES), None):
        raise BadInput(f"there is no phase '{unknown[:40]}'", field="PHASE")
    after, last = call.field("AFTER"), call.field("LAST")
    if last and not (last.isascii() and last.isdigit() and int(last[:9]) > 0):
        raise BadInput(f"LAST is a number of jobs, not '{last[:40]}'", field="LAST")
    found = uws.jobs(
        call.ops, call.requester, phases=phases, after=time_of(after, "AFTER") if after else None, last=int(last[:9]) if last else None
    )
    return _xml(uws_xml.job_list(found, _address(call, root)))


def made(call: Call, root: str) -> Response:
    """Make a job of the request's fields; PHASE=RUN starts it."""
    fields = of_call(call)
    form_wanted(fields)  # what could never run is said at once; a query may still come later
    given = [(name.upper(), value) for name, value in call.fields if name.upper() not in _OWN]
    job_id = uws.create(call.ops, call.requester, given, run_id=fields.get("RUNID", ""))
    if fields.get("PHASE", "").upper() == "RUN":
        uws.run(call.ops, call.requester, job_id)
    wake(call.ops, call.base)
    return _to(_address(call, root, job_id))


def shown(call: Call, root: str) -> Response:
    """Describe a job; WAIT blocks until its phase changes."""
    wake(call.ops, call.base)
    job = _waited(call)
    return _xml(uws_xml.job(job, _address(call, root, job.id)))


def _waited(call: Call) -> uws.Job:
    job, given = _job(call), call.field("WAIT")
    if not given:
        return job
    try:
        seconds = float(given)
    except ValueError:
        raise BadInput(f"WAIT is a number of seconds, not '{given[:40]}'", field="WAIT") from None
    until = time.monotonic() + (LONGEST_WAIT if seconds < 0 else min(seconds, LONGEST_WAIT))
    before = call.field("PHASE").upper() or job.phase
    if job.phase not in {uws.PENDING, uws.QUEUED, uws.EXECUTING} or not _WAITERS.acquire(blocking=False):
        return job
    try:
        while job.phase == before and time.monotonic() < until:
            time.sleep(_LOOK)
            job = _job(call)
    finally:
        _WAITERS.release()
    return job


def _job(call: Call) -> uws.Job:
    return uws.get(call.ops, call.requester, call.path["id"])


def changed(call: Call, root: str) -> Response:
    """Change a job: PHASE, EXECUTIONDURATION, DESTRUCTION, ACTION=DELETE, or its parameters."""
    fields, job_id = of_call(call), call.path["id"]
    if fields.get("ACTION", "").upper() == "DELETE":
        return deleted(call, root)
    phase = fields.get("PHASE", "").upper()
    if phase not in {"", "RUN", "ABORT"}:
        raise BadInput(f"PHASE is RUN or ABORT, not '{phase[:40]}'", field="PHASE")
    given = [(name.upper(), value) for name, value in call.fields if name.upper() not in _OWN]
    form_wanted(fields)
    seconds, until = fields.get("EXECUTIONDURATION"), fields.get("DESTRUCTION")
    if seconds is not None and not (seconds.strip().isascii() and seconds.strip().isdigit()):
        raise BadInput(f"EXECUTIONDURATION is a whole number of seconds, not '{seconds[:40]}'", field="EXECUTIONDURATION")
    uws.change(
        call.ops, call.requester, job_id, parameters=given, seconds=int(seconds.strip()[:9]) if seconds is not None else None,
        destruction=time_of(until, "DESTRUCTION") if until is not None else None,
    )  # fmt: skip
    if phase:
        (uws.run if phase == "RUN" else uws.abort)(call.ops, call.requester, job_id)
        wake(call.ops, call.base)
    return _to(_address(call, root, job_id))


def deleted(call: Call, root: str) -> Response:
    """Delete a job."""
    uws.delete(call.ops, call.requester, call.path["id"])
    return _to(_address(call, root))


def part(name: str, call: Call, _root: str) -> Response:
    """Give one part of a job as text."""
    job = _job(call)
    texts = {
        "phase": job.phase,
        "executionduration": str(job.seconds),
        "destruction": iso(job.destruction),
        "quote": "",
        "owner": job.owner_name,
    }
    return _text(texts[name])


def parameters(call: Call, _root: str) -> Response:
    """Give a job's parameters."""
    return _xml(uws_xml.parameters(_job(call)))


def results(call: Call, root: str) -> Response:
    """Give the addresses of a job's results."""
    job = _job(call)
    return _xml(uws_xml.results(job, _address(call, root, job.id)))


def result(call: Call, root: str) -> Response:
    """Give a job's result, to who may see no less than when it was made."""
    job = _job(call)
    if job.phase == uws.ERROR:
        return _error(job)
    none = NotFound(f"job {job.id} is {job.phase}, and has no result", remedy=uws.REMEDY)
    if job.phase != uws.COMPLETED:
        raise none
    tap_seen.need_no_less(call, job.id, f"{root}/async/{job.id}/results/result")
    try:
        file = uws.result_path(call.ops, job.id).open("rb")
    except FileNotFoundError:
        raise none from None
    if root == ESA and "fits" in job.content_type:
        return sent(packed(file), "application/gzip", name="result.fits.gz")
    return sent(file, job.content_type or TYPE)


def error(call: Call, _root: str) -> Response:
    """Give a job's error as a VOTable."""
    job = _job(call)
    if job.phase != uws.ERROR:
        raise NotFound(f"job {job.id} is {job.phase}, and has no error", remedy=uws.REMEDY)
    return _error(job)


def _error(job: uws.Job) -> Response:
    from starlette.responses import Response

    return Response(error_document(job.error), media_type=TYPE)
