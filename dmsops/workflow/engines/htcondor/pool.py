"""The schedd, spoken to through htcondor2: submit, look, hold, release, remove, set a priority.

The pool is whichever the machine's ordinary HTCondor configuration names. Every call looks the schedd up anew: one
that was started again has another address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadSetting, Failed
from dmsops.workflow.engines.htcondor.dag import CONFIG, DAG, RESCUE

if TYPE_CHECKING:
    from dmsops.ops import Ops

_UNREACHABLE = "See docs/howto/use-htcondor: is the pool running, and does CONDOR_CONFIG name it? Procedure P07 covers engines."
_STATUS_HELD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolJob:
    """A job of this site in the queue; ``step`` is None for a batch's DAGMan."""

    cluster: int
    batch: int
    step: int | None
    priority: int
    held: str | None


class Pool:
    """The pool's queue, as far as it is this site's.

    Raises
    ------
    BadSetting
        The client library is not installed.
    """

    def __init__(self, ops: Ops) -> None:
        try:
            import htcondor2
        except ImportError:
            raise BadSetting(
                "the engine 'htcondor' needs the Python package htcondor, which is not installed",
                remedy="Install it with `pip install 'dmsops[htcondor]'`, or set engine = \"local\" (procedure P07).",
                field="engine",
            ) from None
        self._library = htcondor2
        self._nodes = 2 * ops.settings.workers  # as many wait for a worker as have one, so that none idles
        self.site = hashlib.sha256(str(ops.settings.site).encode()).hexdigest()[:16]

    def _call(self, what: str, verb: Any) -> Any:
        try:
            return verb(self._library.Schedd())
        except (self._library.HTCondorException, OSError, RuntimeError, ValueError, TypeError) as error:
            words = f"{error}".strip().splitlines()[0] if f"{error}".strip() else type(error).__name__
            raise Failed(f"HTCondor does not answer ({what}): {words}", remedy=_UNREACHABLE) from None

    def attributes(self, batch: int) -> dict[str, str]:
        """Give the ClassAd attributes by which a job is found again, as expressions."""
        return {"DmsSite": f'"{self.site}"', "DmsBatch": str(batch)}

    def submit(self, folder: Path, batch: int) -> int:
        """Submit a batch's DAG; a rescue file in its folder is followed.

        Returns
        -------
        int
            DAGMan's job id.
        """
        options: dict[str, Any] = {"MaxJobs": self._nodes, "BatchName": f"dmsops-{batch}", "SuppressNotification": True}
        options["ConfigFile"] = str(folder / CONFIG)  # a name in the DAG would be looked for in this process's folder
        if (folder / RESCUE).exists():
            options["DoRescueFrom"] = 1

        def verb(schedd: Any) -> int:
            options["DagmanPath"] = str(Path(self._library.param["BIN"]) / "condor_dagman")
            job = self._library.Submit.from_dag(str(folder / DAG), options)
            job["initialdir"] = str(folder)  # else DAGMan writes into this process's folder
            for name, value in self.attributes(batch).items():
                job[f"My.{name}"] = value
            return int(schedd.submit(job).cluster())

        return int(self._call("submit", verb))

    def jobs(self) -> list[PoolJob]:
        """Give this site's jobs in the queue."""
        names = ["ClusterId", "DmsBatch", "DmsStep", "JobPrio", "JobStatus", "HoldReason"]
        ads = self._call("query", lambda schedd: schedd.query(f'DmsSite == "{self.site}"', names))
        return [
            PoolJob(
                cluster=int(ad["ClusterId"]), batch=int(ad["DmsBatch"]), step=None if ad.get("DmsStep") is None else int(ad["DmsStep"]),
                priority=int(ad.get("JobPrio", 0)), held=str(ad.get("HoldReason", "")) if ad.get("JobStatus") == _STATUS_HELD else None,
            )
            for ad in ads
        ]  # fmt: skip

    def act(self, action: str, clusters: Collection[int], reason: str) -> None:
        """Hold, release or remove jobs; ``action`` is HTCondor's word (Hold, Release, Remove)."""
        if clusters:
            ids = [f"{cluster}.0" for cluster in clusters]
            # htcondor2 25.14.1 drops a reason that is plain text
            verb = getattr(self._library.JobAction, action)
            self._call(action.lower(), lambda schedd: schedd.act(verb, ids, reason=(reason, 0)))

    def set_priority(self, cluster: int, priority: int) -> None:
        """Let a queued job come earlier (higher) or later."""
        self._call("edit", lambda schedd: schedd.edit(f"{cluster}.0", "JobPrio", str(priority)))
