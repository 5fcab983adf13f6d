"""The warm server: imports the heavy libraries once, then forks a process for each step that a node asks for.

It answers on a Unix socket that only the engine's user may open, takes step numbers and nothing else, runs
`settings.workers` at once and lets the database say which of those that wait comes first. It ends with its engine:
what runs is finished, what waits is sent away (its node waits for the next engine's server, or runs on its own).
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.config import enter_runtime
from dmsops.core.db import reading
from dmsops.workflow import execute
from dmsops.workflow.engines.htcondor.claims import Request
from dmsops.workflow.engines.htcondor.node import Code, abandon_main, node_main, settle_main
from dmsops.workflow.steps import load_kinds
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from dmsops.ops import Ops

GRACE_SECONDS = 20.0
"""How long a step runs on when its node has gone away: a schedd that was killed starts the node again."""


def socket_of(ops: Ops) -> Path:
    """Give the address of the site's warm server."""
    return ops.settings.folder("work") / "condor" / "warm.sock"


@dataclass(slots=True)
class Work:
    """A step that nodes ask for: waiting while it has no process."""

    request: Request
    arrival: int
    nodes: list[socket.socket]
    process: Any = None
    alone_since: float | None = None
    settling: bool = False


@dataclass(slots=True)
class WarmServer:
    """Takes requests, forks, answers with exit codes; one thread."""

    ops: Ops
    listener: socket.socket
    parent: int
    work: dict[tuple[int, int], Work] = field(default_factory=dict)
    arrivals: int = 0
    leaving: bool = False

    def leave(self, *_: object) -> None:
        """Take nothing new; the handler of SIGTERM."""
        self.leaving = True

    def serve(self) -> None:
        """Serve until the engine is gone or sends it away, and nothing runs."""
        signal.signal(signal.SIGTERM, self.leave)
        place = socket_of(self.ops)
        mine = place.stat().st_ino
        while self.parent == os.getppid() and not self.leaving:
            self._turn()
        self.listener.close()
        if place.exists() and place.stat().st_ino == mine:  # the next engine's server may be there already
            place.unlink()
        for one in [w for w in self.work.values() if w.process is None]:
            self._drop(one)
        while self.work:
            self._turn()

    def _turn(self) -> None:
        listening = [self.listener] if self.listener.fileno() >= 0 else []
        nodes = {n: w for w in self.work.values() for n in w.nodes}
        ended = {w.process.sentinel: w for w in self.work.values() if w.process is not None}
        for thing in wait([*listening, *nodes, *ended], timeout=0.5):
            if thing is self.listener:
                self._greet()
            elif thing in ended:
                self._answer(ended[thing])
            elif isinstance(thing, socket.socket):
                self._farewell(nodes[thing], thing)
        self._stop_abandoned()
        if listening:
            self._start()

    def _greet(self) -> None:
        node, _ = self.listener.accept()
        node.settimeout(2.0)
        try:
            with node.makefile(encoding="utf-8") as lines:
                request = Request(**{k: int(v) for k, v in json.loads(lines.readline(200)).items()})
        except (OSError, ValueError, TypeError, AttributeError):
            node.close()
            return
        key = (request.batch, request.step)
        if key in self.work:  # the pool started the node again; its step runs on
            self.work[key].nodes.append(node)
            self.work[key].alone_since = None
            return
        self.arrivals += 1
        self.work[key] = Work(request, self.arrivals, [node])

    def _start(self) -> None:
        free = self.ops.settings.workers - sum(w.process is not None for w in self.work.values())
        waiting = [w for w in self.work.values() if w.process is None]
        if free <= 0 or not waiting:
            return
        ranks = self._ranks(waiting)
        for one in sorted(waiting, key=lambda w: (ranks.get(w.request.step, 0), w.arrival))[:free]:
            one.process = self._fork(node_main, one.request)

    def _ranks(self, waiting: list[Work]) -> dict[int, int]:
        with reading(self.ops.db) as c:
            query = sa.select(step.c.id, step.c.rank).where(step.c.id.in_([w.request.step for w in waiting]))
            ranks = {row.id: row.rank for row in c.execute(query)}
        self.ops.db.dispose()  # no connection may cross the fork
        return ranks

    def _fork(self, target: Any, request: Request) -> Any:
        process = multiprocessing.get_context("fork").Process(target=target, args=(str(self.ops.settings.site), request))
        process.start()
        return process

    def _answer(self, one: Work) -> None:
        one.process.join()
        code = one.process.exitcode
        if not one.settling and code not in set(Code):  # killed, or broken before it could say anything
            one.settling = True
            one.process = self._fork(settle_main if one.alone_since is None else abandon_main, one.request)
            return
        for node in one.nodes:
            with suppress(OSError):
                node.sendall(json.dumps({"exit": int(code)}).encode() + b"\n")
        self._drop(one)

    def _farewell(self, one: Work, node: socket.socket) -> None:
        """Let go a node that hung up: its job was removed, held, or its starter killed."""
        node.close()
        one.nodes.remove(node)
        if one.process is None and not one.nodes:
            self._drop(one)
        elif not one.nodes:
            one.alone_since = time.monotonic()

    def _stop_abandoned(self) -> None:
        for one in self.work.values():
            if one.process is not None and one.alone_since is not None and time.monotonic() - one.alone_since > GRACE_SECONDS:
                one.process.kill()

    def _drop(self, one: Work) -> None:
        for node in one.nodes:
            node.close()
        self.work.pop((one.request.batch, one.request.step), None)


def listen(place: Path) -> socket.socket:
    """Open the socket for this user alone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(place.parent)  # a socket's address may not be long
    place.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    listener.bind(place.name)
    os.umask(before)
    listener.listen(256)
    return listener


def main(argv: list[str]) -> int:
    """Serve a site."""
    parent = os.getppid()
    ops = importlib.import_module("dmsops.ops").connect(argv[0], operator=execute.ENGINE)
    enter_runtime(ops.settings)
    listener = listen(socket_of(ops))  # nodes may queue up while it loads
    with suppress(ImportError):
        importlib.import_module(ops.settings.preload)
    load_kinds()
    WarmServer(ops, listener, parent).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
