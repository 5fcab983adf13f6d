"""What the distribution board reads: one reading for all boards of the process, what is read once per reading, what needs a person."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dashboards.app.beside import Beside, Parts
from dashboards.app.distribution_work import Works
from dmsops.distribution import audit, board_queries, notice_queries, partners, staging, staging_standing
from dmsops.distribution.notices import Standing
from dmsops.flows import partners as partner_flow
from dmsops.flows import programs
from dmsops.wfsc import queries as handed

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
MOST = 1000
"""As many subscriptions, refusals or staged requests are read, the newest or those that need a person first."""
LATE = timedelta(days=1)
"""A partner who has not harvested what changed this long ago is behind (ours)."""
_KEPT = 100
_READINGS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What distribution knows, as rows by list of the board; accesses are read by the page.

    Attributes
    ----------
    handovers, subscriptions, staged : tuple of dict
        Each row with its ``standing``: a word of ours for how it is now.
    told : mapping
        As `dmsops.distribution.notice_queries.summary` gives it, with what `board_queries.trouble` gives.
    today : mapping
        Accesses since midnight (UTC) by verdict, and ``bytes`` that were given.
    number : int
        Which reading this is; 0 before the first one.
    """

    handovers: tuple[Row, ...] = ()
    subscriptions: tuple[Row, ...] = ()
    refusals: tuple[Row, ...] = ()
    partners: tuple[Row, ...] = ()
    staged: tuple[Row, ...] = ()
    programs: tuple[Row, ...] = ()
    accounts: tuple[Row, ...] = ()
    accesses: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)
    today: Mapping[str, int] = field(default_factory=dict)
    laid: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def loaded(self) -> bool:
        """Whether anything was read."""
        return self.number > 0


def read(ops: Ops) -> Distribution:
    """Read the site; a list that cannot be read is empty and named, and blinds no other list."""
    part, now = Parts(ops), ops.clock.now()
    return Distribution(
        handovers=part.of("handovers", lambda: _handovers(ops), ()),
        subscriptions=part.of("subscriptions", lambda: _subscriptions(ops), ()),
        refusals=part.of("refusals", lambda: tuple(partners.refusals(ops, limit=MOST)), ()),
        partners=part.of("partners", lambda: tuple(partner_flow.states(ops)), ()),
        staged=part.of("staged", lambda: _staged(ops, now), ()),
        programs=part.of("programs", lambda: tuple(programs.listed(ops)), ()),
        accounts=part.of("accounts", lambda: tuple(board_queries.accounts(ops)), ()),
        accesses=part.of("accesses", lambda: board_queries.number(ops), 0),
        told=part.of("subscriptions", lambda: notice_queries.summary(ops) | board_queries.trouble(ops), {}),
        today=part.of("accesses", lambda: audit.today(ops), {}),
        laid=part.of("staged", lambda: staging.counts(ops), {}),
        broken=part.broken,
        number=next(_READINGS),
    )


def _handovers(ops: Ops) -> tuple[Row, ...]:
    """Give hand-overs, those that need a person first, then the newest."""
    rank = {**dict.fromkeys(handed.NEED_A_PERSON, 0), "waits for the answer": 1, "being sent": 1}
    return tuple(sorted(handed.handovers(ops), key=lambda row: (rank.get(row["standing"], 2), -row["prepared_at"].timestamp())))


def _subscriptions(ops: Ops) -> tuple[Row, ...]:
    """Give subscriptions: those that fail, longest first, those that were stopped, then the newest."""
    first = [*notice_queries.listed(ops, failing=True, limit=MOST), *notice_queries.listed(ops, state=Standing.STOPPED, limit=MOST)]
    found = {row["id"]: row for row in [*first, *notice_queries.listed(ops, limit=MOST)]}
    rows = [{**row, "standing": subscription_standing(row)} for row in found.values()]
    rank = {"failing": 0, "stopped": 1, "ended": 3}
    return tuple(sorted(rows, key=lambda row: rank.get(row["standing"], 2)))


def subscription_standing(row: Row) -> str:
    """Say how a subscription is: ``failing`` is one that is active and does not get through."""
    return "failing" if row["state"] == Standing.ACTIVE and row["failing_since"] is not None else str(row["state"])


def _staged(ops: Ops, now: datetime) -> tuple[Row, ...]:
    """Give staged requests, those that need a person first, then the newest."""
    rows = [{**row, "standing": staging_standing.standing(row, now)} for row in staging.requests(ops, limit=MOST)]
    rank = {**dict.fromkeys(staging_standing.NEED_A_PERSON, 0), "requested": 1, "ready in part": 2, "ready": 2}
    return tuple(sorted(rows, key=lambda row: rank.get(row["standing"], 3)))


class DistributionReader(Beside[Distribution]):
    """Reads distribution beside the hub, and keeps what was read by the page until the next reading.

    Accesses come without a line in the journal, so the hub's own keeping would not notice them.

    Parameters
    ----------
    ops : Ops
        The site.
    """

    def __init__(self, ops: Ops) -> None:
        super().__init__(ops, read, Distribution())
        self.works = Works()
        self._lock = threading.Lock()
        self._pages: dict[Any, tuple[int, Any]] = {}

    def forget(self) -> None:
        """Let the next look read again, whatever has changed."""
        super().forget()
        self.forget_pages()

    def forget_pages(self) -> None:
        """Let what was kept of this reading be read again."""
        with self._lock:
            self._pages = {}

    def once(self, key: Any, look: Callable[[], Any]) -> Any:
        """Read something once per reading, for all boards."""
        number = self.last.number
        with self._lock:
            kept = self._pages.get(key)
        if kept is not None and kept[0] == number:
            return kept[1]
        found = look()
        with self._lock:
            fresh = [(name, one) for name, one in self._pages.items() if one[0] == number and name != key]
            self._pages = {**dict(fresh[-_KEPT:]), key: (number, found)}
        return found


def needing(seen: Distribution) -> dict[str, int]:
    """Count what needs a person, by list of the board; that nobody tells is one thing more among the subscriptions."""
    standing = {view: [row["standing"] for row in getattr(seen, view)] for view in ("handovers", "staged")}
    return {
        "handovers": sum(word in handed.NEED_A_PERSON for word in standing["handovers"]),
        "subscriptions": sum(seen.told.get(word, 0) for word in ("not_through", "stopped")) + bool(seen.told.get("lanes")),
        "refusals": max(len(seen.refusals), sum(row["refusals"] for row in seen.partners)),
        "staged": sum(word in staging_standing.NEED_A_PERSON for word in standing["staged"]),
    }
