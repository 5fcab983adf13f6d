"""Kill -9 of the doctor at any moment, auditing or repairing, held against a site on which it was left alone."""

from __future__ import annotations

import shutil
import signal
from itertools import pairwise
from typing import Any

from dmsops.archive import finding_queries, queries
from dmsops.archive.finding_states import STANDING, TRANSITIONS
from dmsops.catalogue.registry import Scope
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.flows import doctor, repairs
from dmsops.ops import Ops
from dmsops.receipt import sweep
from dmsops.testing.defects import DEFECTS
from tests import archive_killing
from tests.grounds import Ground, spoil, statements
from tests.struck import Alone, Work, child, end_and_audit, preload

REPAIRABLE = ("C41", "C45", "C50", "C52")
NOT_REPAIRABLE = "C46"
_FOLLOWS = {(before.value, after.value) for verb in TRANSITIONS.values() for before in verb[0] for after in verb[1:]}
_STANDING = {state.value for state in STANDING}


def sick(ground: Ground) -> Work:
    """Make an archive with defects of every kind of repair, and one that is none, and give the doctor's work on copies of it."""
    ops = ground.archive()
    for number in (*REPAIRABLE, NOT_REPAIRABLE):
        DEFECTS[number](ops)
    damaged = queries.products(ops)[-1]
    shutil.copy(ops.store.path(damaged["sha256"]), ops.settings.folder("inbox") / damaged["name"])
    spoil(ops, damaged["sha256"])
    ops.store.remove(queries.observations(ops)[0]["xml_sha256"])
    return Work(do=work, given=lambda _: damaged["sha256"], state=state, audit=audit, site=lambda folder: ground.like(ops, folder))


def work(ops: Ops, _: str) -> None:
    """Audit, repair what can be, and audit again; given again it goes on where it stopped."""
    doctor.audit(ops, Scope(deep=True))
    ids = [row["id"] for row in finding_queries.findings(ops)]
    plan = repairs.preview(ops, ids)
    if plan.rows:
        report = repairs.repair(ops, ids, ticket=plan.hash, reason="the doctor can")
        assert report.failed == report.still_there == ()
        doctor.audit(ops, Scope(deep=True))


def state(ops: Ops) -> dict[str, Any]:
    """Give what an undisturbed site has and a disturbed one must: the archive's own, and what still stands of the findings."""
    findings_are_consistent(ops)
    left = [(row["check"], row["uri"], row["state"]) for row in finding_queries.findings(ops, states=sorted(_STANDING))]
    return archive_killing.state(ops) | {"findings": left}


def findings_are_consistent(ops: Ops) -> None:
    """See that each finding's history leads, by changes that there are, to where it stands, and that the journal is whole."""
    with reading(ops.db) as c:
        assert journal.verify(c) is None
    for row in finding_queries.findings(ops, states=()):
        told = [event["state"] for event in finding_queries.story(ops, row["id"])["events"]]
        assert (told[0], told[-1]) == ("open", row["state"])
        assert set(pairwise(told)) <= _FOLLOWS
        assert told.count("open") == row["times"]


def audit(ops: Ops, damaged: str) -> None:
    """See that the doctor finds no more than it has written down, that all defects were repaired, and that all bytes are there."""
    archive_killing.audit(ops, None)
    standing = {row["uri"] for row in finding_queries.findings(ops)}
    assert {one.uri for one in doctor.examine(ops, Scope(deep=True)).findings} == standing
    fixed = {row["check"] for row in finding_queries.findings(ops, states=["fixed"])}
    assert fixed >= {*REPAIRABLE, "C11", "C14"}
    ops.store.verify(damaged)


def versions(ops: Ops) -> list[str]:
    """Give the sums of all versions."""
    return [row["sha256"] for row in queries.products(ops, superseded=True)]


def kill_at_statements(alone: Alone, turns: int) -> None:
    """Kill the doctor before statements (and commits) all over what it writes, each on a site of its own; then let it finish, and audit."""
    ops = alone.work.site(alone.place / "counted")
    with statements(ops, writing=True) as made:
        work(ops, alone.work.given(ops))
    _gone(ops)
    for turn in range(turns):
        _kill_and_audit(alone, 1 + turn * (len(made) - 1) // max(1, turns - 1))


def _kill_and_audit(alone: Alone, at: int) -> None:
    ops = alone.work.site(alone.place / f"killed{at}")
    given, lost, kept = alone.work.given(ops), sweep.plan(ops).without_bytes, versions(ops)
    one = child(ops, _killed, (given, at))
    one.join()
    assert one.exitcode == -signal.SIGKILL
    findings_are_consistent(ops)
    assert set(kept) <= set(versions(ops)), "a version is lost"
    assert set(sweep.plan(ops).without_bytes) <= set(lost), "bytes are lost"
    end_and_audit(ops, alone, given)


def _killed(ops: Ops, given: tuple[str, int]) -> None:
    with statements(ops, given[1], writing=True):
        work(ops, given[0])


def _gone(ops: Ops) -> None:
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)


doctor.load()
preload(__name__)
