"""What procedure P06 asks for: one of two acts, each with its plan and ticket; and what its cells show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.flows import ephemeris as flow
from dmsops.receipt import ephemerides, ephemeris_acts

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P06 is about: ``act`` is *accept* (one ephemeris in doubt) or *refresh* (products).

    ``facts`` are what its plan says, ``rows`` what it would touch, ``ticket`` the plan's hash.
    """

    act: str
    ticket: str
    facts: Row
    rows: tuple[Row, ...]
    choice: Row


def order(ops: Ops, *, accept: str = "", observations: Collection[str] = (), older_than_days: float = 0.0) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    accept : str
        Name of an ephemeris in doubt that is to be used after all; empty for a refresh of products.
    observations : collection of str
        Only these observations, or those of these visits.
    older_than_days : float
        Only products archived longer ago; 0 for all.

    Raises
    ------
    NotFound, Refused
        The ephemeris to accept is not there, or not in doubt.
    """
    if accept:
        seen = ephemeris_acts.preview_acceptance(ops, accept)
        facts = {"kind": seen.kind, "version": seen.version, "compared_with": seen.compared_with, "doubts": list(seen.doubts)}
        return Order(act="accept", ticket=seen.hash, facts=facts, rows=({"name": seen.name},), choice={"name": accept})
    choice: Row = {"observations": tuple(observations), "older_than_days": older_than_days or None}
    plan = flow.preview(ops, **choice)
    rows = [
        {"observation": a.observation_id, "products": len(a.products), "ephemeris": a.ephemeris, "use": a.use, "how": a.how}
        for a in plan.observations
    ]
    moved = max((a.moved_pixels for a in plan.observations), default=0.0)
    facts = {
        "observations": len(rows),
        "steps": plan.steps,
        "seconds_of_work": plan.estimate_seconds,
        "images_move_pixels": f"at most {moved:.1e}",
        "not_touched": [f"{observation}: {why}" for observation, why in plan.untouched],
    }
    return Order(act="refresh", ticket=plan.hash, facts=facts, rows=tuple(rows), choice=choice)


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises `StalePlan` when it is another thing now."""
    if asked.act == "accept":
        done = ephemeris_acts.accept(ops, asked.choice["name"], ticket=ticket, reason=reason)
        return {"act": "accept", "touched": [done.name], "steps": 0}
    plan = flow.refresh(ops, ticket=ticket, reason=reason, **asked.choice)
    return {"act": "refresh", "touched": [a.observation_id for a in plan.observations], "steps": plan.steps}


def came(ops: Ops) -> list[Row]:
    """Give the ephemerides that came; ``apart`` says how far each is from the one it was compared with."""
    rows = ephemerides.coverage(ops)
    return [{**row, "apart": _apart(row), "in_doubt": "; ".join(row["doubts"]) if row["needs_person"] else ""} for row in rows]


def _apart(row: Row) -> str:
    return "" if row["residual_km"] is None else f"{row['residual_km']:.1f} km, {row['residual_km_s'] * 1e6:.1f} mm/s"


def by_ephemeris(rows: list[Row]) -> list[Row]:
    """Count products by the ephemeris that they have and the one to use, the oldest age with them."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["ephemeris"], row.get("use", "")), []).append(row)
    return [
        {"ephemeris": have, "use": use, "products": len(found), "oldest_days": max(r["age_days"] for r in found)}
        for (have, use), found in sorted(groups.items())
    ]
