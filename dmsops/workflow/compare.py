"""What changed between two attempts of a step: parameters, inputs, software, resources, products to the pixel, log.

The question after a rescue: did it help because of what we did? And after a second failure: was anything different at all?
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import NotFound
from dmsops.workflow import queries
from dmsops.workflow.states import GOOD

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_LINES = 200
"""As many lines at the end of each log are compared."""
_DIFFERENCES = 5
"""As many pixels or table cells are written out of each extension."""
_TIMES = ("DATE",)
"""Keywords that differ between any two files."""
_VARYING = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]?\d*|0x[0-9a-f]+|\b\d+\.\d+ ?s\b")
"""Times, addresses and durations: they say nothing of what changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs: ``part`` as parameter, input, software, resource, outcome, product; None where it is absent."""

    part: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDiff:
    """Two attempts of a step held against each other.

    Attributes
    ----------
    before, after : int
        Numbers of the attempts.
    changes : tuple of Change
        What differs.
    same : tuple of str
        Parts in which nothing differs.
    log : tuple of str
        Unified differences of the ends of their logs, times and addresses left out.
    fits : dict of str to str
        For each FITS product that differs, the report of `astropy.io.fits.FITSDiff`.
    """

    step_id: int
    before: int
    after: int
    changes: tuple[Change, ...]
    same: tuple[str, ...]
    log: tuple[str, ...]
    fits: dict[str, str]


def attempts(ops: Ops, step_id: int, before: int | None = None, after: int | None = None) -> AttemptDiff:
    """Hold two attempts of a step against each other.

    Parameters
    ----------
    before, after : int, optional
        Numbers of the attempts; default the newest one, and the newest bad one before it (else the one before it).

    Raises
    ------
    NotFound
        The step or an attempt does not exist, or there are not two.
    """
    queries.step_row(ops, step_id)
    tries = {t["n"]: t for t in queries.attempts(ops, step_id)}
    one, two = _chosen(step_id, tries, before, after)
    a, b = _facts(one), _facts(two)
    found = {part: _changes(part, a[part], b[part]) for part in a}
    return AttemptDiff(
        step_id=step_id, before=one["n"], after=two["n"], changes=tuple(change for part in found.values() for change in part),
        same=tuple(part for part, changes in found.items() if not changes), log=_log(ops, one, two), fits=_fits(ops, one, two),
    )  # fmt: skip


def _chosen(step_id: int, tries: Mapping[int, Row], before: int | None, after: int | None) -> tuple[Row, Row]:
    two = after if after is not None else max(tries, default=0)
    earlier = [n for n in sorted(tries, reverse=True) if n < two]
    bad = [n for n in earlier if tries[n]["outcome"] not in {s.value for s in GOOD}]
    one = before if before is not None else next(iter(bad or earlier), 0)
    for number in (one, two):
        if number not in tries:
            there = ", ".join(str(n) for n in sorted(tries)) or "none"
            raise NotFound(f"step {step_id} has no attempt {number} to compare; its attempts: {there}", step=step_id)
    return tries[one], tries[two]


def _facts(row: Row) -> dict[str, Mapping[str, Any]]:
    """Give what is known of an attempt, by part."""
    return {
        "parameter": row["params"] or {},
        "input": row["inputs"] or {},
        "software": _some(row, "build", "crds_context"),
        "resource": _some(row, "host", "memory_mb"),
        "outcome": _some(row, "outcome", "fault_class", "fault", "fingerprint"),
        "product": _sums(row),
    }


def _some(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _sums(row: Row) -> dict[str, str]:
    return {name: sha256 for name, sha256, _ in row["products"] or ()}


def _changes(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    names = sorted(before.keys() | after.keys())
    pairs = [(name, _text(before.get(name)), _text(after.get(name))) for name in names]
    return [Change(part=part, name=name, before=a, after=b) for name, a, b in pairs if a != b]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _log(ops: Ops, one: Row, two: Row) -> tuple[str, ...]:
    before, after = ([_VARYING.sub("…", line) for line in _end_of_log(ops, row)] for row in (one, two))
    return tuple(difflib.unified_diff(before, after, f"attempt {one['n']}", f"attempt {two['n']}", lineterm="", n=1))


def _end_of_log(ops: Ops, row: Row) -> list[str]:
    return queries.log_tail(ops, row["step_id"], _LINES, n=row["n"]).splitlines()


def _fits(ops: Ops, one: Row, two: Row) -> dict[str, str]:
    before, after = _sums(one), _sums(two)
    differing = [n for n in sorted(before.keys() & after.keys()) if n.endswith(".fits") and before[n] != after[n]]
    there = [n for n in differing if ops.store.has(before[n]) and ops.store.has(after[n])]
    return {name: _report(ops.store.path(before[name]), ops.store.path(after[name])) for name in there}


def _report(before: Path, after: Path) -> str:
    """Give what differs between two FITS files, in words; the first values of each extension only."""
    from astropy.io.fits import FITSDiff

    text = io.StringIO()
    FITSDiff(str(before), str(after), ignore_keywords=_TIMES, numdiffs=_DIFFERENCES).report(fileobj=text)
    lines = text.getvalue().splitlines()
    start = next((n for n, line in enumerate(lines) if line.strip().startswith(("Extension", "Primary", "No differences", "Files"))), 0)
    return "\n".join(lines[start:]).strip()
