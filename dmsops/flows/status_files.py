"""A later status file of a visit that was planned already: what it changes is made again, and nothing else.

Comes in: the current status file and the steps that were planned from an earlier one. Goes out: level 1b steps planned anew
for exposures of which the file now says something else that stands in their headers, with all that follows from them; new
steps for exposures that are completed now; and a list of what is there of exposures that do not count any more.
Verbs: preview, regenerate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import Refused
from dmsops.core.names import ExposureProduct, VisitId
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.flows import exposures, science
from dmsops.flows.exposures import LEVEL1B
from dmsops.flows.released import Released, released
from dmsops.workflow import blackboard, reach, replan
from dmsops.workflow.plan import Plan
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """What is there of an exposure and detector that the current status file does not call completed any more."""

    dataset: str
    words: str
    products: tuple[str, ...]
    open_steps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regeneration:
    """What a later status file changes.

    Attributes
    ----------
    report : str
        The current status file.
    changed : tuple of str
        Exposures and detectors whose level 1b is planned anew.
    added : tuple of str
        Exposures and detectors that are planned for the first time.
    void : tuple of Void
        What a person has to decide about; nothing is taken away here.
    dropped : tuple of str
        Changed ones whose level 1b step a person dropped: they stay dropped.
    plan : Plan
        Steps that run again, products that get a new version, whom it tells.
    hash : str
        The ticket.
    """

    visit: str
    report: str
    changed: tuple[str, ...]
    added: tuple[str, ...]
    void: tuple[Void, ...]
    dropped: tuple[str, ...]
    plan: Plan
    hash: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to make."""
        return not (self.changed or self.added)

    def signed(self) -> Regeneration:
        """Give it with its hash."""
        facts = {**asdict(self), "plan": self.plan.hash, "hash": ""}
        return replace(self, hash=ticket_of(facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What there is to do, with the specs and step numbers it is done with."""

    files: Released
    specs: list[StepSpec]
    changed: dict[int, StepSpec]
    seen: Regeneration


def preview(ops: Ops, visit: str) -> Regeneration:
    """Say what the current status file of a visit changes in its work; nothing is changed.

    Raises
    ------
    NotFound
        The visit's plan, status file or ephemeris has not been released.
    """
    files = released(ops, VisitId.parse(visit))
    with reading(ops.db) as c:
        return _look(c, ops, files).seen


def _look(c: sa.Connection, ops: Ops, files: Released) -> _Work:
    visit = str(files.visit.id)
    specs = science.steps_of(ops, files, science.Planned(visit=visit))
    level1b = [s for s in specs if s.kind == LEVEL1B]
    standing = replan.standing(c, science.WORKFLOW, visit, LEVEL1B)
    differing = exposures.told_otherwise(standing, specs)
    gone = {s.dataset for s in differing.values() if standing[s.dataset].state == StepState.CANCELLED}
    changed = {number: s for number, s in differing.items() if s.dataset not in gone}
    seen = Regeneration(
        visit=visit,
        report=files.osf_name,
        changed=tuple(sorted(s.dataset for s in changed.values())),
        added=tuple(sorted(s.dataset for s in level1b if s.dataset not in standing)) if standing else (),
        void=tuple(_void(c, files, standing.values())),
        dropped=tuple(sorted(gone)),
        plan=replan.look(c, ops, changed),
    ).signed()
    return _Work(files=files, specs=specs, changed=changed, seen=seen)


def _void(c: sa.Connection, files: Released, standing: Iterable[Any]) -> Iterable[Void]:
    """Find the steps of exposures that are not completed by the current status file, and what was made by them and after them."""
    for row in standing:
        name = ExposureProduct.parse(f"{row.dataset}_uncal.fits").exposure
        record = files.osf.exposure(name)
        if (record is not None and record.status == "completed") or row.state == StepState.CANCELLED:
            continue
        steps = [row.id, *reach.following(c, [row.id])]
        made = blackboard.current(c, reach.products_of(c, steps))
        said = f"is {record.status}" if record is not None else "is not mentioned any more"
        words = f"{name} {said} in {files.osf_name}"
        yield Void(dataset=row.dataset, words=words, products=tuple(sorted(made)), open_steps=tuple(blackboard.still_open(c, steps)))


def regenerate(ops: Ops, visit: str, *, ticket: str, reason: str) -> Regeneration:
    """Make again what the current status file of a visit changes.

    Parameters
    ----------
    ticket : str
        Hash of the preview that the person saw.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason was given.
    StalePlan
        Something has changed since the preview, or it was done already.
    Refused
        There is nothing to make again, or one of the steps is running.
    """
    require(ops.operator, Role.OPERATOR, "visit regenerate")
    need_reason("visit regenerate", reason)
    files = released(ops, VisitId.parse(visit))
    return transact(ops.db, lambda c: _regenerate(c, ops, files, ticket, reason))


def _regenerate(c: sa.Connection, ops: Ops, files: Released, ticket: str, reason: str) -> Regeneration:
    work = _look(c, ops, files)
    seen = work.seen
    changed = f"visit V{seen.visit} is not as it was in the preview: something has come, has run, or was made again"
    need_ticket(ticket, seen.hash, changed, remedy="Look at it again and use the new ticket (procedure P05).")
    if seen.empty:
        raise Refused(
            f"{seen.report} changes nothing that was made of visit V{seen.visit}", remedy="Nothing is to be done (procedure P05)."
        )
    science.publish(c, ops, files, work.specs)
    replan.replan(c, ops, seen.plan, work.changed, reason=reason)
    science.submit(c, ops, files, work.specs)
    journal.write(
        c, ops.clock, "visit.regenerated", f"V{seen.visit}", actor=ops.operator.name, reason=reason, status_file=seen.report,
        changed=list(seen.changed), added=list(seen.added), void=[v.dataset for v in seen.void], supersedes=list(seen.plan.supersedes),
    )  # fmt: skip
    return seen
