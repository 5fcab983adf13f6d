"""What P15 asks for: ingest errors by class with their evidence, whether anything was taken by half, and one act on one error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import duplicates, errors, ingest
from dmsops.archive import queries as archived
from dmsops.archive.describing import describe_offered, need_sound
from dmsops.catalogue.describe import Product
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DmsError, NotFound, Refused
from dmsops.core.names import CombinedProduct
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.workflow import rescue
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
AGAIN, CLOSE = "again", "close"
ACTS = (AGAIN, CLOSE)
KIND = "archive.ingest"
REPAIRS = {
    "bad_data": "make the product again (P08)",
    "bad_metadata": "run the step that wrote the header again (P08); late telemetry: P12",
    "invalid_file_name": "the association gave the name (P13)",
    "is_valid_fails": "as the findings say; often the header: P08, P12",
    "missing_at_source": "make the product again (P08); look at the disk",
    "no_asdf": "make the product again (P08); every product: a pipeline version (P11)",
    "preview_only": "the step of the science product failed (P08)",
    "duplicate_product": "decide which association is right (P13)",
    "store": "repair disk or network, compare catalogue and store (P16), then ingest again",
}
"""What repairs each class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P15 is about.

    ``act`` is one of `ACTS`; ``facts`` what it would do, ``findings`` what stands in the way, ``ticket`` its hash (empty when
    there is nothing to do), ``step`` the step that would run again, if there is one.
    """

    act: str
    error: int = 0
    observation: str = ""
    facts: Row = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    ticket: str = ""
    step: int | None = None


def by_class(ops: Ops) -> list[Row]:
    """Count the open errors by class, each with what it means and what repairs it."""
    return [{"class": k, "n": n, "means": errors.KINDS[k], "repaired_by": REPAIRS[k]} for k, n in errors.counts(ops).items()]


def listed(ops: Ops, *, every: bool = False, prefix: str = "") -> list[Row]:
    """Give the open errors (with ``every`` the closed ones too), newest first, the products by name."""
    rows = errors.listed(ops, states=() if every else ("open",), prefix=prefix)
    return [{**row, "offered": row["products"], "products": sorted(row["products"])} for row in rows]


def evidence(rows: list[Row]) -> list[Row]:
    """Give every finding of some errors on a line of its own: ``id``, ``observation_id``, ``finding``."""
    return [
        {"id": row["id"], "observation_id": row["observation_id"], "finding": text}
        for row in rows
        for text in (row["findings"] or [row["message"]])
    ]


def half_taken(ops: Ops) -> list[Row]:
    """Look for observations of which something is there and something is not: rows without products, previews without science.

    Returns
    -------
    list of dict
        ``observation``, ``what`` in words; empty on a sound site.
    """
    names: dict[str, list[str]] = {}
    for row in archived.products(ops):
        names.setdefault(row["observation_id"], []).append(row["name"])
    there = {row["id"] for row in archived.observations(ops, withdrawn=False)}
    found = [{"observation": one, "what": "it is described and has no product"} for one in sorted(there - set(names))]
    found += [{"observation": one, "what": "it has products and is not described"} for one in sorted(set(names) - there)]
    alone = [one for one, mine in sorted(names.items()) if not any(name.endswith(".fits") for name in mine)]
    return found + [{"observation": one, "what": "it has previews and no science product"} for one in alone]


def error_of(ops: Ops, error: int) -> Row:
    """Give one error by its number; raises `NotFound`."""
    found = next((row for row in listed(ops, every=True) if row["id"] == error), None)
    if found is None:
        raise NotFound(f"there is no ingest error {error}", remedy="`dmsops archive errors` lists them (procedure P15).", error=error)
    return found


def order(ops: Ops, *, act: str = AGAIN, error: int = 0) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        ``again`` (ingest) or ``close``.
    error : int
        Its number; 0 for the newest open one, those that wait for a decision between two associations last.

    Raises
    ------
    BadInput
        The act is not known.
    NotFound
        There is no such open error.
    """
    if act not in ACTS:
        raise BadInput(f"'{act}' is no act of P15: {', '.join(ACTS)} are", field="act")
    waiting = sorted(listed(ops), key=lambda row: row["kind"] == duplicates.KIND)
    if not error and not waiting:
        return Order(act=act, facts={"open_errors": 0})
    row = next((r for r in waiting if r["id"] == error), None) if error else waiting[0]
    if row is None:
        raise NotFound(f"there is no open ingest error {error}", remedy="`dmsops archive errors` lists them (procedure P15).")
    return _closing(ops, row) if act == CLOSE else _again(ops, row)


