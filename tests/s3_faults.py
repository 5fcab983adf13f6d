"""A proxy before an S3 server that disturbs chosen requests: refused, cut off, slowed, or done with the answer lost."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("500", "503", "412", "reset", "lost", "truncated", "slow")
_ANSWERS = {"500": (500, "InternalError"), "503": (503, "SlowDown"), "412": (412, "PreconditionFailed")}
_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


@dataclass
class Plan:
    """Which request (from 1) is disturbed, and how; counts what came."""

    server: str
    at: int = 0
    fault: str = ""
    came: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def fault_of(self, request: str) -> str:
        """Count a request and give its fault; empty for none."""
        with self.lock:
            self.came.append(request)
            return self.fault if len(self.came) == self.at else ""


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plan: Plan

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.plan.fault_of(f"{self.command} {self.path}")
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            self._answer(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
        elif fault == "reset":
            self._cut()
        else:
            status, headers, found = self._asked(body)
            self._cut() if fault == "lost" else self._answer(status, headers, found, fault=fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do  # noqa: N815 - names of the base class

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        place = urlsplit(self.plan.server)
        server = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        server.request(self.command, self.path, body, dict(self.headers))
        answer = server.getresponse()
        found = answer.read()
        headers = dict(answer.getheaders())
        server.close()
        return answer.status, headers, found

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, fault: str = "") -> None:
        self.send_response(status)
        length = {k.lower(): v for k, v in headers.items()}.get("content-length", str(len(body)))
        for name, value in {k: v for k, v in headers.items() if k.lower() not in _HOP}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        if fault == "slow":
            self.wfile.flush()
            time.sleep(0.05)
        if fault == "truncated" and body:
            self._cut()
        else:
            self.wfile.write(body[half:])

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A cut connection is meant."""


@contextmanager
def disturbed(server: str, *, at: int = 0, fault: str = "") -> Iterator[tuple[str, Plan]]:
    """Put a proxy before a server; gives its address and the plan."""
    plan = Plan(server, at=at, fault=fault)
    proxy = _Server(("127.0.0.1", 0), type("Proxy", (_Proxy,), {"plan": plan}))
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}", plan
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
