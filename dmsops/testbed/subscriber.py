"""A subscriber of the test bed: a receiver of webhooks that checks who speaks, keeps what it gets once by its id, and can be down.

It is down for a subscription while the site's clock is before the time in the file that fault F39 lays down; it hangs up then.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import iso, parse_iso
from dmsops.core.files import make_folder, write_bytes
from dmsops.distribution.webhook import signature

if TYPE_CHECKING:
    from email.message import Message

    from dmsops.ops import Ops

LARGEST = 4_000_000
"""Bytes of a body that are read."""
PATIENCE_SECONDS = 10


def down_file(ops: Ops, number: int) -> Path:
    """Name the file that says until when the receiver of a subscription is down."""
    return ops.settings.folder("work") / "subscribers" / f"{number}.down"


def take_down(ops: Ops, number: int, until: datetime) -> None:
    """Take the receiver of a subscription down until a time of the site's clock."""
    path = down_file(ops, number)
    make_folder(path.parent)
    write_bytes(path, iso(until).encode())


def is_down(ops: Ops, number: int) -> bool:
    """Tell whether the receiver of a subscription is down now."""
    path = down_file(ops, number)
    return path.is_file() and ops.clock.now() < parse_iso(path.read_text(encoding="utf-8"))


@dataclass(slots=True)
class Subscriber:
    """A receiver: its address, its ledger (a line of JSON for each new event), and how often an event came that was there."""

    ops: Ops
    ledger: Path
    secrets: dict[int, str] = field(default_factory=dict)
    address: str = ""
    repeats: int = 0
    refused: int = 0
    _known: set[tuple[int, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def events(self, number: int) -> list[dict[str, Any]]:
        """Give what came for a subscription, in order, each event once."""
        return [event for subscription, event in self._lines() if subscription == number]

    def _lines(self) -> list[Any]:
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()] if self.ledger.exists() else []

    def take(self, headers: Message, body: bytes) -> int:
        """Take a request; gives the status of the answer, 0 to hang up. An event is on the disk before it is acknowledged."""
        number = int(headers["X-DMSOps-Subscription"])
        if is_down(self.ops, number):
            return 0
        expected = signature(self.secrets.get(number, ""), headers["X-DMSOps-Timestamp"], body)
        if not hmac.compare_digest(expected, headers["X-DMSOps-Signature"]):
            self.refused += 1
            return 401
        with self._lock:
            self._keep(number, json.loads(body))
        return 204

    def _keep(self, number: int, event: dict[str, Any]) -> None:
        if (number, event["id"]) in self._known:
            self.repeats += 1
            return
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, event]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._known.add((number, event["id"]))


@contextmanager
def receiving(ops: Ops, ledger: Path) -> Iterator[Subscriber]:
    """Run a receiver on a free port of this machine; what its ledger holds it knows already."""
    made = Subscriber(ops, ledger)
    made._known.update((number, event["id"]) for number, event in made._lines())  # noqa: SLF001 - its own maker
    server = ThreadingHTTPServer(("127.0.0.1", 0), _hook(made))
    made.address = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, name="subscriber", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _hook(subscriber: Subscriber) -> type[BaseHTTPRequestHandler]:
    class Hook(BaseHTTPRequestHandler):
        timeout = PATIENCE_SECONDS

        def do_POST(self) -> None:
            """Take a notice."""
            try:
                body = self.rfile.read(min(int(self.headers["Content-Length"]), LARGEST))
                status = subscriber.take(self.headers, body)
            except (TypeError, ValueError, KeyError):
                status = 400
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Hook
