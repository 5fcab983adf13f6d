"""Serve the boards on this machine, to people of the site: ``python -m dashboards.serve --site DIR [--port P]``."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from panel.config import config
from panel.io.server import get_server

from dashboards.app.auth import SitePeople
from dashboards.app.frame import SCRIPTS, boards
from dashboards.app.hub import open_hub
from dmsops.core.errors import DmsError
from dmsops.core.people import Person, Role
from dmsops.ops import connect

if TYPE_CHECKING:
    from dmsops.ops import Ops

ADDRESS = "127.0.0.1"
READER = Person("boards", Role.VIEWER)
"""Who the server itself is: it looks; people act in their own name."""

UNUSED_MS, LOOK_MS = 120_000, 10_000
"""How long a page without a browser is kept: on a slow line its scripts take a minute to come, and a cut line to come back."""


def make_server(ops: Ops, port: int = 0) -> Any:
    """Make the server, not started yet.

    Parameters
    ----------
    ops : Ops
        The site.
    port : int
        0 takes a free one.
    """
    open_hub(ops)
    key = ops.settings.board_secret.get_secret_value() if ops.settings.board_secret else ""
    names = [board.name for board in boards()]
    config.cookie_secret = key or secrets.token_urlsafe(48)  # type: ignore[misc]  # Panel types its settings as read-only
    return get_server(
        {name: str(SCRIPTS / f"{name}.py") for name in names},
        port=port,
        address=ADDRESS,
        auth_provider=SitePeople(ops),
        cookie_secret=config.cookie_secret,
        liveness=True,
        compress_response=True,
        index=None,
        unused_session_lifetime_milliseconds=UNUSED_MS,
        check_unused_sessions_milliseconds=LOOK_MS,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; exit code 2 when the site cannot be opened."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.serve", description=__doc__)
    parser.add_argument("--site", help="the site's folder (default: DMSOPS_SITE, else ~/dmsops-site)")
    parser.add_argument("--port", type=int, default=5006, help="port on this machine (default: %(default)s; 0 takes a free one)")
    given = parser.parse_args(arguments)
    try:
        ops = connect(given.site, operator=READER)
    except DmsError as error:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n")
        return error.exit_code
    server = make_server(ops, given.port)
    server.start()
    sys.stdout.write(f"The boards of {ops.settings.name}: http://{ADDRESS}:{server.port}/ (stop with Ctrl-C)\n")
    sys.stdout.flush()
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
