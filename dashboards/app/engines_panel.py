"""Who runs steps: engines with their sign of life, what is paused; and what waits for a second person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import actions, theme

if TYPE_CHECKING:
    from dashboards.app.hub import Snapshot
    from dmsops.core.people import Person

Row = dict[str, Any]
SILENT = timedelta(minutes=2)


def line(snapshot: Snapshot) -> str:
    """Write one line for the top of the board: who runs steps, or that nobody does, or that all is paused."""
    ready = snapshot.counts.get("ready", 0)
    paused = "".join(f'<p class="warn">Paused: {_paused(p, snapshot.now)}</p>' for p in snapshot.pauses if p["scope"] == "engine")
    if not snapshot.engines:
        waiting = f"{theme.plural(ready, 'step')} ready and nothing starts them. " if ready else ""
        advice = "Start one with <code>dmsops engine run</code> (procedure P07)."
        return f'{paused}<p class="{"warn" if ready else "soft"}">No engine runs on this site. {waiting}{advice}</p>'
    busy = bool(ready or snapshot.counts.get("running", 0))
    return paused + "".join(_engine_line(engine, snapshot, busy=busy) for engine in snapshot.engines)


def _engine_line(engine: Row, snapshot: Snapshot, *, busy: bool) -> str:
    silent = busy and snapshot.now - engine["heartbeat_at"] > SILENT  # an engine with nothing to do gives no sign of life
    words = f"Engine on {escape(engine['host'])}, pid {engine['pid']}, {theme.plural(engine['workers'], 'worker')}"
    beat = f"last sign of life {theme.age(engine['heartbeat_at'], snapshot.now)}"
    return f'<p class="{"warn" if silent else "soft"}">{words}; {beat}</p>'


def draw(snapshot: Snapshot, *, acts: bool) -> str:
    """Write the engines and the pauses, with what can be done about them."""
    engines = "".join(_row(e, snapshot) for e in snapshot.engines)
    titles = "<tr><th>engine</th><th>kind</th><th>workers</th><th>it</th><th>began</th><th>last sign of life</th></tr>"
    table = f'<div class="scroll"><table class="grid"><thead>{titles}</thead>{engines}</table></div>' if engines else line(snapshot)
    return f"{table}<h3>Paused</h3>{_pauses(snapshot, acts=acts)}"


def _row(e: Row, snapshot: Snapshot) -> str:
    acts_now = {True: "acts", False: "stands by"}.get(e["id"] == snapshot.acting, "") if snapshot.acting else "stands by"
    now = snapshot.now
    return (
        f"<tr><td>{escape(e['host'])} pid {e['pid']}</td><td>{escape(e['kind'])}</td><td>{e['workers']}</td><td><b>{acts_now}</b></td>"
        f"<td>{theme.age(e['started_at'], now)}</td><td>{theme.age(e['heartbeat_at'], now)}</td></tr>"
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
    why = actions.why_no_agreement(person, r["actor"])
    agree = f'<span class="soft">{escape(why)}</span>' if why else f'<button data-pick="agree {r["id"]}">Read and agree…</button>'
    take = "" if "needs the role" in why else f'<button data-pick="withdraw {r["id"]}">Take back…</button>'
    params = f" <code>{escape(json.dumps(r['params'], sort_keys=True))}</code>" if r["params"] else ""
    what = f"<b>{escape(r['verb'].capitalize())} {theme.plural(r['steps'], 'step')}</b>{params}"
    return (
        f"<p>Act {r['id']}: {what}, asked for by {escape(r['actor'])} {theme.age(r['at'], now)}: {escape(r['reason'])} {agree} {take}</p>"
    )
