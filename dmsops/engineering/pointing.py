"""The pointing telemetry around a time: what level 1b is pointed with, and what is doubtful about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmsops.core.db import reading
from dmsops.engineering import lookup, partitions, suspects
from dmsops.engineering.queries import us
from dmsops.engineering.rules import at
from dmsops.engineering.writer import head
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Telemetry of one state of the engineering database.

    Attributes
    ----------
    samples : dict
        Mnemonic to (unix seconds, values), both (N,) float64, in order of time; mnemonics without samples are left out.
    suspects : tuple of str
        What is contested in the time asked for, a sentence each.
    revision : int
        The state that was read.
    """

    samples: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    suspects: tuple[str, ...]
    revision: int


def pointing_container() -> str:
    """Name the container that brings the pointing mnemonics."""
    return telemetry_database().by_name(POINTING_MNEMONICS[0]).container


def around(ops: Ops, start: datetime, stop: datetime, margin_seconds: float) -> Around:
    """Read the pointing telemetry of a time, and so many seconds before and after.

    What is contested in the time itself is said; in the margins it is not, as only the nearest sample of them is ever used.
    """
    names = {telemetry_database().by_name(name).number: name for name in POINTING_MNEMONICS}
    margin = round(margin_seconds * 1e6)
    first, last = us(start) - margin, us(stop) + margin
    with reading(ops.db) as c:
        revision = head(c)
        there = partitions.current(c, start_us=first, stop_us=last)
        contested = suspects.touching(c, us(start), us(stop), list(names))
    rows = {name: lookup.of_mnemonic(ops, there, number, first, last) for number, name in names.items()}
    found = {name: (mine.time / 1e6, mine.value) for name, mine in rows.items() if len(mine)}
    words = tuple(
        f"{names[row['number']]} has contested values from {at(row['first_us'])} to {at(row['last_us'])} (procedure P14)"
        for row in contested
    )
    return Around(samples=found, suspects=words, revision=revision)
