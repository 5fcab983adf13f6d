"""Checks of one observation's description: one function per rule, each with severity, source and remedy.

Comes in: a `Case`. Goes out: findings in the order of the rules' numbers. Verb: check. They run at ingest, where an error keeps the
observation out, and in the doctor's audits.
"""

from __future__ import annotations

from typing import Any

from dmsops.catalogue.registry import RULES, Case, Finding
from dmsops.catalogue.rules import coverage, files, meta, releases, structure, sums, wcs

__all__ = ["MODULES", "RULES", "Finding", "check"]
MODULES = (structure, files, releases, coverage, wcs, meta, sums)


def check(given: Any) -> tuple[Finding, ...]:
    """Run every rule on an observation (or a `Case` of it), in the order of their numbers; an empty answer means that it is sound."""
    case = given if isinstance(given, Case) else Case(observation=given)
    mine = case.observation.observation_id
    return tuple(
        r.finding(mine, uri, expected, observed)
        for r in sorted(RULES.values(), key=lambda r: r.id)
        if r.case is not None
        for uri, expected, observed in r.case(case)
    )
