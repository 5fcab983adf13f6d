"""What a person can do to programs and accounts: exclusive access, grants, tokens. Grants and tokens get the ticket of what was shown."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.archive_stories import WRAPPED
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.distribution_lists import when
from dashboards.app.field_pane import Field, FieldDeed
from dashboards.app.story_parts import bullets, ident, table
from dmsops.core.clock import time_of
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.people import Role
from dmsops.core.tickets import need_ticket, ticket_of
from dmsops.distribution import accounts, endings, grants
from dmsops.distribution.endings import REMEDY, Act, Ending
from dmsops.flows import exclusive

if TYPE_CHECKING:
    from dashboards.app.distribution_work import Works
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]
AT_ONCE = 20
"""A change of more observations than these is done beside the page, which says how far it is."""
SHOWN = 25


def of(view: str, row: Row, person: Person, works: Works) -> list[Deed]:
    """Give what can be done to a program (with the grants that stand: ``granted``) or an account; to other rows nothing can be done."""
    if view == "programs":
        held = [_end(one, person) for one in row["granted"]]
        return [change(row, person, works), release(row, person, works), _let_in(row, person), *held]
    return [_revoke(row, person), _shut(row, person)] if view == "accounts" else []


def change(row: Row, person: Person, works: Works) -> Deed:
    """Give the change of a program's exclusive access to as many days as a person writes."""
    given: dict[str, str] = {}
    now = "" if row["exclusive_days"] is None else str(row["exclusive_days"])
    fields = (Field(name="days", title="Days from archiving (0: public at once)", hint="365", value=now),)
    parts = _change(row["id"], lambda: _number(given["days"]), works)
    return FieldDeed(
        key="change", title="Change its exclusive access", why_not=_no(row, person, works), fields=fields, given=given, **parts
    )


def release(row: Row, person: Person, works: Works) -> Deed:
    """Give the release of a program: exclusive access of no day."""
    why_not = _no(row, person, works) or ("" if row["exclusive"] or row["exclusive_days"] != 0 else "All of it is public, and stays so.")
    return Deed(key="release", title="Release it now", why_not=why_not, **_change(row["id"], lambda: 0, works))


def _no(row: Row, person: Person, works: Works) -> str:
    return cannot(person, Role.LEAD, "access change") or works.busy(f"program {row['id']}")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise BadInput(f"'{text[:20]}' is not a number of days", field="days")
    return int(text)


def _change(program: str, days: Callable[[], int], works: Works) -> dict[str, Any]:
    """Make the preview and the doing of a change of exclusive access."""
    counted: list[int] = []

    def look(ops: Ops) -> Preview:
        try:
            seen = exclusive.preview(ops, program, days())
        except BadInput as error:
            return Preview(html=f'<p class="warn">{escape(error.message)}.</p>', empty=True)
        counted[:] = [len(seen.items)]
        nothing = not seen.items and seen.days == seen.days_now
        return Preview(html=_words(seen), ticket=seen.hash, empty=nothing, count=len(seen.items))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        wanted = days()  # what is written later into the field is another change

        def run(progress: Callable[[int, int], None]) -> str:
            far = lambda n, total, _: progress(n, total)  # noqa: E731
            return _came_of(exclusive.change(ops, program, wanted, ticket=ticket, reason=reason, progress=far))

        what = f"Exclusive access of program {program}: {theme.plural(wanted, 'day')}"
        if counted[0] <= AT_ONCE:
            return f"{what}, by {ops.operator.name}. {run(lambda *_: None)}"
        works.begin(ops, f"program {program}", what, run)
        return f"{what}: begun, by {ops.operator.name}. How far it is stands above."

    return {"look": look, "do": do}


def _came_of(done: exclusive.Changed) -> str:
    failed = f" {len(done.failed):,} could not be: {done.failed[0][0]}, {done.failed[0][1]} (P15)." if done.failed else ""
    return f"{theme.plural(len(done.done), 'observation')} described again.{failed}"


def _words(seen: exclusive.Change) -> str:
    was = "what its category gives" if seen.days_now is None else theme.plural(seen.days_now, "day")
    head = f"<p>Program {seen.program}: exclusive access of {was} becomes {theme.plural(seen.days, 'day')} from archiving.</p>"
    if not seen.items:
        return f"{head}<p>No observation's release changes.</p>"
    effects = seen.counts()
    back = effects.get("is taken back from the public", 0)
    warned = f"What was public is exclusive again for {theme.plural(back, 'observation')}; who has copies keeps them."
    warn = f'<p class="warn">{warned}</p>' if back else ""
    told = "<p>Each is described again: subscribers are told what becomes public or is held, and partners harvest it.</p>"
    lines = [[ident(i.observation_id), when(i.now, seen.at), when(i.then, seen.at)] for i in seen.items[:SHOWN]]
    more = f'<p class="soft">and {len(seen.items) - SHOWN:,} more</p>' if len(seen.items) > SHOWN else ""
    counts = [f"{word}: {theme.plural(n, 'observation')}" for word, n in effects.items()]
    return (
        head + bullets("What changes", counts) + warn + told + table("Public from", lines, ("observation", "now", "then"), WRAPPED) + more
    )


