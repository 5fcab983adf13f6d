"""Requests as bytes on the wire, which no client library would send, and what comes back."""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import urlsplit

from tests.integration.leaks.world import Answer

PATIENCE = 1.0
"""Seconds after which a service that still waits for the rest of a request is left alone."""


def exchange(base: str, request: bytes) -> Answer | None:
    """Send bytes and take what comes until the service hangs up; None where it says nothing."""
    where, taken = urlsplit(base), bytearray()
    with (
        socket.create_connection((where.hostname, where.port), timeout=30) as wire,
        suppress(BrokenPipeError, ConnectionResetError, TimeoutError),
    ):
        wire.sendall(request)
        wire.settimeout(PATIENCE if b"ransfer-" in request or b"xpect" in request else 30)
        while piece := wire.recv(65536):
            taken += piece
    return _answer(bytes(taken)) if taken else None


def _answer(taken: bytes) -> Answer:
    head, _, body = taken.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first.startswith("HTTP/1.1 "), first[:80]
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Answer(status=int(first.split()[1]), headers=headers, body=body)


def request(method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
    """Write a request; ``target`` and headers go as they are."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: archive.test", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    lines += [f"Content-Length: {len(body)}".encode()] if body else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
