"""Wavefront support's step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.core.clock import parse_iso
from dmsops.core.files import write_json
from dmsops.wfsc.deliver import deliver
from dmsops.workflow.steps import Job, Outcome, step

if TYPE_CHECKING:
    from dmsops.ops import Ops


@step("wfsc.deliver", title="Hand the wavefront products over to WSS", estimate_seconds=10.0, memory_mb=800, external=True)
def deliver_step(ops: Ops, job: Job) -> Outcome:
    """Hand the job's inputs over to WSS and leave the record of it.

    ``params``: ``visit`` (11 digits) and, optionally, ``due`` (ISO time), ``missing`` (words: what the visit lacks) and ``notes``.
    Makes ``<visit>_wss_delivery.json``.
    """
    p = job.params
    due = parse_iso(p["due"]) if p.get("due") else None
    record = deliver(ops, p["visit"], job.inputs, due=due, missing=p.get("missing", ()), notes=p.get("notes", ()))
    name = f"{p['visit']}_wss_delivery.json"
    write_json(job.folder / name, record)
    return Outcome(products=(name,), metrics={"files": len(job.inputs), "within_limit": record["within_limit"]})
