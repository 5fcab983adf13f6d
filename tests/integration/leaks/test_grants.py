"""A PI lets a colleague in over HTTP, and ends it: what is the program's own is the colleague's from that request on, and not after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from dmsops.core.clock import iso
from dmsops.distribution import accounts
from tests import ending
from tests.integration.leaks.owned import GRANTS, let_in
from tests.integration.leaks.world import MINE, Asker, World, at

DOWNLOAD = "/api/v0.1/Download/file"


@pytest.fixture
def colleague(either: World) -> Iterator[Asker]:
    """Give somebody of no program."""
    accounts.put(either.ops, "colleague", "astronomer", reason="test")
    token = accounts.give_token(either.ops, "colleague", reason="test")
    yield Asker(name="colleague", token=token, reads=True, subscribes=True)
    ending.close(either.ops, "colleague", reason="test")


def inside(asker: Asker) -> Asker:
    return replace(asker, programs=frozenset({MINE}), told=frozenset({MINE}))


def test_a_colleague_gets_the_programs_files_while_the_pi_lets_them(either: World, colleague: Asker) -> None:
    thing = either.thing("exclusive")
    asked = {"params": {"uri": thing.uri}}
    assert either.ask(colleague, "GET", DOWNLOAD, **asked).status == 403
    with let_in(either, "colleague"):
        first = either.ask(inside(colleague), "GET", DOWNLOAD, **asked, headers={"Range": "bytes=0-2879"})
        assert (first.status, first.body) == (206, thing.content[:2880])
    assert either.ask(colleague, "GET", DOWNLOAD, **asked, headers={"Range": "bytes=2880-"}).status == 403


def test_a_grant_with_an_end_ends_by_itself(either: World, colleague: Asker) -> None:
    pi, until = either.askers["pi with scope grant alone"], either.now + timedelta(hours=1)
    given = {"account": "colleague", "program": MINE, "until": iso(until), "reason": "for an hour"}
    assert either.ask(pi, "POST", GRANTS, json=given).status == 201
    asked = {"params": {"uri": either.thing("hidden").uri}}
    assert either.ask(inside(colleague), "GET", DOWNLOAD, **asked).status == 200
    with at(either, until):
        assert either.ask(colleague, "GET", DOWNLOAD, **asked).status == 404
