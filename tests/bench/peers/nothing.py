"""The step of the benchmark, as our engine knows it: light, so that it runs in a warm process."""

from __future__ import annotations

from dmsops.workflow.steps import Job, Outcome, step
from tests.bench.peers import ledger


@step("bench.nothing", title="Do nothing", memory_mb=50, light=True)
def nothing(ops: object, job: Job) -> Outcome:
    """Write down outside the site that the step ran."""
    ledger.nothing(job.params["ledger"], job.dataset)
    return Outcome()
