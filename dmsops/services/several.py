"""Several processes that answer at one address, for a site on PostgreSQL: one that dies is started again, all end with their parent."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput, Failed
from dmsops.core.people import Person
from dmsops.ops import connect

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from dmsops.ops import Ops
    from dmsops.services.certificates import Certificate

MOST = 64
_LOOK_SECONDS = 0.2
_SOON_SECONDS = 10.0
"""A process that lives no longer than this has not begun well."""
_TRIES = 3


def need_postgresql(ops: Ops, number: int) -> None:
    """Refuse several processes on SQLite, which has one writer at a time and no server between them (`BadInput`)."""
    if number > 1 and ops.db.dialect.name != "postgresql":
        remedy = "Serve with one process, or move the site to PostgreSQL (procedure P20)."
        raise BadInput("several processes serve a site on PostgreSQL only", field="processes", remedy=remedy)


def _answer(site: str, person: Person, listener: socket.socket, base: str, shown: Certificate | None) -> None:
    """Be one of the processes."""
    from dmsops.services.server import make_server
    from dmsops.services.site import make_app

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = make_server(make_app(connect(site, operator=person), base), shown)
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _end_with_parent(server: Any) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    server.should_exit = True


@dataclass(slots=True)
class Several:
    """The processes of one address."""

    ops: Ops
    listener: socket.socket
    base: str
    number: int
    shown: Certificate | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: list[tuple[Any, float]] = field(default_factory=list)
    _soon: int = 0

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises
        ------
        Failed
            Processes end as soon as they have begun.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            self._running = [self._start() for _ in range(self.number)]
            started()
            while not self._stopping.wait(_LOOK_SECONDS):
                self._running = [self._still(*one) for one in self._running]
        finally:
            self._end()

    def _start(self) -> tuple[Any, float]:
        given = (str(self.ops.settings.site), self.ops.operator, self.listener, self.base, self.shown)
        made = multiprocessing.get_context("spawn").Process(target=_answer, args=given, name="dmsops serve")
        made.start()
        return made, time.monotonic()

    def _still(self, process: Any, since: float) -> tuple[Any, float]:
        if process.is_alive():
            return process, since
        self._soon = self._soon + 1 if time.monotonic() - since < _SOON_SECONDS else 0
        self.ops.log.error("site.process-ended", exit=process.exitcode)
        if self._soon >= _TRIES:
            raise Failed(f"processes that serve the site end as soon as they have begun (exit {process.exitcode}); the site's log says why")
        return self._start()

    def _end(self) -> None:
        for process, _ in self._running:
            process.terminate()
        for process, _ in self._running:
            process.join(10)
            if process.is_alive():
                process.kill()
