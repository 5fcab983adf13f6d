"""The database is thrown out and the S3 server fails while observations are ingested: each is wholly there or wholly absent.

What was acknowledged stays, what was not is ingested by giving it again, no event is told twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import errors, finding_queries, ingest, queries
from dmsops.archive.ingest import product_of
from dmsops.catalogue import Product
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import StoreUnreachable
from dmsops.flows import doctor, repairs
from dmsops.ops import Ops
from dmsops.receipt import sweep
from dmsops.storage.s3 import S3Store
from dmsops.testing.products import write_product
from tests.archive_killing import is_whole, root
from tests.grounds import SERVED, Ground, spoil, statements
from tests.postgres import Server
from tests.s3_faults import FAULTS, Plan, disturbed

ONCE = ("500", "503", "reset", "lost", "truncated", "slow")
pytestmark = pytest.mark.parametrize("ground", [SERVED], indirect=True)


@pytest.fixture
def ops(ground: Ground) -> Iterator[Ops]:
    opened = ground.site()
    yield opened
    opened.db.dispose()


def offered(folder: Path, n: int, version: str = "3.0.0") -> list[Product]:
    """Write two products of the n-th exposure."""
    names = [f"{root(n)}_{suffix}.fits" for suffix in ("uncal", "cal")]
    return [product_of(write_product(folder / version / name, value=n + m / 2, CAL_VER=version)) for m, name in enumerate(names)]


def ended_well(ops: Ops, given: Sequence[Sequence[Product]]) -> None:
    """Ingest again what is not there, and see that all is, once, without a trace of what went wrong."""
    for mine in given:
        there = is_whole(ops, mine)
        assert ingest(ops, mine).new is not there
        assert is_whole(ops, mine)
    assert errors.listed(ops, states=()) == []
    assert sweep.plan(ops).without_bytes == ()


def test_a_database_thrown_out_before_any_statement_leaves_all_or_nothing(ops: Ops, tmp_path: Path, postgresql: Server) -> None:
    given = [offered(tmp_path, n) for n in range(2)]
    ingest(ops, given[0])
    with statements(ops) as made:
        ingest(ops, given[1])
    last, broken = len(made), 0
    assert made[-1] == "COMMIT"
    for n, at in enumerate(sorted({1, 2, last, last - 1, *range(4, last, last // 6)}), 2):
        given.append(offered(tmp_path, n))
        with statements(ops, at, postgresql.restart), suppress(sa.exc.DBAPIError):
            ingest(ops, given[-1])
        broken += not is_whole(ops, given[-1])
    assert broken == len(given) - 2
    ended_well(ops, given)


def test_a_commit_whose_answer_is_lost_is_not_told_twice(ops: Ops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, given = ops.db.dialect, offered(tmp_path, 0)
    commit = dialect.do_commit
    with monkeypatch.context() as patch, statements(ops) as made:

        def lost(connection: Any) -> None:
            commit(connection)
            if made[-1] == "COMMIT":
                connection.driver_connection.close()
                commit(connection)  # the server has done it; the client hears that the connection is gone

        patch.setattr(dialect, "do_commit", lost)
        with pytest.raises(sa.exc.DBAPIError):
            ingest(ops, given)
    assert is_whole(ops, given)
    again = offered(tmp_path, 0, "3.0.1")
    assert (ingest(ops, given).new, ingest(ops, again).version) == (False, 2)
    assert is_whole(ops, again)


def test_a_database_thrown_out_at_random_while_others_ingest_loses_nothing_acknowledged(
    ops: Ops, tmp_path: Path, postgresql: Server
) -> None:
    given = [[offered(tmp_path, n, version) for version in ("3.0.0", "3.0.1")] for n in range(8)]
    acknowledged: dict[int, int] = {}
    stop, chance = threading.Event(), random.Random(5)

    def work(mine: Sequence[int]) -> None:
        """Ingest again and again what is not acknowledged, until all is."""
        while not stop.is_set() and (left := [n for n in mine if acknowledged.get(n, 0) < 2]):
            for n in left:
                try:
                    acknowledged[n] = ingest(ops, given[n][acknowledged.get(n, 0)]).version
                except sa.exc.DBAPIError:
                    continue

    workers = [threading.Thread(target=work, args=(range(first, 8, 2),)) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for _ in range(4):
        time.sleep(chance.uniform(0, 0.15))
        postgresql.restart()
    for worker in workers:
        worker.join(timeout=60)
    stop.set()
    assert acknowledged == dict.fromkeys(range(8), 2)
    for _, second in given:
        assert is_whole(ops, second)
    ended_well(ops, [second for _, second in given])


def through(ops: Ops, endpoint: str, **settings: Any) -> Ops:
    """Give the site with its store behind a proxy, and with no local copy of anything."""
    mine = ops.settings.model_copy(update={"store_endpoint": endpoint, **settings})
    store = S3Store(mine)
    for sha256 in ops.store.objects():
        store._cache.drop(sha256)
    return replace(ops, settings=mine, store=store)


def struck(ops: Ops, work: Callable[[Ops], object], *, at: int = 0, fault: str = "", ever: bool = False, **settings: Any) -> Plan:
    """Do work with one request disturbed (``ever``: from that one on all), again if it says that the server failed; gives what came."""
    with disturbed(str(ops.settings.store_endpoint), at=at, fault=fault) as (endpoint, plan):
        if ever:
            once = plan.fault_of
            plan.fault_of = lambda request: fault if once(request) or len(plan.came) >= at else ""  # type: ignore[method-assign]
        try:
            work(through(ops, endpoint, **settings))
        except StoreUnreachable:
            if not ever:
                work(through(ops, endpoint, **settings))
    return plan


def test_any_one_failing_request_of_an_ingest_is_made_good(ops: Ops, tmp_path: Path) -> None:
    made = offered(tmp_path, 0)
    given, requests = [made], len(struck(ops, lambda mine: ingest(mine, made)).came)
    assert requests > 6
    rounds = [(at, FAULTS[(at + step) % len(FAULTS)]) for at in range(1, requests + 1) for step in (0, 2, 4)]
    for n, (at, fault) in enumerate(rounds, 1):
        given.append(offered(tmp_path, n))
        plan = struck(ops, lambda mine: ingest(mine, given[-1]), at=at, fault=fault)
        assert len(plan.came) >= at
        assert is_whole(ops, given[-1]), f"{fault} at {plan.came[at - 1]}"
    ended_well(ops, given[-len(FAULTS) :])


@pytest.mark.parametrize("fault", ["503", "reset", "lost"])
def test_a_server_that_fails_for_good_in_mid_ingest_leaves_nothing_of_it(ops: Ops, tmp_path: Path, fault: str) -> None:
    made = offered(tmp_path, 0)
    given, requests = [made], len(struck(ops, lambda mine: ingest(mine, made)).came)
    for at in range(1, requests + 1):
        given.append(offered(tmp_path, at))
        struck(ops, lambda mine: ingest(mine, given[-1]), at=at, fault=fault, ever=True, store_seconds=0.05)
        assert not is_whole(ops, given[-1])
    ended_well(ops, given)


def test_a_store_that_fails_once_is_no_finding_of_the_doctor(archive: Ops) -> None:
    scope = Scope(prefix=queries.observations(archive)[-1]["id"], deep=True)
    requests = len(struck(archive, lambda mine: doctor.audit(mine, scope)).came)
    for n, at in enumerate(range(1, requests, requests // (2 * len(ONCE)))):
        struck(archive, lambda mine: doctor.audit(mine, scope), at=at, fault=ONCE[n % len(ONCE)])
    assert finding_queries.findings(archive, states=()) == []


@pytest.mark.parametrize("check", ["C01", "C11"])
def test_a_store_that_is_away_is_not_taken_for_one_whose_objects_are_lost(archive: Ops, check: str) -> None:
    scope = Scope(prefix=queries.observations(archive)[-1]["id"], deep=True)

    def work(mine: Ops) -> None:
        doctor.audit(mine, scope, [check])

    doctor.load()
    requests = len(struck(archive, work).came)
    audits = len(finding_queries.trend(archive))
    for at in (1, requests):
        struck(archive, work, at=at, fault="503", ever=True, store_seconds=0.3)
    assert finding_queries.findings(archive, states=()) == []
    assert len(finding_queries.trend(archive)) == audits


def test_bytes_are_brought_back_though_a_request_fails(archive: Ops) -> None:
    row = next(one for one in queries.products(archive) if one["suffix"] == "uncal")
    (archive.settings.folder("inbox") / row["name"]).write_bytes(archive.store.path(row["sha256"]).read_bytes())
    scope = Scope(prefix=row["observation_id"], deep=True)
    requests = 0
    for n, fault in enumerate(("", *ONCE)):
        spoil(archive, row["sha256"])
        archive.clock.sleep(1)
        doctor.audit(archive, scope, ["C14"])
        archive.clock.sleep(1)
        came = len(struck(archive, repair_all, at=n * requests // (len(ONCE) + 1), fault=fault).came)
        requests = requests or came
        repair_all(archive)
        archive.store.verify(row["sha256"])
        assert finding_queries.findings(archive) == []
    assert len(finding_queries.story(archive, 1)["events"]) == 2 * (len(ONCE) + 1)


def repair_all(ops: Ops) -> None:
    """Repair what stands, if there is anything."""
    ids = [row["id"] for row in finding_queries.findings(ops)]
    plan = repairs.preview(ops, ids)
    if plan.rows:
        repairs.repair(ops, ids, ticket=plan.hash, reason="a copy is there")
