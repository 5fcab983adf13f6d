"""The engine's warm server: started with it, started again when it is gone, sent away with it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from dmsops.workflow.engines.htcondor import warm

if TYPE_CHECKING:
    from dmsops.ops import Ops

_AGAIN_SECONDS = 5.0
"""At least so long between two starts."""
_FAREWELL_SECONDS = 5.0


class Supervisor:
    """A context manager within which the site has a warm server."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self._server: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        self.keep()
        return self

    def keep(self) -> None:
        """Start the server when there is none."""
        gone = self._server is None or self._server.poll() is not None
        if not gone or (self._server is not None and time.monotonic() - self._started < _AGAIN_SECONDS):
            return
        log = self._ops.settings.folder("logs") / "warm.log"
        with log.open("ab") as file:
            self._server = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", warm.__name__, str(self._ops.settings.site)],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Ask it to finish what runs and go; it is waited for a little while."""
        if self._server is not None:
            self._server.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._server.wait(_FAREWELL_SECONDS)
