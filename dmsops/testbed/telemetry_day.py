"""What a day of engineering deliveries is made of, and what each file must be found to hold.

Every file is stretches of one and the same telemetry, so what is new in it, and what came before, follows from the
stretches that were sent before: nothing needs to be compared sample by sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dmsops.testbed.telemetry_beats import Beat

Span = tuple[int, int]
"""From a time to before another, microseconds since 1970-01-01 UTC."""
CONFLICT_FILES = 0.03
"""Share of files over which conflicting samples are spread (ours)."""
HOLE_SHARE, HOLE_MOST = 0.4, 12_000_000
"""A gap is so much of its file, and at most so many microseconds (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much goes wrong in a day: shares of its files, ``conflicts`` a share of its samples. What is not 0 happens once at least.

    Attributes
    ----------
    resent : float
        Files that come again under a new name, byte by byte; as many again as supersets (the same start, a later end), and
        as many again through the real-time stream across the border of two files.
    conflicts : float
        Samples that come again with another value.
    late, disordered, gaps : float
        Files delivered after later ones; files whose packets are not in order; files in which some time is missing, at most
        12 s: more than the second that is allowed when files cover three seconds or more.
    """

    resent: float = 0.05
    conflicts: float = 0.0005
    late: float = 0.05
    disordered: float = 0.05
    gaps: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file that is delivered.

    Attributes
    ----------
    what : tuple of str
        What is special about it: ``late``, ``disordered``, ``gap``, ``resent``, ``superset``, ``real time``, ``conflict``.
    source : int
        Number of the file of the day (from 0) that it is, or repeats.
    spans : tuple of Span
        The stretches of time it holds, in order.
    changed : int
        Samples whose values differ from those that were sent before.
    """

    what: tuple[str, ...]
    stream: str
    serial: int
    source: int
    spans: tuple[Span, ...]
    changed: int = 0
    place: float = 0.0

    @property
    def hole(self) -> Span | None:
        """The time that is missing in the file, if some is."""
        return (self.spans[0][1], self.spans[1][0]) if len(self.spans) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How the samples of a file must be classified: ``new``, ``exact`` and ``conflict`` are all of them together.

    ``late`` counts those of the new ones that are older than the newest sample of the same mnemonic in earlier files.
    """

    samples: int
    new: int
    exact: int
    conflict: int
    late: int


def pieces(start: int, length: int, files: int, shares: Shares, samples: int, rng: np.random.Generator) -> list[Piece]:
    """Plan the files of a day in the order in which they are delivered.

    Parameters
    ----------
    start, length : int
        Begin of the day and time that one file covers, microseconds.
    files : int
        How many files the day has before anything goes wrong.
    samples : int
        Samples of the day, of which ``shares.conflicts`` is a share.
    """
    own = _own(start, length, files, shares, rng)
    again = [*_resent(own, shares, rng), *_supersets(own, length, shares, rng), *_real_time(own, start, length, shares, rng)]
    again += _conflicts(own, shares, samples, rng)
    numbered = [replace(piece, serial=files + i) for i, piece in enumerate(again, start=1)]
    return sorted([*own, *numbered], key=lambda p: (p.place, p.serial))


def _own(start: int, length: int, files: int, shares: Shares, rng: np.random.Generator) -> list[Piece]:
    """Plan the day's own files, in the order of time."""
    late, disordered, gaps = (_chosen(files, share, rng) for share in (shares.late, shares.disordered, shares.gaps))
    found = []
    for i in range(files):
        begin, words = start + i * length, {"late": i in late, "disordered": i in disordered, "gap": i in gaps}
        spans = _holed(begin, length, rng) if i in gaps else ((begin, begin + length),)
        place = i + (int(rng.integers(2, 5)) + 0.5 if i in late else 0.0)
        what = tuple(word for word, true in words.items() if true)
        found.append(Piece(what=what, stream="E", serial=i + 1, source=i, spans=spans, place=place))
    return found


def _chosen(files: int, share: float, rng: np.random.Generator) -> set[int]:
    """Choose a share of the files, one at least; never the last one, which cannot be late."""
    count = min(files - 1, max(1, round(share * files))) if share else 0
    return {int(i) for i in rng.choice(max(1, files - 1), count, replace=False)} if count else set()


def _holed(begin: int, length: int, rng: np.random.Generator) -> tuple[Span, ...]:
    hole = min(int(HOLE_SHARE * length), HOLE_MOST)
    at = begin + int(rng.uniform(0.2, 0.5) * (length - hole)) // 1000 * 1000
    return ((begin, at), (at + hole, begin + length))


def _resent(own: Sequence[Piece], shares: Shares, rng: np.random.Generator) -> list[Piece]:
    return [
        Piece(what=("resent",), stream="E", serial=0, source=i, spans=own[i].spans, place=own[i].place + int(rng.integers(1, 4)) + 0.25)
        for i in sorted(_chosen(len(own), shares.resent, rng))
    ]


def _supersets(own: Sequence[Piece], length: int, shares: Shares, rng: np.random.Generator) -> list[Piece]:
    found = []
    for i in sorted(_chosen(len(own), shares.resent, rng)):
        span = (own[i].spans[0][0], own[i].spans[-1][1] + length // 2)
        found.append(Piece(what=("superset",), stream="E", serial=0, source=i, spans=(span,), place=own[i].place + 0.1))
    return found


def _real_time(own: Sequence[Piece], start: int, length: int, shares: Shares, rng: np.random.Generator) -> list[Piece]:
    """Plan files of the real-time stream: there before the recorded ones, from the middle of one to the middle of the next."""
    found = []
    for i in sorted(_chosen(len(own), shares.resent, rng)):
        middle = start + i * length + length // 2
        found.append(Piece(what=("real time",), stream="C", serial=0, source=i, spans=((middle, middle + length),), place=i - 0.3))
    return found


def _conflicts(own: Sequence[Piece], shares: Shares, samples: int, rng: np.random.Generator) -> list[Piece]:
    sources = sorted(_chosen(len(own), CONFLICT_FILES if shares.conflicts else 0.0, rng))
    total = max(len(sources), round(shares.conflicts * samples))
    found = []
    for n, i in enumerate(sources):
        changed = (total + n) // len(sources)
        place = own[i].place + int(rng.integers(1, 4)) + 0.3
        found.append(Piece(what=("conflict",), stream="E", serial=0, source=i, spans=own[i].spans, changed=changed, place=place))
    return found


def expected(planned: Iterable[Piece], containers: Mapping[str, tuple[Beat, int]]) -> list[Expected]:
    """Say of each file, in the order of delivery, what its samples are.

    Parameters
    ----------
    containers : mapping
        By name: the beat, and how many mnemonics a packet brings.
    """
    there: list[Span] = []
    found = []
    for piece in planned:
        news = without(piece.spans, there)
        samples, new = (_samples(spans, containers) for spans in (piece.spans, news))
        late = sum(_late(news, there, *container) for container in containers.values())
        found.append(Expected(samples=samples, new=new, exact=samples - new - piece.changed, conflict=piece.changed, late=late))
        there = together([*there, *piece.spans])
    return found


def _samples(spans: Iterable[Span], containers: Mapping[str, tuple[Beat, int]]) -> int:
    return sum(beat.count(*span) * width for span in spans for beat, width in containers.values())


def _late(news: Iterable[Span], there: Iterable[Span], beat: Beat, width: int) -> int:
    """Count a container's samples in some spans that are older than its newest one in others."""
    newest = max((beat.last(stop) for begin, stop in there if beat.count(begin, stop)), default=None)
    if newest is None:
        return 0
    return width * sum(beat.count(begin, min(stop, newest)) for begin, stop in news)


def together(spans: Iterable[Span]) -> list[Span]:
    """Join spans that touch or overlap."""
    joined: list[Span] = []
    for begin, stop in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((begin, stop))
    return joined


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Take away what lies in other spans."""
    left = together(spans)
    for begin, stop in taken:
        left = [piece for a, b in left for piece in ((a, min(b, begin)), (max(a, stop), b)) if piece[0] < piece[1]]
    return left
