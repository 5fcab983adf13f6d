"""The 14 components of the subsystem: named in ``components.toml``, each with its live health.

Comes in: the site. Goes out: for each component its state and one sentence. Verb: health.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.archive import errors, finding_queries, fixity
from dmsops.archive import queries as archived
from dmsops.core.clock import iso
from dmsops.core.counting import counted
from dmsops.distribution import audit, board_queries, partners, staging_standing
from dmsops.engineering import queries as engineering
from dmsops.engineering.states import EngineeringState
from dmsops.flows.engineering import INGEST
from dmsops.receipt import queries as received
from dmsops.wfsc import queries as wavefront
from dmsops.wfsc.answers import not_real
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

FILE = Path(__file__).with_name("components.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One of the 14: what it does, where it lives, whom it talks to; ``built`` is False while it is only named."""

    id: str
    name: str
    does: str
    modules: tuple[str, ...]
    verbs: tuple[str, ...]
    tables: tuple[str, ...]
    neighbours: tuple[str, ...]
    built: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a component is: ``good``, ``attention`` (a person should look) or ``not built``; ``waiting`` counts what stands in front."""

    component: Component
    state: str
    sentence: str
    waiting: int = 0


def components() -> tuple[Component, ...]:
    """Give the 14 components in order."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        Component(
            id=key,
            name=row["name"],
            does=row["does"],
            modules=tuple(row["modules"]),
            verbs=tuple(row["verbs"]),
            tables=tuple(row["tables"]),
            neighbours=tuple(row["neighbours"]),
            built=row.get("built", True),
        )
        for key, row in rows.items()
    )


def health(ops: Ops) -> list[Health]:
    """Say how each component is now."""
    return [_health(ops, component) for component in components()]


def _health(ops: Ops, component: Component) -> Health:
    if not component.built:
        return Health(component=component, state="not built", sentence="Named; not built yet.")
    state, sentence, waiting = _CHECKS[component.id](ops)
    return Health(component=component, state=state, sentence=sentence, waiting=waiting)


_Check = Callable[["Ops"], tuple[str, str, int]]


def _attention(count: int, some: str, none: str) -> tuple[str, str, int]:
    return _counted(count, f"{count} {some}", none)


def _counted(count: int, some: str, none: str) -> tuple[str, str, int]:
    return ("attention", some, count) if count else ("good", none, 0)


def _receipt(ops: Ops) -> tuple[str, str, int]:
    asked = received.rerequests(ops)
    return _attention(len(asked), "files were asked for again and have not come (procedure P04).", "Nothing is missing.")


def _steps(*kinds: str) -> _Check:
    def check(ops: Ops) -> tuple[str, str, int]:
        failed = [r for r in queries.steps(ops, states=("failed",)) if not kinds or r["kind"] in kinds]
        return _attention(len(failed), "steps failed (procedure P08).", "No step has failed.")

    return check


def _telemetry(ops: Ops) -> tuple[str, str, int]:
    seen = engineering.summary(ops)
    failed = len(queries.steps(ops, states=("failed",), kinds=(INGEST,)))
    found = {
        "files refused (procedure P03)": seen["files"].get(EngineeringState.REFUSED, 0),
        "ingests failed (procedure P08)": failed,
        "gaps open (procedure P03)": seen["gaps"],
    }
    said = "; ".join(f"{words}: {count}" for words, count in found.items() if count)
    return _counted(sum(found.values()), f"{said[:1].upper()}{said[1:]}.", "Every engineering file is ingested, and no gap is open.")


def _samples(ops: Ops) -> tuple[str, str, int]:
    seen = engineering.summary(ops)
    newest = "No sample is held."
    if seen["latest_at"] is not None:
        hours = (ops.clock.now() - seen["latest_at"]).total_seconds() / 3600
        newest = f"The newest of {seen['samples']:,} samples is of {iso(seen['latest_at'])}, {hours:.1f} h ago."
    return _counted(seen["suspects"], f"Contested intervals to settle: {seen['suspects']} (procedure P14). {newest}", newest)


def _references(ops: Ops) -> tuple[str, str, int]:
    context = ops.settings.crds_cache / "mappings" / "jwst" / ops.settings.crds_context
    if context.exists():
        return "good", f"Context {ops.settings.crds_context} is in the cache.", 0
    return "attention", f"Context {ops.settings.crds_context} is not in {ops.settings.crds_cache}: `dmsops testbed references` makes it.", 1


def _archive(ops: Ops) -> tuple[str, str, int]:
    overdue = fixity.due(ops)
    standing = finding_queries.counts(ops)
    found = {
        "ingests refused (procedure P15)": sum(errors.counts(ops).values()),
        "errors found by the doctor (procedure P16)": sum(row["open"] for row in standing if row["severity"] == "error"),
        "damaged objects (procedure P16)": overdue.damaged,
    }
    said = "; ".join(f"{words}: {count}" for words, count in found.items() if count)
    due = f" Bytes to be read again: {counted(overdue.objects, 'object')}." if overdue.objects else ""
    there = f"Observations held: {archived.caom_summary(ops)['observations']}; nothing known is wrong with them.{due}"
    return _counted(sum(found.values()), f"{said[:1].upper()}{said[1:]}.{due}", there)


def _distribution(ops: Ops) -> tuple[str, str, int]:
    trouble = board_queries.trouble(ops) | staging_standing.trouble(ops)
    standings = [row["standing"] for row in wavefront.handovers(ops)]
    found = {
        "hand-overs to WSS refused, not answered or not sent (procedure P17)": sum(word in wavefront.NEED_A_PERSON for word in standings),
        "subscriptions not getting through (procedure P17)": trouble["not_through"],
        "subscriptions stopped after days of failing (procedure P17)": trouble["stopped"],
        "subscriptions that nobody tells (run `dmsops notify run`, procedure P17)": trouble["lanes"],
        "things refused by partners (procedure P17)": sum(row["refusals"] for row in partners.partners(ops)),
        "large requests that nobody lays ready (procedure P17)": trouble["stuck"],
        "large requests of which nothing could be laid ready (procedure P16)": trouble["failed"],
    }
    said = "; ".join(f"{words}: {count}" for words, count in found.items() if count)
    today = audit.today(ops)
    given = f"Accesses since midnight UTC: {today.get(audit.GRANTED, 0)} given, {today.get(audit.DENIED, 0)} refused."
    return _counted(sum(found.values()), f"{said[:1].upper()}{said[1:]}. {given}", given)


def _wavefront(ops: Ops) -> tuple[str, str, int]:
    late = [c for c in wavefront.clock_rows(ops) if c["state"] in ("at risk", "late", "missed")]
    state, sentence, waiting = _attention(len(late), "wavefront clocks need a person (procedure P10).", "Every wavefront clock is in time.")
    simulated = not_real(ops.settings)
    return ("attention", f"{sentence} {simulated}", waiting + 1) if simulated else (state, sentence, waiting)


def _quiet(sentence: str) -> _Check:
    return lambda _ops: ("good", sentence, 0)


_CHECKS: dict[str, _Check] = {
    "C01": _receipt,
    "C02": _steps("processing.level1b"),
    "C03": _telemetry,
    "C04": _samples,
    "C05": _quiet("Read by receipt and by planning."),
    "C06": _steps("processing.detector1", "processing.image2", "processing.image3", "processing.wfs_image3"),
    "C07": _steps("science.associate"),
    "C08": _references,
    "C09": _steps(),
    "C11": _wavefront,
    "C12": _archive,
    "C13": _distribution,
    "C14": _quiet("The journal is being written; `dmsops journal verify` checks its chain."),
}
