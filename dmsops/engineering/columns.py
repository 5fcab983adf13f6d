"""Samples side by side: the columns in which they are judged, written and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

NO_RAW = np.iinfo(np.int64).min
"""Stands for no raw value: the packet carried the engineering value itself."""
HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Samples, all columns of shape (N,).

    Attributes
    ----------
    number : int32
        Mnemonic.
    time : int64
        Microseconds since 1970 UTC.
    value : float64
        Engineering units.
    raw : int64
        Counts, or `NO_RAW`.
    receipt : int32
        The `engineering_file` that brought it.
    """

    number: NDArray[np.int32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    raw: NDArray[np.int64]
    receipt: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Give some of the rows."""
        return type(self)(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def ordered(self) -> Self:
        """Give the rows by mnemonic and time."""
        return self.take(np.lexsort((self.time, self.number)))

    @classmethod
    def joined(cls, pieces: Iterable[Self]) -> Self:
        """Put rows one after another."""
        given = [piece for piece in pieces if len(piece)]
        if len(given) < 2:
            return given[0] if given else cls.none()
        return cls(**{f.name: np.concatenate([getattr(piece, f.name) for piece in given]) for f in fields(cls)})

    @classmethod
    def none(cls) -> Self:
        """Give no rows."""
        return cls(
            number=np.empty(0, np.int32),
            time=np.empty(0, np.int64),
            value=np.empty(0, np.float64),
            raw=np.empty(0, np.int64),
            receipt=np.empty(0, np.int32),
        )


def of_series(number: int, times: NDArray[np.int64], values: NDArray[np.float64], raw: NDArray[np.int64] | None, receipt: int) -> Columns:
    """Make the columns of one mnemonic's samples."""
    n = len(times)
    return Columns(
        number=np.full(n, number, np.int32),
        time=times,
        value=values,
        raw=np.full(n, NO_RAW, np.int64) if raw is None else raw,
        receipt=np.full(n, receipt, np.int32),
    )
