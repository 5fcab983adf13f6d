"""Waiting in tests for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest


def until(found: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait until something is true, and give it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.05)
    pytest.fail("it never came true")


def lives(process: psutil.Process) -> bool:
    """Tell whether a process runs still; it may end while it is looked at."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
