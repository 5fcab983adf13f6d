"""What a node of a batch runs: asks the warm server to carry a step out, and ends as it says. Standard library only.

Started as ``python -IS client.py ADDRESS BATCH STEP CLUSTER``, in milliseconds. Without a server it becomes the step's
own process.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

LOST = 4
TRIES = 3
"""A server that dies under the step is asked again this often."""


def connect(place: Path, patience: float) -> socket.socket | None:
    """Reach the server, waiting for it a while; the name is kept short, for a socket's address may not be long."""
    until = time.monotonic() + patience
    while True:
        try:
            os.chdir(place.parent)
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(place.name)
            return connection
        except OSError:
            if time.monotonic() > until:
                return None
            time.sleep(0.2)


def ask(connection: socket.socket, request: dict[str, Any]) -> int | None:
    """Give the request and wait for the step's exit code; None when the server went away first."""
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile(encoding="utf-8") as lines:
            answer = lines.readline()
    except OSError:
        return None
    return int(json.loads(answer)["exit"]) if answer else None


def main(argv: list[str]) -> int:
    """Run the node."""
    address = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    batch, step, cluster = argv[1:4]
    request = {"batch": int(batch), "step": int(step), "cluster": int(cluster)}
    for _ in range(TRIES):
        connection = connect(Path(address["socket"]), address["patience"])
        if connection is None:
            alone = [*address["alone"], batch, step, cluster]
            os.execv(alone[0], alone)  # noqa: S606 - our own interpreter and module, written by the engine
        code = ask(connection, request)
        if code is not None:
            return code
    return LOST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