def _closing(ops: Ops, row: Row) -> Order:
    seen = errors.preview(ops, [row["id"]])
    facts = {**_head(row), "then": "nothing is ingested; the error is off the list, its products stay in the store"}
    return Order(act=CLOSE, error=row["id"], observation=row["observation_id"], facts=facts, ticket=seen.hash)


def _head(row: Row) -> Row:
    return {"error": row["id"], "observation": row["observation_id"], "class": row["kind"], "times": row["times"], "why": row["message"]}


def _again(ops: Ops, row: Row) -> Order:
    """Through its step where there is one that ended; else from the products that were offered, as the store has them."""
    number = _step(ops, row["observation_id"])
    if number is not None:
        plan = rescue.plan(ops, steps=[number], remake=True)
        follow = counted(len(plan.again) - 1, "that follows", "that follow")
        then = f"step {number} runs again with {follow}; its success closes the error"
        ticket = ticket_of([row["id"], row["times"], plan.hash])
        return Order(
            act=AGAIN, error=row["id"], observation=row["observation_id"], facts=_head(row) | {"then": then}, ticket=ticket, step=number
        )
    said, found = _described(ops, row)
    ticket = ticket_of([row["id"], row["times"], row["offered"], said, found])
    facts = {**_head(row), "then": said}
    return Order(act=AGAIN, error=row["id"], observation=row["observation_id"], facts=facts, findings=found, ticket=ticket)


def _step(ops: Ops, observation: str) -> int | None:
    ended = (StepState.FAILED.value, StepState.DONE.value)
    query = sa.select(sa.func.max(step.c.id)).where(step.c.kind == KIND, step.c.dataset == observation, step.c.state.in_(ended))
    with reading(ops.db) as c:
        found = c.execute(query).scalar()
    return None if found is None else int(found)


def _described(ops: Ops, row: Row) -> tuple[str, tuple[str, ...]]:
    if row["kind"] == duplicates.KIND:
        said = "a person decides first which of the two associations is right"
        return f"{said} (P13)", (said,)
    if any(CombinedProduct.matches(name) for name in row["products"]) and not row["members"]:
        said = "what a combined product was made from is known to its step alone, and no step of it has ended"
        return f"{said}: plan the visit again (P13)", (said,)
    try:
        described = describe_offered(ops, _offered(ops, row), row["members"])
        need_sound(described)
    except DmsError as error:
        texts = error.facts.get("findings", ()) if isinstance(error.facts.get("findings"), list | tuple) else ()
        return f"it would be refused again: {error.message}", tuple(map(str, texts))
    return f"{counted(len(row['products']), 'product')} would be taken; its success closes the error", ()


def _offered(ops: Ops, row: Row) -> list[Product]:
    return [Product(name=name, sha256=sha256, path=ops.store.path(sha256)) for name, sha256 in sorted(row["offered"].items())]


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at: the verb that is called records it.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        The error is not as it was in the preview.
    GateFailed
        It is refused again.
    """
    if asked.act == CLOSE:
        errors.let_go(ops, [asked.error], ticket=ticket, reason=reason)
        return {"act": CLOSE, "result": f"error {asked.error} is closed; {asked.observation} is not ingested"}
    require(ops.operator, Role.OPERATOR, "archive ingest-again")
    need_reason("archive ingest-again", reason)
    now = order(ops, act=AGAIN, error=asked.error)
    need_ticket(ticket, now.ticket, "the ingest error is not as it was in the preview: look again")
    if now.step is not None:
        plan = rescue.plan(ops, steps=[now.step], remake=True)
        told = rescue.receipt(ops, steps=[now.step], remake=True, ticket=plan.hash, reason=reason)
        return {"act": AGAIN, "result": f"{counted(len(told.plan.again), 'step runs', 'steps run')} again (act {told.command})"}
    if now.findings:
        raise Refused(f"{now.observation} would be refused again: {now.findings[0]}", remedy="Repair first (procedure P15).")
    row = error_of(ops, asked.error)
    done = ingest(ops, _offered(ops, row), members=row["members"])
    return {"act": AGAIN, "result": f"{done.observation_id} is ingested, version {done.version}"}
