"""Toy steps for tests of engines: real processes, trivial work (a site names this module in ``step_modules``)."""

from __future__ import annotations

import os
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import StepFailed
from dmsops.workflow.steps import Job, Outcome, StepSpec, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_MEGABYTE = 2**20


@step("toy.write", title="Write toy products", estimate_seconds=1, memory_mb=50)
def write(ops: Ops, job: Job) -> Outcome:
    """Write each product: its name and what came in; leaves a line in the ledger named by ``params``."""
    sign(job)
    time.sleep(job.params.get("seconds", 0))
    for name in job.makes:
        (job.folder / name).write_text(name + "".join(p.read_text() for p in job.inputs.values()))
    return Outcome(products=job.makes, metrics={"inputs": len(job.inputs)})


def sign(job: Job) -> None:
    """Write down outside the site that the step ran, and as which process."""
    if "ledger" in job.params:
        with Path(job.params["ledger"]).open("a", encoding="utf-8") as file:
            file.write(f"{job.dataset} {os.getpid()}\n")


@step("toy.unique", title="Write products that are never the same again", estimate_seconds=1, memory_mb=50)
def unique(ops: Ops, job: Job) -> Outcome:
    """Write bytes that differ at every run: what is published twice has two versions."""
    sign(job)
    time.sleep(job.params.get("seconds", 0))
    for name in job.makes:
        (job.folder / name).write_text(uuid.uuid4().hex)
    return Outcome(products=job.makes)


@step("toy.brief", title="Write products in a warm process", memory_mb=50, light=True)
def brief(ops: Ops, job: Job) -> Outcome:
    """Do as ``params["as"]`` says: die or fail; else write bytes that differ at every run."""
    does = job.params.get("as", "unique")
    if does != "unique":
        sign(job)
    return {"unique": unique, "die": die, "fail": fail, "silent": silent}[does](ops, job)


@step("toy.use", title="Say what it used", memory_mb=50)
def use(ops: Ops, job: Job) -> Outcome:
    """Use what ``params`` names."""
    return Outcome(uses=tuple(job.params["uses"]))


@step("toy.fail", title="Fail until a file appears")
def fail(ops: Ops, job: Job) -> Outcome:
    """Fail with plain words until the file named by ``params`` exists."""
    if not Path(job.params["until"]).exists():
        raise StepFailed("the toy reference is missing")
    return write(ops, job)


@step("toy.flicker", title="Fail for a passing reason, so many times")
def flicker(ops: Ops, job: Job) -> Outcome:
    """Fail as an unreachable disk does until the ledger has ``times`` lines."""
    sign(job)
    if len(Path(job.params["ledger"]).read_text(encoding="utf-8").splitlines()) <= job.params["times"]:
        raise StepFailed("the toy disk did not answer", failure="transient")
    return Outcome()


@step("toy.silent", title="End well without the product")
def silent(ops: Ops, job: Job) -> Outcome:
    """Claim success and make nothing, as jwst does in a dozen cases."""
    return Outcome()


@step("toy.die", title="Be killed")
def die(ops: Ops, job: Job) -> Outcome:
    """Die of signal 9, as when the machine is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()


@step("toy.grow", title="Take memory", memory_mb=50)
def grow(ops: Ops, job: Job) -> Outcome:
    """Take ``mb`` of memory for ``seconds``."""
    taken = bytearray(job.params["mb"] * _MEGABYTE)
    time.sleep(job.params.get("seconds", 0))
    return Outcome(metrics={"taken": len(taken)})


@step("toy.hasty", title="May run for half a second", timeout_seconds=0.5)
def hasty(ops: Ops, job: Job) -> Outcome:
    """Run for ``seconds``."""
    time.sleep(job.params["seconds"])
    return Outcome()


def _foreseen(params: dict[str, Any]) -> list[tuple[str, int]]:
    """Tell of the step that is planned, and of the hand-over that ``tells`` asks for."""
    return [("toy.write", 1), *([("toy.tell", 1)] if params.get("tells") else [])]


@step("toy.tell", title="Tell a neighbour", estimate_seconds=10, external=True, memory_mb=50)
def tell(ops: Ops, job: Job) -> Outcome:
    """Leave a line in the ledger, as a hand-over does at the neighbour's."""
    return write(ops, job)


@step("toy.spawn", title="Plan more work", foresees=_foreseen)
def spawn(ops: Ops, job: Job) -> Outcome:
    """Plan one more step, as associations do."""
    return Outcome(spawn=(StepSpec(kind="toy.write", dataset="spawned", makes=("spawned.txt",)),))
