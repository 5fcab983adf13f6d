"""A visit as a strip: its exposures in the order of their names (which is time) by detector, each with its worst state."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from dashboards.app import theme
from dmsops.core.errors import BadName
from dmsops.core.names import ExposureName
from dmsops.workflow.states import StepState

Row = dict[str, Any]
WORST_FIRST = [
    StepState.FAILED, StepState.HELD, StepState.CANCELLED, StepState.RUNNING, StepState.LEASED, StepState.READY, StepState.WAITING,
    StepState.SKIPPED, StepState.REUSED, StepState.DONE,
]  # fmt: skip


def place(dataset: str) -> tuple[str, str, str] | None:
    """Split a step's dataset into visit, exposure (group, sequence, activity, number) and detector; None when it is no exposure."""
    exposure, _, detector = dataset.rpartition("_")
    try:
        name = ExposureName.parse(exposure)
    except BadName:
        return None
    return str(name.visit), str(name).partition("_")[2], detector


def draw(rows: Iterable[Row]) -> str:
    """Draw the strip of one visit's steps; empty when none of them is about an exposure."""
    states: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        at = place(row["dataset"])
        if at is not None:
            states.setdefault((at[2], at[1]), []).append(row)
    if not states:
        return ""
    exposures = sorted({exposure for _, exposure in states})
    head = "".join(f"<th>{escape(e)}</th>" for e in exposures)
    body = "".join(_line(detector, exposures, states) for detector in sorted({d for d, _ in states}))
    return f'<div class="scroll"><table class="strip"><thead><tr><td></td>{head}</tr></thead>{body}</table></div>'


def _line(detector: str, exposures: list[str], states: dict[tuple[str, str], list[Row]]) -> str:
    cells = "".join(f"<td>{_cell(states.get((detector, e), []))}</td>" for e in exposures)
    return f"<tr><th>{escape(detector)}</th>{cells}</tr>"


def _cell(rows: list[Row]) -> str:
    if not rows:
        return ""
    worst = min(rows, key=lambda r: WORST_FIRST.index(StepState(r["state"])))
    dataset = escape(worst["dataset"])
    label = f"{dataset}: {worst['state']}, {theme.plural(len(rows), 'step')}"
    return f'<button data-pick="text {dataset}" title="{label}" aria-label="{label}">{theme.mark(worst["state"], "")}</button>'
