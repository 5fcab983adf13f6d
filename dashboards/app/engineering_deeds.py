"""What a person can do to rows of the engineering board, one or all that the filter finds: calls of library verbs in their own name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import plan_text, theme
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.engineering_lists import STREAMS, when
from dashboards.app.engineering_reads import REFUSED
from dashboards.app.story_parts import SHOWN, shortened, table
from dmsops.core.errors import DmsError
from dmsops.core.people import Role
from dmsops.engineering import decide, gap_acts, resolve
from dmsops.engineering.contested import STANDING
from dmsops.engineering.rules import moment
from dmsops.flows import engineering as flow

if TYPE_CHECKING:
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]
CHOICES = 6
"""As many files are offered as a choice for many conflicts: those that most of them came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Each:
    """A verb of the library for one thing: what it would do (words and ticket), and doing it."""

    look: Callable[[Ops, int], tuple[str, str]]
    do: Callable[[Ops, int, str, str], Any]


def of(view: str, row: Row, person: Person) -> list[Deed]:
    """Give what can be done to a row of a list, with why it cannot be done by this person or now."""
    return _OF[view]([row], person, "") if view in _OF else []


def of_all(view: str, rows: Sequence[Row], person: Person) -> list[Deed]:
    """Give what can be done to all rows that a filter finds; nothing for fewer than two."""
    found = _OF[view](rows, person, "all-") if view in _OF and len(rows) > 1 else []
    return [deed for deed in found if not deed.why_not]


def _one_by_one(key: str, title: str, items: Sequence[int], each: _Each, done: str, why_not: str) -> Deed:
    """Make a deed of a verb that is for one thing; of several it does one after another, and says how far it came."""

    def look(ops: Ops) -> Preview:
        seen = [each.look(ops, item) for item in items]
        html = f"<p>{theme.plural(len(items), 'time')}:</p>" if len(items) > 1 else ""
        return Preview(
            html=html + shortened("What follows", [words for words, _ in seen]), ticket=" ".join(t for _, t in seen), count=len(seen)
        )

    def do(ops: Ops, ticket: str, reason: str) -> str:
        for n, (item, mine) in enumerate(zip(items, ticket.split(" "), strict=True)):
            try:
                each.do(ops, item, mine, reason)
            except DmsError as error:
                if not n:
                    raise
                return f"{n} of {len(items)} {done}, by {ops.operator.name}; then it stopped: {error.message}. {error.remedy}"
        return f"{len(items):,} {done}, by {ops.operator.name}."

    return Deed(key=key, title=title, look=look, do=do, why_not=why_not)


def _file(verb: str) -> _Each:
    def look(ops: Ops, item: int) -> tuple[str, str]:
        seen = decide.preview(ops, item, verb)
        return f"{seen.name} was refused: {seen.reason}. Then {seen.words}", seen.hash

    return _Each(look=look, do=lambda ops, item, ticket, reason: decide.decide(ops, item, verb, ticket=ticket, reason=reason))


def _of_files(rows: Sequence[Row], person: Person, prefix: str) -> list[Deed]:
    refused = [row["id"] for row in rows if row["state"] == REFUSED]
    none = "" if refused else "It was not refused."
    many = f" {len(refused):,} refused files" if prefix else " it"
    lead, operator = cannot(person, Role.LEAD, "engineering accept"), cannot(person, Role.OPERATOR, "engineering discard")
    accepted = "taken by the next ingest (`dmsops flow plan` plans it)"
    return [
        _one_by_one(f"{prefix}accept", f"Take{many} in spite of that", refused, _file(decide.ACCEPT), accepted, none or lead),
        _one_by_one(f"{prefix}discard", f"Leave{many} out for good", refused, _file(decide.DISCARD), "left out for good", none or operator),
    ]


def _gap(verb: str) -> _Each:
    def look(ops: Ops, item: int) -> tuple[str, str]:
        seen = gap_acts.preview(ops, item, verb)
        return f"{seen.words} ({theme.plural(len(seen.containers), 'container')})", seen.hash

    return _Each(look=look, do=lambda ops, item, ticket, reason: gap_acts.decide(ops, item, verb, ticket=ticket, reason=reason))


