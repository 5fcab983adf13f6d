"""What a person can do on the archive board: calls of library verbs in their own name, nothing decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import archive_repairs, theme
from dashboards.app.archive_stories import WRAPPED
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.field_pane import Field, FieldDeed
from dashboards.app.story_parts import bullets, shortened, table
from dmsops.archive import duplicates, errors, finding_acts, finding_queries, fixity, withdraw
from dmsops.archive.finding_states import ACTS, TRANSITIONS
from dmsops.archive.states import WITHDRAWN
from dmsops.catalogue.registry import Scope
from dmsops.core.clock import time_of
from dmsops.core.errors import BadInput
from dmsops.core.people import Role
from dmsops.flows import doctor
from dmsops.procedures import ingest_problem

if TYPE_CHECKING:
    from dashboards.app.archive_work import Work
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]
Wanted = Mapping[str, Any]
MOST = 5000
"""As many findings are acted on at once."""
_TITLES = {"acknowledge": "I work on it", "waive": "Accept it as it is", "reopen": "Open it again"}
_PAST = {"acknowledge": "acknowledged", "waive": "waived", "reopen": "opened again"}


def of(view: str, row: Row, person: Person, work: Work) -> list[Deed]:
    """Give what can be done to a row of a list, with why it cannot be done by this person or now."""
    return _OF[view](row, person, work) if view in _OF else []


def of_findings(wanted: Wanted, counts: Mapping[str, int], fixable: int, person: Person, work: Work) -> list[Deed]:
    """Give what can be done to the findings of a filter, of which so many are in each state, and the doctor can repair ``fixable``."""
    return [archive_repairs.of_findings(wanted, fixable, person, work), *(_say_of_all(verb, wanted, counts, person) for verb in ACTS)]


def _say_of_all(verb: str, wanted: Wanted, counts: Mapping[str, int], person: Person) -> Deed:
    fits = [state.value for state in TRANSITIONS[verb][0]]
    count = sum(counts.get(state, 0) for state in fits)
    many = f"all {count:,}" if count <= MOST else f"the first {MOST:,} of {count:,}"
    deed = _say(verb, f"{_TITLES[verb]}: {many}" if count else _TITLES[verb], wanted, person, "all-")
    return deed if count or deed.why_not else replace(deed, why_not=f"None of them is {' or '.join(fits)}.")


def _of_finding(row: Row, person: Person, work: Work) -> list[Deed]:
    wanted = {"states": (), "ids": [row["id"]]}
    said = [_say(verb, _TITLES[verb], wanted, person, "", row["state"]) for verb in ACTS]
    return [archive_repairs.of_finding(row, person, work), *said]


def _say(verb: str, title: str, wanted: Wanted, person: Person, prefix: str, state: str = "") -> Deed:
    """Make a deed of something that is said about findings; those to which it does not apply are left alone, and counted."""
    chosen: list[int] = []
    given: dict[str, str] = {}
    fits = tuple(one.value for one in TRANSITIONS[verb][0])

    def look(ops: Ops) -> Preview:
        rows, left = _fitting(ops, wanted, fits)
        chosen[:] = [row["id"] for row in rows]
        aside = f'<p class="warn">{theme.plural(left, "finding")} will not be touched: {" or ".join(fits)} only.</p>' if left else ""
        if not rows:
            return Preview(html=aside, empty=True)
        try:
            seen = finding_acts.preview(ops, verb, chosen, until=_until(given))
        except BadInput as error:
            return Preview(html=f'<p class="warn">{escape(error.message)}.</p>', empty=True)
        lines = [f"{item.check} {item.uri}: {item.observed}" for item in seen.items]
        html = f"<p>{theme.plural(len(lines), 'finding')}: {escape(seen.words)}.</p>{aside}" + shortened("Findings", lines)
        return Preview(html=html, ticket=seen.hash, count=len(lines))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = finding_acts.decide(ops, verb, chosen, ticket=ticket, reason=reason, until=_until(given))
        return f"{theme.plural(len(done.items), 'finding')} {_PAST[verb]}, by {ops.operator.name}."

    why_not = cannot(person, Role.OPERATOR, f"doctor {verb}")
    if state and state not in fits:
        why_not = f"It is {state}."
    fields = (Field(name="until", title="Waived until (UTC)", hint="2023-12-04T00:00:00Z", optional=True),) if verb == "waive" else ()
    return FieldDeed(key=f"{prefix}{verb}", title=title, look=look, do=do, why_not=why_not, fields=fields, given=given)


def _until(given: Mapping[str, str]) -> datetime | None:
    return time_of(given["until"], "until") if given.get("until") else None


def _fitting(ops: Ops, wanted: Wanted, fits: tuple[str, ...]) -> tuple[list[Row], int]:
    """Give the first of a filter's findings that are in one of these states, and how many are in another."""
    states = [state for state in fits if state in (wanted["states"] or fits)]
    if not states:
        return [], finding_queries.number(ops, **wanted)
    mine = {**wanted, "states": states}
    rows = finding_queries.findings(ops, **mine, limit=MOST)
    return rows, finding_queries.number(ops, **wanted) - finding_queries.number(ops, **mine)


