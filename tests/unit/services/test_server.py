"""A service listens on this machine alone, unless somebody says otherwise."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from dmsops.cli import main
from dmsops.core.errors import BadInput, Refused
from dmsops.services.server import address_of, is_this_machine, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_this_machine_is_known_by_each_of_its_names(host):
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "dms.example.org", "", "127.0.0.1.example.org"])
def test_an_address_that_others_may_reach_is_refused(host):
    assert not is_this_machine(host)
    with pytest.raises(Refused, match="other machines could reach"):
        listen(host)


def test_it_is_opened_to_others_when_somebody_says_so():
    with listen("0.0.0.0", beyond=True) as listener:
        assert address_of(listener).startswith("http://0.0.0.0:")


def test_small_answers_are_sent_at_once():
    with listen() as listener, socket.create_connection(listener.getsockname()):
        taken, _ = listener.accept()
        with taken:
            assert taken.proto == socket.IPPROTO_TCP  # what asyncio looks at before it switches waiting off


def test_a_port_that_is_taken_is_said_in_words():
    with listen() as first:
        port = first.getsockname()[1]
        with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1, port {port}: Address already in use"):
            listen(port=port)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70000), ("192.0.2.1", 0), ("\x00", 0)])
def test_an_address_that_cannot_be_is_said_in_words(host, port):
    with pytest.raises(BadInput, match="cannot listen"):
        listen(host, port, beyond=True)


def test_the_command_says_that_a_port_is_taken(ops):
    with listen() as first:
        words = ["serve", "edb", "--port", str(first.getsockname()[1]), "--site", str(ops.settings.site)]
        done = CliRunner().invoke(main, words, env={"USER": "lead", "LOGNAME": "lead"})
    assert done.exit_code == 2
    assert "cannot listen" in done.stderr
