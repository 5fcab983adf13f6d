"""What a rescue's preview says runs again is what the engine runs again, over random graphs of steps."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.ops import Ops
from dmsops.workflow import queries, rescue
from dmsops.workflow.engines import local
from dmsops.workflow.steps import StepSpec
from tests.acts import plan

FEW = settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ("DET1", "ON", "NIRCAM_E", "E0", "DONE", "x")
"""Names that begin as HTCondor's word DONE does are those that a careless reader of rescue files mangles."""


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], set[int]]:
    """Draw for each step which earlier steps it uses, and which steps are to be made again."""
    count = draw(st.integers(2, len(NAMES)))
    parents = [tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=2)))) if i else () for i in range(count)]
    return parents, draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=2))


def _flow(kind: str, run: str, parents: list[tuple[int, ...]], ledger: Path) -> list[StepSpec]:
    return [
        StepSpec(
            kind=kind, dataset=f"{NAMES[i]}-{run}", makes=(f"{NAMES[i]}-{run}.txt",), needs=tuple(f"{NAMES[p]}-{run}.txt" for p in uses),
            params={"ledger": str(ledger)},
        )
        for i, uses in enumerate(parents)
    ]  # fmt: skip


def _started(ledger: Path) -> list[str]:
    return [line.split()[0] for line in ledger.read_text().splitlines()]


def _again(ops: Ops, kind: str, tmp_path: Path, graph: tuple[list[tuple[int, ...]], set[int]]) -> tuple[set[str], set[str], set[str]]:
    """Run a graph, make the chosen steps again; give what was chosen, what the preview said, and what ran."""
    parents, chosen = graph
    run = str(len(list(tmp_path.glob("*.ledger"))))
    ledger = tmp_path / f"{run}.ledger"
    ids = plan(ops, _flow(kind, run, parents, ledger), dataset=run)
    local.run(ops)
    first = _started(ledger)
    assert len(first) == len(parents)
    steps = [ids[i] for i in chosen]
    planned = rescue.plan(ops, steps, remake=True)
    rescue.rescue(ops, steps=steps, remake=True, reason="test", ticket=planned.hash)
    local.run(ops)
    assert {r["state"] for r in queries.steps(ops, workflow_dataset=run)} <= {"done", "reused"}
    ran = _started(ledger)[len(first) :]
    assert len(ran) == len(set(ran))
    return {f"{NAMES[i]}-{run}" for i in chosen}, {t.dataset for t in planned.again}, set(ran)


@FEW
@given(graph=graphs())
def test_the_engine_runs_again_what_the_preview_says(ops: Ops, tmp_path: Path, graph: tuple[list[tuple[int, ...]], set[int]]) -> None:
    _, said, ran = _again(ops, "toy.unique", tmp_path, graph)
    assert ran == said


@FEW
@given(graph=graphs())
def test_where_the_rebuilt_bytes_are_the_same_nothing_more_runs(
    ops: Ops, tmp_path: Path, graph: tuple[list[tuple[int, ...]], set[int]]
) -> None:
    chosen, said, ran = _again(ops, "toy.write", tmp_path, graph)
    assert chosen <= said
    assert ran == chosen
    assert {p["version"] for p in queries.products(ops, current=False)} == {1}
