"""TAP 1.1: the archive's tables asked in ADQL, at once (``/tap/sync``) or as jobs (``/tap/async``)."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from dmsops.core.errors import TooMany
from dmsops.services import tap_jobs, vosi
from dmsops.services.vo_answers import asked_of, of_call, packed, sent, spooled, told_votable, written
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

SECONDS = 60.0
"""How long a query may take that is answered at once."""
MOST, PATIENCE = 8, 5.0
"""Queries that are answered at once by one process, so that other services keep their threads, and how long the next one waits (s)."""
_AT_ONCE = threading.BoundedSemaphore(MOST)
ROOTS = ("/tap", vosi.ESA)
"""Where TAP is served: the second is what ESA's client takes its data server from."""


def routes() -> list[Route]:
    """Give the routes of TAP."""
    found = []
    for root in ROOTS:
        asked = partial(sync, root=root)
        found.append(Route(path=f"{root}/sync", handler=asked, methods=("GET", "POST"), told=told_votable, cost=5.0))
        found += [*tap_jobs.routes(root), *vosi.tap_routes(root)]
    return found


def sync(call: Call, root: str = ROOTS[0]) -> Response:
    """Answer a query at once."""
    asked = asked_of(of_call(call))
    if not _AT_ONCE.acquire(timeout=PATIENCE):
        raise TooMany(f"more than {MOST} queries are being answered at once: ask again in {PATIENCE:g} s", after=round(PATIENCE))
    try:
        ask = partial(written, call.ops, call.requester, asked, call.base, seconds=SECONDS)
        file = spooled(call.ops, ask(), partial(ask, apart=True))
    finally:
        _AT_ONCE.release()
    if root == vosi.ESA and asked.form.extension == "fits":
        return sent(packed(file), "application/gzip", name="result.fits.gz")
    return sent(file, asked.form.type, name=f"result.{asked.form.extension}")
