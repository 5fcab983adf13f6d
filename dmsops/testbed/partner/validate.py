"""Full validation: all that the archive lists against all that is held here; what differs is told, and taken again by the next harvest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from dmsops.core.clock import iso
from dmsops.core.db import reading, transact
from dmsops.core.errors import DmsError, NotFound
from dmsops.core.files import write_json
from dmsops.interfaces.partners import Held, write_inventory
from dmsops.testbed.partner import files
from dmsops.testbed.partner.documents import Unfit, checksum_of
from dmsops.testbed.partner.feed import Feed, Line, Place
from dmsops.testbed.partner.harvest import FORGOTTEN, delete, note, skipped
from dmsops.testbed.partner.site import LOOK_BACK, PartnerSite, file, held, mark

MISSED, NOT_DELETED, DIFFERS = "missed observation", "missed delete", "accMetaChecksum discrepancy"
"""icewind's words."""
SAME, CORRECT, LENGTH, CHECKSUM, MISSING = "same description", "correct", "diffLength", "diffChecksum", "missingFromStorage"
NOT_PUBLIC, STRAY = "notPublic", "notInCAOM"
"""Those of CADC's artifact validation."""
_h, _f, _m = held.c, file.c, mark.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """One difference: its class, the observation or file, what the archive says, what is here."""

    kind: str
    uri: str
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What a validation found: observations and files by class (``counts``), differences one by one, and what is too new to judge."""

    at: datetime
    counts: dict[str, int]
    anomalies: tuple[Anomaly, ...]
    pending: int

    def lines(self) -> list[str]:
        """Give the summary in lines."""
        found = [f"{kind}: {n}" for kind, n in sorted(self.counts.items())]
        return [*found, f"too new to judge: {self.pending}", f"differences: {len(self.anomalies)}"]


def validate(site: PartnerSite, feed: Feed, *, repair: bool = True) -> Validation:
    """Compare everything, and write the report into ``reports``.

    What the next harvest would take anyway (changed within its look-back) is no difference.

    Parameters
    ----------
    repair : bool
        Whether what differs is set to be taken again, and what the archive has no more is deleted.

    Raises
    ------
    Failed
        A call was lost: a part of the list would look like differences.
    """
    theirs = _all_lines(feed)
    found, pending = _observations(site, feed, theirs)
    with_files = [*_files(site), *_strays(site)]
    counts = Counter(one.kind for one in (*found, *with_files))
    counts["observations"] = len(theirs)
    anomalies = tuple(one for one in (*found, *with_files) if one.kind not in (SAME, CORRECT, NOT_PUBLIC))
    report = Validation(at=site.now(), counts=dict(counts), anomalies=anomalies, pending=pending)
    if repair:
        transact(site.db, partial(_schedule, site=site, theirs=theirs, anomalies=anomalies))
    write_json(site.folder / "reports" / f"validate-{iso(report.at).replace(':', '')}.json", {**asdict(report), "at": iso(report.at)})
    return report


def _all_lines(feed: Feed) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    place: Place | None = Place()
    while place is not None:
        page, place = feed.lines("observations", place)
        lines |= {line.observation_id: line for line in page}
    return lines


def _observations(site: PartnerSite, feed: Feed, theirs: dict[str, Line]) -> tuple[list[Anomaly], int]:
    with reading(site.db) as c:
        ours = {row.observation_id: row for row in c.execute(sa.select(held).where(_h.checksum.is_not(None)))}
        seen = c.execute(sa.select(_m.at).where(_m.name == "observations")).scalar()
    found, pending = [], 0
    for name in sorted(theirs.keys() | ours.keys()):
        kind, said, mine = _compared(feed, name, theirs.get(name), ours.get(name))
        line = theirs.get(name)
        if kind in (MISSED, DIFFERS) and line is not None and (seen is None or line.at > seen - LOOK_BACK) and mine != _DAMAGED:
            pending += 1
        elif kind:
            found.append(Anomaly(kind=kind, uri=name, theirs=said, ours=mine))
        else:
            pending += line is None
    return found, pending


_DAMAGED = "its document is not what was taken"


def _compared(feed: Feed, name: str, line: Line | None, row: Any) -> tuple[str, str, str]:
    if line is None:
        return (NOT_DELETED, "not in the archive", row.checksum) if _is_gone(feed, name) else ("", "", "")
    if row is None:
        return MISSED, line.checksum, "not held"
    if not _is_whole(row):
        return DIFFERS, line.checksum, _DAMAGED
    return (SAME, line.checksum, row.checksum) if line.checksum in (row.checksum, "") else (DIFFERS, line.checksum, row.checksum)


def _is_gone(feed: Feed, name: str) -> bool:
    """Ask for one that is in no list: it may have changed while the list was read."""
    try:
        feed.document(name)
    except NotFound:
        return True
    return False


def _is_whole(row: Any) -> bool:
    from dmsops.catalogue.xml import from_xml

    try:
        return bool(checksum_of(from_xml(row.document, source=row.observation_id)) == row.checksum)
    except DmsError:
        return False


def _files(site: PartnerSite) -> Iterator[Anomaly]:
    """Read every file again that the policy asks for, and hold it against its description."""
    with reading(site.db) as c:
        rows = c.execute(sa.select(file, files.due(site).label("due")).order_by(_f.uri)).all()
    for row in rows:
        path = site.path_of(row.uri)
        if not path.is_file():
            kind = MISSING if row.due and site.files != "none" else NOT_PUBLIC
            yield Anomaly(kind=kind, uri=row.uri, theirs=row.sha256, ours=row.message or "not here")
        elif path.stat().st_size != row.size:
            yield Anomaly(kind=LENGTH, uri=row.uri, theirs=str(row.size), ours=str(path.stat().st_size))
        else:
            found = files.sum_of(path)
            yield Anomaly(kind=CORRECT if found == row.sha256 else CHECKSUM, uri=row.uri, theirs=row.sha256, ours=found)


def _strays(site: PartnerSite) -> Iterator[Anomaly]:
    with reading(site.db) as c:
        named = {uri.rpartition("/")[2] for uri in c.execute(sa.select(_f.uri)).scalars()}
    for path in sorted((site.folder / "files").iterdir()):
        if path.name not in named:
            yield Anomaly(kind=STRAY, uri=path.name, theirs="no document names it", ours=str(path.stat().st_size))


def _schedule(c: sa.Connection, site: PartnerSite, theirs: dict[str, Line], anomalies: tuple[Anomaly, ...]) -> None:
    for one in anomalies:
        if one.kind == NOT_DELETED:
            at = c.execute(sa.select(_h.listed_at).where(_h.observation_id == one.uri)).scalar()
            delete(c, one.uri, at or site.now())
        elif one.kind in (MISSED, DIFFERS):
            c.execute(sa.update(held).where(_h.observation_id == one.uri).values(**FORGOTTEN))
            note(c, site, theirs[one.uri])
            skipped(c, site, one.uri, Unfit(kind=one.kind, message=f"{one.ours}; the archive has {one.theirs}"), at_once=True)
        elif one.kind in (LENGTH, CHECKSUM, MISSING):
            c.execute(sa.update(file).where(_f.uri == one.uri).values(held_sha256=None, try_after=None, times=0))


def inventory(site: PartnerSite) -> bytes:
    """Write what is held here as partners send it to the archive (`dmsops.interfaces.partners`)."""
    query = sa.select(held).where(_h.checksum.is_not(None)).order_by(_h.listed_at, _h.observation_id)
    with reading(site.db) as c:
        rows = c.execute(query).all()
    given = (
        Held(collection=site.collection, observation_id=r.observation_id, changed_at=r.listed_at or r.taken_at, checksum=r.checksum)
        for r in rows
    )
    return write_inventory(given, site.now())
