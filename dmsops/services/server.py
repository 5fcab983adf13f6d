"""Where a service listens: on this machine alone, unless somebody says otherwise in so many words."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

from dmsops.core.errors import BadInput, Refused

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from dmsops.services.certificates import Certificate

ADDRESS = "127.0.0.1"
CONNECTIONS = 64
"""Open at once; who comes then is told to come again (503)."""
PATIENCE_SECONDS = 5
"""How long an answer under way may go on when the service is stopped."""
WARNING = (
    "Anyone who can reach this address sees tokens and data as they pass: they are not encrypted."
    " Give --certificate and --key, put a proxy with TLS in front, or stop and leave --host out."
)


def is_this_machine(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str = ADDRESS, port: int = 0, *, beyond: bool = False) -> socket.socket:
    """Take an address and port to listen on; port 0 takes a free one.

    Raises
    ------
    Refused
        Other machines could reach the address, and ``beyond`` does not say that they may.
    BadInput
        The address is not this machine's, or the port is taken.
    """
    if not beyond and not is_this_machine(host):
        raise Refused(f"other machines could reach {host}: a service listens on {ADDRESS}", remedy="Name it with --host (procedure P20).")
    # With the protocol named asyncio sends small answers at once; else each waits 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError, TypeError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        remedy = "Choose another with --host or --port, or stop what listens there (procedure P20)."
        raise BadInput(f"cannot listen on {host}, port {port}: {why}", remedy=remedy, host=host, port=port) from None
    return listener


def address_of(listener: socket.socket, shown: Certificate | None = None) -> str:
    """Give the address to ask, as ``http://127.0.0.1:8124/``; with a certificate it begins with ``https``."""
    host, port = listener.getsockname()[:2]
    return f"http{'s' if shown else ''}://{f'[{host}]' if ':' in host else host}:{port}/"


def make_server(app: Starlette, shown: Certificate | None = None) -> uvicorn.Server:
    """Make the server of a service; ``run(sockets=[listener])`` serves until it is interrupted or ``should_exit`` is set.

    It writes no access log of its own, which would hold tokens, and believes no proxy's headers. With a certificate it speaks TLS.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        ssl_certfile=shown.chain if shown else None,
        ssl_keyfile=shown.key if shown else None,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=PATIENCE_SECONDS,
    )
    return uvicorn.Server(config)
