"""Receipt on the command line: what came is told, what is missing is asked for and closed, the sweep looks first."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import Result

from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import delivered_names, small_visit, write_delivery
from tests import commands


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    create_site(tmp_path / "site")
    return connect(tmp_path / "site")


@pytest.fixture
def missing(ops: Ops) -> str:
    """Put a delivery into the inbox without one of its files, and give its name."""
    folder = write_delivery(ops.settings.folder("inbox") / "D0001", small_visit())
    name = delivered_names(folder)[3]
    (folder / name).unlink()
    return name


def call(ops: Ops, *words: str, code: int = 0) -> Result:
    result = commands.call(ops, *words)
    assert result.exit_code == code, result.output
    return result


def test_from_the_inbox_to_the_word_of_a_person(ops: Ops, missing: str) -> None:
    assert "would be" in call(ops, "receipt", "preview", str(ops.settings.folder("inbox") / "D0001")).stdout.lower()
    assert "received D0001" in call(ops, "receipt", "watch", "--once").stderr
    assert "waiting" in call(ops, "receipt", "rerequests").stdout
    assert missing in call(ops, "receipt", "where", missing).stdout
    shown = call(ops, "receipt", "ask", "1").stdout
    assert "asked for the 2. time" in shown
    call(ops, "receipt", "ask", "1", "--apply", "0" * 16, "--reason", "x", code=2)
    call(ops, "receipt", "ask", "1", "--apply", shown.split("--apply ")[1].split()[0], "--reason", "FOS found the tape")
    told = [m["name"] for m in json.loads(call(ops, "outbox", "list", "--about", "D0001", "--json").stdout)]
    assert told == ["D0001_rerequest_002.json", "D0001_rerequest_001.json", "D0001_ack.json"]
    call(ops, "receipt", "close", "1", "--yes", "--reason", "the tape is blank")
    assert "Nothing is asked for" in call(ops, "receipt", "rerequests").stdout
    assert "closed already" in call(ops, "receipt", "ask", "1", "--reason", "x", code=2).stderr
    assert "P04" in call(ops, "receipt", "where", "D0007", code=2).stderr


def test_the_sweep_looks_first_and_then_acts_by_its_hash(ops: Ops, tmp_path: Path) -> None:
    (tmp_path / "stray").write_text("nobody names me")
    sha256 = ops.store.put(tmp_path / "stray")
    os.utime(ops.store.path(sha256), (0, 0))
    shown = call(ops, "receipt", "sweep")
    assert "1 object that no row names would be removed" in shown.stdout
    ticket = shown.stdout.split("--apply ")[1].split()[0]
    assert ops.store.has(sha256)
    call(ops, "receipt", "sweep", "--apply", "0" * 16, "--reason", "x", code=2)
    call(ops, "receipt", "sweep", "--apply", ticket, "--reason", "after the power cut")
    assert not ops.store.has(sha256)
