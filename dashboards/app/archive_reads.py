"""What the archive board reads: one reading for all boards of the process, and what of it needs a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dashboards.app.beside import Beside, Parts
from dmsops.archive import errors, finding_queries, fixity, pages, queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
AUDITS = 200
"""As many of the newest audits are read."""
INGEST = "archive.ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What the archive knows, as rows by list of the board; findings, objects and observations are read by the page.

    Attributes
    ----------
    checks : tuple of dict
        Findings that stand, counted by check.
    due : mapping
        As `dmsops.archive.fixity.due` gives it; empty until it is known.
    damaged, total : int
        Objects whose last reading was bad, and observations of the catalogue.
    broken : mapping of str to str
        Lists that could not be read, with the reason.
    loaded : bool
        False until the first reading was made.
    """

    errors: tuple[Row, ...] = ()
    audits: tuple[Row, ...] = ()
    checks: tuple[Row, ...] = ()
    due: Mapping[str, Any] = field(default_factory=dict)
    damaged: int = 0
    total: int = 0
    broken: Mapping[str, str] = field(default_factory=dict)
    loaded: bool = False

    @property
    def last_audit(self) -> Row | None:
        """The newest audit of the doctor."""
        return next((row for row in self.audits if row["kind"] == "doctor"), None)


def read(ops: Ops) -> Archive:
    """Read the site; a list that cannot be read is empty and named, and blinds no other list."""
    part = Parts(ops)
    return Archive(
        errors=part.of("errors", lambda: tuple(errors.listed(ops)), ()),
        audits=part.of("audits", lambda: tuple(finding_queries.trend(ops, limit=AUDITS)[::-1]), ()),
        checks=part.of("findings", lambda: tuple(finding_queries.counts(ops)), ()),
        due=part.of("objects", lambda: asdict(fixity.due(ops)), {}),
        damaged=part.of("objects", lambda: pages.number_of_damaged(ops), 0),
        total=part.of("observations", lambda: queries.number_of_observations(ops), 0),
        broken=part.broken,
        loaded=True,
    )


class ArchiveReader(Beside[Archive]):
    """Reads the archive beside the hub.

    Parameters
    ----------
    ops : Ops
        The site.
    """

    def __init__(self, ops: Ops) -> None:
        super().__init__(ops, read, Archive())


def needing(seen: Archive) -> dict[str, int]:
    """Count what needs a person, by list of the board: of the findings, the open errors."""
    return {
        "errors": len(seen.errors),
        "findings": sum(row["open"] for row in seen.checks if row["severity"] == "error"),
        "objects": seen.damaged,
        "observations": 0,
        "audits": 0,
    }
