"""What is there of each exposure on each detector, over all released files; from the index, without reading a file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.interfaces.fos import coverage
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, science_part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dmsops.interfaces.fos.coverage import Sent, Span
    from dmsops.ops import Ops

_p, _f = science_part.c, delivered_file.c
_UNKNOWN: dict[str, Any] = {"sent": None, "held": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A released file that holds packets of an exposure: which of them, by kind; None when they do not fit the others."""

    name: str
    delivery_id: str
    runs: dict[str, coverage.Runs] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is there of one exposure on one detector.

    Attributes
    ----------
    sent : dict or None
        What was sent, by kind of packet; None when no exposure header packet arrived, or files contradict each other.
    contradiction : str
        Which files contradict each other; empty when none do.
    received : int
        Distinct packets with pixels. Without ``sent`` packets that came in several files count more than once.
    duplicates, bad_crc : int
        Packets that came again, and those whose check sum does not agree.
    """

    visit: str
    exposure: str
    detector: str
    files: tuple[HeldFile, ...]
    sent: dict[str, Sent] | None
    contradiction: str
    received: int
    duplicates: int
    bad_crc: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(file.name for file in self.files)

    @property
    def expected(self) -> int | None:
        """Packets with pixels that were sent, as the exposure header says."""
        return None if self.sent is None else sum(s.packets for s in self.sent.values())

    @property
    def missing(self) -> int | None:
        """Packets with pixels that did not arrive; None while nobody knows how many were sent."""
        return None if self.expected is None else self.expected - self.received

    @property
    def complete(self) -> bool:
        """Whether everything that was sent is there."""
        return self.missing == 0

    def gaps(self) -> dict[str, NDArray[np.int64]]:
        """Give what is missing, by kind, as intervals in the order of all packets of that kind (see `coverage.missing`)."""
        return {} if self.sent is None else {kind: coverage.missing(s, _held(s, kind, self.files)) for kind, s in self.sent.items()}

    def missing_rows(self) -> list[tuple[str, Span]]:
        """Give the rows that are missing: the kind, and integration, group, first row, rows."""
        if self.sent is None:
            return []
        return [(kind, span) for kind, gaps in self.gaps().items() for span in coverage.spans_of_rows(self.sent[kind], gaps)]


def holdings(ops: Ops, visit: str | None = None, exposure: str | None = None, detector: str | None = None) -> list[Holding]:
    """Give what is there of all exposures (or those of a visit of 11 digits, of one exposure, of one detector)."""
    wanted = {_p.visit: visit, _p.exposure: exposure, _p.detector: detector}
    with reading(ops.db) as c:
        return _holdings(c, *(column == value for column, value in wanted.items() if value is not None))


def in_doubt(c: sa.Connection, visit: str | None = None) -> list[Holding]:
    """Give what is there of exposures that no single file holds whole and alone: only these can have gaps.

    The others are told from the index without reading what packets their file holds, which makes this quick on a large site.
    """
    released = sa.select(_p.exposure, _p.detector).join(delivered_file, _f.sha256 == _p.sha256).where(_f.state == FileState.RELEASED)
    released = released if visit is None else released.where(_p.visit == visit)
    alone = sa.and_(sa.func.max(sa.cast(_p.complete, sa.Integer)) == 1, sa.func.count(_p.sha256.distinct()) == 1)
    odd = released.group_by(_p.exposure, _p.detector).having(sa.not_(alone)).subquery()
    return _holdings(c, _p.exposure == odd.c.exposure, _p.detector == odd.c.detector)


def _holdings(c: sa.Connection, *where: Any) -> list[Holding]:
    columns = (_p.exposure, _p.detector, _p.visit, _p.sha256, _p.packets, _p.duplicates, _p.bad_crc, _p.coverage, _f.name, _f.delivery_id)
    query = sa.select(*columns).join(delivered_file, _f.sha256 == _p.sha256).where(_f.state == FileState.RELEASED, *where)
    rows = [dict(row) for row in c.execute(query.order_by(_p.exposure, _p.detector, _f.covers_from, _f.name)).mappings()]
    groups = itertools.groupby(rows, key=lambda row: (row["exposure"], row["detector"]))
    return [_holding(list({row["sha256"]: row for row in group}.values())) for _, group in groups]


def _holding(rows: list[dict[str, Any]]) -> Holding:
    """Put the files of one exposure on one detector together."""
    for row in rows:
        row["coverage"] = row["coverage"] or _UNKNOWN
    said = [(row["name"], sent) for row in rows if (sent := coverage.read_sent(row["coverage"])) is not None]
    sent = said[0][1] if said else None
    odd = [name for name, other in said if other != sent]
    runs = [None if sent is None else coverage.runs_within(row["coverage"], sent) for row in rows]
    odd += [row["name"] for row, found in zip(rows, runs, strict=True) if sent is not None and found is None]
    files = tuple(HeldFile(name=r["name"], delivery_id=r["delivery_id"], runs=found) for r, found in zip(rows, runs, strict=True))
    several = sum(row["packets"] for row in rows)
    received = several
    if sent is not None and not odd:
        received = sum(coverage.count(_held(s, kind, files)) for kind, s in sent.items())
    return Holding(
        visit=rows[0]["visit"],
        exposure=rows[0]["exposure"],
        detector=rows[0]["detector"],
        files=files,
        sent=None if odd else sent,
        contradiction=f"{', '.join(dict.fromkeys(odd))} and {said[0][0]}" if odd else "",
        received=received,
        duplicates=sum(row["duplicates"] for row in rows) + several - received,
        bad_crc=sum(row["bad_crc"] for row in rows),
    )


def _held(sent: Sent, kind: str, files: tuple[HeldFile, ...]) -> NDArray[np.int64]:
    return coverage.held(sent, [run for file in files if file.runs for run in file.runs.get(kind, ())])
