"""The record of access: written before the answer, many together, and never answered without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dmsops.core.db import transact
from dmsops.distribution import audit
from dmsops.distribution.access import ANONYMOUS, Rights, Verdict
from dmsops.distribution.audit import Access, Recorder
from dmsops.ops import Ops

YES, NO = Verdict(allowed=True, rights=Rights.PUBLIC, why="public"), Verdict(allowed=False, rights=Rights.EXCLUSIVE, why="exclusive")


def access(n: int, verdict: Verdict = YES) -> Access:
    return Access(requester=ANONYMOUS, address="127.0.0.1", route="download", uri=f"mast:JWST/product/{n}.fits", verdict=verdict, size=10)


def test_every_access_of_many_threads_is_written_once_and_before_it_returns(ops: Ops) -> None:
    recorder = Recorder(ops)

    def one(n: int) -> bool:
        recorder.record(access(n))
        return bool(audit.records(ops, uris=[f"mast:JWST/product/{n}.fits"]))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(200)))
    uris = [row["uri"] for row in audit.records(ops, limit=1000)]
    assert len(uris) == len(set(uris)) == 200


def test_those_that_wait_for_the_database_are_written_together(ops: Ops) -> None:
    recorder = Recorder(ops)
    commits: list[sa.Connection] = []
    sa.event.listen(ops.db, "commit", commits.append)
    with ThreadPoolExecutor(8) as pool, recorder._turn:
        waiting = [pool.submit(recorder.record, access(n)) for n in range(8)]
        while len(recorder._waiting) < 8:
            pass
        recorder._write()
    assert all(done.exception() is None for done in waiting)
    assert len(commits) == 1
    assert len(audit.records(ops)) == 8


def test_what_could_not_be_written_is_an_error_to_everyone_who_waited(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit, "transact", full)
    recorder = Recorder(ops)
    with ThreadPoolExecutor(4) as pool:
        failures = [f.exception() for f in [pool.submit(recorder.record, access(n)) for n in range(12)]]
    assert all(isinstance(failure, OSError) for failure in failures)
    monkeypatch.setattr(audit, "transact", transact)
    recorder.record(access(1))
    assert len(audit.records(ops)) == 1


def test_a_refusal_has_its_reason_and_no_size(ops: Ops) -> None:
    since = ops.clock.now()
    Recorder(ops).record(access(1), access(2, NO))
    refused, given = audit.records(ops)
    assert (refused["verdict"], refused["why"], refused["size"]) == ("denied", "exclusive", None)
    assert (given["verdict"], given["size"]) == ("granted", 10)
    assert audit.counts(ops, since) == {"granted": 1, "denied": 1, "bytes": 10}
    assert audit.counts(ops, since + timedelta(seconds=1)) == {"bytes": 0}
    assert [row["id"] for row in audit.records(ops, before=refused["id"])] == [given["id"]]
    assert audit.records(ops, verdict="denied") == [refused]
