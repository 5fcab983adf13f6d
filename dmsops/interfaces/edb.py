"""The engineering database as calibration software asks it: a loopback service over a given set of samples.

The form is that of the observatory's *direct* engineering service (``jwst.lib.engdb_direct``): ``MetaData/TlmMnemonics/``
says that it lives; ``Data/<mnemonic>?sTime=..&eTime=..`` gives JSON with the samples asked for and one bracketing
sample on each side, times as ``/Date(<milliseconds>+0000)/``; an unknown mnemonic is 404. ``api/`` is 404 on purpose:
that is how the calibration software tells this form from the public one.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import numpy as np

    Samples = dict[str, tuple[np.ndarray, np.ndarray]]

INTEGER_MNEMONICS = frozenset({"SA_ZFGDETID"})
_log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    samples: Samples
    token: str


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.split("/") if part]
        if not parts or not secrets.compare_digest(parts[0].encode(), self.server.token.encode()):
            return self._send(404, {})
        match parts[1:]:
            case ["MetaData", "TlmMnemonics"]:
                return self._send(200, {"TlmMnemonics": [{"TlmMnemonic": name} for name in self.server.samples]})
            case ["Data", name] if name.upper() in self.server.samples:
                return self._samples(name.upper(), parse_qs(url.query))
            case _:
                return self._send(404, {})

    def _samples(self, name: str, query: dict[str, list[str]]) -> None:
        try:
            start, stop = (_unix(query[key][0]) for key in ("sTime", "eTime"))
        except (KeyError, ValueError):
            return self._send(400, {})
        times, values = bracketed(*self.server.samples[name], start, stop)
        read = int if name in INTEGER_MNEMONICS else float
        points = [{"ObsTime": _db_time(t), "EUValue": read(v)} for t, v in zip(times.tolist(), values.tolist(), strict=True)]
        body = {
            "TlmMnemonic": name,
            "ReqSTime": _db_time(start),
            "ReqETime": _db_time(stop),
            "AllPoints": 1,
            "Count": len(points),
            "Data": points,
        }
        return self._send(200, body)

    def _send(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        _log.debug("engineering service: %s", format % args)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _db_time(seconds: float) -> str:
    return f"/Date({round(seconds * 1000):013d}+0000)/"


def bracketed(times: np.ndarray, values: np.ndarray, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Cut samples to a time range, with one bracketing sample on each side where there is one.

    Parameters
    ----------
    times, values : (N,) float64
        Unix seconds in order, and the samples.
    start, stop : float
        Unix seconds, both inside.
    """
    first = max(int(times.searchsorted(start, side="left")) - 1, 0)
    last = int(times.searchsorted(stop, side="right")) + 1
    return times[first:last], values[first:last]


@contextmanager
def serve(samples: Samples) -> Iterator[str]:
    """Serve samples on the loopback while the block runs; gives the address to ask.

    The address holds a random token, so that no other process of the machine finds the service by its port.

    Parameters
    ----------
    samples : dict
        Upper-case mnemonic to (unix seconds in order, values), both (N,) float64.
    """
    server = _Server(("127.0.0.1", 0), _Answer)
    server.samples = samples
    server.token = secrets.token_urlsafe(16)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{server.token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