def _let_in(row: Row, person: Person) -> Deed:
    given: dict[str, str] = {}
    program = row["id"]

    def facts(ops: Ops) -> tuple[list[Any], list[Row]]:
        name = given["account"]
        if name not in {one["name"] for one in accounts.accounts(ops) if one["closed_at"] is None}:
            raise BadInput(f"'{name[:40]}' is no open account" if name else "Write whom to let in", field="account")
        if given["kind"] not in grants.KINDS:
            raise BadInput(f"'{given['kind'][:20]}' is neither pi nor guest", field="kind")
        until = time_of(given["until"], "until") if given["until"] else None
        if until is not None and until <= ops.clock.now():
            raise BadInput(f"{until:%Y-%m-%d %H:%M} is past", field="until")
        there = [one for one in grants.grants(ops, program=program, name=name) if one["stands"]]
        return [program, name, given["kind"], until, [one["id"] for one in there]], there

    def look(ops: Ops) -> Preview:
        try:
            seen, there = facts(ops)
        except DmsError as error:
            return Preview(html=f'<p class="warn">{escape(error.message)}.</p>', empty=True)
        until = f"until {when(seen[3], ops.clock.now())}" if seen[3] else "until somebody ends it"
        pi = " As its PI they may let others in." if seen[2] == "pi" else ""
        has = f'<p class="warn">They have {theme.plural(len(there), "grant")} of it already.</p>' if there else ""
        html = f"<p>{escape(seen[1])} may have the files of program {escape(program)} before they are public, {until}.{pi}</p>{has}"
        return Preview(html=html, ticket=ticket_of(seen), count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        seen, _ = facts(ops)
        need_ticket(ticket, ticket_of(seen), f"the grants of {seen[1]}, or the fields, have changed since the preview", remedy=REMEDY)
        number = grants.grant(ops, seen[1], program, kind=seen[2], until=seen[3], reason=reason)
        return f"Grant {number}: {seen[1]} may have the files of program {program}, by {ops.operator.name}."

    fields = (
        Field(name="account", title="Account to let in", hint="ada"),
        Field(name="kind", title="As pi (may let others in) or guest", value="guest"),
        Field(name="until", title="Until (UTC)", hint="2023-12-04T00:00:00Z", optional=True),
    )
    why_not = cannot(person, Role.LEAD, "accounts grant")
    return FieldDeed(key="let-in", title="Let somebody in", look=look, do=do, why_not=why_not, fields=fields, given=given)


def _end(one: Row, person: Person) -> Deed:
    number, name, program = one["id"], one["account"], one["program"]

    def words(seen: Ending) -> str:
        still = f"loses this grant of program {escape(program)}, and has grant {seen.others[0] if seen.others else ''} of it still"
        gone = f"gets no file of program {escape(program)} any more before it is public, from now on"
        html = f"<p>{escape(name)} ({one['kind']}) {still if seen.others else gone}.</p>"
        return f"{html}<p>Granted by {escape(one['granted_by'])}: {escape(one['reason'])}</p>"

    def told(_: Ending) -> str:
        return f"The grant of {name} to program {program} has ended"

    return _ends(person, f"end-{number}", f"End the grant of {name}", Act.END_GRANT, number, words, told)


def _ends(
    person: Person, key: str, title: str, act: Act, subject: str | int, words: Callable[[Ending], str], told: Callable[[Ending], str],
    *, stops: str = "",
) -> Deed:  # fmt: skip
    """Make the deed of something that ends access, with the library's own preview."""

    def look(ops: Ops) -> Preview:
        seen = endings.preview(ops, act, subject)
        return Preview(html=words(seen), ticket=seen.hash, empty=seen.empty, count=len(seen.tokens) if act is Act.REVOKE else 1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        return f"{told(endings.end(ops, act, subject, ticket=ticket, reason=reason))}, by {ops.operator.name}."

    return Deed(key=key, title=title, look=look, do=do, why_not=stops or cannot(person, Role.LEAD, f"accounts {act}"))


def _revoke(row: Row, person: Person) -> Deed:
    name = row["name"]

    def words(seen: Ending) -> str:
        ends = "<p>They are void at once; signed addresses and staged requests of the account end with the last one.</p>"
        return ends + _tokens(seen)

    def told(seen: Ending) -> str:
        return f"{theme.plural(len(seen.tokens), 'token')} of {name} void"

    none = "It is closed." if row["closed_at"] else "" if row["tokens"] else "It has no good token."
    return _ends(person, "revoke", "Make its tokens void", Act.REVOKE, name, words, told, stops=none)


def _tokens(seen: Ending) -> str:
    lines = [
        f"{', '.join(one['scopes'])}{f' ({one["label"]})' if one['label'] else ''}, made {one['made_at']:%Y-%m-%d %H:%M}Z"
        for one in seen.tokens
    ]
    return bullets("Tokens", lines)


def _shut(row: Row, person: Person) -> Deed:
    name = row["name"]

    def words(seen: Ending) -> str:
        held = theme.plural(len({one["program"] for one in seen.grants}), "program")
        told = theme.plural(seen.subscriptions, "subscription")
        html = f"<p>Its tokens and its access to {held} end at once; {told} of it are not told any more.</p>"
        return f"{html}{_tokens(seen)}<p>What it was given stays on record. `dmsops accounts put` opens it again, without them.</p>"

    stops = "It is closed." if row["closed_at"] else ""
    return _ends(person, "shut", "Close the account", Act.CLOSE, name, words, lambda _: f"Account {name} is closed", stops=stops)
