"""Deliveries as they come: received, planned, missing files reminded, neighbours told; once, or for ever.

Everything that a round does may be done again: it may be killed anywhere, and two watchers may run side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import outbox
from dmsops.core.counting import counted, fitting
from dmsops.core.errors import BadDelivery, DmsError, NotFound
from dmsops.core.files import locked
from dmsops.core.people import Role, require
from dmsops.flows import engineering, science
from dmsops.receipt import accept, queries, reconcile, remind
from dmsops.receipt.inbox import waiting
from dmsops.receipt.visits import visits_touched

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One act of a round: ``what`` is received, quarantined, planned, waits, asked again, unanswered, unreported, told or failed."""

    what: str
    name: str
    words: str


def receive_waiting(ops: Ops, visits: Collection[str] = ()) -> Iterator[Done]:
    """Do a round: receive every delivery that waits in the inbox, plan what became ready, remind, tell.

    What fails is said, and never stops the rest; the next round tries it again. The round stops where it stands when its
    acts are not asked for any more.

    Parameters
    ----------
    visits : collection of str
        Visits to plan besides those that something came for.

    Yields
    ------
    Done
        Each act, when it is done.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    """
    require(ops.operator, Role.OPERATOR, "receipt watch")
    touched = set(visits)
    for folder in waiting(ops):
        done = _tried(folder.name, partial(_receive, ops, folder, touched))
        if done is not None:
            yield done
    done = _tried("engineering", partial(_ingests, ops))
    if done is not None:
        yield done
    for visit in sorted(touched):
        done = _tried(visit, partial(_plan, ops, visit))
        if done is not None:
            yield done
    yield from _remind(ops)
    yield from _overdue(ops)
    yield from _tell(ops)


def _tried(name: str, act: Callable[[], Done | None]) -> Done | None:
    try:
        return act()
    except DmsError as error:
        return Done(what="failed", name=name, words=f"{error.message}. {error.remedy}")
    except (OSError, sa.exc.SQLAlchemyError) as error:
        words = f"{type(error).__name__}: {error}. It is tried again in the next round; procedure P21 if it stays."
        return Done(what="failed", name=name, words=words.replace("\n", " "))


def _receive(ops: Ops, folder: Path, touched: set[str]) -> Done | None:
    """Receive one delivery, unless another watcher has it or was quicker."""
    with locked(folder, wait=False) as mine:
        if not mine or not waiting(ops, folder):
            return None
        try:
            got = accept(ops, folder, reason="found in the inbox")
        except BadDelivery as error:
            return Done(what="quarantined", name=folder.name, words=f"{error.message}. {error.remedy}")
    touched.update(visits_touched(ops, got.delivery_id))
    faulty = f"; {len(got.quarantined)} in quarantine and asked for again (procedure P04)" if got.quarantined else ""
    words = f"delivery {got.delivery_id} of {got.sender} is {got.state}: {counted(len(got.released), 'file')} released{faulty}"
    return Done(what="received", name=folder.name, words=words)


def _ingests(ops: Ops) -> Done | None:
    names = engineering.plan_received(ops)
    return Done(what="planned", name="engineering", words=f"{counted(len(names), 'engineering file')} to be ingested") if names else None


def _plan(ops: Ops, visit: str) -> Done | None:
    try:
        report = science.plan_visit(ops, visit)
    except NotFound as error:
        return Done(what="waits", name=visit, words=error.message)
    problems = f"; {counted(len(report.problems), 'thing')} to look at: {report.problems[0]}" if report.problems else ""
    if not report.steps and not problems:
        return None
    words = f"{counted(report.steps, 'new step')} for {counted(report.exposures, 'exposure')}{problems}"
    return Done(what="planned", name=visit, words=words)


def _remind(ops: Ops) -> Iterator[Done]:
    try:
        reminded = remind(ops)
    except DmsError as error:
        yield Done(what="failed", name="reminders", words=f"{error.message}. {error.remedy}")
        return
    for name in reminded.asked:
        yield Done(what="asked again", name=name, words="it was due and has not come")
    for name in reminded.unanswered:
        yield Done(what="unanswered", name=name, words="asked for as often as the site asks: a person decides (procedure P04)")


def _overdue(ops: Ops) -> Iterator[Done]:
    """Say, once for each, which visits have ended and have no status file."""
    for visit in reconcile.note_overdue(ops):
        yield Done(what="unreported", name=visit, words="it has ended and no status file has come (procedure P05)")


def _tell(ops: Ops) -> Iterator[Done]:
    folder = ops.settings.folder("outbox")
    try:
        outbox.notice_collected(ops.db, ops.clock, folder)
        told = outbox.post(ops.db, ops.clock, folder)
    except DmsError as error:
        yield Done(what="failed", name="outbox", words=f"{error.message}. {error.remedy}")
        return
    if told:
        yield Done(what="told", name="outbox", words=f"{counted(told, 'message')} that had waited {fitting(told, 'is', 'are')} laid out")


def watch(ops: Ops, stop: threading.Event, tell: Callable[[Done], None], *, every_seconds: float | None = None) -> None:
    """Do rounds until told to stop: when something changes in the inbox, and every so often.

    The first round plans every visit that has its status file: what a killed watcher had received is not forgotten.

    Parameters
    ----------
    stop : threading.Event
        Ends the watch after the act under way.
    tell : callable
        Is given every act. One that fails is told of once, until it fails otherwise.
    every_seconds : float, optional
        The timer; default from the site's settings.
    """
    from watchfiles import watch as changes

    require(ops.operator, Role.OPERATOR, "receipt watch")
    seconds = every_seconds or ops.settings.watch_seconds
    said: dict[str, str] = {}
    again = {row["visit"] for row in queries.files_released(ops, "osf") if row["visit"]}
    again = _round(ops, again, stop, tell, said)
    inbox = ops.settings.folder("inbox")
    for _ in changes(inbox, watch_filter=None, stop_event=stop, rust_timeout=int(1000 * seconds), yield_on_timeout=True, debounce=400):
        again = _round(ops, again, stop, tell, said)


def _round(ops: Ops, visits: set[str], stop: threading.Event, tell: Callable[[Done], None], said: dict[str, str]) -> set[str]:
    """Do a round and give the visits whose planning failed."""
    failed: set[str] = set()
    for done in receive_waiting(ops, visits):
        if done.what != "failed" or said.get(done.name) != done.words:
            tell(done)
        said[done.name] = done.words
        failed |= {done.name} if done.what == "failed" and done.name.isdigit() else set()
        if stop.is_set():
            break
    return failed
