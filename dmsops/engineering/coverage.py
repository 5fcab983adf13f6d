"""Coverage: the times without a gap of every container, over all files; what lies between two of them is a gap."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dmsops.core.db import reading
from dmsops.engineering.columns import HOUR_US
from dmsops.engineering.rules import moment
from dmsops.engineering.tables import engineering_gap, engineering_span

if TYPE_CHECKING:
    from dmsops.ops import Ops

Span = tuple[int, int]
PERIODS = 2.5
"""A container that comes once in a period has a gap when it stayed away longer than this many of them."""
_s, _g = engineering_span.c, engineering_gap.c


def limit_us(ops: Ops, period_seconds: float) -> int:
    """Give the longest time between two packets of a container that is no gap."""
    return round(1e6 * max(ops.settings.engineering_gap_seconds, PERIODS * period_seconds))


def spans_of(times: NDArray[np.int64], limit: int) -> list[Span]:
    """Cut times into spans without a gap.

    Parameters
    ----------
    times : (N,) int64
        In any order.
    limit : int
        Longest step that is no gap, microseconds.
    """
    if not len(times):
        return []
    ordered = np.unique(times)
    cuts = np.flatnonzero(np.diff(ordered) > limit)
    starts, ends = np.append(0, cuts + 1), np.append(cuts, len(ordered) - 1)
    return [(int(ordered[a]), int(ordered[b])) for a, b in zip(starts, ends, strict=True)]


def united(spans: Iterable[Span], limit: int) -> list[Span]:
    """Join spans that touch, overlap or are apart by no more than the limit; in order of time."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= limit:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def cover(c: sa.Connection, container: str, spans: Sequence[Span], limit: int) -> None:
    """Add spans to what is covered of a container, in the caller's write transaction."""
    if not spans:
        return
    first, last = spans[0][0] - limit, spans[-1][1] + limit
    near = c.execute(sa.select(engineering_span).where(_s.container == container, _s.last_us >= first, _s.first_us <= last)).all()
    now = united([*spans, *((r.first_us, r.last_us) for r in near)], limit)
    if now != sorted((r.first_us, r.last_us) for r in near):
        c.execute(sa.delete(engineering_span).where(_s.id.in_([r.id for r in near])))
        c.execute(sa.insert(engineering_span), [{"container": container, "first_us": a, "last_us": b} for a, b in now])


def gaps(ops: Ops) -> list[dict[str, Any]]:
    """Give the times without samples, oldest first, those of several containers at the same time as one.

    Times longer than the hours that one file may cover are no gaps but times without telemetry, and are left out.

    Returns
    -------
    list of dict
        ``first_us``, ``last_us`` (last sample before, first one after, of the container that is away longest), ``first_at``, ``last_at``,
        ``seconds``, ``containers`` (names), ``decision`` (``open``, ``asked``, ``waived``), ``times``, ``actor``, ``reason``, ``at``.
    """
    longest = ops.settings.engineering_span_hours * HOUR_US
    with reading(ops.db) as c:
        spans = c.execute(sa.select(_s.container, _s.first_us, _s.last_us).order_by(_s.container, _s.first_us)).all()
        decided = c.execute(sa.select(engineering_gap).order_by(_g.at.desc(), _g.id.desc())).all()
    holes = [
        (before.last_us, after.first_us, before.container)
        for before, after in itertools.pairwise(spans)
        if before.container == after.container and after.first_us - before.last_us <= longest
    ]
    return [_row(*hole, decided) for hole in _same_time(holes)]


def _same_time(holes: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, list[str]]]:
    """Put holes that overlap together."""
    found: list[tuple[int, int, list[str]]] = []
    for start, end, container in sorted(holes):
        if found and start < found[-1][1]:
            first, last, names = found[-1]
            found[-1] = (first, max(last, end), [*names, container] if container not in names else names)
        else:
            found.append((start, end, [container]))
    return found


def _row(first: int, last: int, containers: list[str], decided: Sequence[Any]) -> dict[str, Any]:
    mine = next((d for d in decided if d.first_us <= first and d.last_us >= last), None)
    return {
        "first_us": first,
        "last_us": last,
        "first_at": moment(first),
        "last_at": moment(last),
        "seconds": (last - first) / 1e6,
        "containers": sorted(containers),
        "decision": mine.decision if mine else "open",
        **{name: getattr(mine, name) if mine else None for name in ("times", "actor", "reason", "at")},
    }
