"""``dmsops ephemeris``: what ephemerides cover, which are in doubt, which products wait for a better one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.core.counting import counted, fitting
from dmsops.flows import ephemeris as flow
from dmsops.ops import Ops
from dmsops.receipt import ephemerides, ephemeris_acts

COVERAGE = {
    "name": "Ephemeris", "version": "Version", "kind": "Kind", "covers_from": "From", "covers_to": "To", "largest_step_seconds": "Step, s",
    "apart": "Apart", "compared_with": "From which", "state": "State", "needs_person": "In doubt",
}  # fmt: skip
AFFECTED = {
    "name": "Product", "version": "Version", "eph_type": "EPH_TYPE", "ephemeris": "Made with", "use": "To use", "age_days": "Days old",
}  # fmt: skip
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OLDER = click.option("--older-than", "older", type=float, metavar="DAYS", help="Only products archived longer ago than this.")
_DO_IT = "To do it: the same command with --apply {} --reason TEXT"


@click.group()
def commands() -> None:
    """Ephemerides: coverage, doubts, products to refresh (procedure P06)."""


def show(ops: Ops) -> Answer:
    """List the ephemerides that came, how far each is from the one before, and what no ephemeris covers."""
    rows = ephemerides.coverage(ops)
    holes = ephemerides.holes(ops)
    lines: list[Any] = [table([_with_apart(r) for r in rows], COVERAGE) if rows else "No ephemeris has come yet."]
    lines += [f"In doubt: {r['name']}: {'; '.join(r['doubts'])}" for r in rows if r["needs_person"]]
    lines += [f"Not covered: {h['what']}, {word(h['covers_from'])} to {word(h['covers_to'])}" for h in holes]
    return Answer({"ephemerides": rows, "holes": holes}, lines)


def _with_apart(row: dict[str, Any]) -> dict[str, Any]:
    apart = None if row["residual_km"] is None else f"{row['residual_km']:.1f} km, {row['residual_km_s'] * 1e6:.1f} mm/s"
    return {**row, "apart": apart, "needs_person": "yes" if row["needs_person"] else None}


@click.argument("file", type=_FILE)
def check(ops: Ops, file: Path) -> Answer:
    """Check an ephemeris file as receipt would, and compare it with those of the site; nothing changes."""
    row = ephemerides.look_at(ops, file)
    shown = _with_apart({**row, "needs_person": row["doubts"]})
    columns = {k: COVERAGE[k] for k in ("name", "kind", "covers_from", "covers_to", "largest_step_seconds", "apart", "compared_with")}
    return Answer(row, [table([shown], columns), *(f"Doubt: {d}" for d in row["doubts"])], 1 if row["doubts"] else 0)


@_OLDER
@click.option("--stale", is_flag=True, help="All that have a predicted ephemeris for longer than the site's setting, whatever has come.")
def affected(ops: Ops, older: float | None, stale: bool) -> Answer:
    """List the archived products with a predicted or superseded ephemeris that could have a definitive one."""
    rows = flow.stale(ops) if stale else flow.affected(ops, older_than_days=older)
    empty = "No product has had a predicted ephemeris for too long." if stale else "No product waits for a refresh."
    return Answer(rows, [table(rows, AFFECTED) if rows else empty])


@click.option("--observation", "observations", multiple=True, metavar="ID", help="Only this observation, or this visit's (11 digits).")
@_OLDER
@change_options
def refresh(
    ops: Ops, observations: tuple[str, ...], older: float | None, ticket: str | None, reason: str, yes: bool
) -> Answer:  # fmt: skip
    """Make products anew for the definitive ephemeris: keywords and tables; no pixel changes.

    Without --apply and --yes it only shows what would happen, and the plan's hash.
    """
    plan = flow.preview(ops, observations=observations, older_than_days=older)
    if ticket is None and not yes:
        return Answer({"plan": plan, "applied": False}, [*_plan_lines(plan), *([_DO_IT.format(plan.hash)] if plan.observations else [])])
    done = flow.refresh(ops, ticket=ticket or plan.hash, reason=reason, observations=observations, older_than_days=older)
    planned, them = counted(done.steps, "step is", "steps are"), fitting(done.steps, "it", "them")
    return Answer({"plan": done, "applied": True}, [f"{planned} planned; the engine takes {them}: dmsops engine run"])


def _plan_lines(plan: flow.RefreshPlan) -> list[Any]:
    rows = [
        {"observation": a.observation_id, "products": len(a.products), "use": a.use, "moved": f"{a.moved_pixels:.1e}", "how": a.how}
        for a in plan.observations
    ]
    heads = {"observation": "Observation", "products": "Products", "use": "Ephemeris", "moved": "Moves at most, pixels", "how": "How"}
    lines: list[Any] = [table(rows, heads) if rows else "No product would be made anew."]
    lines += [f"Not touched: {observation}: {why}" for observation, why in plan.untouched]
    return [*lines, f"Work: {counted(plan.steps, 'step')}, about {plan.estimate_seconds:.0f} s"] if rows else lines


@click.argument("name")
@change_options
def accept(ops: Ops, name: str, ticket: str | None, reason: str, yes: bool) -> Answer:
    """Let an ephemeris that is in doubt be used after all (a lead decides).

    Without --apply and --yes it only shows the doubts, and the hash to accept them with.
    """
    seen = ephemeris_acts.preview_acceptance(ops, name)
    if ticket is None and not yes:
        return Answer(
            {"plan": seen, "applied": False}, [f"{seen.name}, version {seen.version}, {seen.kind}", *seen.doubts, _DO_IT.format(seen.hash)]
        )
    done = ephemeris_acts.accept(ops, name, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"{done.name} may be used now. Next: dmsops flow plan, dmsops ephemeris affected"])


verb(commands, "list")(show)
verb(commands, "check")(check)
verb(commands, "affected")(affected)
verb(commands, "refresh")(refresh)
verb(commands, "accept")(accept)
