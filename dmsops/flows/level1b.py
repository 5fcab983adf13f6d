"""The steps that point products: the part that makes them meets the engineering database here.

What was used is written down (`Outcome.uses`): the time, and the revision of the engineering database; so a product whose
telemetry has changed since is found (`dmsops.flows.engineering`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from dmsops.engineering.pointing import around
from dmsops.engineering.queries import us
from dmsops.processing import refresh, steps
from dmsops.processing.pointing import TOLERANCE_SECONDS, PointingTelemetry, TelemetryOf
from dmsops.workflow.steps import Job, Outcome, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_USE = re.compile(r"engineering (-?[0-9]+)/(-?[0-9]+) revision ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Used:
    """A time of engineering (microseconds since 1970, both inside) in one state of the database."""

    first_us: int
    last_us: int
    revision: int

    def __str__(self) -> str:
        return f"engineering {self.first_us}/{self.last_us} revision {self.revision}"

    @classmethod
    def read(cls, text: str) -> Used | None:
        """Read it from what a step said it used; None when that is something else."""
        found = _USE.fullmatch(text)
        return cls(*map(int, found.groups())) if found else None


def _pointed(ops: Ops, job: Job, make: Callable[[Ops, Job, TelemetryOf], Outcome]) -> Outcome:
    used: list[str] = []

    def telemetry(start: datetime, stop: datetime) -> PointingTelemetry:
        found = around(ops, start, stop, TOLERANCE_SECONDS)
        used.append(str(Used(us(start), us(stop), found.revision)))
        return PointingTelemetry(samples=found.samples, suspects=found.suspects)

    outcome = make(ops, job, telemetry)
    return replace(outcome, uses=(*outcome.uses, *dict.fromkeys(used)))


@step("processing.level1b", title="Level 1b", estimate_seconds=3, memory_mb=900)
def level1b(ops: Ops, job: Job) -> Outcome:
    """Make the uncal of one detector exposure (`dmsops.processing.steps.level1b`), pointed by the engineering database."""
    return _pointed(ops, job, steps.level1b)


@step("processing.guidestar", title="Level 1b of the guiders", estimate_seconds=3, memory_mb=900)
def guidestar(ops: Ops, job: Job) -> Outcome:
    """Make the uncal files of one guide-star function (`dmsops.processing.steps.guidestar`), with the attitude of that time."""
    return _pointed(ops, job, steps.guidestar)


@step("ephemeris.refresh", title="Ephemeris of an exposure made anew", estimate_seconds=6, memory_mb=1500)
def anew(ops: Ops, job: Job) -> Outcome:
    """Write all products of one detector exposure for another ephemeris (`dmsops.processing.refresh.exposure`)."""
    return _pointed(ops, job, refresh.exposure)