def _of_error(row: Row, person: Person, work: Work) -> list[Deed]:
    number, identity = row["id"], row["observation_id"]

    def look_again(ops: Ops) -> Preview:
        seen = ingest_problem.order(ops, act=ingest_problem.AGAIN, error=number)
        facts = [f"{name.replace('_', ' ')}: {value}" for name, value in seen.facts.items()]
        html = bullets("What would be done", facts) + bullets("What stands in the way", list(seen.findings), "warn")
        return Preview(html=html, ticket=seen.ticket, empty=bool(seen.findings) or not seen.ticket, count=1)

    def again(ops: Ops, ticket: str, reason: str) -> str:
        asked = ingest_problem.order(ops, act=ingest_problem.AGAIN, error=number)
        done = ingest_problem.carry_out(ops, asked, ticket=ticket, reason=reason)
        return f"{done['result']}, by {ops.operator.name}."

    def look_close(ops: Ops) -> Preview:
        seen = errors.preview(ops, [number])
        words = [f"{r['observation_id']} stays out of the archive, or as it was before" for r in seen.rows]
        return Preview(html=bullets("What follows", words), ticket=seen.hash, count=1)

    def close(ops: Ops, ticket: str, reason: str) -> str:
        errors.let_go(ops, [number], ticket=ticket, reason=reason)
        return f"{identity}: its ingest error is closed without being mended, by {ops.operator.name}."

    found = [
        Deed(
            key="close", title="Close it unmended", look=look_close, do=close, why_not=cannot(person, Role.OPERATOR, "archive close-error")
        )
    ]
    if row["kind"] == duplicates.KIND:
        return [_keep(identity, keep, person) for keep in duplicates.CHOICES] + found
    may_not = cannot(person, Role.OPERATOR, "archive ingest-again")
    return [Deed(key="again", title="Ingest it again", look=look_again, do=again, why_not=may_not), *found]


