"""The lists of the distribution board: how each kind of row is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any

from dashboards.app import theme
from dashboards.app.archive_lists import bare
from dashboards.app.distribution_reads import LATE
from dashboards.app.rows import Column, Listing
from dmsops.workflow.states import StepState

Row = dict[str, Any]
MARKS = {
    "refused": StepState.FAILED, "not answered": StepState.FAILED, "not sent": StepState.FAILED, "being sent": StepState.RUNNING,
    "waits for the answer": StepState.RUNNING, "acknowledged": StepState.DONE, "replaced": StepState.CANCELLED,
    "failing": StepState.FAILED, "stopped": StepState.FAILED, "active": StepState.DONE, "paused": StepState.HELD,
    "ended": StepState.CANCELLED,
    "stuck": StepState.FAILED, "failed": StepState.FAILED, "requested": StepState.RUNNING, "ready in part": StepState.HELD,
    "ready": StepState.DONE,
    "granted": StepState.DONE, "denied": StepState.CANCELLED, "closed": StepState.CANCELLED, "taken": StepState.DONE,
    "open": StepState.FAILED,
    "waiting": StepState.WAITING, "withheld": StepState.HELD, "delivered": StepState.DONE, "skipped": StepState.SKIPPED,
    "dropped": StepState.CANCELLED,
}  # fmt: skip
"""The shape and colour of each word of distribution: red only for what needs a person now. A file that is refused is the policy at work."""
VERDICTS = {"granted": "given", "denied": "refused"}
"""Verdicts as the board says them."""
DAY = timedelta(days=1)


def mark(word: str, text: str | None = None) -> str:
    """Draw a word of distribution with its shape and colour."""
    return theme.mark(MARKS.get(word, StepState.WAITING), word if text is None else text)


def when(at: datetime | None, now: datetime) -> str:
    """Write a time as its distance and UTC as HTML; one that is to come as ``in 3 d · 2023-12-04 03:10:00Z``, its day never broken."""
    if at is None or at <= now:
        return theme.age(at, now)
    left = at - now
    words = f"{left.days} d" if left >= DAY else theme.duration(left.total_seconds())
    return f'in {words} · <span class="time">{at:%Y-%m-%d}</span> {at:%H:%M:%S}Z'


def partner_mark(row: Row, now: datetime) -> str:
    """Draw how a partner is: nothing of it is red, what they refused is in a list of its own."""
    if row["harvested_at"] is None:
        return theme.mark(StepState.HELD, "never harvested")
    if row["behind"] and row["waits_since"] is not None and now - row["waits_since"] > LATE:
        return theme.mark(StepState.HELD, "behind")
    if row["differences"]:
        return theme.mark(StepState.HELD, "differs")
    return theme.mark(StepState.WAITING, "changes wait") if row["behind"] else theme.mark(StepState.DONE, "in step")


def program_mark(row: Row) -> str:
    """Draw what a program's observations are to the public."""
    if row["exclusive"]:
        return theme.mark(StepState.HELD, f"{row['exclusive']:,} exclusive")
    return theme.mark(StepState.DONE, "public")


def account_mark(row: Row) -> str:
    """Draw whether an account is open."""
    return mark("closed") if row["closed_at"] else theme.mark(StepState.DONE, "open")


def filters(row: Row) -> str:
    """Write what a subscription asks for, in words."""
    chosen = [f"{name} {row[name]}" for name in ("program", "target", "instrument") if row[name]]
    return f"{', '.join(row['events'])} of {', '.join(chosen) or 'everything'}"


def days(row: Row) -> str:
    """Write a program's exclusive access in words."""
    return "as its category" if row["exclusive_days"] is None else theme.plural(row["exclusive_days"], "day")


def counted(counts: Mapping[str, int]) -> str:
    """Write counts by word: ``diffChecksum 2, missed 1``."""
    return ", ".join(f"{escape(str(word))} {n:,}" for word, n in counts.items() if n) or "none"


def _thing(name: str) -> Any:
    return lambda row, _: f'<code class="sum">{escape(str(row[name] or "—"))}</code>'


def _age(*names: str) -> Any:
    return lambda row, now: when(next((row[name] for name in names if row[name]), None), now)


def _text(name: str) -> Any:
    return lambda row, _: f'<span class="why">{escape(str(row[name] or "—"))}</span>'


def _count(name: str) -> Any:
    return lambda row, _: f'<span class="n">{row[name] or 0:,}</span>'


def _size(name: str) -> Any:
    return lambda row, _: theme.size(row[name]) if row[name] is not None else "—"


def _uri(row: Row, _: datetime) -> str:
    return bare(row["uri"])


def _standing(row: Row, _: datetime) -> str:
    return mark(row["standing"])


def _subscription(row: Row, _: datetime) -> str:
    return f'<code class="sum">{row["id"]} {escape(row["owner"])}</code>'


