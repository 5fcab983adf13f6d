"""How long steps take: from the newest good attempts of their kind and instrument, else as the kind declares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.core.names import DETECTORS
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import kind_or_stand_in
from dmsops.workflow.tables import attempt, step

RECENT = 200
"""As many attempts of a kind are looked at: what ran last month on other machines says little (ours)."""
ENOUGH = 5
"""Fewer attempts than this say nothing; what the kind declares is taken (ours)."""
SPREAD = 2.0
"""A declared run time is exceeded by so much in 1 of 10 runs (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Run time in seconds that half (``p50``) and 9 of 10 (``p90``) of ``n`` runs kept to; ``n`` is 0 for a declared one."""

    p50: float
    p90: float
    n: int = 0


class Runtimes:
    """Usual run times, each kind of step looked up in the tables when it is first asked for."""

    def __init__(self, c: sa.Connection) -> None:
        self._c = c
        self._seen: dict[str, dict[str, list[float]]] = {}

    def of(self, kind: str, dataset: str = "") -> Usual:
        """Give the usual run time of a step: of its instrument where enough is known, else of its kind, else as declared."""
        if kind not in self._seen:
            self._seen[kind] = _by_instrument(_recent(self._c, kind))
        for group in (instrument_of(dataset), ""):
            seen = self._seen[kind].get(group, [])
            if len(seen) >= ENOUGH:
                return Usual(p50=_quantile(seen, 0.5), p90=_quantile(seen, 0.9), n=len(seen))
        declared = kind_or_stand_in(kind).estimate_seconds
        return Usual(p50=declared, p90=declared * SPREAD)


def _by_instrument(runs: list[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for dataset, seconds in runs:
        for group in {instrument_of(dataset), ""}:
            found[group].append(seconds)
    return {group: sorted(seconds) for group, seconds in found.items()}


def instrument_of(dataset: str) -> str:
    """Give the instrument that an exposure's dataset names (``nrc`` of ``..._nrca3``); empty for anything else."""
    detector = dataset.rsplit("_", 1)[-1]
    return detector[:3] if detector in DETECTORS else ""


def _recent(c: sa.Connection, kind: str) -> list[tuple[str, float]]:
    here = (attempt.c.kind == kind, attempt.c.outcome == StepState.DONE.value)
    newest = sa.select(attempt.c.step_id, attempt.c.started_at, attempt.c.ended_at).where(*here, attempt.c.ended_at.is_not(None))
    newest = newest.order_by(attempt.c.ended_at.desc()).limit(RECENT)
    part: Any = newest.subquery()
    query = sa.select(step.c.dataset, part.c.started_at, part.c.ended_at).join(step, step.c.id == part.c.step_id)
    return [(dataset, max(0.0, (ended - started).total_seconds())) for dataset, started, ended in c.execute(query)]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Give the smallest value that so many keep to (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