def _keep(identity: str, keep: str, person: Person) -> Deed:
    words = {
        "old": "What is archived stays; the other product is left out.",
        "new": "What is archived stays current until the ingest is done again (rescue its step); then the other one supersedes it.",
    }[keep]

    def look(ops: Ops) -> Preview:
        seen = duplicates.preview(ops, identity, keep)
        lines = [
            [f'<code class="sum">{escape(n)}</code>', seen.archived.get(n, "—")[:12], seen.offered.get(n, "—")[:12]]
            for n in sorted({*seen.archived, *seen.offered})
        ]
        sides = table("Side by side (sha256 begins)", lines, ("product", "archived", "offered"), WRAPPED)
        html = f"<p>{words}</p><p>{escape(seen.message)}</p>{sides}" + shortened("The archived one is made from", list(seen.members))
        return Preview(html=html, ticket=seen.hash, count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        duplicates.decide(ops, identity, keep=keep, ticket=ticket, reason=reason)
        then = " Rescue its ingest (procedure P08)." if keep == "new" else ""
        return f"{identity}: the {keep} one is kept, decided by {ops.operator.name}.{then}"

    title = {"old": "Keep the archived one", "new": "Let the new one supersede"}[keep]
    return Deed(key=f"keep-{keep}", title=title, look=look, do=do, why_not=cannot(person, Role.OPERATOR, "archive keep"))


def _of_observation(row: Row, person: Person, work: Work) -> list[Deed]:
    return [_withdrawal(row, person, back=back) for back in (False, True)]


def _withdrawal(row: Row, person: Person, *, back: bool) -> Deed:
    identity, verb = row["id"], "restore" if back else "withdraw"

    def look(ops: Ops) -> Preview:
        (item,) = withdraw.preview(ops, [identity], back=back).items
        said = "These products are current again" if back else "These products are not current any more; their bytes are kept"
        told = "<p>Harvesters are told.</p>"
        html = told + shortened(said, list(item.products)) + shortened("Made from it, and not touched", list(item.used_by), "warn")
        return Preview(html=html, ticket=withdraw.preview(ops, [identity], back=back).hash, count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        (withdraw.restore if back else withdraw.withdraw)(ops, [identity], ticket=ticket, reason=reason)
        return f"{identity} is {'restored' if back else 'withdrawn'}, by {ops.operator.name}."

    wrong = "" if (row["state"] == WITHDRAWN) is back else f"It is {row['state']}."
    why_not = wrong or cannot(person, Role.LEAD, f"archive {verb}")
    return Deed(key=verb, title="Take it back" if back else "Withdraw it", look=look, do=do, why_not=why_not)


def of_audits(work: Work, prefix: str, person: Person) -> list[Deed]:
    """Give the audits that can be begun, of the observations whose id begins so."""
    what = f"of {prefix}…" if prefix else "of everything"
    may_not, busy = cannot(person, Role.OPERATOR, "doctor audit"), work.busy

    def deed(key: str, title: str, *, deep: bool) -> Deed:
        reads = (
            "Documents and rows are read, and all bytes: this takes long." if deep else "Documents and rows are read; no product's bytes."
        )

        def look(_: Ops) -> Preview:
            then = "New findings open, and what is not found any more is fixed. It goes on when this page is closed."
            return Preview(html=f"<p>Observations: {escape(prefix or 'all')}. {reads}</p><p>{then}</p>")

        def do(ops: Ops, _ticket: str, _reason: str) -> str:
            def run(progress: Callable[[int, int], None]) -> str:
                done = doctor.audit(ops, Scope(prefix=prefix, deep=deep), progress=lambda n, total, _: progress(n, total))
                return f"{done.looked_at:,} looked at, {done.opened:,} opened, {done.closed:,} closed."

            work.begin(ops, f"{'Deep audit' if deep else 'Audit'} {what}", run)
            return f"Audit {what} begun, by {ops.operator.name}. How far it is stands above."

        return Deed(key=key, title=f"{title} {what}", look=look, do=do, why_not=may_not or busy, reasoned=False)

    return [deed("audit", "Audit", deep=False), deed("deep", "Deep audit", deep=True)]


def of_objects(work: Work, due: int, person: Person) -> list[Deed]:
    """Give the reading of what is due to be read again."""
    none = "" if due else "Every object was read again in time."

    def look(ops: Ops) -> Preview:
        seen = fixity.due(ops)
        takes = theme.duration(seen.seconds)
        what = f"{theme.plural(seen.objects, 'object')}, {theme.size(seen.bytes)}, {takes} at the site's rate"
        html = f"<p>{what}. Damaged ones become findings.</p>"
        return Preview(html=html, empty=not seen.objects)

    def do(ops: Ops, _ticket: str, _reason: str) -> str:
        def run(progress: Callable[[int, int], None]) -> str:
            done = fixity.audit(ops, objects=due, progress=lambda done, total, _what: progress(done, total))
            return f"{theme.plural(done.objects, 'object')} read, {theme.size(done.bytes)}, {len(done.bad):,} bad."

        work.begin(ops, "Reading objects again", run)
        return f"Reading {theme.plural(due, 'object')} again, begun by {ops.operator.name}. How far it is stands above."

    why_not = cannot(person, Role.OPERATOR, "archive fixity") or none or work.busy
    return [Deed(key="read", title=f"Read {theme.plural(due, 'object')} again", look=look, do=do, why_not=why_not, reasoned=False)]


def _of_object(row: Row, person: Person, work: Work) -> list[Deed]:
    def look(_: Ops) -> Preview:
        return Preview(html="<p>Its bytes are read again; when they are good it leaves this list. Its findings stand until an audit.</p>")

    def do(ops: Ops, _ticket: str, _reason: str) -> str:
        def run(_: Callable[[int, int], None]) -> str:
            done = fixity.audit(ops, sums=[row["sha256"]])
            return f"{theme.size(done.bytes)}: {done.bad[0].outcome if done.bad else 'its bytes are good'}."

        work.begin(ops, f"Reading object {row['sha256'][:12]}… again", run)
        return f"Reading it again, begun by {ops.operator.name}. What comes of it stands above."

    why_not = cannot(person, Role.OPERATOR, "archive fixity") or work.busy
    again = Deed(key="again", title="Read it again", look=look, do=do, why_not=why_not, reasoned=False)
    return [archive_repairs.of_object(row, person, work), again]


_OF = {"errors": _of_error, "findings": _of_finding, "objects": _of_object, "observations": _of_observation}