def _where(row: Row, _: datetime) -> str:
    return f'{escape(row["channel"])}<br><span class="soft">{escape(row["place"])}</span>' if row["place"] else escape(row["channel"])


def _answer(row: Row, _: datetime) -> str:
    if row["state"] == "acknowledged":
        return f'<span class="why">taken, says {escape(row["answered_by"] or "the wavefront team")}</span>'
    return f'<span class="why">{escape(row["reason"] or "none")}</span>'


def lag(row: Row, now: datetime) -> str:
    """Write how far a partner is behind."""
    if not row["behind"]:
        return "nothing"
    since = f", since {theme.age(row['waits_since'], now)}" if row["waits_since"] else ""
    return f"{theme.plural(row['behind'], 'change')}{since}"


def _asked(row: Row, _: datetime) -> str:
    return f'<span class="why">{escape(filters(row))}</span>'


def _columns(*parts: tuple[str, Any], narrow: int = 3) -> tuple[Column, ...]:
    """Make columns of titles and cells; the first ones stay where there is little room."""
    return tuple(Column(title=title, cell=cell, narrow=n < narrow) for n, (title, cell) in enumerate(parts))


def _listing(key: str, empty: str, parts: Iterable[tuple[str, Any]]) -> Listing:
    return Listing(key=lambda row: str(row[key]), empty=empty, columns=_columns(*parts))


LISTS = {
    "handovers": _listing(
        "id", "Nothing was handed over to the wavefront team yet. The delivery step of a wavefront visit does it (procedure P10).",
        (
            ("state", _standing), ("hand-over", _thing("id")), ("sent", _age("sent_at", "prepared_at")), ("visit", _thing("visit")),
            ("files", lambda row, _: f'<span class="n">{len(row["files"]):,}</span>'), ("answer", _answer),
        ),
    ),
    "subscriptions": _listing(
        "id", "Nobody has subscribed. Owners do it over HTTP; `dmsops subscriptions make` does it for an account.",
        (
            ("state", _standing), ("subscription", _subscription), ("since", _age("failing_since", "ended_at", "made_at")),
            ("waiting", _count("waiting")), ("told", _where), ("asks for", _asked), ("what went wrong", _text("error")),
        ),
    ),
    "refusals": _listing(
        "id", "No partner has refused anything that is not settled.",
        (
            ("state", lambda *_: mark("open", "refused")), ("thing", _uri), ("told last", _age("last_at")),
            ("partner", _thing("partner")), ("times", _count("times")), ("why", _text("reason")),
        ),
    ),
    "partners": _listing(
        "name", "No partner data centre has an account. `dmsops accounts put NAME partner` makes one (procedure P18).",
        (
            ("state", partner_mark), ("partner", _thing("name")), ("last harvest", _age("harvested_at")), ("behind", lag),
            ("refused", _count("refusals")), ("differences", lambda row, _: counted(row["differences"])),
            ("files", lambda row, _: {"all": "all", "public": "public ones"}.get(row["files"], "—")),
        ),
    ),
    "accesses": _listing(
        "id", "No file was asked for yet. `dmsops serve site` serves them.",
        (
            ("verdict", lambda row, _: mark(row["verdict"], VERDICTS.get(row["verdict"]))), ("file", _uri), ("when", _age("at")),
            ("who", _thing("who")), ("size", _size("size")), ("route", _text("route")), ("why", _text("why")),
        ),
    ),
    "staged": _listing(
        "id", "Nobody has asked for many files at once. `POST /api/v0.1/stage` does.",
        (
            ("state", _standing), ("request", lambda row, _: f'<code class="sum">{escape(row["owner"])} {row["id"][:8]}</code>'),
            ("made", _age("made_at")), ("files", _count("files")), ("refused", _count("refused")), ("size", _size("size")),
            ("until", _age("expires_at")), ("what went wrong", _text("error")),
        ),
    ),
    "programs": _listing(
        "id", "The archive knows no program yet: the first observation of each brings it.",
        (
            ("state", lambda row, _: program_mark(row)), ("program", _thing("id")), ("next release", _age("next_release")),
            ("exclusive for", lambda row, _: escape(days(row))), ("let in", _count("grants")), ("PI", _text("pi_name")),
            ("title", _text("title")),
        ),
    ),
    "accounts": _listing(
        "name", "Nobody has an account. `dmsops accounts put` makes one (procedure P18).",
        (
            ("state", lambda row, _: account_mark(row)), ("account", _thing("name")), ("made", _age("closed_at", "made_at")),
            ("kind", _text("kind")), ("tokens", _count("tokens")), ("programs", _count("grants")), ("who", _text("display_name")),
            ("mailbox", _text("email")),
        ),
    ),
}  # fmt: skip
"""By list of the board."""
