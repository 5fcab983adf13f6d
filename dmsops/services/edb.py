"""The engineering database over HTTP, in the two forms that calibration software knows, to people of the site.

The public form wants the header ``Authorization: token X``. The direct form's client sends no header: its base address holds
the token, ``http://host:port/as/<token>/``. Any role may read. ``api/`` is open: a client asks it, without its token, whether
there is a service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dmsops.interfaces.edb import LIMIT, Answer, Source, direct, public
from dmsops.ops import Ops
from dmsops.services import answering
from dmsops.services.answering import Asked

if TYPE_CHECKING:
    from starlette.applications import Starlette

type Sources = Callable[[Ops], Source]
PORT = 8124


def store_source(ops: Ops) -> Source:
    """Give the site's own engineering data."""
    from dmsops.engineering.edb_source import StoreSource

    return StoreSource(ops)


def make_app(ops: Ops, sources: Sources = store_source, *, limit: int = LIMIT) -> Starlette:
    """Make the service.

    Parameters
    ----------
    ops : Ops
        The site; each request is answered in the hand of the person who asks.
    sources : callable
        Gives the source of a request's samples: called once for each request, in a thread; a long answer goes on asking
        that source from other threads, one at a time.
    limit : int
        Samples of one answer; more are refused with 413.
    """
    return answering.make_app(ops, "edb", lambda asked: _route(asked, sources, limit))


def _route(asked: Asked, sources: Sources, limit: int) -> Answer:
    match asked.path.split("/", 3)[1:]:
        case ["as", token, *rest]:
            return direct(sources(asked.reader(token)), "".join(rest), asked.query, limit=limit)
        case ["api"] | ["api", ""]:
            return Answer(200, "text/plain", b"The engineering database is here.\n")
        case _:
            return public(sources(asked.reader()), asked.path, asked.query, limit=limit)
