"""A service on a real port of this machine, in a thread, while a test asks it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dmsops.core.people import Role, put_person, put_token
from dmsops.services.server import address_of, listen, make_server
from tests.waiting import until


@contextmanager
def serving(app) -> Iterator[str]:
    """Run a service; gives its address."""
    listener = listen()
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: server.started)
        yield address_of(listener)
    finally:
        server.should_exit = True
        thread.join()


def token_of(ops, name="reader") -> str:
    """Make a viewer of the site and give the token they have."""
    with ops.db.begin() as c:
        put_person(c, name, Role.VIEWER)
        return put_token(c, name)
