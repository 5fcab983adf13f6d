"""Hourly statistics of every mnemonic, added to when samples come and counted again where a value was changed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.engineering.tables import engineering_hour, engineering_mnemonic

if TYPE_CHECKING:
    from dmsops.engineering.columns import Columns
    from dmsops.interfaces.prds import Limits, Mnemonic

_h, _m = engineering_hour.c, engineering_mnemonic.c


@dataclass(frozen=True, slots=True, kw_only=True)
class HourStats:
    """Samples of one mnemonic in one hour whose values are numbers; ``squares`` is the sum of squared differences from the mean.

    Where no value is a number, ``samples`` is 0, and the lowest, the highest and the mean are 0 and mean nothing. The first and the last
    time are those of all samples.
    """

    number: int
    hour: int
    samples: int
    minimum: float
    maximum: float
    mean: float
    squares: float
    first_us: int
    last_us: int
    yellow: int = 0
    red: int = 0
    first_violation_us: int | None = None
    last_violation_us: int | None = None


def of_rows(rows: Columns, hour: int, limits: Limits | None) -> HourStats:
    """Count the samples of one mnemonic in one hour; at least one. Values that are no numbers count for nothing."""
    finite = np.isfinite(rows.value)
    value = rows.value if finite.all() else rows.value[finite]
    mean = float(value.mean()) if len(value) else 0.0
    yellow, red = _outside(rows, limits)
    broken = np.flatnonzero(yellow | red) if limits is not None else np.empty(0, np.int64)
    when = rows.time[broken]
    return HourStats(
        number=int(rows.number[0]),
        hour=hour,
        samples=len(value),
        minimum=float(value.min()) if len(value) else 0.0,
        maximum=float(value.max()) if len(value) else 0.0,
        mean=mean,
        squares=float(((value - mean) ** 2).sum()),
        first_us=int(rows.time.min()),
        last_us=int(rows.time.max()),
        yellow=int((yellow & ~red).sum()),
        red=int(red.sum()),
        first_violation_us=int(when.min()) if len(when) else None,
        last_violation_us=int(when.max()) if len(when) else None,
    )


def _outside(rows: Columns, limits: Limits | None) -> tuple[Any, Any]:
    none = np.zeros(len(rows), dtype=bool)
    if limits is None:
        return none, none
    return _beyond(rows.value, limits.yellow_low, limits.yellow_high, none), _beyond(rows.value, limits.red_low, limits.red_high, none)


def _beyond(value: Any, low: float | None, high: float | None, none: Any) -> Any:
    out = none if low is None else value < low
    return out if high is None else out | (value > high)


def level(value: float, limits: Limits | None) -> str:
    """Say where a value stands: ``red``, ``yellow`` or ``in limits``; empty for a mnemonic without limits."""
    if limits is None:
        return ""
    one, none = np.array([value]), np.zeros(1, dtype=bool)
    if _beyond(one, limits.red_low, limits.red_high, none)[0]:
        return "red"
    return "yellow" if _beyond(one, limits.yellow_low, limits.yellow_high, none)[0] else "in limits"


def together(a: HourStats, b: HourStats) -> HourStats:
    """Put the statistics of two disjoint sets of samples together (Chan, Golub and LeVeque 1979)."""
    n, apart = a.samples + b.samples, b.mean - a.mean
    share = b.samples / n if n else 0.0
    counted = [one for one in (a, b) if one.samples] or [a]
    return HourStats(
        number=a.number,
        hour=a.hour,
        samples=n,
        minimum=min(one.minimum for one in counted),
        maximum=max(one.maximum for one in counted),
        mean=a.mean + apart * share,
        squares=a.squares + b.squares + apart**2 * a.samples * share,
        first_us=min(a.first_us, b.first_us),
        last_us=max(a.last_us, b.last_us),
        yellow=a.yellow + b.yellow,
        red=a.red + b.red,
        first_violation_us=min((v for v in (a.first_violation_us, b.first_violation_us) if v is not None), default=None),
        last_violation_us=max((v for v in (a.last_violation_us, b.last_violation_us) if v is not None), default=None),
    )


def add(c: sa.Connection, found: Iterable[HourStats]) -> None:
    """Add what came to what is there, in the caller's write transaction."""
    for hour, some in itertools.groupby(sorted(found, key=lambda s: (s.hour, s.number)), key=lambda s: s.hour):
        mine = {s.number: s for s in some}
        there = {r["number"]: HourStats(**r) for r in c.execute(sa.select(engineering_hour).where(_h.hour == hour)).mappings()}
        replace(c, [together(there[n], s) if n in there else s for n, s in mine.items()])


def replace(c: sa.Connection, found: Sequence[HourStats]) -> None:
    """Put statistics in the place of what is there for the same mnemonics and hours."""
    if found:
        gone = sa.delete(engineering_hour).where(_h.number == sa.bindparam("n"), _h.hour == sa.bindparam("h"))
        c.execute(gone, [{"n": s.number, "h": s.hour} for s in found])
        c.execute(sa.insert(engineering_hour), [asdict(s) for s in found])


def advance(c: sa.Connection, newest: dict[int, tuple[Mnemonic, int, int, float, int | None]]) -> None:
    """Count samples, and note the newest one.

    Parameters
    ----------
    newest : dict
        By number: mnemonic, samples that came, and time, value and raw value of the newest of them.
    """
    there = {row.number: row for row in c.execute(sa.select(engineering_mnemonic))}
    rows = []
    for number, (mnemonic, count, time, value, raw) in newest.items():
        old = there.get(number)
        latest = {"latest_us": time, "latest_value": value if math.isfinite(value) else None, "latest_raw": raw}
        if old is not None and old.latest_us > time:
            latest = {"latest_us": old.latest_us, "latest_value": old.latest_value, "latest_raw": old.latest_raw}
        rows.append({"number": number, "name": mnemonic.name, "samples": count + (old.samples if old else 0), **latest})
    if rows:
        c.execute(sa.delete(engineering_mnemonic).where(_m.number == sa.bindparam("n")), [{"n": r["number"]} for r in rows])
        c.execute(sa.insert(engineering_mnemonic), rows)


def marks(c: sa.Connection) -> dict[int, int]:
    """Give the time of the newest sample of every mnemonic that is held."""
    return {row.number: row.latest_us for row in c.execute(sa.select(_m.number, _m.latest_us))}
