"""Acts on the blackboard that several tests need: plan, take, finish, look."""

from __future__ import annotations

from pathlib import Path

from dmsops.ops import Ops
from dmsops.workflow import blackboard, lease, queries
from dmsops.workflow.lease import Ending
from dmsops.workflow.steps import Diagnosis, StepSpec

CHAIN = [
    StepSpec(kind="toy.write", dataset="a", makes=("a.txt",)),
    StepSpec(kind="toy.write", dataset="b", needs=("a.txt",), makes=("b.txt",)),
    StepSpec(kind="toy.write", dataset="c", needs=("a.txt", "b.txt"), makes=("c.txt",)),
]
WHY = Diagnosis(fault_class="data", sentence="the toy broke", remedy="mend it (P08)")


def plan(ops: Ops, specs: list[StepSpec], dataset: str = "v") -> list[int]:
    with ops.db.begin() as c:
        return blackboard.submit(c, ops, "SCIENCE", dataset, specs)


def take(ops: Ops, count: int = 1, owner: str = "me") -> list[lease.Claim]:
    with ops.db.begin() as c:
        return lease.claim(c, ops, owner, count, lambda _: Path("log"))


def states(ops: Ops) -> dict[str, str]:
    return {r["dataset"]: r["state"] for r in queries.steps(ops)}


def finish(ops: Ops, item: lease.Claim, owner: str = "me", sha: str = "") -> bool:
    """End a step well, its products stored for real (or recorded as having the sum ``sha``)."""
    products = []
    for name in item.makes:
        path = ops.settings.folder("work") / name
        path.write_text(f"{name} {item.step_id}")
        products.append((name, sha or ops.store.put(path), 1))
    with ops.db.begin() as c:
        return lease.finish(c, ops, owner, item, Ending(products=tuple(products)))


def fail(ops: Ops, item: lease.Claim) -> bool:
    with ops.db.begin() as c:
        return lease.fail(c, ops, "me", item, WHY, "toy | E | f")
