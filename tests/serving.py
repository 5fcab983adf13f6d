"""Services, served for real on a free port of this machine while a test runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette

from dmsops.core.people import Role, put_person, put_token
from dmsops.ops import Ops
from dmsops.services import site
from dmsops.services.certificates import Certificate
from dmsops.services.server import address_of, listen, make_server
from tests.waiting import until


@contextmanager
def served(ops: Ops, shown: Certificate | None = None) -> Iterator[str]:
    """Serve a site; gives the address that clients reach it by, as ``http://127.0.0.1:49152``.

    The site's clock and database are the test's own: what a test does to them, the next request sees.
    """
    listener = listen()
    address = address_of(listener, shown).rstrip("/")
    with _running(site.make_app(ops, address), listener, shown):
        yield address


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve one service; gives its address, as ``http://127.0.0.1:49152/``."""
    listener = listen()
    with _running(app, listener):
        yield address_of(listener)


@contextmanager
def _running(app: Starlette, listener: socket.socket, shown: Certificate | None = None) -> Iterator[None]:
    server = make_server(app, shown)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="served", daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


def token_of(ops: Ops, name: str = "reader") -> str:
    """Make a viewer of the site and give the token they have."""
    with ops.db.begin() as c:
        put_person(c, name, Role.VIEWER)
        return put_token(c, name)
