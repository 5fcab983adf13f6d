"""The lists of the archive board: how each kind of row is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from dashboards.app import theme
from dashboards.app.rows import Column, Listing
from dmsops.workflow.states import StepState

Row = dict[str, Any]
SEEN = 120
"""As many characters of what was seen stand in a list; the row's story has the whole."""
_ROOT = re.compile(r"^(?:mast:[^/]+/product|caom:[^/]+)/")
_SUM = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
MARKS = {
    "open": StepState.FAILED, "acknowledged": StepState.HELD, "waived": StepState.CANCELLED, "fixed": StepState.DONE,
    "archived": StepState.DONE, "withdrawn": StepState.CANCELLED,
}  # fmt: skip
"""The shape and colour of each word of the archive: red only for what needs a person now."""
KINDS = {
    "bad_data": "data cannot be read", "bad_metadata": "headers do not describe it", "invalid_file_name": "name against the rules",
    "is_valid_fails": "description is not sound", "missing_at_source": "bytes are not there", "no_asdf": "no ASDF extension",
    "preview_only": "preview without science", "duplicate_product": "two of one name", "store": "bytes of another sum",
}  # fmt: skip
"""The library's kinds of ingest error in few words."""


def mark(word: str, text: str | None = None) -> str:
    """Draw a word of the archive with its shape and colour."""
    return theme.mark(MARKS.get(word, StepState.WAITING), word if text is None else text)


def finding_mark(row: Row) -> str:
    """Draw how a finding stands: an open warning is not red."""
    if row["state"] == "open" and row["severity"] != "error":
        return theme.mark(StepState.HELD, "open")
    return mark(row["state"])


def counted(counts: Mapping[str, Any]) -> str:
    """Write counts by word: ``C14 2, C33 1``."""
    return ", ".join(f"{escape(str(word))} {n:,}" if isinstance(n, int) else escape(str(word)) for word, n in counts.items()) or "nothing"


def _id(name: str) -> Any:
    return lambda row, _: f'<span class="id">{escape(str(row[name] or "—"))}</span>'


def _thing(name: str) -> Any:
    return lambda row, _: f'<code class="sum">{escape(str(row[name] or "—"))}</code>'


def _age(name: str) -> Any:
    return lambda row, now: theme.age(row[name], now)


def _text(name: str) -> Any:
    return lambda row, _: f'<span class="why">{escape(str(row[name] or "—"))}</span>'


def _count(name: str) -> Any:
    return lambda row, _: f'<span class="n">{row[name] or 0:,}</span>'


def _check(row: Row, _: datetime) -> str:
    return f'<span class="id">{row["check"]}</span><br><span class="why">{escape(row["title"])}</span>'


def bare(uri: str) -> str:
    """Write a URI as a name that hides the root, which all products, and all observations, have in common."""
    return f'<code class="sum" title="{escape(uri)}">{escape(_ROOT.sub("", uri))}</code>'


def _seen(row: Row, _: datetime) -> str:
    text = _SUM.sub(r"\1…", row["observed"] or "—")
    short = text if len(text) <= SEEN else f"{text[:SEEN].rstrip()}…"
    return f'<span class="why sum">{escape(short)}</span>'


def _can(row: Row, _: datetime) -> str:
    if row["fix"]:
        return "the doctor repairs it"
    return f'<span class="why soft">{escape(row["remedy"])}</span>'


LISTS = {
    "errors": Listing(
        key=lambda row: str(row["id"]),
        empty="No ingest is refused: all that was offered is in the archive.",
        columns=(
            Column(title="state", cell=lambda row, _: mark("open", KINDS.get(row["kind"], row["kind"])), narrow=True),
            Column(title="observation", cell=_thing("observation_id"), narrow=True),
            Column(title="last", cell=_age("last_at"), narrow=True),
            Column(title="times", cell=_count("times")),
            Column(title="why", cell=_text("message")),
        ),
    ),
    "findings": Listing(
        key=lambda row: str(row["id"]),
        empty="The doctor has found nothing that is to be done. Audits lists when it last looked.",
        columns=(
            Column(title="state", cell=lambda row, _: finding_mark(row), narrow=True),
            Column(title="thing", cell=lambda row, _: bare(row["uri"]), narrow=True),
            Column(title="last seen", cell=_age("last_at"), narrow=True),
            Column(title="check", cell=_check),
            Column(title="seen", cell=_seen),
            Column(title="to do", cell=_can),
        ),
    ),
    "objects": Listing(
        key=lambda row: row["sha256"],
        empty="Every object that was read again is as it was stored.",
        columns=(
            Column(title="state", cell=lambda row, _: theme.mark("failed", row["outcome"]), narrow=True),
            Column(title="object", cell=lambda row, _: _names(row), narrow=True),
            Column(title="read", cell=_age("checked_at"), narrow=True),
            Column(title="size", cell=lambda row, _: theme.size(row["size"]) if row["size"] is not None else "—"),
            Column(title="seen", cell=_seen),
        ),
    ),
    "observations": Listing(
        key=lambda row: row["id"],
        empty="The archive holds no observation yet. The engine ingests what is made; `dmsops flow plan` plans it.",
        columns=(
            Column(title="state", cell=lambda row, _: mark(row["state"]), narrow=True),
            Column(title="observation", cell=_thing("id"), narrow=True),
            Column(title="changed", cell=_age("changed_at"), narrow=True),
            Column(title="version", cell=_count("version")),
            Column(title="products", cell=_count("products")),
            Column(title="size", cell=lambda row, _: theme.size(row["bytes"])),
            Column(title="target", cell=_text("target")),
            Column(title="proposal", cell=_id("proposal_id")),
        ),
    ),
    "audits": Listing(
        key=lambda row: str(row["id"]),
        empty="No audit was made yet. Begin one above, or run `dmsops doctor audit` (procedure P16).",
        columns=(
            Column(title="audit", cell=lambda row, _: escape(f"{row['id']} {row['kind']}"), narrow=True),
            Column(title="ended", cell=_age("ended_at"), narrow=True),
            Column(title="opened", cell=_count("opened"), narrow=True),
            Column(title="closed", cell=_count("closed")),
            Column(title="looked at", cell=_count("looked_at")),
            Column(title="took", cell=lambda row, _: theme.duration((row["ended_at"] - row["started_at"]).total_seconds())),
            Column(title="scope", cell=_text("scope")),
            Column(title="by", cell=_text("actor")),
        ),
    ),
}  # fmt: skip
"""By list of the board."""


def _names(row: Row) -> str:
    names = row["names"] or [row["sha256"]]
    more = f'<br><span class="soft">and {len(names) - 1:,} more</span>' if len(names) > 1 else ""
    return f'<code class="sum">{escape(names[0])}</code>{more}'
