"""Ephemeris: products that were made with a prediction are made anew when the definitive ephemeris is there.

Which ephemeris a product has is read from how it was made: the blackboard knows what every version was made with. A refresh
writes new versions of all products of an observation in one step, then archives the observation again: its products
change together. Pixels do not change; see `dmsops.processing.refresh`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dmsops.archive import queries as archived
from dmsops.catalogue.headers import read_header
from dmsops.core import journal
from dmsops.core.errors import Refused, StalePlan
from dmsops.core.names import EphemerisName
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.flows import ephemeris_steps as steps
from dmsops.flows.ephemeris_steps import Anew
from dmsops.interfaces.fdf import kind_of_name
from dmsops.processing.refresh import IN_PLACE
from dmsops.receipt import ephemerides
from dmsops.workflow import blackboard, lineage, queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
WORKFLOW = "EPHEMERIS"
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPlan:
    """What a refresh would do.

    Attributes
    ----------
    observations : tuple of Anew
        What would be made anew, exposures before what is combined of them.
    untouched : tuple of (str, str)
        Observations that are affected and would not be touched, with the reason.
    steps : int
        Steps that would be planned.
    estimate_seconds : float
        Work in them, on one worker.
    hash : str
        The ticket.
    """

    observations: tuple[Anew, ...]
    untouched: tuple[tuple[str, str], ...]
    steps: int
    estimate_seconds: float
    hash: str = field(default="")


def affected(ops: Ops, *, older_than_days: float | None = None) -> list[Row]:
    """Give the archived products that have a predicted or superseded ephemeris and could have a definitive one.

    Parameters
    ----------
    older_than_days : float, optional
        Only products that were archived longer ago.

    Returns
    -------
    list of dict
        ``observation_id``, ``name``, ``version``, ``suffix``, ``sha256``, ``eph_type``, ``ephemeris`` (file used), ``use`` (the one
        to use), ``use_sha256``, ``age_days``; by observation and name.
    """
    usable = ephemerides.usable(ops)
    best = [r for r in usable if r["kind"] == "Definitive"]
    if not best:
        return []
    in_use = {"", *(r["sha256"] for r in usable)}
    spans: dict[str, tuple[datetime, datetime] | None] = {}
    found = []
    for row in _with_ephemeris(ops):
        if row["eph_type"] == "Definitive" and row["ephemeris_sha256"] in in_use:
            continue
        if older_than_days is not None and row["age_days"] <= older_than_days:
            continue
        if row["observation_id"] not in spans:
            spans[row["observation_id"]] = _span(ops, row)
        span = spans[row["observation_id"]]
        use = ephemerides.choose(best, *span) if span else None
        if span and use is not None and use["sha256"] != row["ephemeris_sha256"]:
            found.append({**row, "use": use["name"], "use_sha256": use["sha256"], "middle": _middle(*span)})
    return found


def _middle(start: datetime, end: datetime) -> datetime:
    return start + (end - start) / 2


def stale(ops: Ops) -> list[Row]:
    """Give the archived products that still have a predicted ephemeris after the days that the site's setting allows.

    Each as in `affected`, without ``use``: nothing is said about whether a definitive one has come.
    """
    limit = ops.settings.ephemeris_stale_days
    return [row for row in _with_ephemeris(ops) if row["eph_type"] == "Predicted" and row["age_days"] > limit]


def _with_ephemeris(ops: Ops) -> list[Row]:
    """Give the archived products that have ephemeris keywords, each with the ephemeris that it was made with.

    Of several (members of a combined image) the one that most needs another: a predicted one, else one that is not in use. What
    has been made anew and is not archived yet is given as the archive has it, by its header.
    """
    rows = [r for r in archived.products(ops) if r["suffix"].partition("-")[0] in IN_PLACE and r["name"].endswith(".fits")]
    origins = lineage.origins(ops, [r["name"] for r in rows], EphemerisName.matches)
    made = {name: versions[0]["sha256"] for name, versions in queries.versions(ops, list(origins)).items()}
    in_use = {r["sha256"] for r in ephemerides.usable(ops)}
    found = []
    for row in rows:
        if row["name"] in origins:
            origin = min(origins[row["name"]], key=lambda o: (kind_of_name(o.name) != "Predicted", o.sha256 in in_use, o.name))
            age = (ops.clock.now() - row["archived_at"]) / timedelta(days=1)
            kept = {k: row[k] for k in ("observation_id", "name", "version", "suffix", "sha256", "archived_at")}
            file = {"eph_type": kind_of_name(origin.name), "ephemeris": origin.name, "ephemeris_sha256": origin.sha256}
            if made[row["name"]] != row["sha256"]:
                file = {"eph_type": _by_header(ops, row), "ephemeris": "", "ephemeris_sha256": ""}
            found.append({**kept, **file, "age_days": age})
    return found


def _by_header(ops: Ops, row: Row) -> str:
    from astropy.io import fits

    with fits.open(ops.store.path(row["sha256"]), lazy_load_hdus=True) as file:
        return str(file["SCI"].header.get("EPH_TYPE", ""))


def _span(ops: Ops, row: Row) -> tuple[datetime, datetime] | None:
    head = read_header(ops.store.path(row["sha256"]), row["name"])
    if head.start is None or head.end is None:
        return None
    return _MJD_ZERO + timedelta(days=head.start), _MJD_ZERO + timedelta(days=head.end)


def preview(ops: Ops, *, observations: Collection[str] = (), older_than_days: float | None = None) -> RefreshPlan:
    """Say what a refresh would do; nothing changes.

    Parameters
    ----------
    observations : collection of str
        Only these observations (archive ids), or those of these visits (11 digits); empty means all that are affected.
    older_than_days : float, optional
        Only products that were archived longer ago.
    """
    rows = [r for r in affected(ops, older_than_days=older_than_days) if _wanted(r["observation_id"], observations)]
    anew, untouched = steps.plan(ops, rows)
    specs = [spec for item in anew for spec in item.specs]
    facts = [[item.observation_id, sorted(item.products.items()), item.use, item.how] for item in anew]
    return RefreshPlan(
        observations=tuple(anew),
        untouched=tuple(untouched),
        steps=len(specs),
        estimate_seconds=steps.seconds(specs),
        hash=ticket_of(facts),
    )


def _wanted(observation_id: str, chosen: Collection[str]) -> bool:
    return not chosen or observation_id in chosen or any(len(c) == 11 and observation_id.startswith(f"jw{c}_") for c in chosen)


def refresh(
    ops: Ops, *, ticket: str, reason: str, observations: Collection[str] = (), older_than_days: float | None = None
) -> RefreshPlan:  # fmt: skip
    """Plan what was previewed with the same choice; the engine carries it out.

    Raises
    ------
    NotAllowed
        The person may only look.
    BadInput
        There is no reason.
    StalePlan
        Products, ephemerides or work under way have changed since the preview.
    Refused
        Nothing would be made anew.
    """
    require(ops.operator, Role.OPERATOR, "ephemeris refresh")
    need_reason("ephemeris refresh", reason)
    planned = preview(ops, observations=observations, older_than_days=older_than_days)
    need_ticket(ticket, planned.hash, "products or ephemerides have changed since the preview: the plan is another one now")
    if not planned.observations:
        raise Refused("no product would be made anew", remedy="`dmsops ephemeris affected` says what could be (procedure P06).")
    files = {r["name"]: r for r in ephemerides.usable(ops)}
    with ops.db.begin() as c:
        for name in sorted({item.use for item in planned.observations}):
            blackboard.publish(c, ops, name, files[name]["sha256"], files[name]["size"], origin="receipt")
        for visit in sorted({item.visit for item in planned.observations}):
            mine = [item for item in planned.observations if item.visit == visit]
            if not blackboard.submit(c, ops, WORKFLOW, visit, [spec for item in mine for spec in item.specs], cls="reprocessing"):
                raise StalePlan("somebody else planned this refresh a moment ago", seen=ticket)
        for item in planned.observations:
            journal.write(
                c, ops.clock, "refresh.planned", item.observation_id, actor=ops.operator.name, reason=reason, plan=planned.hash,
                products=sorted(item.products), ephemeris=item.ephemeris, use=item.use, how=item.how,
            )  # fmt: skip
    return planned