def _of_gaps(rows: Sequence[Row], person: Person, prefix: str) -> list[Deed]:
    may_not = cannot(person, Role.OPERATOR, "engineering gap")
    open_ = [row["first_us"] for row in rows if row["decision"] == "open" or not prefix]
    waived = "Nobody waits for it any more already." if [row["decision"] for row in rows] == ["waived"] else ""
    many = f" for {len(open_):,} open gaps" if prefix else " for it"
    again = " again" if not prefix and rows[0]["times"] else ""
    none = "" if open_ else "No gap is open."
    return [
        _one_by_one(f"{prefix}ask", f"Ask{many}{again}", open_, _gap(gap_acts.ASK), "asked for", none or may_not),
        _one_by_one(f"{prefix}waive", f"Wait{many} no longer", open_, _gap(gap_acts.WAIVE), "waived", none or waived or may_not),
    ]


def choices(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Give whose values can stand: what stands, the streams and the files that contested values came from, with their words."""
    files = Counter(name for row in rows for name in row["files"])
    streams = sorted({name[:1] for name in files} & set(STREAMS))
    found = [(STANDING, "what stands now")]
    if 1 < len(streams) < len(files):
        found += [(stream, f"what is {STREAMS[stream]} ({stream})") for stream in streams]
    return found + [(name, name) for name, _ in files.most_common(CHOICES)]


def came_from(row: Row, keep: str) -> bool:
    """Say whether a contested value of an interval came from there."""
    return keep == STANDING or any(name == keep or (len(keep) == 1 and name.startswith(keep)) for name in row["files"])


def _of_conflicts(rows: Sequence[Row], person: Person, prefix: str) -> list[Deed]:
    may_not = cannot(person, Role.OPERATOR, "engineering resolve")
    return [_settle(f"{prefix}keep-{n}", keep, words, rows, may_not) for n, (keep, words) in enumerate(choices(rows))]


def _settle(key: str, keep: str, words: str, rows: Sequence[Row], why_not: str) -> Deed:
    mine = [row["id"] for row in rows if came_from(row, keep)]
    left = len(rows) - len(mine)

    def look(ops: Ops) -> Preview:
        seen = resolve.preview(ops, mine, keep=keep)
        contested, changed = sum(i.contested for i in seen.items), sum(i.changed for i in seen.items)
        head = (
            f"<p>{theme.plural(contested, 'contested sample')}, of which {changed:,} "
            f"get{'s' if changed == 1 else ''} another value; {theme.plural(seen.hours, 'hour')} of engineering "
            f"{'is' if seen.hours == 1 else 'are'} written anew.</p>"
        )
        aside = f'<p class="warn">{theme.plural(left, "interval")} will not be touched: nothing in it came from there.</p>' if left else ""
        return Preview(html=head + aside + _settled(seen), ticket=seen.hash, count=len(seen.items))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = resolve.resolve(ops, mine, keep=keep, ticket=ticket, reason=reason)
        changed = sum(i.changed for i in done.items)
        return (
            f"{theme.plural(len(done.items), 'interval')} settled for {words}: {theme.plural(changed, 'sample')} changed, "
            f"by {ops.operator.name}. Products that used them are listed under Products."
        )

    return Deed(key=key, title=f"Keep {words}", look=look, do=do, why_not=why_not)


def _settled(seen: resolve.Resolution) -> str:
    lines = [
        [f'<span class="id">{escape(i.mnemonic)}</span>', when(moment(i.first_us)), f"{i.contested:,}", f"{i.changed:,}"]
        for i in seen.items[:SHOWN]
    ]
    more = f'<p class="soft">and {len(seen.items) - SHOWN:,} more</p>' if len(seen.items) > SHOWN else ""
    return table("Intervals", lines, ("mnemonic", "from", "contested", "changed")) + more


def _of_products(rows: Sequence[Row], person: Person, prefix: str) -> list[Deed]:
    stale = [row["step"] for row in rows if row["stale"]]
    same = "" if stale else "Made again now it would see the same telemetry: settle what is contested, or wait for what is missing."

    def look(ops: Ops) -> Preview:
        plan = flow.preview(ops, stale)
        return Preview(html=plan_text.describe(plan), ticket=plan.hash, empty=not plan.again, count=len(plan.again))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        return plan_text.receipt(flow.remake(ops, stale, ticket=ticket, reason=reason), ops.operator.name)

    title = f"Make {len(stale):,} again that see other telemetry" if prefix else "Make it again"
    return [Deed(key=f"{prefix}remake", title=title, look=look, do=do, why_not=same or cannot(person, Role.OPERATOR, "rescue"))]


_OF = {"files": _of_files, "gaps": _of_gaps, "conflicts": _of_conflicts, "products": _of_products}
