"""The engine's contract as a test class: a new engine subclasses it and gives the fixtures ``ops`` and ``run``."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.workflow import blackboard, queries
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import attempt, pause, step, use

Run = Callable[[Ops], object]
"""Runs an engine until nothing is ready or running."""


def plan(ops: Ops, *specs: StepSpec, cls: str = "science") -> None:
    """Plan steps of one workflow."""
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "v", specs, cls=cls)


def toy(kind: str, dataset: str, *needs: str, makes: bool = True, **params: Any) -> StepSpec:
    """Describe a toy step that makes one product, named like its dataset."""
    return StepSpec(kind=f"toy.{kind}", dataset=dataset, needs=needs, makes=(dataset,) if makes else (), params=params)


def states(ops: Ops) -> dict[str, str]:
    """Give the state of each dataset's step."""
    return {r["dataset"]: r["state"] for r in queries.steps(ops)}


def rows(ops: Ops, table: sa.Table) -> list[dict[str, Any]]:
    """Give all rows of a table."""
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


def change(ops: Ops, dataset: str, **values: Any) -> None:
    """Change a step's row as an act of a person does."""
    with ops.db.begin() as c:
        c.execute(sa.update(step).where(step.c.dataset == dataset).values(**values))


def again(ops: Ops, dataset: str, verb: str = "rescue", **values: Any) -> None:
    """Send a step round again, as a rescue does."""
    with ops.db.begin() as c:
        row = c.execute(sa.select(step).where(step.c.dataset == dataset)).one()
        blackboard.move(c, ops, verb, row, reason="test", owner=None, **values)
        blackboard.wake(c, ops, [row.id])


def paused(ops: Ops, scope: str, target: str, minutes: float | None = None) -> None:
    """Pause an engine, a workflow or a kind."""
    now = ops.clock.now()
    until = None if minutes is None else now + timedelta(minutes=minutes)
    with ops.db.begin() as c:
        c.execute(sa.insert(pause).values(scope=scope, target=target, actor="lead", reason="test", since=now, until=until))


