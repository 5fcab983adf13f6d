"""The story of one row of the distribution board: what it is, its evidence, what came before; every outside word is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.archive_lists import bare
from dashboards.app.archive_stories import WRAPPED
from dashboards.app.distribution_lists import (
    VERDICTS,
    account_mark,
    counted,
    days,
    filters,
    lag,
    mark,
    partner_mark,
    program_mark,
    when,
)  # fmt: skip
from dashboards.app.story_parts import LINES, Once, head, ident, table
from dmsops.distribution import audit, notice_queries
from dmsops.distribution import grants as grant_queries
from dmsops.distribution.accounts import tokens
from dmsops.flows import partners, programs
from dmsops.wfsc import queries as handed

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]


def story(ops: Ops, once: Once, view: str, row: Row, verbs: str, now: datetime) -> str:
    """Write a row's story as HTML.

    Parameters
    ----------
    once : callable
        Reads something once per reading of the site: a story is drawn every second.
    view : str
        The list that the row stands in.
    verbs : str
        What can be done about it, as HTML.
    """
    return _STORIES[view](ops, once, row, verbs, now)


def link(view: str, row: object, words: str) -> str:
    """Write a link to another row's story."""
    return f'<button class="plain" data-pick="story {view} {escape(str(row))}">{escape(words)}</button>'


