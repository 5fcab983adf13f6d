"""What was asked before a moment counts for nothing after it: releases, grants that end, accounts and tokens that are no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dmsops.archive.tables import plane
from dmsops.distribution import accounts, grants
from dmsops.distribution.audit import records
from tests import ending
from tests.integration.leaks import owned
from tests.integration.leaks import world as w
from tests.integration.leaks.world import MINE, TICK, Asker, T, World, at
from tests.waiting import until

DOWNLOAD = "/api/v0.1/Download/file"
FIRST, REST = "bytes=0-2879", "bytes=2880-"
SECOND = timedelta(seconds=1)


@pytest.fixture
def nobody(world: World) -> Asker:
    return world.askers["anonymous"]


@pytest.fixture
def guest(world: World) -> Iterator[Asker]:
    """Give somebody who is let into `MINE` until a second before the release."""
    accounts.put(world.ops, "short", "astronomer", reason="test")
    token = accounts.give_token(world.ops, "short", reason="test")
    grants.grant(world.ops, "short", MINE, until=T - SECOND, reason="test")
    yield Asker(name="guest", token=token, programs=frozenset({MINE}), told=frozenset({MINE}), reads=True, subscribes=True)
    ending.close(world.ops, "short", reason="test")


def outside(guest: Asker) -> Asker:
    """Give the guest after their grant."""
    return replace(guest, programs=frozenset(), told=frozenset())


def test_a_download_begun_before_the_release_is_refused_until_it_and_goes_on_from_it(world: World, nobody: Asker) -> None:
    thing, pi = world.thing("turning"), world.askers["pi"]
    with at(world, T - TICK):
        first = world.ask(pi, "GET", DOWNLOAD, params={"uri": thing.uri}, headers={"Range": FIRST})
        tag = dict(first.headers)["etag"]
        for headers in ({"Range": REST, "If-Range": tag}, {"If-None-Match": tag}, {"If-Match": tag, "Range": "bytes=-1"}):
            assert world.ask(nobody, "GET", DOWNLOAD, params={"uri": thing.uri}, headers=headers).status == 401, headers
    with at(world, T):
        rest = world.ask(nobody, "GET", DOWNLOAD, params={"uri": thing.uri}, headers={"Range": REST, "If-Range": tag})
        assert (rest.status, first.body + rest.body) == (206, thing.content)
        assert world.ask(nobody, "GET", DOWNLOAD, params={"uri": thing.uri}, headers={"If-None-Match": tag}).status == 304


def test_a_release_that_is_taken_back_is_taken_back_at_once(world: World, nobody: Asker) -> None:
    thing = world.thing("turning")
    asked = {"params": {"uri": thing.uri}}
    with at(world, T):
        before = world.ask(nobody, "GET", DOWNLOAD, **asked)
        assert before.status == 200
        tag = dict(before.headers)["etag"]
        _released(world, thing.root, w.FAR)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setitem(w.KINDS, "turning", w.KINDS["exclusive"])
                assert world.ask(nobody, "GET", DOWNLOAD, **asked, headers={"If-None-Match": tag}).status == 401
                assert world.ask(nobody, "GET", DOWNLOAD, **asked, headers={"Range": REST, "If-Range": tag}).status == 401
                assert (
                    "EXCLUSIVE_ACCESS"
                    in world.ask(nobody, "POST", "/search/jwst/api/v0.1/post_list_products", json={"dataset_ids": [thing.root]}).text
                )
        finally:
            _released(world, thing.root, T)


def _released(world: World, root: str, when: object) -> None:
    with world.ops.db.begin() as c:
        c.execute(sa.update(plane).where(plane.c.observation_id == root).values(data_release=when))


def test_what_a_guest_had_made_ends_with_the_grant(world: World, guest: Asker) -> None:
    with at(world, T - 2 * SECOND):
        address, open_address = owned.signed(world, guest, "exclusive", "public")
        assert world.ask(owned.bearer(guest), "GET", address).status == 200
        answer = world.ask(guest, "POST", owned.STAGE, data={"uri": [world.thing("exclusive").uri, world.thing("public").uri]})
        path = answer.text.split(f"{world.base}")[1].split('"')[0].removesuffix("/files.tar")
        until(lambda: '"state":"ready"' in world.ask(guest, "GET", path).text)
        assert world.thing("exclusive").bytes_mark in world.ask(guest, "GET", f"{path}/files.tar").text
        job = owned.job(world, guest)
        assert world.thing("hidden").root in world.ask(guest, "GET", f"{job}/results/result").text
    with at(world, T - SECOND):
        gone = outside(guest)
        assert world.ask(owned.bearer(gone), "GET", address).status == 403
        assert world.ask(owned.bearer(gone), "GET", address, headers={"Range": REST}).status == 403
        assert world.ask(owned.bearer(gone), "GET", open_address).status == 200
        assert world.ask(gone, "GET", path).text.count(owned.SIGNED) == 1
        tar = world.ask(gone, "GET", f"{path}/files.tar")
        assert world.thing("public").bytes_mark in tar.text


def test_a_stream_that_lies_ready_tells_a_guest_nothing_more_after_the_grant(world: World, guest: Asker) -> None:
    with at(world, T - 2 * SECOND), owned.subscribed(world, guest) as (number, _):
        path = f"{owned.EVENTS}?subscription={number}&format=json&after=0"
        assert world.thing("hidden").root in until(lambda: owned.told(world, guest, path))
        world.ops.clock.advance(SECOND)
        gone = outside(guest)
        assert world.listed(world.ask(gone, "GET", path)) <= world.visible(gone)
        world.ops.clock.advance(-SECOND)


def test_a_signed_address_ends_with_the_account(world: World, guest: Asker) -> None:
    with at(world, T - 2 * SECOND):
        (address,) = owned.signed(world, guest, "public")
        assert world.ask(owned.bearer(guest), "GET", address).status == 200
        ending.revoke(world.ops, "short", reason="test")
        assert world.ask(owned.bearer(guest), "GET", address).status == 403
        assert world.ask(replace(guest, good=False), "GET", DOWNLOAD, params={"uri": world.thing("public").uri}).status == 401


def test_a_job_made_before_the_release_and_run_after_it_sees_what_is_public_then(world: World, nobody: Asker) -> None:
    with at(world, T - TICK):
        made = world.ask(nobody, "POST", "/tap/async", data={"QUERY": owned.QUERY, "LANG": "ADQL", "RESPONSEFORMAT": "csv"})
        path = dict(made.headers)["location"].removeprefix(world.base)
        before = owned.job(world, nobody)
        assert world.listed(world.ask(nobody, "GET", f"{before}/results/result")) == world.visible(nobody)
    with at(world, T):
        world.ask(nobody, "POST", f"{path}/phase", data={"PHASE": "RUN"})
        until(lambda: world.ask(nobody, "GET", f"{path}/phase").text.endswith("COMPLETED"))
        assert world.listed(world.ask(nobody, "GET", f"{path}/results/result")) == world.visible(nobody)


def test_many_ask_while_the_release_comes_and_nobody_has_it_early(world: World, nobody: Asker) -> None:
    """The clock passes the release while threads download: before it all are refused, after it all are given."""
    thing, found, enough = world.thing("turning"), [], threading.Event()

    def ask() -> None:
        while not enough.is_set():
            early = world.now < T
            answer = world.client.get(DOWNLOAD, params={"uri": thing.uri})
            late = world.now >= T
            found.append((early and not late, late and not early, answer.status_code))

    with at(world, T - TICK):
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(found) >= 4)
        world.ops.clock.advance(TICK)
        until(lambda: sum(late for _, late, _ in found) >= 4)
        enough.set()
        for thread in threads:
            thread.join()
        world.ops.clock.advance(-TICK)
    assert {status for early, _, status in found if early} == {401}
    assert {status for _, late, status in found if late} == {200}


def test_every_refusal_and_every_gift_of_a_file_is_written_down(world: World, nobody: Asker) -> None:
    thing = world.thing("exclusive")
    asked = {"params": {"uri": thing.uri}}
    world.ask(nobody, "GET", DOWNLOAD, **asked, headers={"Range": "bytes=0-9"})
    world.ask(world.askers["pi"], "GET", DOWNLOAD, **asked, headers={"Range": "bytes=0-9"})
    world.ask(world.askers["other"], "HEAD", DOWNLOAD, **asked)
    assert [(row["who"], row["verdict"], row["size"]) for row in records(world.ops, uris=[thing.uri], limit=3)] == [
        ("other", "denied", None), ("pi", "granted", 10), ("anonymous", "denied", None),
    ]  # fmt: skip
