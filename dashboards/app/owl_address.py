"""What the workflow board's address says: the view is the address, and a pasted link shows another person the same."""

from __future__ import annotations

from typing import ClassVar

import param

from dashboards.app.address import BoardAddress
from dashboards.app.hub import Filter
from dmsops.workflow.page import SORTS
from dmsops.workflow.states import StepState

VIEWS = ("failures", "processes", "visits", "engines")
"""What can stand above the table; the first one needs no word in the address."""


class Address(BoardAddress):
    """The address's parts; an empty one is left out of it."""

    text = param.String(default="", doc="Words that steps must hold.")
    state = param.String(default="", doc="States shown, with commas between them; empty shows all.")
    kind = param.String(default="", doc="Kinds of step shown, with commas between them.")
    visit = param.String(default="", doc="Dataset of the workflow shown.")
    fault = param.String(default="", doc="Fingerprint of the kind of failure shown.")
    sort = param.String(default="", doc="Column that steps are sorted by; with a minus before it from the last to the first.")
    step = param.Integer(default=0, doc="The step whose story is open; 0 when none is.")

    NAMES: ClassVar[tuple[str, ...]] = ("text", "state", "kind", "visit", "fault", "view", "sort", "step")
    VIEWS: ClassVar[tuple[str, ...]] = VIEWS

    @property
    def wanted(self) -> Filter:
        """The steps that the address asks for; words that are no state are left out."""
        states = tuple(s for s in self.state.split(",") if s in set(StepState))
        kinds = tuple(k for k in self.kind.split(",") if k)
        sort = self.sort if self.sort.removeprefix("-") in SORTS else ""
        return Filter(states=states, kinds=kinds, text=self.text.strip(), visit=self.visit or None, fingerprint=self.fault, sort=sort)
