"""The register of faults: each says at which stage of a flight it acts, who finds it and which procedure repairs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal["plan", "visit", "sending", "delivery", "after", "products", "archive"]
"""When a fault acts, in the order of a flight and of what is made of it.

``plan``: on the visit's plan, ``act(visit, generator)`` gives the visit as it is planned and what was done, in words.
``visit``: on the visit before it is flown, ``act(visit, generator)`` gives the visit as it went and what was done, in words.
``sending``: on the delivery's folder before its manifest is written: what went wrong on the way down, and the sender does not know.
``delivery``: on the folder with its manifest: what went wrong on the ground.
``after``: on the folder with its manifest; makes further deliveries beside it (``<delivery>-2``, ``-3``).
``products``: on a folder of products before they are ingested; the observatory has no part in it.
The last four are ``act(folder, file, generator)`` and give what was done, in words.
``archive``: on a site and what its archive holds, ``act(ops, generator)`` gives what was done, in words.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: what happens, when, who finds it, which procedure repairs it, and the function that does it."""

    id: str
    title: str
    stage: Stage
    found_by: str
    repaired_by: str
    act: Callable[..., Any]
    hits: str = "S0000_*.out"


FAULTS: dict[str, Fault] = {}


def fault[Act: Callable[..., Any]](
    id: str,  # noqa: A002 - the word of the list
    title: str,
    *,
    stage: Stage = "delivery",
    found_by: str,
    repaired_by: str,
    hits: str = "S0000_*.out",
) -> Callable[[Act], Act]:
    """Register a fault.

    Parameters
    ----------
    hits : str
        Pattern of the file that it acts on when none is named.
    """

    def register(act: Act) -> Act:
        FAULTS[id] = Fault(id=id, title=title, stage=stage, found_by=found_by, repaired_by=repaired_by, act=act, hits=hits)
        return act

    return register
