"""Toy steps for tests of the workflow layer: real processes, trivial work."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from dmsops.core.errors import StepFailed
from dmsops.workflow.steps import Job, Outcome, StepSpec, step


@step("toy.write", title="Write toy products", estimate_seconds=1, memory_mb=50)
def write(ops: object, job: Job) -> Outcome:
    """Write each product: its name and what came in; leaves a line in the ledger named by ``params``."""
    if "ledger" in job.params:
        with Path(job.params["ledger"]).open("a") as file:
            file.write(f"{job.dataset}\n")
    time.sleep(job.params.get("seconds", 0))
    for name in job.makes:
        (job.folder / name).write_text(name + "".join(p.read_text() for p in job.inputs.values()))
    return Outcome(products=job.makes, metrics={"inputs": len(job.inputs)})


@step("toy.fail", title="Fail until a file appears")
def fail(ops: object, job: Job) -> Outcome:
    """Fail with plain words until the file named by ``params`` exists."""
    if not Path(job.params["until"]).exists():
        raise StepFailed("the toy reference is missing")
    return write(ops, job)


@step("toy.silent", title="End well without the product")
def silent(ops: object, job: Job) -> Outcome:
    """Claim success and make nothing, as jwst does in a dozen cases."""
    return Outcome()


@step("toy.die", title="Be killed")
def die(ops: object, job: Job) -> Outcome:
    """Die of signal 9, as when the machine is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()


@step("toy.spawn", title="Plan more work")
def spawn(ops: object, job: Job) -> Outcome:
    """Plan one more step, as associations do."""
    return Outcome(spawn=(StepSpec(kind="toy.write", dataset="spawned", makes=("spawned.txt",)),))
