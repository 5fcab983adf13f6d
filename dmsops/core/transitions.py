"""State changes as tables: ``verb: (states it may start from, state it leads to)``; a refused change tells its story."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Any

from dmsops.core.errors import BadTransition


def follow[S: enum.StrEnum](table: Mapping[str, tuple[Collection[S], S]], verb: str, state: S, what: str, **facts: Any) -> S:
    """Give the state that a verb leads to.

    Parameters
    ----------
    what : str
        The thing whose state it is, as the message names it: ``step 17``.
    **facts
        Facts of the error, and its ``remedy`` where the class's own does not fit.

    Raises
    ------
    BadTransition
        The verb does not apply in that state; the message says which states it applies in.
    """
    sources, to = table[verb]
    if state not in sources:
        words = " or ".join(sorted(source.value for source in sources))
        raise BadTransition(f"'{verb}' does not apply to {what}: it is {state.value}, not {words}", state=state.value, verb=verb, **facts)
    return to
