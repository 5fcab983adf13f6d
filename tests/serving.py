"""The site's services, served for real on a free port of this machine while a test runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dmsops.ops import Ops
from dmsops.services import site
from dmsops.services.server import address_of, listen, make_server
from tests.waiting import until


@contextmanager
def served(ops: Ops) -> Iterator[str]:
    """Serve a site; gives the address that clients reach it by, as ``http://127.0.0.1:49152``.

    The site's clock and database are the test's own: what a test does to them, the next request sees.
    """
    listener = listen()
    address = address_of(listener).rstrip("/")
    server = make_server(site.make_app(ops, address))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="served", daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
