"""Times inside an exposure: from the readout pattern to integration and group tables.

Formulas: jwst documentation, *exposure timing keywords*; one reset frame stands between integrations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from dmsops.core.records import Ramps

if TYPE_CHECKING:
    import numpy as np

SECONDS_PER_DAY = 86400.0


class Timed(Ramps, Protocol):
    """What durations are worked out from: an `Exposure`, or a guide-star function."""

    @property
    def exposure_seconds(self) -> float:
        """How long it lasted, resets included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Durations of an exposure, seconds; ``start``, ``mid`` and ``end`` are MJD (UTC)."""

    frame: float
    group: float
    integration: float
    exposure: float
    measurement: float
    elapsed: float
    start: float
    mid: float
    end: float


def timing(exposure: Timed, frame_seconds: float) -> Timing:
    """Work out an exposure's durations.

    Parameters
    ----------
    exposure : Exposure
        Gives the readout pattern, the start and the elapsed time (``exposure_seconds``, resets included).
    frame_seconds : float
        Time to read one frame of the subarray.
    """
    group = (exposure.nframes + exposure.groupgap) * frame_seconds
    integration = group * (exposure.ngroups - 1) + exposure.nframes * frame_seconds
    start = mjd(exposure.start)
    return Timing(
        frame=frame_seconds,
        group=group,
        integration=integration,
        exposure=exposure.nints * integration,
        measurement=exposure.nints * group * (exposure.ngroups - 1),
        elapsed=exposure.exposure_seconds,
        start=start,
        mid=start + exposure.exposure_seconds / 2 / SECONDS_PER_DAY,
        end=start + exposure.exposure_seconds / SECONDS_PER_DAY,
    )


def mjd(when: Any) -> float:
    """Give a UTC time as MJD (no leap second falls inside an operational day; see TIMESYS)."""
    return float(when.timestamp()) / SECONDS_PER_DAY + 40587.0


def at_mjd(time: float) -> datetime:
    """Give the UTC time of an MJD, to the microsecond."""
    return datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=time)


def integration_edges(nints: int, times: Timing) -> tuple[np.ndarray, np.ndarray]:
    """Give start and end of every integration, MJD UTC, each (nints,).

    Integrations are spread evenly over the elapsed time: what is left between them is the reset.
    """
    import numpy as np

    pause = 0.0 if nints == 1 else max(times.elapsed - times.exposure, 0.0) / (nints - 1)
    begins = times.start + np.arange(nints) * (times.integration + pause) / SECONDS_PER_DAY
    return begins, begins + times.integration / SECONDS_PER_DAY


def int_times(begins: np.ndarray, first: int, times: Timing, bary_seconds: float, tdb_minus_utc: float, dtype: Any) -> np.ndarray:
    """Fill the INT_TIMES table.

    Parameters
    ----------
    begins : (n,) float64
        Starts of the product's integrations, MJD UTC.
    first : int
        Number of the first of them in the exposure, from 1.
    bary_seconds : float
        Light travel time from the observatory to the barycentre, seconds.
    tdb_minus_utc : float
        TDB - UTC, seconds.
    dtype : numpy dtype
        The table's columns, as the data model's schema gives them.
    """
    import numpy as np

    ends = begins + times.integration / SECONDS_PER_DAY
    table = np.zeros(len(begins), dtype=dtype)
    table["integration_number"] = np.arange(first, first + len(begins))
    shift = (bary_seconds + tdb_minus_utc) / SECONDS_PER_DAY
    for when, column in (("start", begins), ("mid", (begins + ends) / 2), ("end", ends)):
        table[f"int_{when}_MJD_UTC"] = column
        table[f"int_{when}_BJD_TDB"] = column + shift
    return table


def group_table(telemetry: Any, begins: np.ndarray, first: int, times: Timing, bary_seconds: float, dtype: Any) -> np.ndarray:
    """Fill the GROUP table; ``number_of_gaps`` counts the runs of rows that did not arrive.

    Parameters
    ----------
    telemetry : Telemetry
        ``filled`` (nints, ngroups, rows) says which rows arrived.
    begins, first
        As for `int_times`.
    """
    import numpy as np
    from astropy.time import Time

    filled = telemetry.filled
    nints, ngroups, rows = filled.shape
    ends = (begins[:, None] + np.arange(1, ngroups + 1) * times.group / SECONDS_PER_DAY).ravel()
    missing = ~filled.reshape(-1, rows)
    gaps = np.diff(missing.astype(np.int8), axis=1, prepend=0)
    table = np.zeros(nints * ngroups, dtype=dtype)
    table["integration_number"] = np.repeat(np.arange(first, first + nints), ngroups)
    table["group_number"] = np.tile(np.arange(1, ngroups + 1), nints)
    day = np.floor(ends)
    milli = (ends - day) * SECONDS_PER_DAY * 1000
    table["end_day"] = (day - np.floor(times.start)).astype(int)
    table["end_milliseconds"] = np.floor(milli)
    table["end_submilliseconds"] = np.floor((milli - np.floor(milli)) * 1000)
    table["group_end_time"] = np.char.encode(Time(ends, format="mjd", scale="utc").isot)
    table["number_of_columns"] = telemetry.pixels.shape[-1]
    table["number_of_rows"] = rows
    table["number_of_gaps"] = (gaps == 1).sum(axis=1)
    whole = table["number_of_gaps"] == 0
    table["completion_code_number"] = np.where(whole, 0, 1)
    table["completion_code_text"] = np.where(whole, b"COMPLETE", b"INCOMPLETE: ROWS MISSING")
    table["bary_end_time"] = ends + bary_seconds / SECONDS_PER_DAY
    return table
