"""What a person can do on the distribution board: calls of library verbs in their own name, nothing decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import archive_repairs, distribution_access, theme
from dashboards.app.archive_stories import WRAPPED
from dashboards.app.deed_pane import Deed, Preview, cannot
from dashboards.app.field_pane import Field, FieldDeed
from dashboards.app.story_parts import ident, shortened, table
from dmsops.archive import finding_queries
from dmsops.core.people import Role
from dmsops.distribution import notice_queries, partners, staging, staging_ending, subscription_acts
from dmsops.distribution.notices import Delivery
from dmsops.distribution.subscriptions import ACTS
from dmsops.flows.partners import CHECK, SHOWN
from dmsops.wfsc import resend

if TYPE_CHECKING:
    from dashboards.app.archive_work import Work
    from dashboards.app.distribution_work import Works
    from dmsops.core.people import Person
    from dmsops.ops import Ops

Row = dict[str, Any]
_TITLES = {"pause": "Pause it", "resume": "Resume it", "retry": "Try again now", "end": "End it"}
_PAST = {"pause": "paused", "resume": "resumed", "retry": "tried again at once", "end": "ended"}
_MEANS = {
    "pause": "Nothing is told while it is paused; what happens is kept, and comes in its order when it is resumed.",
    "resume": "What was kept for it is told in its order.",
    "retry": "What waits is tried at once, and not at the time of the next try.",
    "end": "What waits is dropped, and nothing more is told. It cannot be resumed: its owner subscribes anew.",
}


def of(view: str, row: Row, person: Person, works: Works, repairs: Work) -> list[Deed]:
    """Give what can be done to a row of a list, with why it cannot be done by this person or now.

    Parameters
    ----------
    repairs : Work
        The archive's long work, which announcing again is a part of.
    """
    if view == "handovers":
        return [_resend(row, person, works)]
    if view == "subscriptions":
        return [*(_act(verb, row, person) for verb in ACTS), _skip(row, person), _again(row, person)]
    if view == "refusals":
        return [_close([row["id"]], "Close it", person)]
    if view == "partners":
        return [_close_all(row, person), announce(row, person, repairs)]
    if view == "staged":
        return [_end_request(row, person)]
    return distribution_access.of(view, row, person, works)


def _resend(row: Row, person: Person, works: Works) -> Deed:
    number, thing = row["id"], f"handover {row['id']}"

    def look(ops: Ops) -> Preview:
        seen = resend.preview(ops, number)
        files = [[ident(name), ident(sha256[:12])] for name, sha256 in sorted(seen.files.items())]
        warned = {
            "acknowledged": "WSS has said that it took this one: it gets the same files a second time.",
            "waits for the answer": "Its step still waits for the answer. Let it end first, or call the wavefront team (P10).",
        }.get(row["standing"], "")
        taken = f'<p class="warn">{warned}</p>' if warned else ""
        lacking = shortened("The store lacks their bytes: bring them back first (P16)", list(seen.lacking), "warn")
        words = "<p>The same files go to WSS again, from the store. It does not count as delivered before WSS answers anew.</p>"
        html = words + taken + lacking + table(f"Files ({len(files):,})", files[:25], ("product", "sha256 begins"), WRAPPED)
        return Preview(html=html, ticket=seen.hash, empty=bool(seen.lacking), count=len(files))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        def run(_: Callable[[int, int], None]) -> str:
            done = resend.resend(ops, number, ticket=ticket, reason=reason)
            return f"{done['state']}, says {done['answered_by']}."

        if ops.settings.wss_answers == "simulated":
            return f"{number} handed over again by {ops.operator.name}: {run(lambda *_: None)}"
        works.begin(ops, thing, f"Hand-over {number} again", run)
        return f"{number} is being handed over again, by {ops.operator.name}. What WSS answers stands above."

    why_not = cannot(person, Role.OPERATOR, "wfsc resend") or works.busy(thing)
    return Deed(key="resend", title="Hand it over again", look=look, do=do, why_not=why_not)


def _act(verb: str, row: Row, person: Person) -> Deed:
    number = row["id"]

    def look(ops: Ops) -> Preview:
        seen = subscription_acts.preview(ops, verb, [number])
        (item,) = seen.items
        waits = f" Notices that wait: {item['notices']:,}." if item["notices"] else " Nothing waits for it."
        told = f"<p>Subscription {number} of {escape(item['owner'])}: {item['state']}, then {item['to']}.{waits}</p>"
        return Preview(html=f"{told}<p>{_MEANS[verb]}</p>", ticket=seen.hash, count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        subscription_acts.apply(ops, verb, [number], ticket=ticket, reason=reason)
        return f"Subscription {number} of {row['owner']} is {_PAST[verb]}, by {ops.operator.name}."

    fits = [state.value for state in ACTS[verb][0]]
    wrong = "" if row["state"] in fits else f"It is {row['state']}."
    why_not = wrong or cannot(person, Role.LEAD if verb == "end" else Role.OPERATOR, f"subscriptions {verb}")
    return Deed(key=verb, title=_TITLES[verb], look=look, do=do, why_not=why_not)


def _skip(row: Row, person: Person) -> Deed:
    chosen: list[int] = []

    def look(ops: Ops) -> Preview:
        first = next(iter(notice_queries.deliveries(ops, row["id"], state=Delivery.WAITING, limit=1)), None)
        if first is None:
            return Preview(html='<p class="warn">Nothing waits any more.</p>', empty=True)
        seen = subscription_acts.preview_skip(ops, first["id"])
        chosen[:] = [first["id"]]
        told = f"<p>{escape(seen.event)} of {ident(seen.observation_id)} is not told now; {seen.behind:,} behind it are.</p>"
        why = f"<p>Its last try: {escape(seen.error)}</p>" if seen.error else ""
        return Preview(html=f"{told}{why}<p>It can be told again later.</p>", ticket=seen.hash, count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = subscription_acts.skip(ops, chosen[0], ticket=ticket, reason=reason)
        return f"{done.event} is out of the way of subscription {row['id']}, by {ops.operator.name}."

    why_not = ("" if row["waiting"] else "Nothing waits for it.") or cannot(person, Role.OPERATOR, "notify skip")
    return Deed(key="skip", title="Take the first notice out of the way", look=look, do=do, why_not=why_not)


def _again(row: Row, person: Person) -> Deed:
    given: dict[str, str] = {}
    number = row["id"]

    def after() -> int:
        text = given["after"].removeprefix("evt-")
        return int(text) if text.isdecimal() and len(text) < 16 else -1

    def look(ops: Ops) -> Preview:
        if after() < 0:
            return Preview(html='<p class="warn">Write the last notice that the receiver has, as evt-17; 0 is none.</p>', empty=True)
        seen = subscription_acts.preview(ops, "again", [number], after=after())
        count = seen.items[0]["notices"]
        html = f"<p>{theme.plural(count, 'notice')} told after evt-{after()} would be told once more, under their own ids.</p>"
        return Preview(html=html, ticket=seen.hash, empty=not count, count=count)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = subscription_acts.apply(ops, "again", [number], ticket=ticket, reason=reason, after=after())
        return f"{theme.plural(done.items[0]['notices'], 'notice')} of subscription {number} will be told again, by {ops.operator.name}."

    fields = (Field(name="after", title="The receiver has everything up to", hint="evt-17", value="0"),)
    wrong = "It is ended." if row["state"] == "ended" else ""
    why_not = wrong or cannot(person, Role.OPERATOR, "subscriptions again")
    return FieldDeed(key="again", title="Tell it again", look=look, do=do, why_not=why_not, fields=fields, given=given)


def _close(ids: Sequence[int], title: str, person: Person, key: str = "close") -> Deed:
    def look(ops: Ops) -> Preview:
        seen = partners.preview_close(ops, ids)
        lines = [f"{row['uri']}: {row['reason']}" for row in seen.rows]
        words = "<p>It leaves this list. If the partner tells it again, it is open again.</p>"
        return Preview(html=words + shortened("Closed would be", lines), ticket=seen.hash, count=len(lines))

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = partners.close(ops, ids, ticket=ticket, reason=reason)
        return f"{theme.plural(len(done.rows), 'refusal')} of {done.rows[0]['partner']} closed, by {ops.operator.name}."

    return Deed(key=key, title=title, look=look, do=do, why_not=cannot(person, Role.OPERATOR, "partners close-refusal"))


def _close_all(row: Row, person: Person) -> Deed:
    """Make the closing of all that a partner refused; which those are is read when it is looked at."""
    chosen: list[int] = []
    one = _close(chosen, f"Close what it refused: all {row['refusals']:,}", person, "close-all")

    def look(ops: Ops) -> Preview:
        chosen[:] = [found["id"] for found in partners.refusals(ops, partner=row["name"], limit=partners.MOST)]
        return one.look(ops) if chosen else Preview(html="<p>Nothing that it refused is open any more.</p>", empty=True)

    if not row["refusals"]:
        return replace(one, title="Close what it refused", why_not="It has refused nothing that is open.")
    return replace(one, look=look)


def _end_request(row: Row, person: Person) -> Deed:
    number, owner = row["id"], row["owner"]

    def look(ops: Ops) -> Preview:
        seen = staging_ending.preview(ops, number)
        whose = f"{escape(owner)} ({escape(seen.person)})" if seen.person else escape(owner)
        ready = "Its files are not kept ready any more, and a tar that goes out stops"
        stops = "Laying ready stops before its next file" if seen.state == staging.REQUESTED else ready
        html = f"<p>The request of {whose}, {theme.plural(seen.files, 'file')}, {theme.size(seen.size)}, ends at once. {stops}.</p>"
        signed = "<p>Addresses that were signed for its files stay good until their own time is over. Its owner may ask anew.</p>"
        told = f"<p>Its owner reads: {escape(seen.told)}</p>"
        return Preview(html=html + signed + told, ticket=seen.hash, count=1)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        done = staging_ending.end(ops, number, ticket=ticket, reason=reason)
        return f"The staged request of {owner} has ended, by {ops.operator.name}. They read: {done.told}"

    wrong = "It has ended." if row["state"] == staging.ENDED else ""
    why_not = wrong or cannot(person, Role.LEAD, staging_ending.VERB)
    return Deed(key="end", title="End this request", look=look, do=do, why_not=why_not)


def announce(row: Row, person: Person, repairs: Work) -> Deed:
    """Give the announcing again of what a partner's inventory lacks or has otherwise, as the doctor found it (check C48)."""
    made: list[Deed] = []
    count = sum(row["differences"].values())

    def look(ops: Ops) -> Preview:
        found = finding_queries.findings(ops, checks=[CHECK], limit=SHOWN)
        ids = [one["id"] for one in found if one["uri"].rpartition("#")[2] == row["name"]]
        if not ids:
            return Preview(html="<p>The doctor finds no difference of it any more.</p>", empty=True)
        made[:] = [archive_repairs.of_findings({"states": (), "ids": ids}, len(ids), person, repairs)]
        return made[0].look(ops)

    def do(ops: Ops, ticket: str, reason: str) -> str:
        return made[0].do(ops, ticket, reason)

    none = "" if count else "The doctor found no difference: `dmsops doctor audit` looks, when the partner's inventory is there (P16)."
    title = f"Announce its {theme.plural(count, 'difference')} again" if count else "Announce its differences again"
    return Deed(key="announce", title=title, look=look, do=do, why_not=none or cannot(person, Role.OPERATOR, "doctor repair"))
