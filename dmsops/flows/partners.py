"""Partners as staff see them: what the feed was asked for, what has changed since, what was refused, what their inventories lack."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from dmsops.archive import feed, finding_queries
from dmsops.archive import partners as inventories
from dmsops.archive.describing import collection_of
from dmsops.core.errors import BadInput, NotFound
from dmsops.distribution import partners

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SHOWN = 1000
"""Differences of one partner that are counted or shown."""
CHECK = "C48"
"""The doctor's check that holds partners' inventories against the catalogue."""


def states(ops: Ops, name: str | None = None) -> list[Row]:
    """Give each partner, or the one of a name: how far they harvested and how far that is behind, refusals and differences that stand.

    Returns
    -------
    list of dict
        ``name, display_name, files, refusals``; ``harvested_at`` and ``until`` (what changed by then they were given; None: they never
        harvested), ``behind`` (observations that changed after it) and ``waits_since`` (the first such change); ``differences``: number
        by icewind's words, as the doctor found them last.
    """
    last, found = partners.harvests(ops), _differences(ops)
    rows = [row for row in partners.partners(ops) if name in (None, row["name"])]
    return [_state(ops, row, last.get(row["name"], {}), found.get(row["name"], Counter())) for row in rows]


def _state(ops: Ops, row: Row, last: Row, found: Counter[str]) -> Row:
    behind, since = feed.changes_after(ops, collection_of(ops), last.get("until"))
    told = {"harvested_at": last.get("at"), "until": last.get("until"), "behind": behind, "waits_since": since}
    return {**row, **told, "differences": dict(sorted(found.items()))}


def _differences(ops: Ops) -> dict[str, Counter[str]]:
    """Count the doctor's findings by partner and kind: a finding's URI ends in ``#partner``, what was seen begins with its kind."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in finding_queries.findings(ops, checks=[CHECK], limit=SHOWN):
        found[row["uri"].rpartition("#")[2]][row["observed"].partition(":")[0]] += 1
    return found


def story(ops: Ops, name: str) -> Row:
    """Give one partner as `states` does, with all refusals (``refused``) and the differences of their inventory now (``differs``).

    ``fault`` says why the inventory cannot be read.

    Raises
    ------
    NotFound
        There is no such partner.
    """
    found = next(iter(states(ops, name)), None)
    if found is None:
        remedy = "`dmsops partners list` names them; `dmsops accounts put` makes one (procedure P18)."
        raise NotFound(f"there is no partner '{name[:80]}'", remedy=remedy, partner=name)
    try:
        differs, fault = _differs(ops, name), ""
    except BadInput as error:
        differs, fault = [], error.message
    return {**found, "refused": partners.refusals(ops, partner=name, states=()), "differs": differs, "fault": fault}


def _differs(ops: Ops, name: str) -> list[Row]:
    path = next((path for path in inventories.partner_files(ops) if path.stem == name), None)
    found = islice(inventories.differences(ops, path), SHOWN) if path is not None else ()
    return [{"observation_id": one.observation_id, "kind": one.kind, "ours": one.ours, "theirs": one.theirs} for one in found]
