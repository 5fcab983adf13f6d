"""Jobs: whose they are, what may be changed when, and that one whose runner died is run again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import NotFound, Refused, TooMany
from dmsops.distribution import uws, uws_running
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope
from dmsops.distribution.accounts import requester
from dmsops.ops import Ops
from dmsops.services import tap_runner
from tests import ending
from tests.vo import BASE

QUERY = (("QUERY", "SELECT schema_name FROM tap_schema.schemas ORDER BY 1"), ("LANG", "ADQL"))
READS = frozenset({Scope.READ})
ONE = Requester(name="one", kind=Kind.ASTRONOMER, scopes=READS)
LESS = Requester(name="one", kind=Kind.ASTRONOMER)
OTHER = Requester(name="other", kind=Kind.ASTRONOMER, scopes=READS)
SAME_NAME = Requester(name="one", kind=Kind.STAFF, scopes=READS)


def test_a_job_is_seen_by_its_owner_alone(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    assert [j.id for j in uws.jobs(ops, ONE)] == [job]
    for asker in (OTHER, SAME_NAME, LESS, ANONYMOUS):
        assert uws.jobs(ops, asker) == []
        for verb in (uws.get, uws.run, uws.abort, uws.delete, lambda o, a, j: uws.change(o, a, j, seconds=5)):
            with pytest.raises(NotFound):
                verb(ops, asker, job)
    assert uws.get(ops, ONE, job).phase == uws.PENDING


def test_an_anonymous_job_is_found_by_its_name_and_in_no_list(ops: Ops) -> None:
    job = uws.create(ops, ANONYMOUS, QUERY)
    assert len(job) == 32
    assert uws.get(ops, ANONYMOUS, job).parameters == QUERY
    assert uws.jobs(ops, ANONYMOUS) == []


@pytest.mark.parametrize("name", ["", "x", "../../etc/passwd", "0" * 31, "0" * 32 + "/..", "%", "0" * 32, "é" * 32])
def test_a_name_that_is_no_jobs_is_not_found(ops: Ops, name: str) -> None:
    with pytest.raises(NotFound):
        uws.get(ops, ANONYMOUS, name)


def test_a_job_can_be_changed_until_it_is_started(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.change(
        ops, ONE, job, parameters=[("query", "SELECT 1"), ("MAXREC", "5")], seconds=0, destruction=ops.clock.now() + timedelta(days=999)
    )
    got = uws.get(ops, ONE, job)
    assert got.parameters == (("LANG", "ADQL"), ("query", "SELECT 1"), ("MAXREC", "5"))
    assert got.seconds == uws.MOST_SECONDS
    assert got.destruction == ops.clock.now() + uws.LONGEST_KEPT
    uws.run(ops, ONE, job)
    with pytest.raises(Refused, match="only a PENDING one"):
        uws.change(ops, ONE, job, seconds=7)
    uws.change(ops, ONE, job, destruction=ops.clock.now() + timedelta(days=1))


def test_a_job_runs_to_its_result(ops: Ops) -> None:
    job = uws.create(ops, ONE, (*QUERY, ("RESPONSEFORMAT", "csv")))
    uws.run(ops, ONE, job)
    claimed = uws_running.claim(ops)
    assert claimed is not None
    assert uws_running.claim(ops) is None, "one runner has it"
    tap_runner.carry_out(ops, claimed, BASE)
    got = uws.get(ops, ONE, job)
    assert (got.phase, got.content_type, got.error) == (uws.COMPLETED, "text/csv;header=present", "")
    assert uws.result_path(ops, job).read_text().split() == ["schema_name", "caom2", "ivoa", "jwst", "tap_schema"]
    uws.delete(ops, ONE, job)
    assert list(uws.result_path(ops, job).parent.iterdir()) == []


def test_a_query_that_fails_ends_in_words(ops: Ops) -> None:
    job = uws.create(ops, ONE, (("QUERY", "SELECT x FROM y"),))
    uws.run(ops, ONE, job)
    tap_runner.carry_out(ops, uws_running.claim(ops), BASE)
    got = uws.get(ops, ONE, job)
    assert got.phase == uws.ERROR
    assert got.error.startswith("the query at line 1, column 15: there is no table 'y'")
    assert not uws.result_path(ops, job).exists()


def test_a_job_that_is_aborted_or_deleted_while_it_runs_leaves_no_result(ops: Ops) -> None:
    for end in (uws.abort, uws.delete):
        job = uws.create(ops, ONE, QUERY)
        uws.run(ops, ONE, job)
        claimed = uws_running.claim(ops)
        end(ops, ONE, job)
        assert not uws_running.beat(ops, claimed)
        tap_runner.carry_out(ops, claimed, BASE)
        assert not uws.result_path(ops, job).exists()
    assert [j.phase for j in uws.jobs(ops, ONE)] == [uws.ABORTED]


def test_a_job_sees_what_its_owner_may_see_when_it_runs(ops: Ops, tokens: Mapping[str, str]) -> None:
    pi = requester(ops, tokens["pi"])
    job = uws.create(ops, pi, QUERY)
    assert tap_runner._asker(ops, uws.get(ops, pi, job)) == pi
    anonymous = uws.create(ops, ANONYMOUS, QUERY)
    assert tap_runner._asker(ops, uws.get(ops, ANONYMOUS, anonymous)) == ANONYMOUS
    gone = uws.create(ops, OTHER, QUERY)

    ending.close(ops, "other", reason="left")
    assert tap_runner._asker(ops, uws.get(ops, OTHER, gone)) == ANONYMOUS


def test_jobs_past_their_time_are_swept(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.run(ops, ONE, job)
    tap_runner.carry_out(ops, uws_running.claim(ops), BASE)
    ops.clock.advance(uws.KEPT)
    with pytest.raises(NotFound):
        uws.get(ops, ONE, job)
    uws_running.sweep(ops)
    assert not uws.result_path(ops, job).exists()


def test_a_result_without_its_job_is_tidied_away(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.run(ops, ONE, job)
    tap_runner.carry_out(ops, uws_running.claim(ops), BASE)
    uws.result_path(ops, "f" * 32).write_bytes(b"left over")
    uws.seen_path(ops, "e" * 32).write_bytes(b"left over")
    uws_running.tidy(ops)
    assert {path.name for path in uws.result_path(ops, job).parent.iterdir()} == {f"{job}.result", f"{job}.seen"}


def _claim_and_die(site: str, now: str) -> None:
    from datetime import datetime

    from dmsops.core.clock import SimulatedClock
    from dmsops.core.people import Person, Role
    from dmsops.ops import connect

    other = connect(site, operator=Person("tester", Role.LEAD), clock=SimulatedClock(datetime.fromisoformat(now)))
    uws_running.claim(other)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_job_whose_runner_is_killed_is_run_again_and_no_third_time(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.run(ops, ONE, job)
    for told in (uws_running.AGAIN, uws_running.DIED_TWICE):
        runner = multiprocessing.get_context("spawn").Process(
            target=_claim_and_die, args=(str(ops.settings.site), ops.clock.now().isoformat())
        )
        runner.start()
        runner.join(60)
        assert runner.exitcode == -signal.SIGKILL
        uws_running.sweep(ops)
        assert uws.get(ops, ONE, job).phase == uws.EXECUTING, "it may be alive yet"
        ops.clock.advance(uws_running.DEAD + timedelta(seconds=1))
        uws_running.sweep(ops)
        assert uws.get(ops, ONE, job).error == told
    assert uws.get(ops, ONE, job).phase == uws.ERROR


def test_a_job_that_is_run_again_ends_as_if_nothing_had_been(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.run(ops, ONE, job)
    uws_running.claim(ops)
    ops.clock.advance(timedelta(minutes=5))
    uws_running.sweep(ops)
    tap_runner.carry_out(ops, uws_running.claim(ops), BASE)
    got = uws.get(ops, ONE, job)
    assert (got.phase, got.error) == (uws.COMPLETED, "")


def test_a_runner_thought_dead_that_ends_first_has_its_result_kept(ops: Ops) -> None:
    job = uws.create(ops, ONE, QUERY)
    uws.run(ops, ONE, job)
    late = uws_running.claim(ops)
    ops.clock.advance(timedelta(minutes=5))
    uws_running.sweep(ops)
    again = uws_running.claim(ops)
    for runner in (late, again):
        tap_runner.carry_out(ops, runner, BASE)
        assert uws.get(ops, ONE, job).phase == uws.COMPLETED
        assert b"tap_schema" in uws.result_path(ops, job).read_bytes()
        assert uws.seen_path(ops, job).exists()


def test_nobody_keeps_too_many_jobs(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uws, "MOST_JOBS", 3)
    for _ in range(3):
        uws.create(ops, ONE, QUERY)
    with pytest.raises(TooMany, match="there are 3 jobs of astronomer:one already"):
        uws.create(ops, ONE, QUERY)
    uws.create(ops, OTHER, QUERY)


ORDER = {uws.PENDING: 0, uws.QUEUED: 1, uws.EXECUTING: 2, uws.COMPLETED: 3, uws.ERROR: 3, uws.ABORTED: 3}
acts = st.lists(st.sampled_from(["run", "abort", "claim", "complete", "fail", "change", "beat"]), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
def test_a_job_only_goes_forward_and_ends_once(ops: Ops, acts: list[str]) -> None:
    job = uws.create(ops, ONE, QUERY)
    held = uws.get(ops, ONE, job)
    phases = [held.phase]
    verbs: dict[str, Callable[[], object]] = {
        "run": lambda: uws.run(ops, ONE, job), "abort": lambda: uws.abort(ops, ONE, job), "claim": lambda: uws_running.claim(ops),
        "complete": lambda: uws_running.complete(ops, held, "x"), "fail": lambda: uws_running.fail(ops, held, "no"),
        "change": lambda: uws.change(ops, ONE, job, seconds=9), "beat": lambda: uws_running.beat(ops, held),
    }  # fmt: skip
    for act in acts:
        with suppress(Refused):
            verbs[act]()
        phases.append(uws.get(ops, ONE, job).phase)
    ranks = [ORDER[phase] for phase in phases]
    assert ranks == sorted(ranks)
    assert len({phase for phase in phases if ORDER[phase] == 3}) <= 1
    uws.delete(ops, ONE, job)
