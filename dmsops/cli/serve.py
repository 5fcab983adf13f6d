"""``dmsops serve``: the site's services over HTTP."""

from __future__ import annotations

import signal

import click

from dmsops.cli.frame import Answer, notes, verb
from dmsops.ops import Ops
from dmsops.services import edb as service
from dmsops.services.server import ADDRESS, WARNING, address_of, is_this_machine, listen, make_server


@click.group()
def commands() -> None:
    """Serve the site's services over HTTP, each until Ctrl-C."""


@click.option("--host", default=ADDRESS, show_default=True, help="Address to listen on; another than this one lets other machines in.")
@click.option("--port", type=click.IntRange(0, 65535), default=service.PORT, show_default=True, help="Port; 0 takes a free one.")
def edb(ops: Ops, host: str, port: int) -> Answer:
    """Serve the engineering database to calibration software, until Ctrl-C.

    Who asks needs a token of the site (dmsops people token NAME).
    """
    listener = listen(host, port, beyond=True)
    address = address_of(listener)
    for line in _addresses(ops.settings.name, address):
        notes.print(line, markup=False, soft_wrap=True)
    if not is_this_machine(host):
        notes.print(WARNING, markup=False, soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server takes both while it runs, and hands them on when it has ended
    make_server(service.make_app(ops)).run(sockets=[listener])
    return Answer({"address": address}, ["stopped"])


def _addresses(name: str, address: str) -> list[str]:
    return [
        f"The engineering database of {name}; stop with Ctrl-C. A token: dmsops people token NAME",
        "Public form (the jwst package's usual one):",
        f"  export ENG_BASE_URL={address}",
        "  export MAST_API_TOKEN=TOKEN",
        "Direct form (JSON, with descriptions of mnemonics):",
        f"  export ENG_BASE_URL={address}as/TOKEN/",
    ]


verb(commands, "edb")(edb)
