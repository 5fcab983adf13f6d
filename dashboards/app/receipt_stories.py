"""The story of one row of the receipt board: what it is, its evidence, what came before; every outside word is escaped."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.receipt_lists import mark
from dashboards.app.story_parts import LINES, events, head, ident
from dmsops.receipt import gaps, queries, reconcile

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.receipt.compare import Comparison

Row = dict[str, Any]


def story(ops: Ops, view: str, row: Row, verbs: str, now: datetime) -> str:
    """Write a row's story as HTML.

    Parameters
    ----------
    view : str
        The list that the row stands in.
    verbs : str
        What can be done about it, as HTML.
    """
    return _STORIES[view](ops, row, verbs, now)


def _delivery(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "from": escape(row["sender"]),
        "number": "" if row["sequence"] is None else str(row["sequence"]),
        "lies in": ident(row["folder"]),
        "received": theme.age(row["received_at"], now),
        "acknowledged": theme.age(row["acknowledged_at"], now),
        "replays": str(row["replays"] or ""),
        "why": escape(row["reason"] or ""),
    }
    top = head(f"Delivery {ident(row['id'])}", verbs, facts, f"{mark(row['state'])}.")
    if row["received_at"] is None:
        return top
    files = queries.files(ops, row["id"])
    lines = "".join(f"<tr><td>{mark(f['state'])}</td><td>{ident(f['name'])}<br>{_file_words(f)}</td></tr>" for f in files)
    table = f'<h3>Files ({len(files):,})</h3><div class="scroll"><table>{lines}</table></div>' if files else ""
    return top + table + events(ops, row["id"], now)


def _file_words(file: Row) -> str:
    parts = [f"version {file['version']}"] if file["version"] is not None else []
    parts += [theme.size(file["size"])] if file["size"] is not None else []
    parts += [escape(file["reason"])] if file["reason"] else []
    parts += [f"the same bytes as {ident(file['duplicate_of'])}"] if file["duplicate_of"] else []
    return f'<span class="soft">{", ".join(parts)}</span>'


def _request(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "why": escape(row["reason"]),
        "delivery": ident(row["delivery_id"]),
        "first asked": theme.age(row["requested_at"], now),
        "asked": theme.plural(row["times"], "time"),
        "wanted by": f"{row['due']:%Y-%m-%d %H:%M:%S}Z",
    }
    sentence = "It did not come although it was asked for often enough: a person decides." if row["raised_at"] is not None else ""
    return head(f"Asked for again: {ident(row['name'])}", verbs, facts, sentence) + events(ops, row["name"], now)


def _quarantined(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "fault": escape(row["fault"]),
        "delivery": ident(row["delivery_id"]),
        "kept in": ident(row["folder"]),
        "size": theme.size(row["size"]) if row["size"] is not None else "",
        "since": theme.age(row["changed_at"], now),
    }
    top = head(f"In quarantine: {ident(row['name'])}", verbs, facts, escape(row["reason"] or ""))
    return top + events(ops, row["name"], now)


def _gap(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    expected = "no header packet came" if row["expected"] is None else f"{row['received']:,} of {row['expected']:,}"
    decided = f"{escape(row['decision'])} by {escape(row['decided_by'])}, {theme.age(row['decided_at'], now)}" if row["decision"] else ""
    facts = {
        "packets": expected,
        "came twice": f"{row['duplicates']:,}",
        "damaged": f"{row['bad_crc']:,}",
        "in files": ", ".join(ident(name) for name in row["files"]),
        "decided": decided,
        "why": escape(row["reason"] or ""),
        "asked for, due": "" if row["due"] is None else f"{row['due']:%Y-%m-%d %H:%M:%S}Z",
    }
    runs = gaps.missing_runs(ops, row["exposure"], row["detector"])
    lines = "".join(
        f"<tr><td>integration {r['integration']}, group {r['group']}</td><td>rows {r['first_row']} to {r['first_row'] + r['rows'] - 1}"
        "</td></tr>"
        for r in runs[:LINES]
    )
    cut = f'<p class="soft">and {len(runs) - LINES:,} more</p>' if len(runs) > LINES else ""
    table = f'<h3>Rows that did not arrive</h3><div class="scroll"><table>{lines}</table></div>{cut}' if runs else ""
    return head(f"{ident(row['exposure'])} {ident(row['detector'])}", verbs, facts, f"{mark(row['state'])}.") + table


def _visit(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    seen = reconcile.compare(ops, row["visit"])
    number = f"issue {seen.issue}" if seen.issue else ""
    facts = {
        "plan": ident(seen.plan) or "none came",
        "status file": f"{ident(seen.report)} {number}" if seen.report else "none came",
        "ended": f"{escape(seen.status.lower())}{': ' + escape(seen.end_reason) if seen.end_reason else ''}" if seen.report else "",
        "guide star": escape(seen.guiding),
        "target acquisition": escape(seen.target_acquisition.lower()),
        "planned end": theme.age(row["plan_end"], now),
        "reconciled": f"{escape(row['reconciled_outcome'])} by {escape(row['reconciled_by'])}, {theme.age(row['reconciled_at'], now)}"
        if row["reconciled_at"]
        else "",
    }
    link = f'<p><a href="owl?visit={escape(row["visit"])}">Its steps on the workflow board</a></p>'
    late = f"No status file for {row['minutes_without_report']} minutes." if row["overdue"] else ""
    odd = "".join(f"<li>{escape(words)}</li>" for words in seen.differences)
    differs = f"<h3>Otherwise than planned</h3><ul>{odd}</ul>" if odd else ""
    return head(f"Visit {ident('V' + row['visit'])}", verbs, facts, late) + link + differs + _strip(seen) + _verdicts(seen)


def _strip(seen: Comparison) -> str:
    """Draw what became of each exposure by detector."""
    cells = {(f.detector, f.exposure.partition("_")[2]): f for f in seen.found}
    if not cells:
        return ""
    exposures = sorted({exposure for _, exposure in cells})
    head = "".join(f"<th>{escape(e)}</th>" for e in exposures)

    def one(detector: str, exposure: str) -> str:
        found = cells.get((detector, exposure))
        if found is None:
            return "<td></td>"
        label = escape(f"{found.exposure} {found.detector}: {found.words}")
        return f'<td title="{label}" aria-label="{label}">{mark(found.verdict.value, "")}</td>'

    body = "".join(
        f"<tr><th>{escape(detector)}</th>{''.join(one(detector, e) for e in exposures)}</tr>" for detector in sorted({d for d, _ in cells})
    )
    return f'<div class="scroll"><table class="strip"><thead><tr><td></td>{head}</tr></thead>{body}</table></div>'


def _verdicts(seen: Comparison) -> str:
    """Write each verdict once, with the exposures and detectors that it is about."""
    by_words: dict[tuple[str, str], list[str]] = defaultdict(list)
    for found in seen.found:
        by_words[found.verdict.value, found.words].append(f"{found.exposure} {found.detector}")
    return "".join(
        f"<h3>{mark(verdict)} ({len(names):,})</h3><p>{escape(words)}</p>{_names(names)}" for (verdict, words), names in by_words.items()
    )


def _names(names: Iterable[str]) -> str:
    lines = "".join(f'<li class="id">{escape(name)}</li>' for name in names)
    return f"<details><summary>which</summary><ul>{lines}</ul></details>"


def _ephemeris(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    apart = "" if row["residual_km"] is None else f"{row['residual_km']:,.3f} km, {row['residual_km_s'] * 1000:,.4f} m/s"
    accepted = f"by {escape(row['accepted_by'])}" if row["accepted_by"] else ""
    facts = {
        "kind": escape(row["kind"]),
        "covers": f"{row['covers_from']:%Y-%m-%d %H:%M}Z to {row['covers_to']:%Y-%m-%d %H:%M}Z",
        "vectors": f"{row['vectors']:,}",
        "largest step": theme.duration(row["largest_step_seconds"]),
        "held against": ident(row["compared_with"]),
        "apart by": apart,
        "accepted": accepted,
        "delivery": ident(row["delivery_id"]),
    }
    doubts = "".join(f"<li>{escape(words)}</li>" for words in row["doubts"] or ())
    warned = f'<div class="warn"><h3>In doubt</h3><ul>{doubts}</ul></div>' if doubts else ""
    return head(f"Ephemeris {ident(row['name'])}", verbs, facts, f"{mark(row['state'])}.") + warned + events(ops, row["name"], now)


def _message(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "to": escape(row["neighbour"].upper()),
        "about": ident(row["subject"]),
        "written": theme.age(row["made_at"], now),
        "laid out": theme.age(row["posted_at"], now),
        "collected": theme.age(row["collected_at"], now),
    }
    text = escape(json.dumps(row["document"], indent=2, sort_keys=True))
    return head(f"Message {ident(row['name'])}", verbs, facts, escape(row["kind"])) + f'<pre class="top">{text}</pre>'


_STORIES = {
    "deliveries": _delivery, "requests": _request, "quarantine": _quarantined, "gaps": _gap, "visits": _visit, "ephemerides": _ephemeris,
    "messages": _message,
}  # fmt: skip
