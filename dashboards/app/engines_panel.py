"""Who runs steps: engines with their sign of life, what is paused; and what waits for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import actions, theme

if TYPE_CHECKING:
    from dashboards.app.hub import Snapshot
    from dmsops.core.people import Person

Row = dict[str, Any]
_SHOWN = 5
_ALIVE = {"alive": "alive", "suspect": "suspect: a sign of life is missing", "lost": "lost: no sign of life"}


def line(snapshot: Snapshot) -> str:
    """Write one line for the top of the board: who runs steps, or that nobody does, or that all is paused."""
    ready = snapshot.counts.get("ready", 0)
    paused = "".join(f'<p class="warn">Paused: {_paused(p, snapshot.now)}</p>' for p in snapshot.pauses if p["scope"] == "engine")
    if not snapshot.engines:
        waiting = f"{theme.plural(ready, 'step')} ready and nothing starts them. " if ready else ""
        advice = "Start one with <code>dmsops engine run</code> (procedure P07)."
        return f'{paused}<p class="{"warn" if ready else "soft"}">No engine runs on this site. {waiting}{advice}</p>'
    return paused + "".join(_engine_line(engine, snapshot.now) for engine in snapshot.engines) + _silent(snapshot)


def _engine_line(engine: Row, now: datetime) -> str:
    words = f"Engine on {escape(engine['host'])}, pid {engine['pid']}, {theme.plural(engine['workers'], 'worker')}, {engine['role']}"
    beat = f"last sign of life {theme.age(engine['heartbeat_at'], now)}"
    if engine["liveness"] == "alive":
        return f'<p class="soft">{words}; {beat}</p>'
    return f'<p class="warn">{words}: <b>{_ALIVE[engine["liveness"]]}</b>; {beat} (procedure P07)</p>'


def _silent(snapshot: Snapshot) -> str:
    if not snapshot.silent:
        return ""
    first = snapshot.silent[:_SHOWN]
    links = ", ".join(f'<button class="plain" data-pick="step {s["id"]}">step {s["id"]}</button> ({s["liveness"]})' for s in first)
    more = f" and {len(snapshot.silent) - len(first):,} more" if len(snapshot.silent) > len(first) else ""
    count = theme.plural(len(snapshot.silent), "running step")
    return f'<p class="warn">{count} without a sign of life: {links}{more}</p>'


def draw(snapshot: Snapshot, *, acts: bool) -> str:
    """Write the engines, what a pool has and where it disagrees with the site, and the pauses, with what can be done about them."""
    engines = "".join(_row(e, snapshot.now) for e in snapshot.engines)
    titles = "<tr><th>engine</th><th>kind</th><th>workers</th><th>role</th><th>is</th><th>began</th><th>last sign of life</th></tr>"
    table = (
        f'<div class="scroll"><table class="grid"><thead>{titles}</thead>{engines}</table></div>'
        if engines
        else '<p class="soft">No engine is signed on.</p>'
    )
    return f"{table}{_pool(snapshot)}<h3>Paused</h3>{_pauses(snapshot, acts=acts)}"


def _pool(snapshot: Snapshot) -> str:
    batches = "".join(_batch(b, snapshot.now) for b in snapshot.batches)
    differ = "".join(
        f"<li>{escape(d['target'])}: {escape(d['words'])}, {theme.age(d['at'], snapshot.now)}</li>" for d in snapshot.disagreements
    )
    listed = f"<h3>In the HTCondor pool</h3><ul>{batches}</ul>" if batches else ""
    return listed + (f"<h3>Pool and site disagreed (last day; the site's word counts)</h3><ul>{differ}</ul>" if differ else "")


def _batch(b: Row, now: datetime) -> str:
    nodes = ", ".join(f"{n} {status}" for status, n in sorted(b["nodes"].items()))
    job = f"DAGMan is job {b['cluster']}" if b["cluster"] else "not submitted yet"
    return f"<li>Batch {b['id']}, {job}: {nodes}; since {theme.age(b['submitted_at'], now)}</li>"


def _row(e: Row, now: datetime) -> str:
    return (
        f"<tr><td>{escape(e['host'])} pid {e['pid']}</td><td>{escape(e['kind'])}</td><td>{e['workers']}</td><td><b>{e['role']}</b></td>"
        f"<td>{_ALIVE[e['liveness']]}</td><td>{theme.age(e['started_at'], now)}</td><td>{theme.age(e['heartbeat_at'], now)}</td></tr>"
    )


def target(p: Row) -> str:
    """Give what is paused as people name it: a workflow by its dataset."""
    return str((p["dataset"] or p["target"]) if p["scope"] == "workflow" else p["target"])


def _paused(p: Row, now: datetime) -> str:
    what = "everything" if p["scope"] == "engine" else f"{escape(p['scope'])} {escape(target(p))}"
    until = f", until {p['until']:%Y-%m-%d %H:%M:%S}Z" if p["until"] else ""
    return f"<b>{what}</b> by {escape(p['actor'])}, {theme.age(p['since'], now)}{until}: {escape(p['reason'])}"


def _pauses(snapshot: Snapshot, *, acts: bool) -> str:
    def one(p: Row) -> str:
        button = f' <button data-pick="resume {escape(p["scope"])} {escape(target(p))}">Resume…</button>' if acts else ""
        return f"<li>{_paused(p, snapshot.now)}{button}</li>"

    listed = "".join(one(p) for p in snapshot.pauses)
    whole = any(p["scope"] == "engine" for p in snapshot.pauses)
    button = '<p><button data-pick="pause engine all">Pause everything…</button></p>' if acts and not whole else ""
    nothing = '<p class="soft">Nothing is paused.</p>'
    return (f"<ul>{listed}</ul>" if listed else nothing) + button


def asked(rows: Sequence[Row], person: Person, now: datetime) -> str:
    """Write what waits for a second person; agreeing is not offered to the one who asked."""
    if not rows:
        return ""
    return f'<div class="warn asked"><h3>Waits for a second person ({len(rows)})</h3>{"".join(_ask(r, person, now) for r in rows)}</div>'


def _ask(r: Row, person: Person, now: datetime) -> str:
    why_not = actions.may_not(person, r["verb"])
    own = "you asked for it: somebody else must agree" if person.name == r["actor"] else ""
    agree = f'<button data-pick="agree {r["id"]}">Read and agree…</button>'
    take = "" if why_not else f'<button data-pick="withdraw {r["id"]}">Take back…</button>'
    if why_not or own:
        agree = f'<span class="soft">{escape(why_not or own)}</span>'
    params = f" ({theme.params(r['params'])})" if r["params"] else ""
    what = f"<b>{escape(r['verb'].capitalize())} {theme.plural(r['steps'], 'step')}</b>{params}"
    return (
        f"<p><span>Act {r['id']}: {what}, asked for by {escape(r['actor'])} {theme.age(r['at'], now)}: {escape(r['reason'])}</span>"
        f" {agree} {take}</p>"
    )
