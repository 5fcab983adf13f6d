"""``dmsops serve``: the site's services over HTTP."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmsops.cli.frame import Answer, notes, verb
from dmsops.flows import telling
from dmsops.ops import Ops
from dmsops.services import certificates, several
from dmsops.services import edb as service
from dmsops.services import site as public
from dmsops.services.server import ADDRESS, WARNING, address_of, is_this_machine, listen, make_server

if TYPE_CHECKING:
    import socket

    from starlette.applications import Starlette

    from dmsops.services.certificates import Certificate


@click.group()
def commands() -> None:
    """Serve the site's services over HTTP, each until Ctrl-C."""


type Lines = Callable[[str, str], list[str]]
_FILE = click.Path(path_type=Path)
_HOST = "Address to listen on; another than this one lets other machines in."


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a service listens, and the certificate that it shows."""

    host: str
    port: int
    shown: Certificate | None


def _where(port: int) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Add the options that say where a service listens; its verb gets them as ``where``."""

    def add(function: Callable[..., Answer]) -> Callable[..., Answer]:
        @click.option("--host", default=ADDRESS, show_default=True, help=_HOST)
        @click.option("--port", type=click.IntRange(0, 65535), default=port, show_default=True, help="Port; 0 takes a free one.")
        @click.option("--certificate", type=_FILE, help="Speak TLS: the certificate with those that signed it, in PEM.")
        @click.option("--key", type=_FILE, help="The certificate's key, in PEM, without a password.")
        @wraps(function)
        def asked(ops: Ops, *, host: str, port: int, certificate: Path | None, key: Path | None, **given: Any) -> Answer:
            return function(ops, where=Where(host=host, port=port, shown=certificates.certificate(certificate, key)), **given)

        return asked

    return add


def _listen(ops: Ops, where: Where, lines: Lines) -> tuple[socket.socket, str]:
    """Take an address, and say how to reach it."""
    listener = listen(where.host, where.port, beyond=True)
    address = address_of(listener, where.shown)
    for line in lines(ops.settings.name, address):
        notes.print(line, markup=False, soft_wrap=True)
    if not where.shown and not is_this_machine(where.host):
        notes.print(WARNING, markup=False, soft_wrap=True)
    return listener, address


def _serve(ops: Ops, where: Where, make: Callable[[Ops, str], Starlette], lines: Lines) -> Answer:
    """Serve an application until it is interrupted, and say first how to reach it."""
    listener, address = _listen(ops, where, lines)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server takes both while it runs, and hands them on when it has ended
    make_server(make(ops, address), where.shown).run(sockets=[listener])
    return Answer({"address": address}, ["stopped"])


@_where(service.PORT)
def edb(ops: Ops, where: Where) -> Answer:
    """Serve the engineering database to calibration software, until Ctrl-C.

    Who asks needs a token of the site (dmsops people token NAME).
    """
    return _serve(ops, where, lambda given, _: service.make_app(given), _addresses)


@_where(public.PORT)
@click.option("--base", default="", metavar="URL", help="Address that clients reach the site by, where a proxy stands before it.")
@click.option(
    "--processes",
    type=click.IntRange(1, several.MOST),
    default=1,
    show_default=True,
    help="Processes that answer; several need PostgreSQL.",
)
def site(ops: Ops, where: Where, base: str, processes: int) -> Answer:
    """Serve the archive to astronomers and partners, until Ctrl-C.

    Search, download, TAP, SIA2, DataLink, and the partners' feed: descriptions are everybody's, files by their exclusive access period.
    """
    several.need_postgresql(ops, processes)
    with telling.in_background(ops):
        if processes > 1:
            listener, address = _listen(ops, where, _site_addresses)
            several.Several(ops, listener, base or address, processes, where.shown).run()
            return Answer({"address": address}, ["stopped"])
        return _serve(ops, where, lambda given, address: public.make_app(given, base or address), _site_addresses)


def _addresses(name: str, address: str) -> list[str]:
    return [
        f"The engineering database of {name}; stop with Ctrl-C. A token: dmsops people token NAME",
        "Public form (the jwst package's usual one):",
        f"  export ENG_BASE_URL={address}",
        "  export MAST_API_TOKEN=TOKEN",
        "Direct form (JSON, with descriptions of mnemonics):",
        f"  export ENG_BASE_URL={address}as/TOKEN/",
    ]


def _site_addresses(name: str, address: str) -> list[str]:
    return [
        f"The archive of {name}; stop with Ctrl-C. A token: dmsops accounts token NAME",
        f"  search and download (MAST's forms)   {address}api/v0/invoke, {address}search/jwst/api/v0.1/",
        f"  Virtual Observatory                  {address}tap, {address}sia2, {address}datalink",
        f"  events and subscriptions             {address}api/v0.1/events, {address}api/v0.1/subscriptions",
    ]


verb(commands, "edb")(edb)
verb(commands, "site")(site)