class EngineContract:
    """What every engine must do.

    Subclass it in a test module and define two fixtures: ``ops``, an empty site whose ``step_modules`` are
    ``("dmsops.testing.toys",)`` with ``memory_floor_mb`` 200 and ``memory_factor`` 1, and ``run``, a function that
    takes the site and runs the engine until nothing is ready or running.
    """

    def test_a_chain_runs_and_its_products_are_in_the_store(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("write", "a"), toy("write", "b", "a"), toy("write", "c", "a", "b"))
        run(ops)
        assert states(ops) == {"a": "done", "b": "done", "c": "done"}
        product = next(r for r in queries.products(ops) if r["name"] == "c")
        assert ops.store.path(product["sha256"]).read_text() == "caba"

    def test_an_attempt_is_on_record_with_what_it_was_given_and_made(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("write", "a", seconds=0))
        change(ops, "a", changes={"seconds": 0.01})
        run(ops)
        (row,) = rows(ops, attempt)
        assert (row["kind"], row["outcome"], row["params"]) == ("toy.write", "done", {"seconds": 0.01})
        assert [name for name, _, _ in row["products"]] == ["a"]
        assert row["memory_mb"] == 200

    def test_a_failure_stops_only_what_follows_and_ends_in_words(self, ops: Ops, run: Run, tmp_path: Path) -> None:
        mended = tmp_path / "mended"
        plan(ops, toy("fail", "a", until=str(mended)), toy("write", "b", "a"), toy("write", "other"))
        run(ops)
        assert states(ops) == {"a": "failed", "b": "waiting", "other": "done"}
        assert rows(ops, step)[0]["fault"] == "the toy reference is missing"
        failed = rows(ops, attempt)[0]
        assert (failed["outcome"], failed["fault_class"]) == ("failed", "data")
        assert "toy.fail" in failed["fingerprint"]
        mended.touch()
        again(ops, "a")
        run(ops)
        assert states(ops) == {"a": "done", "b": "done", "other": "done"}

    @pytest.mark.parametrize(
        ("kind", "fault_class", "words"),
        [("silent", "data", "ended without making x"), ("die", "resource", "signal 9"), ("hasty", "resource", "ran longer than")],
    )
    def test_silence_death_and_delay_are_failures_in_words(self, ops: Ops, run: Run, kind: str, fault_class: str, words: str) -> None:
        plan(ops, toy(kind, "x", seconds=60))
        run(ops)
        (row,) = rows(ops, step)
        assert (row["state"], row["fault_class"]) == ("failed", fault_class)
        assert words in row["fault"]
        assert "P08" in row["remedy"]

    def test_a_kind_that_nobody_knows_fails_its_own_step_in_words_and_no_other(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("unheard_of", "x"), toy("write", "a"))
        run(ops)
        assert states(ops) == {"x": "failed", "a": "done"}
        row = next(r for r in rows(ops, step) if r["dataset"] == "x")
        assert (row["fault_class"], row["fault"]) == ("config", "no step is called 'toy.unheard_of' on this site")
        assert "step_modules" in row["remedy"]

    def test_a_step_that_takes_too_much_memory_is_stopped_and_runs_with_more(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("grow", "x", makes=False, mb=400, seconds=3))
        run(ops)
        (row,) = rows(ops, step)
        assert (row["state"], row["fault_class"]) == ("failed", "resource")
        assert "memory" in row["fault"]
        assert "more memory" in row["remedy"]
        again(ops, "x", memory_mb=2000)
        run(ops)
        assert states(ops) == {"x": "done"}

    def test_what_fails_for_a_passing_reason_is_tried_again_twice_and_no_more(self, ops: Ops, run: Run, tmp_path: Path) -> None:
        plan(ops, *(toy("flicker", str(n), makes=False, times=n, ledger=str(tmp_path / str(n))) for n in (2, 3)))
        run(ops)
        assert states(ops) == {"2": "done", "3": "failed"}
        assert {r["dataset"]: r["retries"] for r in rows(ops, step)} == {"2": 2, "3": 2}

    def test_work_that_a_step_plans_is_run_too(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("spawn", "s", makes=False))
        run(ops)
        assert states(ops) == {"s": "done", "spawned": "done"}

    def test_what_a_step_used_is_on_record_and_replaced_by_the_next_run(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("use", "u", makes=False, uses=["dark_1.fits", "mask_1.fits"]))
        run(ops)
        assert [r["name"] for r in rows(ops, use)] == ["dark_1.fits", "mask_1.fits"]
        again(ops, "u", changes={"uses": ["dark_2.fits"]})
        run(ops)
        assert [r["name"] for r in rows(ops, use)] == ["dark_2.fits"]

    def test_the_same_work_is_not_done_twice_unless_it_must_be_fresh(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("unique", "a"), toy("write", "b", "a"))
        run(ops)
        first = {r["name"]: r["sha256"] for r in queries.products(ops)}
        again(ops, "a")
        run(ops)
        assert states(ops) == {"a": "reused", "b": "done"}
        assert {r["name"]: r["sha256"] for r in queries.products(ops)} == first
        again(ops, "a", fresh=True)
        run(ops)
        assert states(ops)["a"] == "done"
        assert next(r for r in queries.products(ops) if r["name"] == "a")["version"] == 2

    @pytest.mark.parametrize(("scope", "target"), [("engine", "all"), ("workflow", "1"), ("kind", "toy.write")])
    def test_what_is_paused_does_not_start_until_the_pause_is_over(self, ops: Ops, run: Run, scope: str, target: str) -> None:
        plan(ops, toy("write", "a"))
        paused(ops, scope, target)
        run(ops)
        assert states(ops) == {"a": "ready"}
        with ops.db.begin() as c:
            c.execute(sa.update(pause).values(until=ops.clock.now()))
        run(ops)
        assert states(ops) == {"a": "done"}

    def test_the_journal_is_whole_after_all_that(self, ops: Ops, run: Run) -> None:
        plan(ops, toy("write", "a"), toy("silent", "b"))
        run(ops)
        with reading(ops.db) as c:
            assert journal.verify(c) is None
