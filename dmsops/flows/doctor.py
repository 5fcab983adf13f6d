"""The doctor: every check on the archive, what it finds, and an audit that writes it down.

Documents are read and held against the rules in processes of their own, then the checks of the whole site run one after another.
Nothing is silent: a document that cannot be read is found, and so is a check that breaks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from itertools import batched
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.findings import Facts, Recorded, record
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, observation
from dmsops.catalogue.naming import program_of
from dmsops.catalogue.registry import RULES, Finding, Rule, Scope
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput
from dmsops.core.people import Role, require
from dmsops.flows.doctor_rules import SCHEMA, Chart, Seen, could_not_run, examined, is_away

if TYPE_CHECKING:
    from dmsops.ops import Ops

MODULES = (
    "catalogue.rules", "archive.checks", "archive.checks_described", "archive.checks_fits",
    "archive.checks_storage", "archive.checks_sync", "archive.checks_versions", "flows.checks", "flows.checks_visits",
)  # fmt: skip
"""Modules whose import registers checks."""
DEEPER = frozenset({"C14", "C15", "C45", "C51"})
"""Checks that see more where the scope is deep: only a deep audit can say that what they found is there no more."""
_PAGE = 500
_FEW = 20
"""So few observations are looked at one by one."""
BYTES = frozenset({"C11", "C14"})
"""Checks that see documents too, as they are read."""
_o, _ap = observation.c, archived_product.c
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was looked at and found.

    Attributes
    ----------
    findings : tuple of Finding
        Errors first, then by check and URI.
    looked_at : int
        Archived observations in the scope.
    checks : tuple of str
        The checks that ran to their end.
    blind : tuple of (str, str)
        Check (``*``: all rules) and observation of what could not be looked at.
    seconds : dict
        Time that each check took, summed over processes, and the ``reading`` of documents.
    """

    scope: Scope
    started_at: datetime
    findings: tuple[Finding, ...]
    looked_at: int
    checks: tuple[str, ...]
    blind: tuple[tuple[str, str], ...]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """An audit on record: its number, what it looked at, its findings by check, how many of them opened and how many old ones closed."""

    audit: int
    looked_at: int
    found: dict[str, int]
    opened: int
    closed: int
    seconds: dict[str, float]


def load() -> None:
    """Import every check; `RULES` is whole afterwards."""
    for name in MODULES:
        import_module(f"dmsops.{name}")


def examine(
    ops: Ops, scope: Scope, checks: Collection[str] = (), progress: Progress | None = None, *, only: Collection[str] | None = None
) -> Examination:
    """Run checks; nothing is written.

    Parameters
    ----------
    scope : Scope
        Which observations; ``deep`` also reads bytes.
    checks : collection of str
        Their numbers; empty means all.
    progress : callable, optional
        Called with done, total (observations, then checks of the site) and what is looked at.
    only : collection of str, optional
        Observations (of the scope) to which it is limited.

    Raises
    ------
    BadInput
        There is no such check.
    StoreUnreachable
        The store answers nothing at all; one object that cannot be read is a finding.
    """
    from dmsops.archive.checks_storage import together

    load()
    wanted = _wanted(checks)
    started_at, ids = ops.clock.now(), _ids(ops, scope, only)
    site = _of_site(wanted, scope)
    total = len(ids) + len(site)
    seen = _documents(ops, ids, wanted, progress, total)
    findings, seconds = seen.findings, seen.seconds
    ended = {number for number in wanted if scope.deep or RULES[number].case is not None or not RULES[number].deep}
    with together():
        for number, made in enumerate(site, 1):
            begun = time.perf_counter()
            found, whole = _of_one(ops, made, scope, only)
            seconds[made.id] += time.perf_counter() - begun
            findings += found
            ended -= set() if whole else {made.id}
            if progress is not None:
                progress(len(ids) + number, total, made.id)
    ended -= set() if scope.deep else DEEPER
    ordered = sorted(dict.fromkeys(findings), key=lambda f: (f.severity, f.check, f.uri))
    return Examination(
        scope=scope, started_at=started_at, findings=tuple(ordered), looked_at=len(ids), checks=tuple(sorted(ended)),
        blind=tuple(seen.blind), seconds={name: round(took, 3) for name, took in seconds.items()},
    )  # fmt: skip


def _wanted(checks: Collection[str]) -> frozenset[str]:
    unknown = sorted(set(checks) - RULES.keys())
    if unknown:
        raise BadInput(f"'{unknown[0]}' is no check", field="check", remedy="`dmsops doctor checks` lists them (procedure P16).")
    return frozenset(checks or RULES)


def _of_site(wanted: frozenset[str], scope: Scope) -> list[Rule]:
    return [r for _, r in sorted(RULES.items()) if r.id in wanted and r.site is not None and (scope.deep or not r.deep)]