def _handover(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    clock = once(("clock", row["visit"]), lambda: handed.clock_row(ops, row["visit"]))
    facts = {
        "visit": ident(row["visit"]),
        "its clock": escape(f"{clock['state']}: {clock['words']}") if clock else "the visit has none",
        "prepared": theme.age(row["prepared_at"], now),
        "sent": theme.age(row["sent_at"], now),
        "answered": theme.age(row["acknowledged_at"], now) if row["acknowledged_at"] else "",
        "answered by": escape(row["answered_by"] or ""),
        "lies at": ident(row["place"]),
    }
    why = f'<div class="fault"><p>{escape(row["reason"])}</p></div>' if row["reason"] else ""
    words = {
        "not answered": f"The wavefront team has not answered in {ops.settings.wss_answer_minutes:g} min."
        " Call them (voice loop, P10) before it is sent again.",
        "not sent": "It was begun and not laid down: its step was ended. Rescue the step (P08), or hand it over again.",
        "waits for the answer": "It does not count as delivered before the wavefront team says so.",
        "replaced": "WSS took all its products with a later hand-over: nobody needs to see to it.",
    }.get(row["standing"], "")  # fmt: skip
    files = [[ident(name), ident(str(sha256)[:12])] for name, sha256 in sorted(row["files"].items())]
    top = head(f"Hand-over {ident(row['id'])}", why + verbs, facts, f"{mark(row['standing'])}. {words}")
    return top + table(f"Files ({len(files):,})", files[:LINES], ("product", "sha256 begins"), WRAPPED)


def _subscription(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    seen = once(("subscription", row["id"]), lambda: notice_queries.show(ops, row["id"]))
    facts = {
        "owner": link("accounts", row["owner"], row["owner"]),
        "asks for": escape(filters(row)),
        "told by": escape(f"{row['channel']} {row['place']}"),
        "failing since": theme.age(seen["failing_since"], now) if seen["failing_since"] else "",
        "notices": counted(seen["counts"]),
        "next try": when(seen["next_at"], now) if seen["next_at"] and seen["state"] == "active" else "",
        "made": theme.age(row["made_at"], now),
        "ended": theme.age(row["ended_at"], now) if row["ended_at"] else "",
    }
    fault = f'<div class="fault"><p>{escape(seen["error"])}</p></div>' if seen["error"] else ""
    lines = [
        [mark(one["state"]), f"{escape(one['event'])}<br>{ident(one['observation_id'])}", _tries(one, now)]
        for one in seen["last"][:LINES]
    ]  # fmt: skip
    top = head(f"Subscription {row['id']} of {escape(row['owner'])}", fault + verbs, facts, f"{mark(row['standing'])}.")
    none = '<p class="soft">Nothing that it asks for has happened yet.</p>' if not lines else ""
    return top + none + table("Last notices, newest first", lines, ("state", "notice", "when"), WRAPPED)


def _tries(one: Row, now: datetime) -> str:
    told = f"told {theme.age(one['delivered_at'], now)}" if one["delivered_at"] else f"happened {theme.age(one['at'], now)}"
    tried = f"<br>{theme.plural(one['attempts'], 'try' if one['attempts'] == 1 else 'trie')}" if one["attempts"] else ""
    return f"{told}{tried}" + (f'<br><span class="soft">{escape(one["error"])}</span>' if one["error"] else "")


def _refusal(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "partner": link("partners", row["partner"], row["partner"]),
        "thing": ident(row["uri"]),
        "told": theme.plural(row["times"], "time"),
        "first": theme.age(row["first_at"], now),
        "last": theme.age(row["last_at"], now),
    }
    fault = f'<div class="fault"><p>{escape(row["reason"])}</p></div>'
    words = "Look at what they could not take (P15, P16); announce it again there, then close it here (P17)."
    name = row["uri"].rpartition("/")[2]
    place = f"archive?view=observations&amp;text={escape(name)}"
    look = f'<p><a style="color: var(--active)" href="{place}">Its observation in the archive</a></p>'
    return head(f"Refused by {escape(row['partner'])}", fault + verbs, facts, f"{mark('open', 'refused')}. {words}") + look


def _partner(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    seen = once(("partner", row["name"]), lambda: partners.story(ops, row["name"]))
    facts = {
        "who": escape(row["display_name"]),
        "files": {"all": "all files", "public": "public files"}.get(row["files"], ""),
        "last harvest": theme.age(seen["harvested_at"], now),
        "given up to": theme.age(seen["until"], now),
        "behind": lag(seen, now),
        "account": link("accounts", row["name"], row["name"]),
    }
    fault = f'<div class="fault"><p>Its inventory cannot be read: {escape(seen["fault"])}</p></div>' if seen["fault"] else ""
    refused = [
        [_refused_mark(one), f"{bare(one['uri'])}<br>{escape(one['reason'])}", theme.age(one["last_at"], now)]
        for one in seen["refused"][:LINES]
    ]  # fmt: skip
    sides = [f"{escape(str(one['ours'] or '—'))}<br>{escape(str(one['theirs'] or '—'))}" for one in seen["differs"][:LINES]]
    differs = [[escape(one["kind"]), ident(one["observation_id"]), both] for one, both in zip(seen["differs"], sides, strict=False)]
    top = head(f"Partner {escape(row['name'])}", fault + verbs, facts, f"{partner_mark(seen, now)}.")
    tables = table(f"What they refused ({len(seen['refused']):,})", refused, ("state", "thing and why", "told last"), WRAPPED)
    return (
        top
        + tables
        + table(f"How their inventory differs ({len(seen['differs']):,})", differs, ("kind", "observation", "ours, theirs"), WRAPPED)
    )


def _refused_mark(one: Row) -> str:
    return mark("open", "refused") if one["state"] == "open" else mark(one["state"])


def _access(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "who": escape(row["who"]),
        "from": ident(row["address"]),
        "when": theme.age(row["at"], now),
        "route": escape(row["route"]),
        "size": theme.size(row["size"]) if row["size"] is not None else "",
        "why": escape(row["why"]),
    }
    look = (
        f'<p class="chips"><button data-pick="of who {escape(row["who"])}">Everything that they asked for</button>'
        f'<button data-pick="of uri {escape(row["uri"])}">Everybody who asked for it</button></p>'
    )
    said = f"{mark(row['verdict'], VERDICTS.get(row['verdict']))}. {ident(row['uri'])}"
    return head(f"Access {row['id']}", verbs, facts, said) + look


def _staged(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "owner": escape(row["owner"]),
        "files": f"{row['files']:,}, {theme.size(row['size'])}",
        "refused": f"{row['refused']:,}",
        "made": theme.age(row["made_at"], now),
        "laid ready": theme.age(row["ready_at"], now) if row["ready_at"] else "",
        "until": when(row["expires_at"], now) if row["expires_at"] else "",
    }
    said = f"<p>{escape(row['error'])}</p>" if row["error"] else ""
    fault = f'<div class="fault">{said}</div>' if said and row["standing"] != "ended" else said
    words = {
        "stuck": "Nobody lays it ready: is `dmsops serve site` running (P17)?",
        "failed": "None of its files could be laid ready: look at them (P16); its owner asks anew.",
        "ready in part": "Some of its files are damaged or gone (P16); its owner has the others.",
    }.get(row["standing"], "")
    who = f'<p><button data-pick="of who {escape(row["owner"])}">What its owner asked for</button></p>'
    return head(f"Staged request {ident(row['id'])}", fault + verbs, facts, f"{mark(row['standing'])}. {words}") + who


def _program(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    seen = once(("program", row["id"]), lambda: programs.story(ops, row["id"]))
    facts = {
        "title": escape(seen["title"]),
        "PI": escape(seen["pi_name"]),
        "category": escape(seen["category"]),
        "exclusive for": escape(days(seen)),
        "observations": f"{seen['observations']:,}, of which {seen['exclusive']:,} are exclusive; {seen['files']:,} files",
        "next release": when(seen["next_release"], now) if seen["next_release"] else "",
        "last release": when(seen["last_release"], now) if seen["last_release"] else "",
    }
    let = [[_grant_mark(one), f"{link('accounts', one['account'], one['account'])} ({escape(one['kind'])})", _grant_words(one, now)]
           for one in seen["granted"][:LINES]]  # fmt: skip
    asked = [[escape(one["who"]), f"{one['granted']:,}", f"{one['denied']:,}", theme.size(one["bytes"]), theme.age(one["last_at"], now)]
             for one in seen["askers"][:LINES]]  # fmt: skip
    held = [
        [_release_mark(one["release"], now), ident(one["observation_id"]), when(one["release"], now)] for one in seen["releases"][:LINES]
    ]
    top = head(f"Program {escape(row['id'])}", verbs, facts, f"{program_mark(seen)}.")
    nobody = '<p class="soft">Nobody asked for its files.</p>' if not asked else ""
    return (
        top + table("Who was let in", let, ("state", "account", "by whom and why"), WRAPPED)
        + (table("Who asked for its files", asked, ("who", "given", "refused", "bytes", "last"), WRAPPED) or nobody)
        + table("Its observations, the last to be released first", held, ("state", "observation", "public"), WRAPPED)
    )  # fmt: skip


def _release_mark(release: datetime | None, now: datetime) -> str:
    if release is None:
        return theme.mark("held", "no release date")
    return theme.mark("done", "public") if release <= now else theme.mark("held", "exclusive")


def _grant_mark(one: Row) -> str:
    return theme.mark("done", "stands") if one["stands"] else mark("ended")


def _grant_words(one: Row, now: datetime) -> str:
    until = f"until {when(one['until'], now)}<br>" if one["until"] and one["revoked_at"] is None else ""
    over = f"ended by {escape(one['revoked_by'] or '')}, {theme.age(one['revoked_at'], now)}<br>" if one["revoked_at"] else ""
    return f"{over}{until}{escape(one['granted_by'])}, {theme.age(one['granted_at'], now)}: {escape(one['reason'])}"


def _account(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    name = row["name"]
    held = once(("tokens", name), lambda: tokens(ops, name))
    let = once(("grants", name), lambda: grant_queries.grants(ops, name=name))
    asked = once(("asked", name), lambda: audit.records(ops, who=name, limit=20))
    facts = {
        "who": escape(row["display_name"]),
        "mailbox": escape(row["email"]),
        "kind": escape(row["kind"]),
        "made": theme.age(row["made_at"], now),
        "closed": theme.age(row["closed_at"], now) if row["closed_at"] else "",
    }
    keys = [
        [_token_mark(one), f"{escape(', '.join(one['scopes']))}<br>{escape(one['label'])}", f"until {when(one['expires_at'], now)}"]
        for one in held[:LINES]
    ]  # fmt: skip
    mine = [
        [_grant_mark(one), f"{link('programs', one['program'], one['program'])} ({escape(one['kind'])})", _grant_words(one, now)]
        for one in let[:LINES]
    ]  # fmt: skip
    files = [[mark(one["verdict"], VERDICTS.get(one["verdict"])), bare(one["uri"]), theme.age(one["at"], now)] for one in asked]
    more = f'<p><button data-pick="of who {escape(name)}">Everything that they asked for</button></p>' if asked else ""
    top = head(f"Account {escape(name)}", verbs, facts, f"{account_mark(row)}.")
    return (
        top + table("Tokens", keys, ("state", "good for", "until"), WRAPPED)
        + table("Programs", mine, ("state", "program", "by whom and why"), WRAPPED)
        + table("Last accesses", files, ("verdict", "file", "when"), WRAPPED) + more
    )  # fmt: skip


def _token_mark(one: Row) -> str:
    if one["good"]:
        return theme.mark("done", "good")
    return theme.mark("cancelled", "expired" if one["revoked_at"] is None else "revoked")


_STORIES = {
    "handovers": _handover, "subscriptions": _subscription, "refusals": _refusal, "partners": _partner, "accesses": _access,
    "staged": _staged, "programs": _program, "accounts": _account,
}  # fmt: skip
