"""A private S3 server for tests: moto in a process of its own on a free loopback port, gone with the test session."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
"""What a process needs in its environment; the server takes any key."""
_PROGRAM = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(slots=True)
class S3Server:
    """A running server."""

    endpoint: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new_bucket(self) -> str:
        """Make an empty bucket and give its name."""
        name = f"site{next(self._numbers)}"
        with urlopen(Request(f"{self.endpoint}/{name}", method="PUT"), timeout=30):
            return name


def s3_settings(server: S3Server, *, bucket: str | None = None, endpoint: str | None = None) -> dict[str, Any]:
    """Give the settings of a site whose store is a bucket of that server (default: a new one)."""
    return {
        "store": "s3",
        "store_bucket": bucket or server.new_bucket(),
        "store_endpoint": endpoint or server.endpoint,
        "store_cache_gigabytes": 1.0,
        "store_seconds": 20.0,
    }


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """Start a server; it ends with the block, or with this process however that ends."""
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    try:
        port = int(child.stdout.readline())
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Start an S3 server of the test session's own."""
    with moto_server() as server:
        yield server


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put the keys of the test's S3 server into the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return KEYS
