"""A day of engineering deliveries, with everything that goes wrong with them, and the truth about every file.

The day has no visits: the observatory exposes all the time, and its telemetry goes on without end. It is cut into files,
each in a delivery of its own; some come late, again, with gaps or with other values (`telemetry_day`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from dmsops.core.errors import BadInput
from dmsops.core.files import make_folder, sha256_of, sync_folder, write_json
from dmsops.core.plain import to_plain
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.interfaces.prds import Series, TelemetryDatabase, telemetry_database
from dmsops.testbed import telemetry, telemetry_conflicts, telemetry_packets, telemetry_scene
from dmsops.testbed.recording import Progress, recorder_file
from dmsops.testbed.records import made_before
from dmsops.testbed.telemetry_beats import MILLISECOND, SECOND, Beat, beat
from dmsops.testbed.telemetry_day import Expected, Piece, Shares, expected, pieces, without
from dmsops.testbed.telemetry_signals import Signal

FILES = 60
TRUTH = "day.json"
CHANGE_SECONDS = 133.0
"""How often what is sent when something changes is sent; no part of the exposures' cycle, so that all states come."""
AFTER_FILE = timedelta(minutes=10)
RECORDER_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
FIXED = {**{f"SA_ZRFGS2J{i}{j}": float(i == j) or 1e-9 for i in (1, 2, 3) for j in (1, 2, 3)}, "SA_ZFGDETID": 1.0}
"""Pointing telemetry that stands still in a day without visits."""
ATTITUDE = tuple(f"SA_ZATTEST{i}" for i in (1, 2, 3, 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What was made: folders of the deliveries in their order, the truth, and how many samples were sent in how many files."""

    deliveries: tuple[Path, ...]
    truth: Path
    files: int
    samples: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """All that the telemetry of a day follows from."""

    database: TelemetryDatabase
    signals: dict[str, tuple[Signal, ...]]
    beats: dict[str, Beat]
    seed: int
    counters: dict[int, int] = field(default_factory=dict)


def fly_day(
    out: Path,
    day: date,
    *,
    samples: int = 300_000_000,
    files: int = FILES,
    seconds: float | None = None,
    shares: Shares | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> Day:
    """Make the engineering deliveries of a day.

    Parameters
    ----------
    out : Path
        Folder of the day; deliveries go to ``<out>/deliveries``, the truth to ``<out>/truth/day.json``.
    samples : int
        About how many samples the day has, resends left out. More than the telemetry database's own rates give make more
        packets a second.
    files : int
        Files that the day is cut into.
    seconds : float, optional
        Time that a file covers. By default 24 minutes, or as much less as few samples need at the database's own rates, so
        that the telemetry of a small day has no gaps; the day is shorter then. Given, packets are as rare as it takes.
    shares : Shares, optional
        How much goes wrong.
    progress : callable (done, total, what), optional
        Told after every file.

    Raises
    ------
    BadInput
        There are fewer than two files, or too few samples.
    Refused
        Another day, or a flight, is in the folder.
    """
    shares = shares or Shares()
    identity = to_plain({"day": str(day), "samples": samples, "files": files, "seconds": seconds, "shares": asdict(shares), "seed": seed})
    there = _made(out, identity)
    if there is not None:
        return there
    if files < 2 or samples < files:
        raise BadInput(f"a day needs two files and a sample in each; {files} files with {samples} samples were asked for")
    database = telemetry_database()
    length, faster = _pace(database, samples, files, seconds)
    recipe = _Recipe(database=database, signals=telemetry.signals(database), beats=_beats(database, faster), seed=seed)
    start = telemetry_scene.microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    planned = pieces(start, length, files, shares, samples, np.random.default_rng([seed, files]))
    folder = out / ".building"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        rows = _deliver(folder, planned, recipe, progress)
        whole = (start, start + files * length)
        missing = without([whole], [span for piece in planned for span in piece.spans])
        return _publish(folder, out, {"identity": identity, "missing_us": missing}, rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pace(database: TelemetryDatabase, samples: int, files: int, seconds: float | None) -> tuple[int, float]:
    """Give the time of one file in microseconds, and how many times faster than nominal packets are made."""
    usual = sum(len(c.measured) / (c.period_seconds or CHANGE_SECONDS) for c in database.containers)
    lasts = seconds or min(telemetry.FILE / SECOND, samples / (files * usual))
    return max(1, round(lasts * 1000)) * MILLISECOND, samples / (files * lasts * usual)


def _beats(database: TelemetryDatabase, faster: float) -> dict[str, Beat]:
    return {c.name: beat(c.name, c.period_seconds or CHANGE_SECONDS, faster=faster) for c in database.containers if c.measured}


def _deliver(folder: Path, planned: Sequence[Piece], recipe: _Recipe, progress: Progress | None) -> list[dict[str, object]]:
    """Write every delivery, and say of each what it is and how it must be classified."""
    widths = {name: (recipe.beats[name], len(theirs)) for name, theirs in recipe.signals.items()}
    rows: list[dict[str, object]] = []
    sources: dict[int, Path] = {}
    begin = datetime.fromtimestamp(min(piece.spans[0][0] for piece in planned) // SECOND, UTC)
    before = int((begin - RECORDER_EPOCH) / timedelta(minutes=1))
    created = begin
    for i, (piece, truth) in enumerate(zip(planned, expected(planned, widths), strict=True), start=1):
        first, last = (datetime.fromtimestamp(at // SECOND, UTC) for at in (piece.spans[0][0], piece.spans[-1][1]))
        created = max(created + timedelta(minutes=1), last + AFTER_FILE)
        delivery_id = f"ENG-{begin:%Y%j}-{i:04d}"
        delivery = make_folder(folder / "deliveries" / delivery_id)
        path = delivery / recorder_file(piece.stream, first, piece.serial)
        _write(path, piece, recipe, sources)
        if piece.serial == piece.source + 1:
            sources[piece.source] = path
        write_manifest(delivery, delivery_id=delivery_id, sender=telemetry.ORIGIN, sequence=before + i, created=created)
        rows.append(_row(delivery_id, path, piece, truth))
        if progress:
            progress(i, len(planned), path.name)
    return rows


def _row(delivery_id: str, path: Path, piece: Piece, truth: Expected) -> dict[str, object]:
    return {
        "delivery": delivery_id,
        "file": path.name,
        "sha256": sha256_of(path),
        "size": path.stat().st_size,
        "what": list(piece.what) or ["new"],
        "spans_us": [list(span) for span in piece.spans],
        "gap_us": list(piece.hole) if piece.hole else None,
        **asdict(truth),
    }


def _write(path: Path, piece: Piece, recipe: _Recipe, sources: dict[int, Path]) -> None:
    """Write one file: a copy of what was sent before, or packets of its stretches of time."""
    if "resent" in piece.what:
        shutil.copyfile(sources[piece.source], path)
        return
    own = piece.serial == piece.source + 1
    series = _joined([_sampled(recipe, start, stop) for start, stop in piece.spans])
    rng = np.random.default_rng([recipe.seed, piece.serial])
    if piece.changed:
        chosen = telemetry_conflicts.draw(series, piece.changed, rng)
        series = telemetry_conflicts.contradicted(series, chosen, recipe.database)
    telemetry.write(path, series, recipe.counters if own else {}, recipe.database)
    if "disordered" in piece.what:
        packets = telemetry_packets.read(path)
        packets.take(np.concatenate([[0], 1 + rng.permutation(len(packets.times) - 1)])).write(path)


def _sampled(recipe: _Recipe, start: int, stop: int) -> list[Series]:
    """Give the telemetry of some time: quaternions of length 1, and a guider that stays the same."""
    scene = telemetry_scene.of_time(start, stop)
    made = {s.mnemonic.name: s for s in telemetry.sampled(recipe.signals, recipe.beats, scene, start, stop, recipe.seed)}
    length = np.sqrt(sum(made[name].values ** 2 for name in ATTITUDE))
    made |= {name: _with(made[name], made[name].values / length) for name in ATTITUDE}
    made |= {name: _with(made[name], np.full(len(made[name].times), value)) for name, value in FIXED.items()}
    return list(made.values())


def _with(one: Series, values: np.ndarray) -> Series:
    return Series(mnemonic=one.mnemonic, times=one.times, values=values, raw=one.raw)


def _joined(parts: Sequence[Sequence[Series]]) -> list[Series]:
    """Put stretches of telemetry behind each other; the series of a container still share their times."""
    if len(parts) == 1:
        return list(parts[0])
    times: dict[str, np.ndarray] = {}
    found = []
    for same in zip(*parts, strict=True):
        first = same[0]
        shared = times.setdefault(first.mnemonic.container, np.concatenate([p.times for p in same]))
        raw = None if first.raw is None else np.concatenate([p.raw for p in same if p.raw is not None])
        values = np.concatenate([p.values for p in same])
        found.append(Series(mnemonic=first.mnemonic, times=shared, values=values, raw=raw))
    return found


def _publish(folder: Path, out: Path, facts: dict[str, object], rows: list[dict[str, object]]) -> Day:
    """Move truth and deliveries to their places; the deliveries last, as their presence says that all is there."""
    totals = {word: sum(int(str(row[word])) for row in rows) for word in ("samples", "new", "exact", "conflict", "late", "size")}
    truth = make_folder(folder / "truth")
    write_json(truth / TRUTH, {**facts, "totals": totals, "files": rows})
    shutil.rmtree(out / "truth", ignore_errors=True)
    truth.rename(out / "truth")
    (folder / "deliveries").rename(out / "deliveries")
    sync_folder(out)
    return _told(out, rows, totals)


def _told(out: Path, rows: Sequence[dict[str, object]], totals: dict[str, int]) -> Day:
    deliveries = tuple(out / "deliveries" / str(row["delivery"]) for row in rows)
    return Day(deliveries=deliveries, truth=out / "truth" / TRUTH, files=len(rows), samples=totals["samples"], size=totals["size"])


def _made(out: Path, identity: object) -> Day | None:
    """Give the day that is there already, if it is this one."""
    if not (out / "deliveries").exists() and not (out / "delivery").exists():
        return None
    remedy = "Name another folder for this day, or remove what is there (procedure P20)."
    record = made_before(out, TRUTH, identity, holds="another day, or a flight", remedy=remedy)
    return _told(out, record["files"], record["totals"])
