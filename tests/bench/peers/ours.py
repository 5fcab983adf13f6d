"""Ours: a site on SQLite as shipped, the local engine, two workers."""

from __future__ import annotations

from dmsops.ops import Ops, connect, create_site
from dmsops.workflow import blackboard
from dmsops.workflow.engines import local
from dmsops.workflow.steps import StepSpec
from tests.bench.peers import ledger

KIND = "bench.nothing"
STEPS = "tests.bench.peers.nothing"


def main() -> None:
    """Plan the chains (those planned before stay as they are) and run them."""
    task = ledger.given()
    create_site(task.folder / "site", step_modules=[STEPS], preload=STEPS, workers=2, kept_slots=0)
    ops = connect(task.folder / "site")
    plan(ops, task)
    local.run(ops)


def plan(ops: Ops, task: ledger.Task) -> None:
    """Plan every chain in one transaction."""
    specs = []
    for chain in range(task.chains):
        before: tuple[str, ...] = ()
        for number in range(task.length):
            spec = StepSpec(kind=KIND, dataset=f"{chain}.{number}", params={"ledger": task.ledger}, after=before)
            before = (spec.key_of("BENCH/chains"),)
            specs.append(spec)
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "BENCH", "chains", specs)


if __name__ == "__main__":
    main()
