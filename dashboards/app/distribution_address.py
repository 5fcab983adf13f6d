"""What the distribution board's address says: which list, words and row; of the accesses whose, of which file, and with which verdict."""

from __future__ import annotations

from typing import ClassVar

import param

from dashboards.app.address import ListAddress

VIEWS = ("handovers", "subscriptions", "refusals", "partners", "accesses", "staged", "programs", "accounts")
"""The lists of the board, in the order of how soon they need a person; the first one needs no word in the address."""
VERDICTS = {"": "given and refused", "granted": "given", "denied": "refused"}


class Address(ListAddress):
    """The address's parts; an empty one is left out of it."""

    who = param.String(default="", doc="Account or person whose accesses are shown.")
    uri = param.String(default="", doc="File, by its URI or its whole name, whose accesses are shown.")
    verdict = param.String(default="", doc="granted or denied; empty is both.")
    before = param.Integer(default=0, doc="Accesses before the one of this number; 0 begins with the newest.")

    NAMES: ClassVar[tuple[str, ...]] = ("view", "text", "row", "who", "uri", "verdict", "before")
    VIEWS: ClassVar[tuple[str, ...]] = VIEWS
