"""``dmsops runbook``: the staff procedures."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, notes, plain, table, verb, word
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """The staff procedures."""


def show(site: str | None) -> Answer:
    """List the runbooks that are there (of 21 procedures; titles are a reconstruction)."""
    from dmsops.procedures.index import list_runbooks

    rows = [{"id": r.id, "title": r.title, "trigger": r.trigger, "roles": list(r.roles), "file": str(r.path)} for r in list_runbooks()]
    return Answer(rows, [table(rows, {"id": "No.", "title": "Procedure", "trigger": "When", "roles": "Who", "file": "Runbook"})])


@click.argument("procedure")
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter (repeat for several); ids stay strings.")
@click.option("--live", is_flag=True, help="Do it; without this the runbook only looks (dry run).")
@click.option("--reason", default="", help="Why; needed with --live.")
@click.option("--resume", "resumes", type=int, help="Go on with a run that did not complete: steps it recorded are not done again.")
def run(ops: Ops, procedure: str, given: tuple[str, ...], live: bool, reason: str, resumes: int | None) -> Answer:
    """Carry out a runbook (P02, P08, P10): a dry run unless --live is given."""
    from dmsops.procedures import queries
    from dmsops.procedures import run as running
    from dmsops.procedures.index import find_runbook
    from dmsops.procedures.parameters import parse

    runbook = find_runbook(procedure)
    record = running.run(ops, procedure, parse(runbook, given), dry_run=not live, reason=reason, resumes=resumes, progress=_tell)
    said = queries.said(ops, record.id)
    lines = [word(text) + "\n" for text in said] + ([f"What went wrong: {word(record.error)}"] if record.error else [])
    kept = ops.settings.folder("runs") / (record.notebook or "")
    lines.append(f"{runbook.id} {record.outcome}; the executed notebook is kept at {kept}")
    return Answer({**plain(record), "said": said}, lines, 0 if record.outcome == "completed" else 1)


def _tell(event: object) -> None:
    step, index, total = (getattr(event, name) for name in ("step", "index", "total"))
    if getattr(event, "what", "") != "ended":
        notes.print(f"  {index}/{total} {step}{' FAILED' if getattr(event, 'what', '') == 'failed' else ''}", markup=False)


@click.option("--procedure", default="", help="Only runs of this procedure.")
@click.option("--unsigned", is_flag=True, help="Only ended runs that nobody has signed off.")
def runs(ops: Ops, procedure: str, unsigned: bool) -> Answer:
    """List what was run: by whom, how it ended, whether it is signed off."""
    from dmsops.procedures import queries

    rows = queries.runs(ops, procedure=procedure, unsigned=unsigned)
    columns = {"id": "Run", "procedure": "No.", "operator": "Who", "started_at": "Started", "ended_at": "Ended", "outcome": "Outcome"}
    columns |= {"dry_run": "Dry run", "signed_by": "Signed by"}
    return Answer(rows, [table(rows, columns) if rows else "No procedure has been run on this site."])


@click.argument("run_id", type=int)
@click.option("--remark", default="", help="What the next shift should know.")
def sign(ops: Ops, run_id: int, remark: str) -> Answer:
    """Sign off a run that has ended."""
    from dmsops.procedures import record

    signed = record.sign(ops, run_id, remark=remark)
    return Answer(signed, [f"Run {run_id} is signed off by {ops.operator.name}"])


def verify(ops: Ops) -> Answer:
    """Check that the kept notebooks are the ones that were executed, in an unbroken chain."""
    from dmsops.procedures import record

    wrong = record.verify(ops)
    return Answer({"whole": not wrong, "wrong": wrong}, wrong or ["Every kept notebook is as it was."], 1 if wrong else 0)


verb(commands, "list", opens=False)(show)
verb(commands, "sign")(sign)
verb(commands, "verify")(verify)
verb(commands, "runs")(runs)
verb(commands, "run")(run)
