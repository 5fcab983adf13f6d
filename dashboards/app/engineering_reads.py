"""What the engineering board reads: one reading for all boards of the process, and what of it needs a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dashboards.app.beside import Beside, Parts
from dmsops.engineering import queries
from dmsops.engineering.states import EngineeringState
from dmsops.flows import engineering as flow
from dmsops.workflow import queries as workflow
from dmsops.workflow.states import StepState

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
NEWEST = 5000
"""As many of the newest files are read, and all that were refused."""
HOURS = 5000
"""As many of the newest hours outside limits are read."""
FAILED = "ingest failed"
REFUSED = EngineeringState.REFUSED.value
_LEVELS = ("red", "yellow", "in limits", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engineering:
    """What the engineering database knows, as rows by list of the board.

    Attributes
    ----------
    totals : mapping
        As `dmsops.engineering.queries.summary` gives them; empty until they are known.
    broken : mapping of str to str
        Lists that could not be read, with the reason.
    loaded : bool
        False until the first reading was made.
    """

    files: tuple[Row, ...] = ()
    conflicts: tuple[Row, ...] = ()
    gaps: tuple[Row, ...] = ()
    products: tuple[Row, ...] = ()
    limits: tuple[Row, ...] = ()
    mnemonics: tuple[Row, ...] = ()
    totals: Mapping[str, Any] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    loaded: bool = False

    def rows(self, view: str) -> tuple[Row, ...]:
        """Give the rows of one list."""
        found: tuple[Row, ...] = getattr(self, view)
        return found

    def mnemonic(self, name: str) -> Row | None:
        """Give a mnemonic's row."""
        return next((row for row in self.mnemonics if row["name"] == name), None)

    @property
    def newest_at(self) -> datetime | None:
        """The time of the newest sample that is held."""
        when: datetime | None = self.totals.get("latest_at")
        return when


def read(ops: Ops) -> Engineering:
    """Read the site; a list that cannot be read is empty and named, and blinds no other list and no other board."""
    part = Parts(ops)
    suspects: list[Row] = part.of("conflicts", lambda: queries.suspect_intervals(ops), [])
    holes: list[Row] = part.of("gaps", lambda: queries.gaps(ops), [])
    names: list[Row] = part.of("mnemonics", lambda: queries.mnemonics(ops), [])
    return Engineering(
        files=part.of("files", lambda: _files(ops, holes), ()),
        conflicts=tuple(suspects),
        gaps=tuple(sorted(holes, key=lambda g: (g["decision"] != "open", -g["first_us"]))),
        products=part.of("products", lambda: _products(ops), ()),
        limits=part.of("limits", lambda: _limits(queries.violations(ops, limit=HOURS), names), ()),
        mnemonics=_mnemonics(names, suspects),
        totals=part.of("files", lambda: queries.summary(ops), {}),
        broken=part.broken,
        loaded=True,
    )


def _files(ops: Ops, holes: Sequence[Row]) -> tuple[Row, ...]:
    """Give receipts, those that need a person first; each with the gaps that it touches."""
    found = {row["id"]: row for row in queries.files(ops, limit=NEWEST)}
    found |= {row["id"]: row for row in queries.files(ops, states=[REFUSED], limit=NEWEST)}
    failed = {s["dataset"]: s for s in workflow.steps(ops, states=(StepState.FAILED,), kinds=(flow.INGEST,), limit=NEWEST)}
    rows = [_file(row, failed.get(row["name"]), holes) for row in found.values()]
    return tuple(sorted(rows, key=lambda r: (not file_needs(r), -r["id"])))


def _file(row: Row, failed: Row | None, holes: Sequence[Row]) -> Row:
    inside = [] if row["first_us"] is None else [g for g in holes if g["last_us"] >= row["first_us"] and g["first_us"] <= row["last_us"]]
    waits = failed is not None and row["state"] == EngineeringState.WAITING
    return {
        **row,
        "word": FAILED if waits else row["state"],
        "fault": failed["fault"] if failed and waits else "",
        "remedy": failed["remedy"] if failed and waits else "",
        "gap_seconds": [g["seconds"] for g in inside],
    }


def file_needs(row: Row) -> bool:
    """Say whether a person has to look at a file."""
    return row["word"] in (FAILED, REFUSED)


def _products(ops: Ops) -> tuple[Row, ...]:
    """Give affected products, those first that would see other telemetry than they were made with."""
    return tuple(sorted((asdict(one) for one in flow.affected(ops)), key=lambda row: (not row["stale"], row["dataset"])))


def _limits(hours: Iterable[Row], names: Iterable[Row]) -> tuple[Row, ...]:
    """Put hours outside limits together by mnemonic: those that are outside now first, then the latest."""
    now = {row["name"]: row for row in names}
    by_name: dict[str, list[Row]] = defaultdict(list)
    for hour in hours:
        by_name[hour["name"]].append(hour)
    rows = [_outside(name, theirs, now.get(name)) for name, theirs in by_name.items()]
    return tuple(sorted(rows, key=lambda r: (_LEVELS.index(r["level"]), -r["last_at"].timestamp(), r["name"])))


def _outside(name: str, hours: list[Row], now: Row | None) -> Row:
    newest, oldest = hours[0], hours[-1]
    return {
        "name": name,
        "subsystem": newest.get("subsystem", ""),
        "unit": newest.get("unit", ""),
        "level": now["level"] if now else "",
        "latest_value": now["latest_value"] if now else None,
        "word": now["word"] if now else "",
        "latest_at": now["latest_at"] if now else None,
        "limits": now["limits"] if now else None,
        "hours": len(hours),
        "yellow": sum(h["yellow"] for h in hours),
        "red": sum(h["red"] for h in hours),
        "first_at": oldest["first_at"],
        "last_at": newest["last_at"],
        "worst": (min(h["minimum"] for h in hours), max(h["maximum"] for h in hours)),
    }


def _mnemonics(names: Iterable[Row], suspects: Iterable[Row]) -> tuple[Row, ...]:
    """Give mnemonics, red ones first, then yellow ones, then those that are held, then the others; by name."""
    contested = {row["number"] for row in suspects}
    rows = [{**row, "contested": row["number"] in contested} for row in names]
    rank = {"red": 0, "yellow": 1}
    return tuple(sorted(rows, key=lambda r: (rank.get(r["level"], 2), not r["samples"], r["name"])))


class EngineeringReader(Beside[Engineering]):
    """Reads engineering beside the hub.

    Parameters
    ----------
    ops : Ops
        The site.
    """

    def __init__(self, ops: Ops) -> None:
        super().__init__(ops, read, Engineering())


def needing(seen: Engineering) -> dict[str, int]:
    """Count what needs a person, by list of the board."""
    return {
        "files": sum(map(file_needs, seen.files)),
        "conflicts": len(seen.conflicts),
        "gaps": sum(g["decision"] == "open" for g in seen.gaps),
        "products": sum(p["stale"] for p in seen.products),
        "limits": sum(r["level"] == "red" for r in seen.limits),
        "mnemonics": 0,
        "trend": 0,
    }
