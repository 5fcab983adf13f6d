"""The story of one row of the archive board: what it is, its evidence, what came before; every outside word is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.archive_lists import KINDS, SEEN, bare, finding_mark, mark
from dashboards.app.story_parts import LINES, Once, bullets, head, ident, shortened, table
from dmsops.archive import errors, finding_queries, queries
from dmsops.core.errors import NotFound

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
WRAPPED = "values"
"""Class of tables whose names are broken where there is no room: none of their columns may be out of sight."""


def story(ops: Ops, once: Once, view: str, row: Row, verbs: str, now: datetime) -> str:
    """Write a row's story as HTML.

    Parameters
    ----------
    once : callable
        Reads something once per change of the site: a story is drawn every second.
    view : str
        The list that the row stands in.
    verbs : str
        What can be done about it, as HTML.
    """
    return _STORIES[view](ops, once, row, verbs, now)


def _whole(words: str) -> str:
    return f'<span class="time">{words}</span>'


def _link(view: str, row: object, words: str) -> str:
    return f'<button class="plain" data-pick="story {view} {escape(str(row))}">{escape(words)}</button>'


def _error(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    kind = row["kind"]
    facts = {
        "kind": escape(f"{kind}: {errors.KINDS.get(kind, '')}"),
        "procedure": errors.PROCEDURES.get(kind, "P15"),
        "tried": theme.plural(row["times"], "time"),
        "first": theme.age(row["first_at"], now),
        "last": theme.age(row["last_at"], now),
    }
    fault = f'<div class="fault"><p>{escape(row["message"])}</p></div>'
    top = head(f"Not ingested: {ident(row['observation_id'])}", fault + verbs, facts, f"{mark('open', KINDS.get(kind, kind))}.")
    offered = [[ident(name), ident(str(sha256)[:12])] for name, sha256 in row["products"].items()]
    members = shortened("Made from", [str(one) for one in row["members"] or ()])
    found = shortened("What its description lacks", [str(one) for one in row["findings"]])
    archived = _archived(ops, once, row["observation_id"])
    return top + found + table("Offered", offered, ("product", "sha256 begins"), WRAPPED) + members + archived


def _archived(ops: Ops, once: Once, identity: str) -> str:
    there = once(("archived", identity), lambda: queries.products(ops, observation_id=identity))
    if not there:
        return '<p class="soft">Nothing of it is archived.</p>'
    return f"<h3>Archived now</h3><p>{theme.plural(len(there), 'product')}: {_link('observations', identity, 'its observation')}</p>"


def _finding(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    seen = once(("finding", row["id"]), lambda: finding_queries.story(ops, row["id"]))
    facts = {
        "expected": escape(seen["expected"]),
        "seen": escape(seen["observed"]) if len(seen["observed"]) > SEEN else f"<b>{escape(seen['observed'])}</b>",
        "expected by": escape(seen["source"]),
        "severity": escape(seen["severity"]),
        "to do": escape(seen["remedy"]),
        "repair": f"the doctor can do it ({escape(seen['fix'])})" if seen["fix"] else "a person acts",
        "waived until": f"{seen['waived_until']:%Y-%m-%d %H:%M}Z" if seen["waived_until"] else "",
        "opened": theme.plural(seen["times"], "time"),
        "first": theme.age(seen["first_at"], now),
        "last seen": f"{theme.age(seen['last_at'], now)}, audit {seen['last_audit']}",
    }
    sentence = f"{finding_mark(seen)}. {escape(seen['sentence'])}"
    owner = seen["observation_id"]
    link = f"<p>{_link('observations', owner, 'Its observation')}</p>" if owner else ""
    top = head(f"{seen['check']}: {escape(seen['title'])}", verbs, facts, f"{ident(seen['uri'])}<br>{sentence}")
    return top + link + _life(seen["events"], now)


def _life(events: list[Row], now: datetime) -> str:
    lines = [[theme.age(e["at"], now), mark(e["state"]), f"{escape(e['actor'])}<br>{escape(e['reason'])}"] for e in events[-LINES:]]
    return table("Its life", lines, css=WRAPPED)


def _object(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "seen": escape(row["observed"]),
        "read": theme.age(row["checked_at"], now),
        "size": theme.size(row["size"]) if row["size"] is not None else "",
        "sha256": ident(row["sha256"]),
    }
    sentence = f"{theme.mark('failed', row['outcome'])}. It was read three times before it was called so."
    if row["outcome"] == "missingFromStorage":
        sentence = f"{theme.mark('failed', row['outcome'])}. The store has no such object."
    top = head("Stored object", verbs, facts, sentence)
    owner = row["observation_id"]
    its = _link("observations", owner, owner) if owner else ""
    name = escape(row["names"][0].split(" ")[0]) if owner else ""
    find = f'<p><button data-pick="look findings {name}">Its findings: repair them there</button></p><p>{its}</p>' if owner else ""
    return top + bullets("It is", list(row["names"])) + find


def _observation(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    try:
        seen = once(("observation", row["id"]), lambda: queries.story(ops, row["id"]))
    except NotFound:
        return f'<p class="soft">{escape(row["id"])} is not in the archive any more.</p>'
    one = seen["observation"] or row
    facts = {
        "kind": escape(f"{one['kind']}, {one['intent'] or 'no intent'}"),
        "version": f"{one['version']}",
        "target": escape(one["target"] or ""),
        "instrument": escape(one["instrument"] or ""),
        "proposal": escape(one["proposal_id"] or ""),
        "public": theme.age(one["meta_release"], now),
        "changed": theme.age(one["changed_at"], now),
        "description": ident(one["checksum"]),
        "document": ident(one["xml_sha256"]),
    }
    top = head(f"Observation {ident(one['id'])}", verbs, facts, f"{mark(one['state'])}.")
    return top + _open(seen, now) + _planes(seen["planes"], now) + _versions(seen, now) + _events(seen, now)


def _open(seen: Row, now: datetime) -> str:
    found = [
        [finding_mark(f), _link("findings", f["id"], f["check"]), escape(f["title"])]
        for f in seen["findings"]
        if f["state"] in ("open", "acknowledged")
    ]
    refused = [[mark("open"), _link("errors", e["id"], e["kind"]), escape(e["message"])] for e in seen["errors"] if e["state"] == "open"]
    return table("Not ingested", refused[:LINES], css=WRAPPED) + table(f"Findings ({len(found):,})", found[:LINES], css=WRAPPED)


def _planes(planes: list[Row], now: datetime) -> str:
    def one(row: Row) -> str:
        facts = [f"level {row['calibration_level']}", row["bandpass"] or "", row["software"] or "", row["context"] or ""]
        public = f"data public {theme.age(row['data_release'], now)}" if row["data_release"] else "data release not known"
        lines = [
            [bare(a["uri"]), _whole(escape(a["product_type"])), _whole(theme.size(a["content_length"] or 0))]
            for a in row["artifacts"][:LINES]
        ]
        made = shortened("made from", list(row["inputs"]))
        title = f"Plane {escape(row['product_id'])}"
        said = " · ".join([escape(f) for f in facts if f] + [public])
        return f'{table(title, lines, css=WRAPPED) or f"<h3>{title}</h3>"}<p class="soft">{said}</p>{made}'

    return "".join(map(one, planes))


def _versions(seen: Row, now: datetime) -> str:
    lines = [
        [
            ident(p["name"]),
            f"{p['version']}{'' if p['current'] else ' (not current)'}",
            _whole(theme.size(p["size"])),
            theme.age(p["archived_at"], now),
        ]
        for p in seen["products"][-LINES:]
    ]
    return table("Versions of its products", lines, ("product", "version", "size", "archived"), WRAPPED) + shortened(
        "Members", seen["members"]
    )


def _events(seen: Row, now: datetime) -> str:
    lines = [[f"{e['version']}", escape(e["event"]), theme.age(e["created_at"], now)] for e in seen["events"][-LINES:]]
    graves = [
        f"withdrawn by {w['actor']}, {theme.age(w['at'], now)}: {w['reason']}"
        + (f"; taken back by {w['restored_by']}, {theme.age(w['restored_at'], now)}" if w["restored_at"] else "")
        for w in seen["withdrawals"]
    ]
    return bullets("Withdrawals", graves) + table("Events", lines, ("version", "event", "when"))


def _audit(ops: Ops, once: Once, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "scope": escape(row["scope"]),
        "by": escape(row["actor"]),
        "began": theme.age(row["started_at"], now),
        "took": theme.duration((row["ended_at"] - row["started_at"]).total_seconds()),
        "looked at": f"{row['looked_at']:,}",
        "opened": f"{row['opened']:,}",
        "closed": f"{row['closed']:,}",
    }
    lines = [[_count_name(name), f"{n:,}" if isinstance(n, int) else escape(str(n))] for name, n in row["counts"].items()]
    return head(f"Audit {row['id']}: {escape(row['kind'])}", verbs, facts) + table("What it found", lines)


def _count_name(name: str) -> str:
    check = name[:1] == "C" and name[1:].isdecimal()
    return f'<button class="plain" data-pick="check {escape(name)}">{escape(name)}</button>' if check else escape(name)


_STORIES = {"errors": _error, "findings": _finding, "objects": _object, "observations": _observation, "audits": _audit}
