"""What the distribution board says in words: what needs a person, what runs, how much was given today; and the choices of accesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.distribution_address import VERDICTS, VIEWS
from dashboards.app.distribution_reads import needing
from dashboards.app.story_parts import broken, need, piece_line
from dmsops.distribution import staging_standing
from dmsops.wfsc import queries as handed

if TYPE_CHECKING:
    from dashboards.app.archive_work import Piece
    from dashboards.app.distribution_address import Address
    from dashboards.app.distribution_reads import Distribution

Row = dict[str, Any]


def needs(seen: Distribution, address: Address, now: datetime, pieces: Sequence[Piece]) -> str:
    """Write what needs a person, then what runs; above the first list everything, above another its own."""
    if not seen.loaded:
        return '<p class="soft">Distribution is being read…</p>'
    counts, here = needing(seen), address.shown
    lines = [_NEEDS[view](seen, now) for view in VIEWS if counts.get(view) and here in (view, VIEWS[0])]
    words = f"Nothing {'else ' if seen.broken else ''}of distribution needs a person now."
    calm = "" if any(counts.values()) else f"<p>{theme.mark('done', words)}</p>"
    return broken(seen.broken) + "".join(lines) + calm + "".join(piece_line(piece, now) for piece in pieces) + _runs(seen, here)


def _handovers(seen: Distribution, now: datetime) -> str:
    found = [row for row in seen.handovers if row["standing"] in handed.NEED_A_PERSON]
    kinds = Counter(row["standing"] for row in found)
    said = ", ".join(f"{n:,} {word}" for word, n in kinds.most_common())
    oldest = theme.age(min(row["sent_at"] or row["prepared_at"] for row in found), now)
    return need("handovers", f"{theme.plural(len(found), 'hand-over')} to the wavefront team: {said} (P10, P17); oldest {oldest}")


def _subscriptions(seen: Distribution, now: datetime) -> str:
    lines = ""
    if seen.told.get("lanes"):
        many, since = theme.plural(seen.told["lanes"], "subscription"), theme.age(seen.told["since"], now)
        lines += need(
            "subscriptions", f"Nobody tells {many}, due {since}: run <code>dmsops serve site</code> or <code>dmsops notify run</code> (P17)"
        )
    if failing := seen.told.get("not_through"):
        mine = [row for row in seen.subscriptions if row["standing"] == "failing"]
        since = f"; the longest since {theme.age(mine[0]['failing_since'], now)}" if mine else ""
        waiting = f"; notices waiting: {sum(row['waiting'] for row in mine):,}" if mine else ""
        lines += need("subscriptions", f"{theme.plural(failing, 'subscription')} not getting through (P17){since}{waiting}")
    if stopped := seen.told.get("stopped"):
        lines += need("subscriptions", f"{theme.plural(stopped, 'subscription')} stopped after days of failing: resume or end (P17)")
    return lines


def _refusals(seen: Distribution, now: datetime) -> str:
    by = Counter({row["name"]: row["refusals"] for row in seen.partners})
    said = ", ".join(f"{escape(name)} {n:,}" for name, n in by.most_common() if n)
    oldest = f"; oldest {theme.age(min(row['first_at'] for row in seen.refusals), now)}" if seen.refusals else ""
    return need("refusals", f"{theme.plural(needing(seen)['refusals'], 'thing')} refused by partners: {said} (P17){oldest}")


def _staged(seen: Distribution, now: datetime) -> str:
    found = [row for row in seen.staged if row["standing"] in staging_standing.NEED_A_PERSON]
    said = ", ".join(f"{n:,} {word}" for word, n in Counter(row["standing"] for row in found).most_common())
    oldest = theme.age(min(row["made_at"] for row in found), now)
    return need("staged", f"{theme.plural(len(found), 'staged request')}: {said} (P17); oldest {oldest}")


_NEEDS = {"handovers": _handovers, "subscriptions": _subscriptions, "refusals": _refusals, "staged": _staged}


def _runs(seen: Distribution, here: str) -> str:
    parts = {"accesses": _today(seen.today), "subscriptions": _told(seen.told), "staged": _laid(seen.laid)}
    said = " · ".join(words for view, words in parts.items() if words and here in (view, VIEWS[0]))
    return f'<p class="soft">{said}</p>' if said else ""


def _today(today: Mapping[str, int]) -> str:
    if not today:
        return ""
    given = f"{today.get('granted', 0):,} given, {theme.size(today.get('bytes', 0))}"
    return f"accesses since midnight UTC: {given}; {today.get('denied', 0):,} refused"


def _told(told: Mapping[str, Any]) -> str:
    if not told:
        return ""
    oldest = f", the oldest of {told['oldest_waiting']:%Y-%m-%d %H:%M:%S}Z" if told["oldest_waiting"] else ""
    return f"{theme.plural(told['notices'], 'notice')} so far, {told['deliveries'].get('waiting', 0):,} to be delivered{oldest}"


def _laid(laid: Mapping[str, int]) -> str:
    return f"staged: {laid['requested']:,} asked for, {laid['ready']:,} ready ({theme.size(laid['bytes'])})" if laid else ""


def chips(address: Address) -> str:
    """Write the choice among accesses."""
    one = "".join(
        f'<button data-pick="verdict {key}" aria-pressed="{str(key == address.verdict).lower()}">{word}</button>'
        for key, word in VERDICTS.items()
    )
    return f'<div class="chips" role="group" aria-label="verdict">{one}</div>'


def turn(rows: Sequence[Row], total: int, most: int, size: int, *, first: bool, newer: int) -> str:
    """Write how many accesses there are, the way to older and newer ones, and how many came since the page was opened."""
    many = f"over {most:,}" if total >= most else f"{total:,}"
    fresh = f'<button data-pick="renew now">{newer:,}{"+" if newer >= size else ""} new: show</button>' if first and newer else ""
    back = "" if first else f'<button data-pick="newer {rows[0]["id"] if rows else 0}">◀ newer rows</button>'
    newest = "" if first else '<button data-pick="newest now">newest</button>'
    on = f'<button data-pick="older {rows[-1]["id"]}">older rows ▶</button>' if len(rows) == size else ""
    said = f'<span class="soft">{len(rows):,} of {many} accesses, newest first</span>'
    return f'<div class="chips">{newest}{back}{said}{on}{fresh}</div>'
