"""What a person can do to a row of the receipt board: calls of library verbs in their own name, nothing decided here."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.receipt_lists import counted
from dashboards.app.story_parts import bullets
from dmsops import receipt
from dmsops.core.people import Role
from dmsops.flows import ephemeris, science, status_files
from dmsops.receipt import decide, ephemeris_acts, gaps, reconcile

if TYPE_CHECKING:
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]


def of(view: str, row: Row, person: Person) -> list[Deed]:
    """Give what can be done to a row of a list, with why it cannot be done by this person or now."""
    return _OF[view](row, person) if view in _OF else []


def _of_request(row: Row, person: Person) -> list[Deed]:
    number, may_not = row["id"], cannot(person, Role.OPERATOR, "receipt decide")

    def deed(key: str, title: str, **which: list[int]) -> Deed:
        def look(ops: Ops) -> Preview:
            seen = decide.plan(ops, **which)
            return Preview(html=bullets("What follows", [f"{item.name}: {item.words}" for item in seen.items]), ticket=seen.hash)

        def do(ops: Ops, ticket: str, reason: str) -> str:
            done = decide.decide(ops, ticket=ticket, reason=reason, **which)
            return f"{done.items[0].name}: {title.lower()}, by {ops.operator.name}."

        return Deed(key=key, title=title, look=look, do=do, why_not=may_not)

    return [deed("again", "Ask again", ask=[number]), deed("waive", "Stop waiting", close=[number])]


def _of_gap(row: Row, person: Person) -> list[Deed]:
    exposure, detector = row["exposure"], row["detector"]
    may_not = cannot(person, Role.OPERATOR, "gaps decide")

    def deed(decision: str, title: str) -> Deed:
        def look(ops: Ops) -> Preview:
            seen = gaps.preview(ops, exposure, detector, decision)
            return Preview(html=bullets("What follows", [seen.words]), ticket=seen.hash)

        def do(ops: Ops, ticket: str, reason: str) -> str:
            gaps.decide(ops, exposure, detector, decision, ticket=ticket, reason=reason)
            return f"{exposure} {detector}: {title.lower()}, decided by {ops.operator.name}. Plan its visit to go on."

        return Deed(key=decision, title=title, look=look, do=do, why_not=may_not)

    decided = row["decision"] is not None
    found = [deed(gaps.USE, "Use it with gaps"), deed(gaps.GIVE_UP, "Give it up")]
    return [*found, deed(gaps.WAIT, "Wait after all")] if decided else found


def _of_visit(row: Row, person: Person) -> list[Deed]:
    visit, may_not = row["visit"], cannot(person, Role.OPERATOR, "visit reconcile")

    def look(ops: Ops) -> Preview:
        seen = reconcile.preview(ops, visit)
        now = f"<p>Outcome <b>{escape(seen.comparison.outcome)}</b>: {counted(seen.comparison.counts)}.</p>"
        return Preview(html=now + bullets("Who is told", list(seen.messages)), ticket=seen.hash)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = reconcile.reconcile(ops, visit, ticket=ticket, reason=reason)
        return f"Visit V{visit} is reconciled as {done.outcome} (number {done.number}), by {ops.operator.name}."

    def look_ask(_: Ops) -> Preview:
        return Preview(html=f"<p>FOS is asked for the Observatory Status File of V{escape(visit)}.</p>")

    def ask(ops: Ops, _: str, reason: str) -> str:
        name = reconcile.ask_for_status_file(ops, visit, reason=reason)
        return f"FOS is asked for the status file of V{visit} ({name}), by {ops.operator.name}."

    def look_plan(_: Ops) -> Preview:
        return Preview(html=f"<p>What is there of V{escape(visit)} and not planned yet becomes steps; what is planned stays.</p>")

    def plan(ops: Ops, _: str, reason: str) -> str:
        done = science.plan_visit(ops, visit)
        waits = f"; {done.problems[0]}" if done.problems else ""
        return f"V{visit}: {theme.plural(done.steps, 'new step')} for {theme.plural(done.exposures, 'exposure')}{waits}."

    def look_again(ops: Ops) -> Preview:
        seen = status_files.preview(ops, visit)
        void = [f"{v.words}: {theme.plural(len(v.products), 'product')} stay" for v in seen.void]
        html = (
            bullets("Made again", list(seen.changed))
            + bullets("Made for the first time", list(seen.added))
            + bullets("Does not count any more", void)
        )
        tells = bullets("Tells a neighbour again", list(seen.plan.tells), "warn")
        return Preview(html=f"<p>{escape(seen.report)}</p>{html}{tells}", ticket=seen.hash, empty=seen.empty)

    def again(ops: Ops, ticket: str, reason: str) -> str:
        done = status_files.regenerate(ops, visit, ticket=ticket, reason=reason)
        return f"V{visit}: {theme.plural(len(done.changed) + len(done.added), 'level 1b product')} made again, by {ops.operator.name}."

    no_report = "" if row["status"] else "No status file has come yet."
    has_report = "Its status file is here." if row["status"] else ""
    first_issue = "Its status file is the first issue." if row["issue"] == 1 else ""
    return [
        Deed(key="reconcile", title="Reconcile", look=look, do=do, why_not=may_not),
        Deed(key="plan", title="Plan its work", look=look_plan, do=plan, why_not=may_not or no_report),
        Deed(key="again", title="Make again what changed", look=look_again, do=again, why_not=may_not or no_report or first_issue),
        Deed(key="ask", title="Ask for the status file", look=look_ask, do=ask, why_not=may_not or has_report),
    ]


def _of_delivery(row: Row, person: Person) -> list[Deed]:
    if row["received_at"] is not None:
        return []
    folder = Path(row["folder"])

    def look(ops: Ops) -> Preview:
        seen = receipt.preview(ops, folder)
        counts: dict[str, int] = {}
        for file in seen.files:
            counts[file.verdict] = counts.get(file.verdict, 0) + 1
        bad = [f"{f.name}: {f.reason}" for f in seen.files if f.verdict == "quarantine"]
        head = f"<p>{theme.plural(len(seen.files), 'file')}, {theme.size(seen.size)}: {counted(counts)}.</p>"
        return Preview(html=head + bullets("Into quarantine, and asked for again", bad, "warn"))

    def do(ops: Ops, _: str, reason: str) -> str:
        got = receipt.accept(ops, folder, reason=reason)
        bad = f", {theme.plural(len(got.quarantined), 'file')} in quarantine" if got.quarantined else ""
        return f"Delivery {got.delivery_id}: {theme.plural(len(got.released), 'file')} released{bad}, by {ops.operator.name}."

    return [Deed(key="accept", title="Accept", look=look, do=do, why_not=cannot(person, Role.OPERATOR, "receipt accept"))]


def _of_ephemeris(row: Row, person: Person) -> list[Deed]:
    name = row["name"]

    def look(ops: Ops) -> Preview:
        seen = ephemeris_acts.preview_acceptance(ops, name)
        return Preview(html=bullets("In doubt", list(seen.doubts), "warn"), ticket=seen.hash)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        ephemeris_acts.accept(ops, name, ticket=ticket, reason=reason)
        return f"{name} may be used, accepted by {ops.operator.name}."

    def look_refresh(ops: Ops) -> Preview:
        seen = ephemeris.preview(ops)
        lines = [f"{item.observation_id}: {theme.plural(len(item.products), 'product')}" for item in seen.observations]
        left = [f"{what}: {why}" for what, why in seen.untouched]
        takes = f"<p>{theme.plural(seen.steps, 'step')}, about {theme.duration(seen.estimate_seconds)} on one worker.</p>"
        html = takes + bullets("Gets new versions", lines) + bullets("Will not be touched", left)
        return Preview(html=html, ticket=seen.hash, empty=not seen.steps)

    def refresh(ops: Ops, ticket: str, reason: str) -> str:
        done = ephemeris.refresh(ops, ticket=ticket, reason=reason)
        return f"{theme.plural(done.steps, 'step')} planned in the workflow EPHEMERIS, by {ops.operator.name}."

    doubt = "" if row["needs_person"] else "It is not in doubt."
    operator, lead = cannot(person, Role.OPERATOR, "ephemeris refresh"), cannot(person, Role.LEAD, "ephemeris accept")
    return [
        Deed(key="accept", title="Accept in spite of doubts", look=look, do=do, why_not=doubt or lead),
        Deed(key="refresh", title="Refresh products", look=look_refresh, do=refresh, why_not=operator),
    ]


_OF = {
    "requests": _of_request, "gaps": _of_gap, "visits": _of_visit, "deliveries": _of_delivery, "ephemerides": _of_ephemeris,
}  # fmt: skip
