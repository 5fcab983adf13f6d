"""The site for astronomers and partners: every public service in one application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.distribution.audit import Recorder
from dmsops.distribution.limits import Limits
from dmsops.services import bundles, datalink, downloads, events, feed, front, grants, missions, portal, sia, tap, vo_esa, web

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from dmsops.ops import Ops
    from dmsops.services.web import Route

PORT = 8123


def routes() -> list[Route]:
    """Give the routes of all services."""
    return [
        *front.routes(),
        *feed.routes(),
        *portal.routes(),
        *missions.routes(),
        *downloads.routes(),
        *bundles.routes(),
        *events.routes(),
        *grants.routes(),
        *tap.routes(),
        *sia.routes(),
        *datalink.routes(),
        *vo_esa.routes(),
    ]


def make_app(ops: Ops, base: str) -> Starlette:
    """Make the application.

    Parameters
    ----------
    base : str
        Address that clients reach it by, as ``http://127.0.0.1:8123``.
    """
    limits = Limits(ops.settings.serve_per_second, ops.settings.serve_burst)
    service = web.Service(ops=ops, recorder=Recorder(ops), limits=limits, base=base.rstrip("/"))
    return web.make_app(service, routes())
