"""What the archive board's address says: which list, words and row; of the findings which check, severity and state; which page."""

from __future__ import annotations

from typing import ClassVar

import param

from dashboards.app.address import ListAddress

VIEWS = ("errors", "findings", "objects", "observations", "audits")
"""The lists of the board, in the order of what usually needs a person; the first one needs no word in the address."""
STATES = {"": "still to do", "open": "open", "acknowledged": "acknowledged", "waived": "waived", "fixed": "fixed", "all": "in any state"}
SEVERITIES = {"": "errors and warnings", "error": "errors", "warning": "warnings"}


class Address(ListAddress):
    """The address's parts; an empty one is left out of it."""

    check = param.String(default="", doc="Number of the check whose findings are shown.")
    severity = param.String(default="", doc="error or warning; empty is both.")
    state = param.String(default="", doc="State of the findings; empty is those in which something is to be done.")
    page = param.Integer(default=0, doc="Which page of a long list, from 0.")

    NAMES: ClassVar[tuple[str, ...]] = ("view", "text", "row", "check", "severity", "state", "page")
    VIEWS: ClassVar[tuple[str, ...]] = VIEWS
