"""The result of a job is a copy: it is given only while all that its owner could see when it ran is theirs to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive import withdraw
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation, plane
from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution import accounts, grants, uws
from dmsops.distribution.audit import records
from dmsops.distribution.votable import error_document
from dmsops.testing.products import write_product
from tests import ending
from tests.integration.leaks import owned
from tests.integration.leaks import world as w
from tests.integration.leaks.world import MINE, TICK, Answer, Asker, T, World, at
from tests.integration.leaks.world import title as title_of

REFUSED = "access has changed since job"
HOUR = timedelta(hours=1)


def result(world: World, asker: Asker, job: str) -> Answer:
    return world.ask(asker, "GET", f"{job}/results/result")


def refused(world: World, asker: Asker, job: str) -> None:
    """Be told in a VOTable to ask again, have it written down, and get by asking again what may be seen now."""
    answer, number = result(world, asker, job), job.rpartition("/")[2]
    assert answer.status == 403, answer.text
    remedy = "Run the job again: its result is then what you may see now."
    assert answer.body == error_document(f"{REFUSED} {number} ran, and its result may show more than you may see now. {remedy}")
    (line,) = records(world.ops, uris=[f"{job}/results/result"], limit=1)
    assert (line["verdict"], line["route"], line["who"]) == ("denied", "tap", asker.name)
    assert line["why"].startswith("access has changed since it ran: ")
    again = owned.job(world, asker, job.partition("/async")[0])
    assert world.listed(result(world, asker, again)) == world.visible(asker)


def given(world: World, asker: Asker, job: str) -> None:
    assert result(world, asker, job).status == 200
    assert records(world.ops, uris=[f"{job}/results/result"]) == []


def _date(world: World, root: str, meta: datetime | None) -> None:
    with world.ops.db.begin() as c:
        c.execute(sa.update(plane).where(plane.c.observation_id == root).values(meta_release=meta))
        c.execute(sa.update(observation).where(observation.c.id == root).values(meta_release=meta))


@pytest.fixture
def colleague(either: World) -> Iterator[Asker]:
    """Give somebody who is let into `MINE` by its PI."""
    accounts.put(either.ops, "colleague", "astronomer", reason="test")
    token = accounts.give_token(either.ops, "colleague", reason="test")
    with owned.let_in(either, "colleague"):
        mine = frozenset({MINE})
        yield Asker(name="colleague", token=token, programs=mine, told=mine, reads=True, subscribes=True)
    ending.close(either.ops, "colleague", reason="test")


@pytest.mark.parametrize("root", ["/tap", "/esa/tap"])
def test_a_result_is_not_given_once_the_pi_has_ended_the_grant(either: World, colleague: Asker, root: str) -> None:
    job = owned.job(either, colleague, root)
    assert either.thing("hidden").root in result(either, colleague, job).text
    (grant,) = [row["id"] for row in grants.grants(either.ops, name="colleague") if row["stands"]]
    pi = either.askers["pi with scope grant alone"]
    assert either.ask(pi, "DELETE", f"{owned.GRANTS}/{grant}", json={"reason": "left the team"}).status == 204
    refused(either, replace(colleague, programs=frozenset(), told=frozenset()), job)
    with owned.let_in(either, "colleague"):
        assert either.thing("hidden").root in result(either, colleague, job).text


def test_a_result_is_not_given_once_the_grant_has_ended_by_itself(world: World) -> None:
    pi = world.askers["pi"]
    until = world.now + HOUR
    accounts.put(world.ops, "brief", "astronomer", reason="test")
    token = accounts.give_token(world.ops, "brief", reason="test")
    grants.grant(world.ops, "brief", MINE, until=until, reason="test")
    brief = replace(pi, name="brief", token=token)
    job, open_job = owned.job(world, brief), owned.job(world, brief, query="SELECT table_name FROM tap_schema.tables")
    with at(world, until - TICK):
        given(world, brief, job)
    with at(world, until):
        gone = replace(brief, programs=frozenset(), told=frozenset())
        refused(world, gone, job)
        assert result(world, gone, open_job).status == 403, "what a query asked is not looked into"
    ending.close(world.ops, "brief", reason="test")


def test_a_result_of_staff_is_not_given_once_they_are_viewers(either: World) -> None:
    with either.ops.db.begin() as c:
        put_person(c, "sam", Role.OPERATOR)
        token = put_token(c, "sam")
    sam = replace(either.askers["operator"], name="sam", token=token)
    job = owned.job(either, sam)
    assert either.thing("never").root in result(either, sam, job).text
    with either.ops.db.begin() as c:
        put_person(c, "sam", Role.VIEWER)
    refused(either, replace(sam, everything=False, harvests=False), job)


def test_a_result_of_which_nobody_knows_what_could_be_seen_is_not_given(world: World) -> None:
    nobody = world.askers["anonymous"]
    job = owned.job(world, nobody)
    uws.seen_path(world.ops, job.rpartition("/")[2]).unlink()
    refused(world, nobody, job)


def _archived(world: World, folder: Path, number: int, value: float, program: str) -> str:
    """Archive an observation that everybody may know of at once, or its next version; gives its name."""
    root = f"jw{program}001001_02101_{number:05d}_nrca3"
    words = {"PROGRAM": program, "CATEGORY": "GO", "PI_NAME": w.pi_name(program), "TITLE": title_of(program)}
    ingest(world.ops, [product_of(write_product(folder / f"{root}_cal.fits", value=value, **words))])
    return root


def _released(world: World, _folder: Path, _root: str) -> None:
    world.ops.clock.advance(HOUR)


def _ingested(world: World, folder: Path, _root: str) -> None:
    """Archive the next version of an observation, and some that are hidden."""
    _archived(world, folder, 80, 2.0, w.THEIRS)
    for number, value in ((70, 1.0), (71, 1.0), (71, 2.0)):
        _date(world, _archived(world, folder, number, value, w.DARK), None)


def _withdrawn(world: World, _folder: Path, root: str) -> None:
    withdraw.withdraw(world.ops, [root], ticket=withdraw.preview(world.ops, [root]).hash, reason="test")


def _let_in_elsewhere(world: World, _folder: Path, _root: str) -> None:
    with owned.let_in(world):
        pass


@pytest.mark.parametrize("change", [_released, _ingested, _withdrawn, _let_in_elsewhere], ids=lambda one: one.__name__[1:])
@pytest.mark.parametrize("who", ["anonymous", "pi", "operator"])
def test_a_result_is_given_whatever_else_changes(
    world: World, who: str, change: Callable[[World, Path, str], None], tmp_path: Path
) -> None:  # fmt: skip
    asker, before = world.askers[who], world.now
    try:
        world.ops.clock.advance(T - HOUR - before)
        root = _archived(world, tmp_path, 80, 1.0, w.THEIRS)
        job = owned.job(world, asker)
        assert root in result(world, asker, job).text
        change(world, tmp_path, root)
        given(world, asker, job)
    finally:
        world.ops.clock.advance(before - world.now)
