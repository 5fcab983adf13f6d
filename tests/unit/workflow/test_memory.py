"""What a step's processes have in RAM, also when one of them ends while they are looked at."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from dmsops.workflow.engines.process import resident_mb


def test_a_child_that_ends_meanwhile_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    gone = psutil.Process(child.pid)
    child.communicate(b"\n")
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [gone])
    assert resident_mb(os.getpid()) > 1


def test_a_process_that_is_gone_has_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert resident_mb(child.pid) == 0.0
