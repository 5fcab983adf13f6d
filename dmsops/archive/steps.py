"""The archive's step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.archive.ingest import ingest, product_of
from dmsops.core.files import write_bytes
from dmsops.workflow.steps import Job, Outcome, step

if TYPE_CHECKING:
    from dmsops.ops import Ops


@step("archive.ingest", title="Ingest an observation into the archive", estimate_seconds=3.0, memory_mb=500)
def ingest_step(ops: Ops, job: Job) -> Outcome:
    """Ingest the job's inputs (all products of one observation) and leave the observation's CAOM XML.

    ``params["members"]`` names the products that a combined one was made from.
    Makes ``<observation id>_caom.xml``.
    """
    done = ingest(ops, [product_of(path) for path in job.inputs.values()], members=job.params.get("members", ()))
    name = f"{done.observation_id}_caom.xml"
    write_bytes(job.folder / name, done.xml)
    return Outcome(products=(name,), metrics={"version": done.version, "products": len(job.inputs), "warnings": len(done.warnings)})
