"""Whether a visit's data are all in the archive: what was carried out, what came, what was foreseen, against what is there.

A visit is judged when all its work has ended, or when it is due and has not: a day after its last file came (ours), for a wavefront
visit at its own limit. What was skipped, broken off, given up, dropped by a person, or still lacks packets is nobody's fault in the
archive and is not found here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, observation
from dmsops.catalogue.describe import observation_id
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.names import ExposureProduct
from dmsops.interfaces import pps
from dmsops.prediction.products import predict
from dmsops.receipt import gaps, reports
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, delivery, reported_exposure
from dmsops.workflow.states import OPEN, StepState
from dmsops.workflow.tables import make, step, workflow

if TYPE_CHECKING:
    from dmsops.catalogue.registry import Scope
    from dmsops.core.records import Visit
    from dmsops.ops import Ops

WORKFLOW = "SCIENCE"
WITHIN = timedelta(hours=24)
"""What came is in the archive within this time (ours; a published figure for such a system's level 1)."""
Pair = tuple[str, str]
"""Exposure and detector."""
_ap, _f = archived_product.c, delivered_file.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a visit stands: what it should have given and has not, and what is there besides.

    Attributes
    ----------
    report : str
        Its current status file.
    usable : int
        Exposures and detectors that the status file calls completed and whose packets are here (or that are used without some).
    lost : bool
        Whether nothing of them is in the archive though something should be.
    missing : tuple of str
        Products that were foreseen of what is usable and are not there.
    begun : frozenset of str
        Those of them whose observation is there.
    unforeseen : tuple of str
        Products of its exposures that are there and that nothing foresaw of what was taken.
    combined, possible : frozenset of str
        What its observation was combined into, and what the visit foresees of it.
    whole : bool
        Whether its plan, and all other known visits of its observation, are here to judge what was combined.
    """

    visit: str
    report: str
    usable: int
    lost: bool
    missing: tuple[str, ...] = ()
    begun: frozenset[str] = frozenset()
    unforeseen: tuple[str, ...] = ()
    combined: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    whole: bool = False


def standings(ops: Ops, scope: Scope) -> list[Standing]:
    """Give every visit of the scope that can be judged now, in order.

    Plans are read from the store, one after the other; all else is read in a few questions for all visits. Several checks ask one
    after the other: while nothing has been written in between, the answer is kept for a minute.
    """
    key = (str(ops.settings.site), ops.settings.database_url, scope, *_written(ops))
    now = ops.clock.now()
    if _kept and _kept[0][0] == key and timedelta() <= now - _kept[0][1] < _KEPT_FOR:
        return _kept[0][2]
    found = _standings(ops, scope)
    _kept[:] = [(key, now, found)]
    return found


_kept: list[tuple[Any, datetime, list[Standing]]] = []
_KEPT_FOR = timedelta(minutes=1)


def _written(ops: Ops) -> tuple[Any, ...]:
    """Give what changes with every act, and with every change of the archive's products."""
    lines = journal.journal.c
    with reading(ops.db) as c:
        last = c.execute(sa.select(sa.func.max(lines.seq))).scalar()
        held = c.execute(sa.select(sa.func.max(_ap.id), sa.func.count()).where(_ap.current)).one()
        steps = c.execute(sa.select(sa.func.sum(step.c.rev), sa.func.count())).one()
    return last, *held, *steps


def _standings(ops: Ops, scope: Scope) -> list[Standing]:
    with reading(ops.db) as c:
        working = _in_work(c, ops)
        plans, current = reports.current_plans(c), reports.current_reports(c)
        judged = {v: r for v, r in current.items() if v not in working and _concerns(scope, v)}
        taken, archived = _taken(c, judged), _archived(c, judged)
        dropped, withdrawn = _dropped(c), _withdrawn(c)
    lacking = {(row["exposure"], row["detector"]) for row in gaps.open_gaps(ops) if row["state"] in (gaps.WAITING, gaps.GIVEN_UP)}
    unjudged = {visit[:8] for visit in (plans.keys() | current.keys()) - judged.keys()}
    found = []
    for visit, row in sorted(judged.items()):
        there = _There(singles=archived.pop(visit, set()), combined=frozenset(archived.get(visit[:8], ())))
        usable = taken[visit] - lacking
        plan = _plan(ops, plans.get(visit))
        if plan is None:
            lost = bool(usable) and not there.singles and not any(name[2:13] == visit for name in withdrawn)
            found.append(Standing(visit=visit, report=row["name"], usable=len(usable), lost=lost, combined=there.combined))
            continue
        expected = _predicted(ops, plan, usable), _predicted(ops, plan, taken[visit])
        stands = _judge(there, *expected, dropped[visit] | withdrawn)
        found.append(replace(stands, visit=visit, report=row["name"], usable=len(usable), whole=visit[:8] not in unjudged))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """Current products of a visit's exposures, and of what its observation was combined into."""

    singles: set[str]
    combined: frozenset[str]


def _judge(there: _There, wanted: frozenset[str], possible: frozenset[str], dropped: frozenset[str]) -> Standing:
    """Hold what is there against what was foreseen; of what a person dropped nothing is missed."""
    archived = there.singles | there.combined
    missing = sorted(name for name in wanted - archived if observation_id(name) not in dropped)
    owners = {observation_id(name) for name in archived} if missing else set()
    return Standing(
        visit="", report="", usable=0,
        lost=not there.singles and any(name.endswith("_uncal.fits") for name in missing),
        missing=tuple(missing),
        begun=frozenset(name for name in missing if observation_id(name) in owners),
        unforeseen=tuple(sorted(there.singles - possible)),
        combined=there.combined,
        possible=frozenset(name for name in possible if not ExposureProduct.matches(name)),
    )  # fmt: skip


def _predicted(ops: Ops, plan: Visit, pairs: frozenset[Pair]) -> frozenset[str]:
    """Name what a visit gives when only these of its exposures and detectors are there."""
    cut = (replace(e, readouts=tuple(r for r in e.readouts if (str(e.name), r.detector) in pairs)) for e in plan.exposures)
    visit = replace(plan, exposures=tuple(e for e in cut if e.readouts))
    return frozenset(name for names in predict(visit, ops.settings.segment_bytes).values() for name in names)


def _concerns(scope: Scope, visit: str) -> bool:
    """Say whether observations of a visit can lie in the scope; those of its combined products are named by program and observation."""
    names = f"jw{visit}_", f"jw{visit[:5]}-o{visit[5:8]}_"
    return any(name.startswith(scope.prefix) or scope.prefix.startswith(name) for name in names)


def _plan(ops: Ops, row: Mapping[str, Any] | None) -> Visit | None:
    if row is None:
        return None
    try:
        return pps.read_plan(ops.store.path(row["sha256"]))
    except DmsError:  # a plan that cannot be read any more is the store's trouble (C11, C14), not the archive's
        return None


def _in_work(c: sa.Connection, ops: Ops) -> set[str]:
    """Give the visits whose work has not ended, or not begun, and that are not due yet."""
    open_steps = sa.func.sum(sa.case((step.c.state.in_([s.value for s in OPEN]), 1), else_=0))
    works = (
        sa.select(workflow.c.dataset, workflow.c.due, open_steps.label("open"))
        .join(step, step.c.workflow_id == workflow.c.id)
        .where(workflow.c.name == WORKFLOW)
        .group_by(workflow.c.id, workflow.c.dataset, workflow.c.due)
    )
    arrived = (
        sa.select(_f.visit, sa.func.max(delivery.c.received_at).label("at"))
        .join(delivery, delivery.c.id == _f.delivery_id)
        .where(_f.state == FileState.RELEASED, _f.kind.in_(("osf", "plan", "science")), _f.visit.is_not(None))
        .group_by(_f.visit)
    )
    work = {row.dataset: row for row in c.execute(works)}
    now = ops.clock.now()
    return {row.visit for row in c.execute(arrived) if _awaited(work.get(row.visit), row.at, now)}


def _awaited(work: Any, arrived: datetime, now: datetime) -> bool:
    if work is not None and not work.open:
        return False
    due = work.due if work is not None and work.due is not None else arrived + WITHIN
    return bool(now < due)


def _taken(c: sa.Connection, current: Mapping[str, Any]) -> dict[str, frozenset[Pair]]:
    found: dict[str, set[Pair]] = defaultdict(set)
    for visit, rows in reports.exposures(c, reported_exposure, current.values()).items():
        for name, row in rows.items():
            if row["status"] == "completed":
                found[visit] |= {(name, detector) for detector in row["detectors"]}
    return {visit: frozenset(found[visit]) for visit in current}


def _archived(c: sa.Connection, visits: Mapping[str, Any]) -> dict[str, set[str]]:
    """Give the current products by visit, and the combined ones by the visit's first eight digits (program and observation).

    Pictures and guide-star files are in no plan and are left out.
    """
    wanted = visits.keys() | {visit[:8] for visit in visits}
    found: dict[str, set[str]] = defaultdict(set)
    query = sa.select(_ap.name).where(_ap.current, _ap.name.like("%.fits")).execution_options(yield_per=5000)
    for name in c.execute(query).scalars() if visits else ():
        key = name[2:7] + name[9:12] if name[7:9] == "-o" else name[2:13]
        if key in wanted and (name[7] == "-" or ExposureProduct.matches(name)):
            found[key].add(name)
    return found


def _dropped(c: sa.Connection) -> dict[str, frozenset[str]]:
    """Give the observations of whose steps a person dropped one, or accepted it as it was, by visit."""
    over = (StepState.CANCELLED.value, StepState.SKIPPED.value)
    query = (
        sa.select(workflow.c.dataset, make.c.product)
        .join(step, step.c.workflow_id == workflow.c.id)
        .join(make, make.c.step_id == step.c.id)
        .where(workflow.c.name == WORKFLOW, step.c.state.in_(over))
    )
    found: dict[str, set[str]] = defaultdict(set)
    for row in c.execute(query):
        found[row.dataset].add(_owner(row.product))
    return defaultdict(frozenset, {visit: frozenset(owners) for visit, owners in found.items()})


def _owner(name: str) -> str:
    if name.endswith("_caom.xml"):
        return name.removesuffix("_caom.xml")
    try:
        return observation_id(name)
    except BadInput:  # pools and associations belong to no observation
        return name


def _withdrawn(c: sa.Connection) -> frozenset[str]:
    return frozenset(c.execute(sa.select(observation.c.id).where(observation.c.state != ARCHIVED)).scalars())
