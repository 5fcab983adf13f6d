"""Plans: what a verb would do, as plain data with a hash; the hash is the ticket for doing it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dmsops.core.tickets import ticket_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One step that a plan changes, and why; ``rev`` is its state of change when the plan was made."""

    step_id: int
    kind: str
    dataset: str
    state: str
    attempt: int
    rev: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEffect:
    """A deadline that the plan's steps stand under; ``predicted`` is when 9 of 10 such runs have ended (ISO, UTC)."""

    visit: str
    due: str
    at_risk: bool
    words: str
    predicted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a verb would do.

    Attributes
    ----------
    verb : str
        The verb's word: ``rescue``, ``hold``.
    params : dict
        What was asked for beyond the choice of steps.
    again : tuple of Touched
        Steps that are changed, chosen ones first; for a rescue they run again.
    reused : int
        Steps of the same workflows that ended well and are left alone.
    supersedes : tuple of str
        Published products that will get a new version (or stay, where the rebuilt bytes are the same).
    versions : dict
        Their version now.
    tells : tuple of str
        Steps among them that tell a neighbour something (deliveries).
    stuck, free : int
        Steps after these that can then not go on, and that can then go on.
    untouched : tuple of (int, str)
        Steps that were asked for and will not be touched, with the reason.
    damaged : tuple of str
        sha256 of damaged objects that will be set aside.
    estimate_seconds : float
        Work in it, on one worker.
    clocks : tuple of ClockEffect
        Deadlines that it touches.
    notes : tuple of str
        Further sentences for the person who decides.
    second : bool
        True when another person must agree before it is done.
    hash : str
        The ticket.
    """

    verb: str
    params: dict[str, Any] = field(default_factory=dict)
    again: tuple[Touched, ...] = ()
    reused: int = 0
    supersedes: tuple[str, ...] = ()
    versions: dict[str, int] = field(default_factory=dict)
    tells: tuple[str, ...] = ()
    stuck: int = 0
    free: int = 0
    untouched: tuple[tuple[int, str], ...] = ()
    damaged: tuple[str, ...] = ()
    estimate_seconds: float = 0.0
    clocks: tuple[ClockEffect, ...] = ()
    notes: tuple[str, ...] = ()
    second: bool = False
    hash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give the plan as plain data."""
        return asdict(self)

    def signed(self, turn: int = 0) -> Plan:
        """Give the plan with its hash: of what it does, not of predictions, which move with the time.

        ``turn`` keeps plans apart that touch no step, whose ``rev`` would do it: a second pause is not the first one.
        """
        facts = {k: v for k, v in asdict(self).items() if k not in {"hash", "clocks", "estimate_seconds", "notes"}}
        facts |= {"turn": turn} if turn else {}
        return replace(self, hash=ticket_of(facts))


def touched(row: Any, why: str) -> Touched:
    """Write a step's row down as it stands."""
    return Touched(step_id=row.id, kind=row.kind, dataset=row.dataset, state=row.state, attempt=row.attempt, rev=row.rev, why=why)
