"""Large requests as eyes read them: the database counts their files, and says the state that they are in now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.distribution import staging
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.tables import staging as table
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.staged import found

ADA, BEN = (Requester(name=name, kind=Kind.ASTRONOMER, scopes=frozenset({Scope.SUBSCRIBE})) for name in ("ada", "ben"))


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START, **({"database": database} if database else {}))
    yield opened
    opened.db.dispose()


def test_requests_are_listed_with_their_numbers_and_state(ops: Ops) -> None:
    old, _ = staging.make(ops, ADA, ["one"], found)
    with ops.db.begin() as c:
        ready = {"state": staging.READY, "expires_at": START + timedelta(hours=1)}
        c.execute(sa.update(table).where(table.c.id == old.id).values(**ready))
    ops.clock.advance(timedelta(minutes=30))  # type: ignore[attr-defined]
    staging.make(ops, BEN, ["one", "two", "gone"], found)
    shown = [(row["owner"], row["state"], row["files"], row["refused"], row["size"]) for row in staging.requests(ops)]
    assert shown == [("ben", "requested", 2, 1, 20), ("ada", "ready", 1, 0, 10)]
    assert staging.counts(ops) == {"requested": 1, "ready": 1, "ended": 0, "bytes": 10}
    ops.clock.advance(timedelta(minutes=30))  # type: ignore[attr-defined]
    assert [row["state"] for row in staging.requests(ops, owner="ada")] == ["ended"]
    assert [row["owner"] for row in staging.requests(ops, state=staging.ENDED)] == ["ada"]
    assert staging.requests(ops, state=staging.READY) == []
    assert staging.counts(ops) == {"requested": 1, "ready": 0, "ended": 1, "bytes": 0}


def test_a_request_that_ended_long_ago_is_forgotten_when_the_next_is_made(ops: Ops) -> None:
    old, _ = staging.make(ops, ADA, ["one"], found)
    staging.end(ops, ADA, old.id)
    staging.make(ops, ADA, ["one"], found)  # waits for ever: it has no end
    ops.clock.advance(staging.KEPT)  # type: ignore[attr-defined]
    staging.make(ops, BEN, ["one"], found)
    assert len(staging.requests(ops)) == 3, "it ended just so long ago"
    ops.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    staging.make(ops, BEN, ["one"], found)
    assert [row["owner"] for row in staging.requests(ops)] == ["ben", "ben", "ada"]
