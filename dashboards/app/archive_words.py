"""What the archive board says in words: what needs a person, what runs, how findings and bytes have fared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.archive_address import SEVERITIES, STATES, VIEWS
from dashboards.app.archive_lists import KINDS
from dashboards.app.archive_reads import INGEST, needing
from dashboards.app.story_parts import broken, need, piece_line

if TYPE_CHECKING:
    from dashboards.app.archive_address import Address
    from dashboards.app.archive_reads import Archive
    from dashboards.app.archive_work import Piece
    from dashboards.app.hub import Snapshot

Row = dict[str, Any]
CHECKS, FEW = 6, 3
"""As many checks with open errors stand above the first list, and above that of the findings."""
BARS = 40
"""As many audits are drawn."""


def needs(seen: Archive, address: Address, snapshot: Snapshot, piece: Piece | None) -> str:
    """Write what needs a person, then what runs; above the first list everything, above another its own; of one check that alone."""
    if not seen.loaded:
        return '<p class="soft">The archive is being read…</p>'
    counts, here = needing(seen), address.shown
    wanted = address.check if here == "findings" else ""
    shown = [view for view in ("errors", "findings", "objects") if counts[view] and here in (view, VIEWS[0])]
    lines = [_checks(seen, here, wanted) if view == "findings" else _need(seen, view, snapshot.now) for view in shown]
    words = f"Nothing {'else ' if seen.broken else ''}of the archive needs a person now."
    calm = "" if any(counts.values()) else f"<p>{theme.mark('done', words)}</p>"
    return broken(seen.broken) + "".join(lines) + calm + (piece_line(piece, snapshot.now) if piece else "") + _runs(seen, snapshot)


def _need(seen: Archive, view: str, now: datetime) -> str:
    if view == "errors":
        kinds = Counter(row["kind"] for row in seen.errors)
        said = ", ".join(f"{KINDS.get(kind, kind)} {n:,}" for kind, n in kinds.most_common())
        oldest = theme.age(min(row["first_at"] for row in seen.errors), now)
        procedure = "P13 for two of one name, else P15" if "duplicate_product" in kinds else "P15"
        return need(view, f"{theme.plural(len(seen.errors), 'observation')} not ingested: {escape(said)} ({procedure}); oldest {oldest}")
    return need(view, f"{theme.plural(seen.damaged, 'stored object')} damaged or missing when read again (P16)")


def _checks(seen: Archive, here: str, wanted: str) -> str:
    """Write the checks with most open errors, fewer above the list of findings, whose chips have them all; or the one that is wanted."""
    found = [row for row in seen.checks if row["severity"] == "error" and row["open"] and wanted in ("", row["check"])]
    worst = sorted(found, key=lambda row: -row["open"])
    many = CHECKS if here == VIEWS[0] else FEW
    lines = [
        need(here, f"{row['open']:,} open: <span class='id'>{row['check']}</span> {escape(row['title'])} (P16)", f"check {row['check']}")
        for row in worst[:many]
    ]
    rest = sum(row["open"] for row in worst[many:])
    more = need("findings", f"{rest:,} open of {theme.plural(len(worst) - many, 'other check')}") if rest else ""
    return "".join(lines) + more


def _runs(seen: Archive, snapshot: Snapshot) -> str:
    steps: Counter[str] = Counter()
    for cell in snapshot.kinds:
        if cell["kind"] == INGEST:
            steps[cell["state"]] += cell["n"]
    said = ", ".join(f"{n:,} {state}" for state, n in steps.items() if n and state != "done")
    ingests = f'<a style="color: var(--active)" href="owl?kind={INGEST}">ingest steps</a>: {said or "none waits"}'
    last = seen.last_audit
    audit = "no audit yet" if last is None else (
        f"last audit {theme.age(last['ended_at'], snapshot.now)}, {last['looked_at']:,} looked at, "
        f"{last['opened']:,} opened, {last['closed']:,} closed"
    )  # fmt: skip
    return f'<p class="soft">{ingests} · {audit} · {fixity(seen)}</p>'


def fixity(seen: Archive) -> str:
    """Say how much is to be read again, and how long that takes."""
    if not seen.due:
        return "what is to be read again is not known"
    due = seen.due
    if not due["objects"]:
        return "every object was read again in time"
    never = f" ({due['never']:,} never)" if due["never"] else ""
    return (
        f"{theme.plural(due['objects'], 'object')}{never} to be read again, {theme.size(due['bytes'])}, "
        f"{theme.duration(due['seconds'])} at the site's rate"
    )


def chips(address: Address, seen: Archive) -> str:
    """Write the choices among findings: severity, state, check."""
    severity = _choice("severity", SEVERITIES, address.severity)
    state = _choice("state", STATES, address.state)
    listed = {row["check"]: f"{row['check']} {row['open'] + row['acknowledged']:,}" for row in seen.checks}
    if address.check:
        listed.setdefault(address.check, address.check)
    check = _choice("check", {"": "every check", **listed}, address.check, {row["check"]: row["title"] for row in seen.checks})
    return severity + state + (check if listed else "")


def _choice(name: str, words: dict[str, str], here: str, titles: dict[str, str] | None = None) -> str:
    one = "".join(
        f'<button data-pick="{name} {escape(key)}" aria-pressed="{str(key == here).lower()}" '
        f'title="{escape((titles or {}).get(key, ""))}">{escape(word)}</button>'
        for key, word in words.items()
    )
    return f'<div class="chips" role="group" aria-label="{name}">{one}</div>'


def pages(page: int, total: int, size: int) -> str:
    """Write which rows of a long list are shown, and the way to the others; nothing when one page holds all."""
    if total <= size:
        return ""
    last = (total - 1) // size
    back = f'<button data-pick="page {page - 1}">◀ earlier rows</button>' if page else ""
    on = f'<button data-pick="page {page + 1}">more rows ▶</button>' if page < last else ""
    first = page * size
    return f'<div class="chips">{back}<span class="soft">{first + 1:,} to {min(first + size, total):,} of {total:,}</span>{on}</div>'


def trend(audits: Sequence[Row]) -> str:
    """Draw what the doctor's audits opened (up) and closed (down), the newest at the right; and say it in words."""
    shown = [row for row in audits if row["kind"] == "doctor"][:BARS][::-1]
    if not shown:
        return ""
    most = max(max(row["opened"], row["closed"]) for row in shown) or 1
    wide = 1000 / max(len(shown), 12)

    def bar(n: int, row: Row) -> str:
        up, down = (max(26 * n / most, 2.0) if n else 0.0 for n in (row["opened"], row["closed"]))  # one among thousands is seen
        said = f"audit {row['id']}, {row['ended_at']:%Y-%m-%d %H:%M}Z: {row['opened']:,} opened, {row['closed']:,} closed"
        left, width = f"{n * wide + 2:.1f}", f"{wide - 4:.1f}"
        return (
            f'<g><title>{said}</title><rect class="doubt" x="{left}" y="{28 - up:.1f}" width="{width}" height="{up:.1f}"/>'
            f'<rect class="definitive" x="{left}" y="30" width="{width}" height="{down:.1f}"/></g>'
        )

    bars = "".join(bar(n, row) for n, row in enumerate(shown))
    opened, closed = sum(row["opened"] for row in shown), sum(row["closed"] for row in shown)
    words = (
        f"{theme.plural(len(shown), 'audit')}, the newest at the right: {opened:,} findings opened (above), {closed:,} closed (below); "
        f"the highest bar is {most:,}"
    )
    picture = f'<svg viewBox="0 0 1000 58" preserveAspectRatio="none" role="img" aria-label="{words}">{bars}<path d="M0 29H1000"/></svg>'
    return f'<div class="spans">{picture}<span class="soft">{words}.</span></div>'
