"""What P03 asks for: engineering files before and after they are taken, and one act on a delivery, a refused file or a gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops import receipt
from dmsops.core import outbox
from dmsops.core.clock import time_of
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput, NotFound
from dmsops.engineering import decide, gap_acts, queries
from dmsops.engineering.states import EngineeringState
from dmsops.flows import engineering as flow
from dmsops.procedures import inbox
from dmsops.procedures.engineering_files import STREAMS, EngineeringFile, held, in_words, look
from dmsops.receipt import queries as received

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = [
    "ACTS",
    "STREAMS",
    "EngineeringFile",
    "Order",
    "carry_out",
    "files",
    "folder",
    "gap_start",
    "gaps",
    "held",
    "in_words",
    "look",
    "order",
    "refused",
    "told",
]

Row = dict[str, Any]
RECEIVE, FILE_ACTS, GAP_ACTS = "receive", (decide.ACCEPT, decide.DISCARD), (gap_acts.ASK, gap_acts.WAIVE)
ACTS = (RECEIVE, *FILE_ACTS, *GAP_ACTS)
PLANNED = "not ingested yet"
_NEAR = timedelta(seconds=1)
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P03 is about.

    ``act`` is one of `ACTS`; ``facts`` are what it would do, ``ticket`` its hash (receiving a delivery has none: it may be given
    again), ``choice`` what it acts on. ``ready`` says whether there is something to act on.
    """

    act: str
    facts: Row
    choice: Row
    ticket: str = ""
    ready: bool = True


def folder(ops: Ops, delivery: str = "") -> Path | None:
    """Give the delivery folder that was named, else the first one waiting; None when none waits.

    Raises
    ------
    NotFound
        The folder that was named is not there.
    """
    return inbox.chosen(ops, delivery) if delivery or inbox.waiting(ops) else None


def files(ops: Ops, *, limit: int = 40) -> list[Row]:
    """Give what became of the engineering files that were received, newest first; those that no ingest has seen yet come first.

    Returns
    -------
    list of dict
        As `dmsops.engineering.queries.files`; ``stream`` and ``unknown`` in words.
    """
    rows = queries.files(ops, limit=100_000)
    there = {(row["name"], row["sha256"]) for row in rows}
    released = [row for row in received.files_released(ops, "engineering") if (row["name"], row["sha256"]) not in there]
    fresh = [
        {"name": r["name"], "stream": STREAMS[r["name"][0]], "state": PLANNED, "first_at": r["covers_from"], "last_at": r["covers_to"]}
        for r in released
    ]
    known = [{**row, "stream": STREAMS[row["stream"]], "unknown": in_words(row["unknown"])} for row in rows]
    return [*fresh, *known][:limit]


def refused(ops: Ops) -> list[Row]:
    """Give the files that wait for a decision."""
    return [{**row, "stream": STREAMS[row["stream"]]} for row in queries.files(ops, states=[EngineeringState.REFUSED])]


def gaps(ops: Ops) -> list[Row]:
    """Give the gaps, ``containers`` in words where they are many."""
    return [{**row, "containers": _several(row["containers"])} for row in queries.gaps(ops)]


def _several(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} containers, {names[0]} among them"


def gap_start(ops: Ops, text: str) -> int:
    """Find the gap that begins at a time, as the list of gaps shows it (a second is near enough); gives microseconds since 1970.

    Raises
    ------
    NotFound
        No gap begins there.
    BadInput
        It is no time.
    """
    when = time_of(text, "gap")
    near = [row for row in queries.gaps(ops) if abs(row["first_at"] - when) < _NEAR]
    if not near:
        raise NotFound(f"no gap begins at {text}", remedy="`dmsops engineering gaps` lists them (procedure P03).")
    return int(min(near, key=lambda row: abs(row["first_at"] - when))["first_us"])


def order(ops: Ops, *, act: str = RECEIVE, delivery: str = "", file: int = 0, gap: str = "") -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        One of `ACTS`.
    delivery : str
        To receive: the folder; empty for the first one waiting.
    file : int
        To accept or discard: the number of a refused file.
    gap : str
        To ask or waive: when the gap begins.

    Raises
    ------
    BadInput
        The act is not known, or does not say on what.
    NotFound, BadTransition
        What it is about is not there, or is not refused.
    """
    if act in FILE_ACTS:
        return _file_order(ops, act, file)
    if act in GAP_ACTS:
        return _gap_order(ops, act, gap)
    if act != RECEIVE:
        raise BadInput(f"'{act}' is no act of P03: {', '.join(ACTS)} are", field="act")
    there = folder(ops, delivery)
    if there is None:
        return Order(act=act, facts={"delivery": "none is waiting"}, choice={}, ready=False)
    seen = receipt.preview(ops, there)
    facts = {
        "delivery": seen.delivery_id,
        "sender": seen.sender,
        "files": len(seen.files),
        "bytes": seen.size,
        "ingest": "is planned after it",
    }
    return Order(act=act, facts=facts, choice={"folder": there})


def _file_order(ops: Ops, act: str, file: int) -> Order:
    if not file:
        raise BadInput(f"to {act} a file, give its number in file", field="file")
    seen = decide.preview(ops, file, act)
    facts = {"file": seen.name, "origin": seen.origin, "refused_because": seen.reason, "then": seen.words}
    return Order(act=act, facts=facts, choice={"file": file}, ticket=seen.hash)


def _gap_order(ops: Ops, act: str, gap: str) -> Order:
    if not gap:
        raise BadInput(f"to {act} a gap, give the time at which it begins in gap", field="gap")
    first = gap_start(ops, gap)
    seen = gap_acts.preview(ops, first, act)
    facts = {"seconds": seen.seconds, "containers": _several(list(seen.containers)), "then": seen.words}
    return Order(act=act, facts=facts, choice={"first_us": first}, ticket=seen.hash)


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises as the verb that it calls. Receiving and accepting also plan the ingest that follows.

    Returns
    -------
    dict
        ``act``, ``result`` in words, ``planned`` (files whose ingest is planned), ``files`` of a delivery, and its ``delivery_id``.
    """
    if asked.act == RECEIVE:
        taken = receipt.accept(ops, asked.choice["folder"], reason=reason)
        result = f"{counted(len(taken.released), 'file')} released, {len(taken.quarantined)} in quarantine"
        kept = [asdict(file) for file in taken.files]
        return _done(asked, result, flow.plan_received(ops)) | {"files": kept, "delivery_id": taken.delivery_id}
    if asked.act in FILE_ACTS:
        file = decide.decide(ops, asked.choice["file"], asked.act, ticket=ticket, reason=reason)
        return _done(asked, f"{file.name}: {file.words}", flow.plan_received(ops) if asked.act == decide.ACCEPT else ())
    gap = gap_acts.decide(ops, asked.choice["first_us"], asked.act, ticket=ticket, reason=reason)
    return _done(asked, gap.words, ())


def _done(asked: Order, result: str, planned: Iterable[str]) -> Row:
    return {"act": asked.act, "result": result, "planned": list(planned)}


def told(ops: Ops) -> list[Row]:
    """Give the newest messages to flight operations."""
    return outbox.messages(ops.db, neighbour="fos")[:_SHOWN]
