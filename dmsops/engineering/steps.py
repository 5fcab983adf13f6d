"""The steps of engineering, as the workflow layer runs them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dmsops.core.counting import counted
from dmsops.core.files import write_json
from dmsops.engineering import compact
from dmsops.engineering.ingest import Ingested
from dmsops.engineering.ingest import ingest as take
from dmsops.engineering.states import EngineeringState
from dmsops.workflow.steps import Job, Outcome, step

if TYPE_CHECKING:
    from dmsops.ops import Ops


def report_name(name: str, version: int) -> str:
    """Name the report of a file's ingest, which later steps wait for: ``E0000_2022338035325_001_ingest.json``, ``.._v2_ingest.json``."""
    root = name.rpartition(".")[0]
    return f"{root}_ingest.json" if version == 1 else f"{root}_v{version}_ingest.json"


@step("engineering.ingest", title="Engineering ingest", estimate_seconds=5, memory_mb=1500)
def ingest(ops: Ops, job: Job) -> Outcome:
    """Take one engineering file into the engineering database, then compact what has come to need it.

    A file that is refused does not stop what waits for it: level 1b then uses planned values and says so; the file is on
    the list of procedure P03.

    Parameters
    ----------
    job : Job
        One input: the file. ``params``: ``file`` (its name), ``sha256``.

    Raises
    ------
    BadDelivery
        The file cannot be read.
    """
    got = take(ops, name=job.params["file"], sha256=job.params["sha256"])
    compact.compact(ops)
    (report,) = job.makes
    write_json(job.folder / report, {**asdict(got), "again": False})
    return Outcome(products=(report,), metrics=_metrics(got))


def _metrics(got: Ingested) -> dict[str, Any]:
    counts = {key: getattr(got, key) for key in ("samples", "new", "late", "exact", "conflict", "impossible", "damaged")}
    warnings = []
    if got.state is EngineeringState.REFUSED:
        warnings.append(f"{got.name} is refused: {got.reason} (procedure P03)")
    if got.conflict:
        warnings.append(f"{got.name}: {counted(got.conflict, 'sample has', 'samples have')} other values than those held (procedure P14)")
    return {**counts, "warnings": warnings}
