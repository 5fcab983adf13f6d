"""The lists of the receipt board: how each kind of row is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from dashboards.app import theme
from dashboards.app.rows import Column, Listing
from dmsops.workflow.states import StepState

Row = dict[str, Any]
Cell = Callable[[Row, datetime], str]
MARKS = {
    "in the inbox": StepState.READY, "announced": StepState.RUNNING, "staging": StepState.RUNNING, "verified": StepState.RUNNING,
    "promoted": StepState.RUNNING, "released": StepState.DONE, "complete": StepState.DONE, "partial": StepState.WAITING,
    "quarantined": StepState.HELD, "replayed": StepState.SKIPPED, "superseded": StepState.SKIPPED, "withdrawn": StepState.CANCELLED,
    "waiting": StepState.WAITING, "used with gaps": StepState.SKIPPED, "given up": StepState.CANCELLED, "overdue": StepState.HELD,
    "executed": StepState.DONE, "skipped": StepState.CANCELLED, "aborted": StepState.HELD, "failed": StepState.HELD,
    "missing": StepState.FAILED, "unplanned": StepState.HELD, "unreported": StepState.WAITING, "awaited": StepState.WAITING,
    "asked for": StepState.WAITING, "unanswered": StepState.FAILED, "to decide": StepState.FAILED,
}  # fmt: skip
"""The shape and colour of each word of receipt: red only for what needs a person now."""


def mark(word: str, text: str | None = None) -> str:
    """Draw a word of receipt with its shape and colour; ``text`` replaces the word."""
    return theme.mark(MARKS.get(word, StepState.WAITING), word if text is None else text)


def _text(name: str) -> Cell:
    return lambda row, _: escape(str(row[name] if row[name] is not None else "—"))


def _id(name: str) -> Cell:
    return lambda row, _: f'<span class="id">{escape(str(row[name]))}</span>'


def _age(name: str) -> Cell:
    return lambda row, now: theme.age(row[name], now)


def _why(name: str) -> Cell:
    return lambda row, _: f'<span class="why">{escape(str(row[name] or ""))}</span>'


def _count(name: str) -> Cell:
    return lambda row, _: f'<span class="n">{row[name]:,}</span>' if row[name] is not None else "—"


def _due(row: Row, now: datetime) -> str:
    if row["due"] is None:
        return "—"
    left = (row["due"] - now).total_seconds()
    words = f"in {theme.duration(left)}" if left >= 0 else f"{theme.duration(-left)} ago"
    return f"{words} · {row['due']:%H:%M:%S}Z"


def request_state(row: Row) -> str:
    """Say how a request stands: asked for, overdue (it is asked for again by itself), or unanswered (left to a person)."""
    return "unanswered" if row["raised_at"] is not None else "overdue" if row["overdue"] else "asked for"


def counted(counts: Mapping[str, int]) -> str:
    """Write counts by word: ``4 executed, 1 missing``."""
    return ", ".join(f"{n:,} {escape(word)}" for word, n in counts.items() if n)


def _visit_state(row: Row, _: datetime) -> str:
    if row["overdue"]:
        return theme.mark("failed", "no status file")
    if row["needs_person"]:
        return theme.mark("failed", "to reconcile")
    if not row["status"]:
        return theme.mark("waiting", "no report yet")
    return theme.mark("done", row["outcome"])


def _gap_share(row: Row, _: datetime) -> str:
    if row["expected"] is None:
        return "no header packet"
    return f'<span class="n">{row["missing"]:,} of {row["expected"]:,} ({100 * row["missing_fraction"]:.1f} %)</span>'


def _residual(row: Row, _: datetime) -> str:
    if row["residual_km"] is None:
        return "nothing before it"
    return f'<span class="n">{row["residual_km"]:,.3f} km, {row["residual_km_s"] * 1000:,.4f} m/s</span>'


LISTS = {
    "visits": Listing(
        key=lambda row: row["visit"],
        empty="No plan and no status file has been received: deliveries bring them (procedure P02).",
        columns=(
            Column(title="state", cell=_visit_state, narrow=True),
            Column(title="visit", cell=lambda row, _: f'<span class="id">V{escape(row["visit"])}</span>', narrow=True),
            Column(title="planned", cell=_count("planned")),
            Column(title="exposures", cell=lambda row, _: counted(row["counts"])),
            Column(title="planned end", cell=_age("plan_end"), narrow=True),
            Column(title="status file", cell=lambda row, _: f'<span class="id">{escape(row["report"] or "—")}</span>'),
            Column(title="reconciled", cell=_age("reconciled_at")),
            Column(title="how it ended", cell=_why("end_reason")),
        ),
    ),
    "gaps": Listing(
        key=lambda row: f"{row['exposure']} {row['detector']}",
        empty="Every packet that was sent is here.",
        columns=(
            Column(title="state", cell=lambda row, _: mark("to decide" if row["needs_person"] else row["state"]), narrow=True),
            Column(title="exposure", cell=_id("exposure"), narrow=True),
            Column(title="detector", cell=_id("detector"), narrow=True),
            Column(title="packets missing", cell=_gap_share),
            Column(title="twice", cell=_count("duplicates")),
            Column(title="damaged", cell=_count("bad_crc")),
            Column(title="asked for again, due", cell=_due),
        ),
    ),
    "requests": Listing(
        key=lambda row: str(row["id"]),
        empty="Nothing is asked for again.",
        columns=(
            Column(title="state", cell=lambda row, _: mark(request_state(row)), narrow=True),
            Column(title="file", cell=_id("name"), narrow=True),
            Column(title="due", cell=_due, narrow=True),
            Column(title="asked", cell=lambda row, _: theme.plural(row["times"], "time")),
            Column(title="delivery", cell=_id("delivery_id")),
            Column(title="why", cell=_why("reason")),
        ),
    ),
    "quarantine": Listing(
        key=lambda row: f"{row['delivery_id']} {row['name']}",
        empty="The quarantine is empty.",
        columns=(
            Column(title="fault", cell=lambda row, _: theme.mark("held", row["fault"]), narrow=True),
            Column(title="file", cell=_id("name"), narrow=True),
            Column(title="since", cell=_age("changed_at"), narrow=True),
            Column(title="delivery", cell=_id("delivery_id")),
            Column(title="why", cell=_why("reason")),
        ),
    ),
    "deliveries": Listing(
        key=lambda row: row["id"],
        empty="No delivery has come yet. Put one into the inbox, or let `dmsops receipt watch` take it.",
        columns=(
            Column(title="state", cell=lambda row, _: mark(row["state"]), narrow=True),
            Column(title="delivery", cell=_id("id"), narrow=True),
            Column(title="received", cell=_age("received_at"), narrow=True),
            Column(title="sender", cell=lambda row, _: escape(f"{row['sender']} {row['sequence'] if row['sequence'] is not None else ''}")),
            Column(title="files", cell=lambda row, _: counted(row["files"])),
            Column(title="replays", cell=_count("replays")),
            Column(title="why", cell=_why("reason")),
        ),
    ),
    "ephemerides": Listing(
        key=lambda row: f"{row['name']} {row['version']}",
        empty="No ephemeris has been received: nothing can be made into level 1b (procedure P06).",
        columns=(
            Column(title="state", cell=lambda row, _: mark("to decide" if row["needs_person"] else row["state"]), narrow=True),
            Column(title="file", cell=_id("name"), narrow=True),
            Column(title="kind", cell=_text("kind")),
            Column(
                title="covers", cell=lambda r, _: f"{r['covers_from']:%Y-%m-%d %H:%M}Z to {r['covers_to']:%Y-%m-%d %H:%M}Z", narrow=True
            ),
            Column(title="largest step", cell=lambda row, _: theme.duration(row["largest_step_seconds"])),
            Column(title="from the one before", cell=_residual),
        ),
    ),
    "messages": Listing(
        key=lambda row: f"{row['neighbour']} {row['name']}",
        empty="Nothing has been told to anyone yet.",
        columns=(
            Column(title="to", cell=lambda row, _: escape(row["neighbour"].upper()), narrow=True),
            Column(title="message", cell=_text("kind"), narrow=True),
            Column(title="written", cell=_age("made_at"), narrow=True),
            Column(title="about", cell=_id("subject")),
            Column(title="collected", cell=_age("collected_at")),
            Column(title="document", cell=_id("name")),
        ),
    ),
}
"""By list of the board."""
