"""The record of runs cannot be changed unseen."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.errors import BadTransition, NotAllowed, NotFound
from dmsops.core.people import Person, Role
from dmsops.procedures import queries, record
from dmsops.procedures.tables import procedure_run


def closed(ops, number, outcome="completed"):
    run_id = record.begin(ops, "P77", {"n": number}, dry_run=False, reason="because")
    draft = record.draft_of(ops, run_id)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(json.dumps({"cells": [number]}))
    return record.close(ops, run_id, outcome, notebook=draft)


def test_a_run_is_kept_with_its_notebook_and_journalled(ops):
    run = closed(ops, 1)
    kept = ops.settings.folder("runs") / run.notebook
    assert kept.name == "000001_p77.ipynb"
    assert kept.stat().st_mode & 0o777 == 0o444
    with ops.db.begin() as c:
        events = [r.event for r in c.execute(sa.select(journal.journal.c.event)).all()]
    assert events[-2:] == ["procedure.begun", "procedure.ended"]


def test_an_untouched_record_verifies(ops):
    for number in range(4):
        closed(ops, number)
    assert record.verify(ops) == []


def test_a_changed_row_is_found(ops):
    closed(ops, 1), closed(ops, 2), closed(ops, 3)
    with ops.db.begin() as c:
        c.execute(sa.update(procedure_run).where(procedure_run.c.id == 2).values(reason="another"))
    assert record.verify(ops) == ["run 2: its record was changed"]


def test_a_removed_row_is_found(ops):
    closed(ops, 1), closed(ops, 2), closed(ops, 3)
    with ops.db.begin() as c:
        c.execute(sa.delete(procedure_run).where(procedure_run.c.id == 2))
    assert record.verify(ops) == ["run 3: the run before it is missing from the chain"]


def test_a_changed_or_removed_notebook_is_found(ops):
    first, second = closed(ops, 1), closed(ops, 2)
    folder = ops.settings.folder("runs")
    (folder / first.notebook).chmod(0o644)
    (folder / first.notebook).write_text("{}")
    (folder / second.notebook).unlink()
    assert [t.split(": ")[0] for t in record.verify(ops)] == ["run 1", "run 2"]


def test_a_closed_run_is_not_closed_again(ops):
    run = closed(ops, 1)
    with pytest.raises(BadTransition, match="closed already"):
        record.close(ops, run.id, "failed")


def test_an_ended_run_is_signed_once_and_only_by_those_who_may(ops):
    run = closed(ops, 1)
    with pytest.raises(NotAllowed):
        record.sign(ops.as_person(Person("guest", Role.VIEWER)), run.id)
    assert queries.runs(ops, unsigned=True)[0]["id"] == run.id
    assert record.sign(ops, run.id, remark="all well").signed_by == "lead"
    assert queries.runs(ops, unsigned=True) == []
    with pytest.raises(BadTransition, match="signed by lead"):
        record.sign(ops, run.id)
    assert record.verify(ops) == []


def test_a_running_run_is_not_signed(ops):
    run_id = record.begin(ops, "P77", {}, dry_run=True, reason="")
    with pytest.raises(BadTransition, match="still running"):
        record.sign(ops, run_id)


def test_a_run_resumes_only_itself_and_only_when_it_did_not_complete(ops):
    done, failed = closed(ops, 1), closed(ops, 2, "failed")
    with pytest.raises(BadTransition, match="nothing to resume"):
        record.begin(ops, "P77", {"n": 1}, dry_run=False, reason="r", resumes=done.id)
    with pytest.raises(BadTransition, match="other parameters"):
        record.begin(ops, "P77", {"n": 3}, dry_run=False, reason="r", resumes=failed.id)
    assert record.begin(ops, "P77", {"n": 2}, dry_run=False, reason="r", resumes=failed.id) == 3
    with pytest.raises(NotFound):
        record.begin(ops, "P77", {}, dry_run=False, reason="r", resumes=99)


def test_a_result_recorded_in_a_resumed_run_counts(ops):
    first = record.begin(ops, "P77", {}, dry_run=False, reason="r")
    record.step_begun(ops, first, "take")
    assert record.step_result(ops, first, "take") is None
    record.step_ended(ops, first, "take", {"n": 3})
    record.close(ops, first, "interrupted")
    second = record.begin(ops, "P77", {}, dry_run=False, reason="r", resumes=first)
    assert record.step_result(ops, second, "take") == {"n": 3}
    assert record.step_result(ops, second, "give") is None
    assert queries.steps(ops, first)[0]["name"] == "take"


def test_a_run_whose_process_was_killed_is_closed_as_lost(ops):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = record.begin(ops, "P77", {}, dry_run=True, reason="")
    lost = record.begin(ops, "P77", {}, dry_run=True, reason="")
    with ops.db.begin() as c:
        c.execute(sa.update(procedure_run).where(procedure_run.c.id == lost).values(pid=gone.pid))
    assert record.close_lost(ops) == [lost]
    assert record.get(ops, lost).outcome == "lost"
    assert record.get(ops, mine).outcome == "running"


def test_a_close_that_was_cut_short_after_the_notebook_goes_on(ops):
    run_id = record.begin(ops, "P77", {}, dry_run=True, reason="")
    kept = ops.settings.folder("runs") / f"{run_id:06d}_p77.ipynb"
    kept.write_text("whole")
    draft = record.draft_of(ops, run_id)
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text("whole")
    assert record.close(ops, run_id, "completed", notebook=draft).notebook == kept.name