def _of_one(ops: Ops, made: Rule, scope: Scope, only: Collection[str] | None) -> tuple[list[Finding], bool]:
    """Run one check of the site; gives what it found, and whether it came to its end."""
    assert made.site is not None
    found: list[Finding] = []
    try:
        for part in _parts(scope, only):
            for owner, uri, expected, observed in made.site(ops, part):
                if only is None or owner in only:
                    found.append(made.finding(owner, uri, expected, observed))
    except (sa.exc.OperationalError, sa.exc.InterfaceError):
        raise  # the database is away: nothing can be said of anything
    except Exception as error:  # a check that breaks must not hide what the others see
        if is_away(ops.store, error):
            raise
        return [*found, could_not_run(made, None, error)], False
    return found, True


def _parts(scope: Scope, only: Collection[str] | None) -> list[Scope]:
    """Give what a check of the site looks at: a few observations one by one; of more, all that lies in the scope."""
    return [scope] if only is None or len(only) > _FEW else [replace(scope, prefix=one) for one in sorted(only) if scope.holds(one)]


def _ids(ops: Ops, scope: Scope, only: Collection[str] | None) -> list[str]:
    chosen = _o.id.startswith(scope.prefix, autoescape=True) if scope.prefix else sa.true()
    with reading(ops.db) as c:
        found = c.execute(sa.select(_o.id).where(_o.state == ARCHIVED, chosen).order_by(_o.id)).scalars()
        return [one for one in found if only is None or one in only]


def _documents(ops: Ops, ids: Sequence[str], wanted: frozenset[str], progress: Progress | None, total: int) -> Seen:
    """Hold the documents against the wanted rules; where they are not there, or are damaged, that is found."""
    whole = Seen()
    numbers = [number for number in sorted(wanted) if RULES[number].case is not None and number != SCHEMA]
    if not numbers and not wanted & {SCHEMA, *BYTES}:
        return whole
    for seen in examined(ops, numbers, (_charts(ops, page) for page in batched(ids, _PAGE)), len(ids)):
        whole.findings += seen.findings
        whole.blind += seen.blind
        whole.looked_at += seen.looked_at
        for number, took in seen.seconds.items():
            whole.seconds[number] += took
        if progress is not None:
            progress(whole.looked_at, total, "documents")
    return whole


def _charts(ops: Ops, ids: Sequence[str]) -> list[Chart]:
    """Give what the rules go by for some observations."""
    first = sa.func.min(_ap.archived_at, type_=_ap.archived_at.type).label("first")
    with reading(ops.db) as c:
        rows = c.execute(sa.select(_o.id, _o.collection, _o.xml_sha256).where(_o.id.in_(ids)).order_by(_o.id)).all()
        since = sa.select(_ap.observation_id, first).where(_ap.observation_id.in_(ids)).group_by(_ap.observation_id)
        archived = {row.observation_id: row.first for row in c.execute(since)}
        days = {program: proposals.exclusive_days(c, program) for program in {program_of(row.id) for row in rows}}
    return [
        Chart(
            observation_id=row.id, collection=row.collection, sha256=row.xml_sha256, archived_at=archived.get(row.id),
            exclusive_days=days[program_of(row.id)],
        )
        for row in rows
    ]  # fmt: skip


def audit(
    ops: Ops, scope: Scope, checks: Collection[str] = (), progress: Progress | None = None, *,
    only: Collection[str] | None = None, kind: str = "doctor",
) -> Audited:  # fmt: skip
    """Examine and write down what was found; what was open and is not found any more is fixed.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        There is no such check.
    StoreUnreachable
        The store answers nothing at all; nothing is written down.
    """
    require(ops.operator, Role.OPERATOR, "doctor audit")
    seen = examine(ops, scope, checks, progress, only=only)
    found = dict(sorted(Counter(one.check for one in seen.findings).items()))
    done = transact(ops.db, lambda c: _recorded(c, ops, seen, found, only, kind))
    return Audited(
        audit=done.audit, looked_at=seen.looked_at, found=found, opened=done.opened, closed=done.closed, seconds=seen.seconds
    )  # fmt: skip


def _recorded(
    c: sa.Connection, ops: Ops, seen: Examination, found: dict[str, int], only: Collection[str] | None, kind: str
) -> Recorded:  # fmt: skip
    facts = Facts(
        kind=kind, scope=seen.scope, started_at=seen.started_at, checks=seen.checks, looked_at=seen.looked_at, counts=found,
        blind=seen.blind, only=only,
    )  # fmt: skip
    done = record(c, ops, facts, seen.findings)
    journal.write(
        c, ops.clock, "archive.audited", seen.scope.prefix or "all", actor=ops.operator.name, audit=done.audit, kind=kind,
        deep=seen.scope.deep, looked_at=seen.looked_at, found=found, opened=done.opened, closed=done.closed,
    )  # fmt: skip
    return done
