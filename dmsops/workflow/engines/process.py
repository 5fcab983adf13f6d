"""A step's process: forked from the server, watched for time and memory, and what its silence means."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from typing import TYPE_CHECKING

import psutil

from dmsops.workflow import execute
from dmsops.workflow.execute import Found
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
    """A step that has a process; ``stopped`` says why its engine killed it."""

    item: Claim
    process: ForkServerProcess
    deadline: float
    peak_mb: float = 0.0
    stopped: Diagnosis | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Step and attempt."""
        return self.item.step_id, self.item.attempt

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

    def ending(self, ops: Ops) -> Found:
        """Say how the process ended: as it wrote down, else as can be seen from outside."""
        return execute.read_ending(ops, self.item) or self.silent()

    def silent(self) -> Found:
        """Say what can be seen from outside of a process that ended without a word."""
        return self._why_silent(), f"{self.item.kind} | process ended", Ending(peak_mb=self.peak_mb or None)

    def _why_silent(self) -> Diagnosis:
        code = self.process.exitcode or 0
        return self.stopped or _filled(_KILLED if code < 0 else _SILENT, signal=-code, code=code)


def _filled(why: Diagnosis, **facts: float | None) -> Diagnosis:
    return Diagnosis(fault_class=why.fault_class, sentence=why.sentence.format(**facts), remedy=why.remedy)


def fork(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Fork a process from the server; it dies with this one."""
    process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def deadline(ops: Ops, item: Claim) -> float:
    """Give the moment, on the monotonic clock, at which a step that starts now is stopped."""
    return time.monotonic() + (item.timeout_seconds or ops.settings.step_timeout_seconds)


def resident_mb(pid: int | None) -> float:
    """Give the memory in MB that a process and its children have in RAM; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        return sum(_resident(one) for one in (process, *process.children(recursive=True))) / 2**20
    except psutil.Error:
        return 0.0


def _resident(process: psutil.Process) -> int:
    """Give a process's bytes in RAM; one that ends meanwhile must not hide the others."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
