"""Several processes answer at one address: on PostgreSQL, each started again when it dies, all gone with their parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from dmsops.core.errors import BadInput
from dmsops.ops import Ops, create_site
from dmsops.services import several
from tests import postgres
from tests.certified import certificate_in
from tests.waiting import lives, until


@contextmanager
def serving(site: Path, database: str, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve an empty site with two processes."""
    create_site(site, database=database)
    words = [sys.executable, "-m", "dmsops", "serve", "site", "--site", str(site), "--port", "0", "--processes", "2", *more]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "tap" in line:
                break
        address = line.split()[2].split("/tap")[0]
        try:
            until(lambda: answers(address))
            yield process, address
        finally:
            process.kill()


@pytest.fixture
def served(tmp_path: Path, postgresql: postgres.Server) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve an empty site with two processes."""
    with serving(tmp_path / "site", postgresql.new_database()) as running:
        yield running


def answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/", timeout=30).status_code == 200
    except httpx2.HTTPError:
        return False


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Give the processes that answer; one may end while it is looked at."""
    found = []
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if lives(child) and "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_process_that_is_killed_is_started_again_and_all_end_with_their_parent(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    first = {worker.pid for worker in workers(process)}
    assert len(first) == 2
    os.kill(min(first), signal.SIGKILL)
    until(lambda: len({w.pid for w in workers(process)} - first) == 1)
    assert answers(address)
    left = workers(process)
    process.kill()
    process.wait()
    until(lambda: not any(lives(worker) for worker in left))


def test_they_stop_when_they_are_told_to(served: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = served
    left = workers(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not any(worker.is_running() for worker in left)


def test_several_are_refused_on_sqlite(ops: Ops) -> None:
    with pytest.raises(BadInput, match="PostgreSQL only"):
        several.need_postgresql(ops, 2)
    several.need_postgresql(ops, 1)


def test_all_of_them_show_the_certificate(tmp_path: Path, postgresql: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate_in(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.chain))
    words = ("--certificate", str(files.chain), "--key", str(files.key))
    with serving(tmp_path / "site", postgresql.new_database(), *words) as (_, address):
        assert address.startswith("https://")
        assert all(answers(address) for _ in range(8))
        assert not answers(address.replace("https", "http"))
