"""One process per step: started from the fork server, watched for time and memory, and what its silence means."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from typing import TYPE_CHECKING

import psutil

from dmsops.workflow import execute
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.steps import Diagnosis

if TYPE_CHECKING:
    from dmsops.ops import Ops

_KILLED = Diagnosis(
    fault_class="resource",
    sentence="the step's process was killed (signal {signal}): the machine ran out of memory, or somebody killed it",
    remedy="Look at the machine's memory, then rescue the step as is with procedure P08.",
)
_SILENT = Diagnosis(
    fault_class="code", sentence="the step's process ended (exit {code}) without saying how", remedy="Read the log, then use procedure P08."
)
_SLOW = Diagnosis(
    fault_class="resource",
    sentence="the step ran longer than {limit:.0f} s and was stopped",
    remedy="Look at the machine's load; rescue the step with procedure P08.",
)
_BIG = Diagnosis(
    fault_class="resource",
    sentence="the step took more than its {limit} MB of memory and was stopped",
    remedy="Rescue the step with more memory (procedure P08).",
)


@dataclass(slots=True)
class Running:
    """A step that has a process now; ``stopped`` says why its engine killed it."""

    item: Claim
    process: ForkServerProcess
    deadline: float
    peak_mb: float = 0.0
    stopped: Diagnosis | None = None

    def watch(self) -> None:
        """Stop the process when it takes longer or more than it may."""
        if not self.process.is_alive():
            return
        self.peak_mb = max(self.peak_mb, resident_mb(self.process.pid))
        limit = self.item.memory_mb
        if limit is not None and self.peak_mb > limit:
            self._stop(_BIG, limit=limit)
        elif time.monotonic() > self.deadline:
            self._stop(_SLOW, limit=self.item.timeout_seconds)

    def _stop(self, why: Diagnosis, **facts: float | None) -> None:
        self.stopped = _filled(why, **facts)
        self.process.kill()

    def kill(self) -> None:
        """End the process now."""
        self.process.kill()
        self.process.join()

    def ending(self, ops: Ops) -> Ending | tuple[Diagnosis, str, Ending]:
        """Say how the process ended: as it wrote down, else as can be seen from outside."""
        found = execute.read_ending(ops, self.item)
        if found is not None:
            return found
        return self._why_silent(), f"{self.item.kind} | process ended", Ending(peak_mb=self.peak_mb or None)

    def _why_silent(self) -> Diagnosis:
        code = self.process.exitcode or 0
        return self.stopped or _filled(_KILLED if code < 0 else _SILENT, signal=-code, code=code)


def _filled(why: Diagnosis, **facts: float | None) -> Diagnosis:
    return Diagnosis(fault_class=why.fault_class, sentence=why.sentence.format(**facts), remedy=why.remedy)


def start(ops: Ops, item: Claim) -> Running:
    """Fork a process for a step."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=execute.attempt_main, args=(str(ops.settings.site), item), daemon=True)
    process.start()
    limit = item.timeout_seconds or ops.settings.step_timeout_seconds
    return Running(item, process, time.monotonic() + limit)


def resident_mb(pid: int | None) -> float:
    """Give the memory in MB that a process and its children have in RAM; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(p.memory_info().rss for p in family) / 2**20
    except psutil.Error:
        return 0.0
