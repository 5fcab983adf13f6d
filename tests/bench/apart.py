"""Servers in processes of their own, so that a bench measures them and not the clients beside them."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from dmsops.core.people import Role, put_person, system_user
from dmsops.ops import Ops
from dmsops.services.server import address_of, listen, make_server


@contextmanager
def site_apart(ops: Ops) -> Iterator[str]:
    """Serve a site by its own command, without a limit of requests; gives its address, as ``http://127.0.0.1:49152``."""
    with ops.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    words = [sys.executable, "-m", "dmsops", "serve", "site", "--site", str(ops.settings.site), "--port", "0"]
    env = {**os.environ, "DMSOPS_SERVE_PER_SECOND": "0"}
    with subprocess.Popen(words, text=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "api/v0/invoke" in line)
        threading.Thread(target=server.stderr.read, daemon=True).start()  # so that it never waits for a reader of its log
        try:
            yield re.search(r"http://[0-9.]+:[0-9]+", line)[0]  # type: ignore[index]
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)


@contextmanager
def app_apart(make: Callable[..., Any], *given: Any) -> Iterator[str]:
    """Serve what ``make(*given)`` makes (a function of a module, an application); gives its address."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(theirs, make, given), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        server.terminate()
        server.join(timeout=60)


def _serve(told: Connection, make: Callable[..., Any], given: tuple[Any, ...]) -> None:
    listener = listen()
    told.send(address_of(listener).rstrip("/"))
    make_server(make(*given)).run(sockets=[listener])
