"""The engineering database as calibration software asks it: its two forms, and a loopback service over a given set of samples.

The answers are `dmsops.interfaces.edb_answers`; they come from a `Source`. Here they are carried over the loopback while level
1b asks, in the form of the observatory's *direct* engineering service; `dmsops.services.edb` carries both forms to people.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from dmsops.interfaces.edb_answers import LIMIT, Answer, direct, guarded, public, refusal, told
from dmsops.interfaces.edb_samples import DictSource, Samples, Source, bracketed, walk

__all__ = [
    "LIMIT", "Answer", "DictSource", "Samples", "Source", "bracketed", "direct", "guarded", "public", "refusal", "serve", "told", "walk",
]  # fmt: skip

_log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    source: Source
    token: str


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        try:
            answer = self._answer()
        except Exception:  # noqa: BLE001 - the client is told in words, the log why
            _log.exception("engineering service on the loopback")
            answer = told(500, message="the engineering service failed; the log of the step that asked says why")
        self._send(answer)

    def _answer(self) -> Answer:
        address, _, query = self.path.partition("?")
        _, _, rest = urlsplit(address).path.partition("/")
        token, _, path = rest.partition("/")
        if not secrets.compare_digest(unquote(token).encode(), self.server.token.encode()):
            return told(404, message="there is nothing here")
        return direct(self.server.source, unquote(path), query)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._send_chunks(answer.body)

    def _send_chunks(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        except Exception:  # noqa: BLE001 - too late for a status
            _log.exception("engineering service on the loopback")
            self.close_connection = True  # without the last chunk: the client sees that the answer is not whole
            return
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        _log.debug("engineering service: %s", (format % args).replace(self.server.token, "(token)"))


@contextmanager
def serve(source: Source | Samples) -> Iterator[str]:
    """Serve samples on the loopback while the block runs, in the direct form; gives the address to ask.

    The address holds a random token, so that no other process of the machine finds the service by its port.

    Parameters
    ----------
    source : Source or dict
        Where samples are; or upper-case mnemonic to (unix seconds in order, values), both (N,) float64.
    """
    server = _Server(("127.0.0.1", 0), _Answer)
    server.source = DictSource(source) if isinstance(source, Mapping) else source
    server.token = secrets.token_urlsafe(16)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{server.token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
