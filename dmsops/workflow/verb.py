"""What a verb of the workflow layer is, and which there are; `dmsops.workflow.acts` carries them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import BadInput
from dmsops.workflow.choose import Selection
from dmsops.workflow.plan import Plan
from dmsops.workflow.states import StepState

if TYPE_CHECKING:
    from dmsops.ops import Ops

Params = dict[str, Any]
Planner = Callable[[sa.Connection, "Ops", Selection, Params], Plan]
Doer = Callable[[sa.Connection, "Ops", Plan, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb of the workflow layer.

    Attributes
    ----------
    name, event : str
        As typed (``hold``), and as the journal writes it (``workflow.held``).
    title : str
        What it does, in one sentence.
    plan, do : callable
        Looks; carries out, in one transaction.
    params : tuple of str
        Parameters it takes beyond the choice of steps.
    applies : frozenset of StepState
        States that it is for; empty where it is not about steps.
    second : bool
        Another person must agree.
    """

    name: str
    event: str
    title: str
    plan: Planner
    do: Doer
    params: tuple[str, ...] = ()
    applies: frozenset[StepState] = frozenset()
    second: bool = False


_VERBS: dict[str, Verb] = {}


def register(verb: Verb) -> Verb:
    """Make a verb known."""
    _VERBS[verb.name] = verb
    return verb


def verbs() -> dict[str, Verb]:
    """Give all verbs by name."""
    import dmsops.workflow.pauses
    import dmsops.workflow.rescue
    import dmsops.workflow.verbs  # noqa: F401 - they register

    return dict(_VERBS)


def verb_named(name: str) -> Verb:
    """Find a verb.

    Raises
    ------
    BadInput
        No verb has that name.
    """
    known = verbs()
    if name not in known:
        raise BadInput(f"'{name}' is not a verb; verbs are {', '.join(sorted(known))}", field="verb")
    return known[name]
