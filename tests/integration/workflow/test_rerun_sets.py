"""What a rescue's preview says runs again is what the engines run again, over random graphs of steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from dmsops.ops import Ops
from dmsops.workflow import queries, rescue
from dmsops.workflow.engines import local
from dmsops.workflow.engines.htcondor import dag
from dmsops.workflow.engines.htcondor import engine as htcondor
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.pool import Pool
from dmsops.workflow.steps import StepSpec
from tests.acts import plan
from tests.integration.workflow.conftest import MakeOps
from tests.waiting import until

NAMES = ("DET1", "ON", "NIRCAM_E", "E0", "DONE", "x")
"""Names that begin as HTCondor's word DONE does are those that a careless reader of rescue files mangles."""
Graph = tuple[list[tuple[int, ...]], set[int]]
_NUMBERS = count()


def few(examples: int) -> Any:
    """Try so many examples; every one costs seconds, so none is made smaller and the small sizes are drawn as they are."""
    phases = (Phase.explicit, Phase.generate)
    return settings(max_examples=examples, phases=phases, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw for each step which earlier steps it uses, and which steps are to be made again."""
    size = draw(st.integers(2, len(NAMES)))
    parents = [tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))) if i else () for i in range(size)]
    return parents, draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=2))


FORESTS = st.lists(graphs(), min_size=3, max_size=3)
"""Several graphs at once: an engine runs them side by side in the time of one."""


def _flow(kind: str, run: str, parents: list[tuple[int, ...]], ledger: Path) -> list[StepSpec]:
    return [
        StepSpec(
            kind=kind, dataset=f"{NAMES[i]}-{run}", makes=(f"{NAMES[i]}-{run}.txt",), needs=tuple(f"{NAMES[p]}-{run}.txt" for p in uses),
            params={"ledger": str(ledger)},
        )
        for i, uses in enumerate(parents)
    ]  # fmt: skip


class Rerun:
    """A forest that has run once, whose chosen steps were then made again."""

    def __init__(self, ops: Ops, run: Callable[[Ops], object], kind: str, forest: list[Graph]) -> None:
        self.ledger = ops.settings.folder("work") / f"ledger-{next(_NUMBERS)}"
        self.ids = []
        for parents, _ in forest:
            name = str(next(_NUMBERS))
            self.ids.append(plan(ops, _flow(kind, name, parents, self.ledger), dataset=name))
        run(ops)
        first = self.ran(ops)
        assert sorted(first) == sorted(i for ids in self.ids for i in ids)
        self.chosen = {ids[i] for ids, (_, chosen) in zip(self.ids, forest, strict=True) for i in chosen}
        planned = rescue.plan(ops, self.chosen, remake=True)
        self.said = {t.step_id for t in planned.again}
        rescue.rescue(ops, steps=self.chosen, remake=True, reason="test", ticket=planned.hash)
        run(ops)
        self.again = self.ran(ops)[len(first) :]
        assert len(self.again) == len(set(self.again)), "a step ran twice"

    def ran(self, ops: Ops) -> list[int]:
        """Give the steps that ran, as they signed the ledger; all must have ended well."""
        rows = [r for r in queries.steps(ops) if r["id"] in {i for ids in self.ids for i in ids}]
        assert {r["dataset"]: r["fault"] for r in rows if r["state"] not in {"done", "reused"}} == {}
        numbers = {r["dataset"]: r["id"] for r in rows}
        return [numbers[line.split()[0]] for line in self.ledger.read_text().splitlines()]


@few(2)
@given(forest=FORESTS)
def test_the_embedded_engine_runs_again_what_the_preview_says(ops: Ops, forest: list[Graph]) -> None:
    rerun = Rerun(ops, local.run, "toy.unique", forest)
    assert set(rerun.again) == rerun.said


@few(2)
@given(forest=FORESTS)
def test_where_the_rebuilt_bytes_are_the_same_nothing_more_runs(ops: Ops, forest: list[Graph]) -> None:
    rerun = Rerun(ops, local.run, "toy.write", forest)
    assert set(rerun.again) == rerun.chosen <= rerun.said
    assert {p["version"] for p in queries.products(ops, current=False)} == {1}


@pytest.mark.parametrize("database", [""])
@few(2)
@given(forest=FORESTS)
def test_the_condor_engine_runs_again_what_the_preview_says(
    database: str, make_ops: MakeOps, condor_pool: object, forest: list[Graph]
) -> None:
    ops = make_ops(engine="htcondor", reconcile_seconds=1.0)
    rerun = Rerun(ops, htcondor.run, "toy.unique", forest)
    assert set(rerun.again) == rerun.said


@pytest.mark.parametrize("database", [""])
@few(3)
@given(forest=FORESTS)
@example(forest=[([(), (0,), (0,), (1, 2), (3,), ()], {2, 5})])
def test_dagman_runs_again_from_our_rescue_file_what_the_preview_says(
    database: str, make_ops: MakeOps, condor_pool: object, tmp_path: Path, forest: list[Graph]
) -> None:
    ops = make_ops()
    rerun = Rerun(ops, local.run, "toy.unique", forest)
    nodes = [
        Node(step_id=ids[i], kind=NAMES[i], rank=0, before=frozenset(ids[p] for p in uses))
        for ids, (parents, _) in zip(rerun.ids, forest, strict=True)
        for i, uses in enumerate(parents)
    ]
    ran = dagman(ops, Path(tempfile.mkdtemp(dir=tmp_path)), nodes, {n.name for n in nodes if n.step_id not in rerun.said})
    assert len(ran) == len(set(ran))
    assert set(ran) == rerun.said == set(rerun.again)


def dagman(ops: Ops, folder: Path, nodes: list[Node], done: set[str]) -> list[int]:
    """Have DAGMan run a batch from our rescue file; give the steps that ran, in order."""
    sign = ["/bin/sh", "-c", f"echo $(step) >> {folder}/ran"]
    for name, text in {
        dag.DAG: dag.dag_text(nodes),
        dag.SUBMIT: dag.submit_text(argv=sign, environment={}, attributes={}),
        dag.CONFIG: dag.config_text(),
        dag.RESCUE: dag.rescue_text(done),
    }.items():
        (folder / name).write_text(text)
    pool = Pool(ops)
    pool.submit(folder, 1)
    until(lambda: not pool.jobs())
    return [int(word) for word in (folder / "ran").read_text().split()]
