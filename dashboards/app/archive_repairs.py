"""Repairs on the archive board: what the doctor can do by itself, of one finding or of all that a filter finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.story_parts import shortened
from dmsops.archive import finding_queries
from dmsops.archive.finding_states import FindingState
from dmsops.core.people import Role
from dmsops.flows import repairs

if TYPE_CHECKING:
    from dashboards.app.archive_work import Work
    from dmsops.core.people import Person
    from dmsops.flows.repairs import Plan, Report
    from dmsops.ops import Ops

Row = dict[str, Any]
Wanted = Mapping[str, Any]
MOST = 500
"""As many findings are repaired at once: their preview reads the products of each and takes some 20 s."""
AT_ONCE = 20
"""More repairs than these are done beside the page, which says how far they are."""
RETIRE = "retire"
BYTES = ("C11", "C13", "C14")
"""Checks whose repair brings bytes back."""


def of_finding(row: Row, person: Person, work: Work) -> Deed:
    """Give the repair of one finding."""
    why_not = "" if row["fix"] else "A person acts: its remedy says how."
    if row["state"] not in finding_queries.UNSETTLED:
        why_not = f"It is {row['state']}{': open it again first' if row['state'] == FindingState.WAIVED else ''}."
    least = Role.LEAD if row["fix"] == RETIRE else Role.OPERATOR
    return _deed("repair", "Repair it", {"states": (), "ids": [row["id"]]}, person, work, why_not or cannot(person, least, "doctor repair"))


def of_findings(wanted: Wanted, count: int, person: Person, work: Work) -> Deed:
    """Give the repair of those of a filter's findings that the doctor can repair, ``count`` of them."""
    title = f"Repair the {count:,} that the doctor can" if count <= MOST else f"Repair the first {MOST:,} of {count:,} that the doctor can"
    none = "" if count else "The doctor can repair none of them: each says what is to be done."
    title = title if count else "Repair those that the doctor can"
    mine = {**wanted, "states": standing(wanted)}
    return _deed("all-repair", title, mine, person, work, none or cannot(person, Role.OPERATOR, "doctor repair"))


def standing(wanted: Wanted) -> list[str]:
    """Give the states, among those that are wanted, in which something is still to be done."""
    return [state for state in finding_queries.UNSETTLED if state in (wanted["states"] or finding_queries.UNSETTLED)]


def of_object(row: Row, person: Person, work: Work) -> Deed:
    """Give the repair of a damaged or missing object, which is that of the findings about it."""
    owner = row["observation_id"]
    none = "" if owner else "The archive names it no more."
    wanted = {"checks": BYTES, "prefix": owner or ""}
    return _deed("repair", "Bring its bytes back", wanted, person, work, none or cannot(person, Role.OPERATOR, "doctor repair"))


def _deed(key: str, title: str, wanted: Wanted, person: Person, work: Work, why_not: str) -> Deed:
    chosen: list[int] = []
    seen: list[Plan] = []

    def look(ops: Ops) -> Preview:
        rows = finding_queries.findings(ops, **wanted, fixable=True, limit=MOST)
        may = [row for row in rows if row["fix"] != RETIRE or not cannot(ops.operator, Role.LEAD, "doctor repair")]
        chosen[:] = [row["id"] for row in may]
        seen[:] = [plan := repairs.preview(ops, chosen)]
        html = _words(ops, plan, wanted) + _for_a_lead(len(rows) - len(may))
        if len(plan.rows) > AT_ONCE and work.busy:
            return Preview(html=f'<p class="warn">{work.busy} Look again when it has ended.</p>{html}', empty=True)
        return Preview(html=html, ticket=plan.hash, empty=not plan.rows, count=_mended(plan))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        count = len(seen[0].rows)
        if count <= AT_ONCE:
            return f"{_came_of(repairs.repair(ops, chosen, ticket=ticket, reason=reason))}, by {ops.operator.name}."
        ids = list(chosen)  # the next preview fills ``chosen`` anew

        def run(progress: Callable[[int, int], None]) -> str:
            done = repairs.repair(ops, ids, ticket=ticket, reason=reason, progress=lambda n, total, _: progress(n, total))
            return f"{_came_of(done)}."

        work.begin(ops, f"Repair of {theme.plural(_mended(seen[0]), 'finding')}", run)
        return f"{theme.plural(count, 'repair')} begun, by {ops.operator.name}. How far they are stands above."

    return Deed(key=key, title=title, look=look, do=do, why_not=why_not)


def _mended(plan: Plan) -> int:
    return sum(len(one.findings) for one in plan.rows)


def _words(ops: Ops, plan: Plan, wanted: Wanted) -> str:
    """Say what changes, what is not touched and why, and how many of the filter's findings stand aside."""
    what = f"{theme.plural(len(plan.rows), 'repair')} for {theme.plural(_mended(plan), 'finding')}"
    head = f"<p>{what}; each observation is looked at again after it.</p>" if plan.rows else ""
    changes = shortened("What changes", [f"{r.observation}: {r.change} ({r.repair}, for {', '.join(r.checks)})" for r in plan.rows])
    left = shortened("Will not be touched", [f"{u.check} {u.what}: {u.why}" for u in plan.untouched], "warn")
    others = finding_queries.number(ops, **wanted) - finding_queries.number(ops, **wanted, fixable=True)
    aside = f'<p class="warn">{theme.plural(others, "other finding")} will not be touched: a person acts there.</p>' if others else ""
    nothing = '<p class="warn">No finding about it stands. An audit of its observation makes one.</p>'
    return head + changes + left + aside or nothing


def _for_a_lead(count: int) -> str:
    said = f"{theme.plural(count, 'finding')} will not be touched: taking stale products out needs the role lead."
    return f'<p class="warn">{said}</p>' if count else ""


def _came_of(done: Report) -> str:
    failed = f"; {len(done.failed):,} failed: {done.failed[0]}" if done.failed else ""
    still = f"; {len(done.still_there):,} still there: {done.still_there[0]}" if done.still_there else ""
    return f"{theme.plural(len(done.done), 'repair')} done, {theme.plural(done.fixed, 'finding')} fixed{failed}{still}"
