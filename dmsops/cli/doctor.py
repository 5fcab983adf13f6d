"""``dmsops doctor``: examine the archive, keep findings, repair what is safe."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from dmsops.archive import finding_acts, finding_queries
from dmsops.archive.finding_states import FindingState
from dmsops.catalogue.registry import RULES, Scope
from dmsops.cli.archive_acts import how
from dmsops.cli.archive_store import lines_of
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.plans import SHOWN
from dmsops.cli.progress import Bar
from dmsops.core.clock import time_of
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.ops import Ops
from dmsops.procedures import caom_audit

FOUND = {"check": "Check", "severity": "Severity", "uri": "Where", "fault": "Seen", "words": "Expected", "fix": "Repair"}
LISTED = {"id": "No.", "state": "State", **FOUND}
AUDITS = {
    "id": "Audit",
    "kind": "Kind",
    "scope": "Scope",
    "ended_at": "Ended",
    "looked_at": "Looked at",
    "opened": "Opened",
    "closed": "Fixed",
}


@click.group()
def commands() -> None:
    """Whether the archive can be trusted: examine, findings, repair."""


def _scoped(function: Any) -> Any:
    function = click.option("--deep", is_flag=True, help="Read the bytes too: sums, FITS, headers.")(function)
    function = click.option("--check", "checks", multiple=True, metavar="C..", help="Only this check; may be given again.")(function)
    return click.option("--prefix", default="", help="Only observations whose id begins so.")(function)


def known(checks: tuple[str, ...]) -> tuple[str, ...]:
    """Give the numbers of checks in capitals; raises `BadInput` for one that is none."""
    if not checks:
        return ()
    from dmsops.flows import doctor

    doctor.load()
    wanted = tuple(number.upper() for number in checks)
    unknown = [number for number in wanted if number not in RULES]
    if unknown:
        raise BadInput(f"'{unknown[0]}' is no check", field="check", remedy="`dmsops doctor checks` lists them (procedure P16).")
    return wanted


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """Give a finding with its sentences under the names of columns that may be folded."""
    return {**row, "fault": row["observed"], "words": row["expected"]}


@_scoped
def examine(ops: Ops, prefix: str, checks: tuple[str, ...], *, deep: bool) -> Answer:
    """Look for what is wrong, and write nothing down."""
    from dmsops.flows import doctor

    wanted = known(checks)
    with Bar("Examining") as bar:
        seen = doctor.examine(ops, Scope(prefix=prefix, deep=deep), wanted, progress=bar)
    rows = [_in_words(asdict(f)) for f in seen.findings[:SHOWN]]
    more = [f"... and {len(seen.findings) - SHOWN} more (--json names all)"] if len(seen.findings) > SHOWN else []
    lines = [f"{counted(seen.looked_at, 'observation')} looked at, {counted(len(seen.findings), 'finding')}"]
    return Answer(seen, [*lines, table(rows, FOUND), *more] if rows else lines)


@_scoped
def audit(ops: Ops, prefix: str, checks: tuple[str, ...], *, deep: bool) -> Answer:
    """Examine and write down what was found: new findings open, those that are gone are fixed."""
    from dmsops.flows import doctor

    wanted = known(checks)
    with Bar("Examining") as bar:
        done = doctor.audit(ops, Scope(prefix=prefix, deep=deep), wanted, progress=bar)
    return Answer(done, [*_last(ops), *_by_check(ops)])


def _last(ops: Ops) -> list[Any]:
    row = finding_queries.last_audit(ops)
    if not row:
        return []
    seen, opened = counted(row["looked_at"], "observation"), counted(row["opened"], "finding")
    return [f"Audit {row['id']}: {seen}, {opened} opened, {row['closed']} fixed"]


def _by_check(ops: Ops) -> list[Any]:
    rows = finding_queries.counts(ops)
    columns = {
        "check": "Check",
        "title": "What",
        "severity": "Severity",
        "open": "Open",
        "acknowledged": "Acknowledged",
        "waived": "Waived",
        "fix": "Repair",
    }
    return [table(rows, columns)] if rows else ["Nothing is wrong."]


@click.option("--state", "states", multiple=True, type=click.Choice([s.value for s in FindingState]), help="Default: open, acknowledged.")
@click.option("--check", "checks", multiple=True, metavar="C..", help="Only this check; may be given again.")
@click.option("--severity", type=click.Choice(["error", "warning"]), default=None, help="Only of this severity.")
@click.option("--prefix", default="", help="Only of observations whose id begins so.")
@click.option("--text", default="", help="Only with this in its place, title or what was seen.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=500, show_default=True, help="At most so many.")
def findings(
    ops: Ops, states: tuple[str, ...], checks: tuple[str, ...], severity: str | None, prefix: str, text: str, limit: int
) -> Answer:  # fmt: skip
    """List findings, errors first."""
    given: dict[str, Any] = {"checks": known(checks), "severity": severity or "", "prefix": prefix, "text": text}
    chosen = states or finding_queries.UNSETTLED
    rows = finding_queries.findings(ops, states=chosen, limit=limit, **given)
    number = finding_queries.number(ops, states=chosen, **given)
    more = [f"... {number} in all (--json and --limit give more)"] if number > SHOWN else []
    return Answer(rows, [table(map(_in_words, rows[:SHOWN]), LISTED), *more] if rows else ["No finding."])


@click.argument("number", type=int)
def show(ops: Ops, number: int) -> Answer:
    """Show a finding whole, by its number: evidence, what to do, its life."""
    row = finding_queries.story(ops, number)
    lines = [f"{row['check']} {word(row['title'])} ({row['severity']}): {word(row['uri'])}", f"{row['state']}: {row['sentence']}"]
    lines += [f"Seen: {word(row['observed'])}", f"Expected: {word(row['expected'])} (source: {word(row['source'])})"]
    lines += [f"Waived until {row['waived_until']:%Y-%m-%d %H:%M:%SZ}"] if row["waived_until"] else []
    lines += [f"What to do: {word(row['remedy'])}", f"Repair: {row['fix'] or 'none by itself'}"]
    events = {"at": "At", "state": "State", "actor": "By", "reason": "Why"}
    return Answer(row, [*lines, table(row["events"], events)])


def _said(
    ops: Ops, act: str, numbers: tuple[int, ...], ticket: str | None, reason: str, *, yes: bool, until: datetime | None = None
) -> Answer:  # fmt: skip
    seen = finding_acts.preview(ops, act, numbers, until=until)
    if ticket is None and not yes:
        rows = [
            {name: getattr(item, name) for name in ("finding", "check", "state", "uri")} | {"fault": item.observed} for item in seen.items
        ]
        columns = {"finding": "No.", "check": "Check", "state": "State", "uri": "Where", "fault": "Seen"}
        lines = [f"{act.capitalize()}: {seen.words}", table(rows[:SHOWN], columns)]
        return Answer({"plan": seen, "applied": False}, [*lines, *how(seen.hash, "an operator or a lead")])
    done = finding_acts.decide(ops, act, numbers, ticket=ticket or seen.hash, reason=reason, until=until)
    return Answer({"plan": done, "applied": True}, [f"{counted(len(done.items), 'finding')}: {done.words}"])


@click.argument("numbers", type=int, nargs=-1, required=True)
@change_options
def acknowledge(ops: Ops, numbers: tuple[int, ...], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Say that somebody works on findings, by their numbers. Without --apply and --yes it only shows."""
    return _said(ops, "acknowledge", numbers, ticket, reason, yes=yes)


@click.argument("numbers", type=int, nargs=-1, required=True)
@click.option("--until", default="", metavar="TIME", help="The waiver ends by itself, as 2023-12-04T00:00:00Z.")
@change_options
def waive(ops: Ops, numbers: tuple[int, ...], until: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Accept findings as they are, until something else is seen there. Without --apply and --yes it only shows."""
    return _said(ops, "waive", numbers, ticket, reason, yes=yes, until=time_of(until, "until") if until else None)


@click.argument("numbers", type=int, nargs=-1, required=True)
@change_options
def reopen(ops: Ops, numbers: tuple[int, ...], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Take an acknowledgement or waiver of findings back. Without --apply and --yes it only shows."""
    return _said(ops, "reopen", numbers, ticket, reason, yes=yes)


@click.option("--kind", default="", help="Only audits of this kind: doctor, fixity, reconciliation, repair.")
def trend(ops: Ops, kind: str) -> Answer:
    """Show audits, the oldest first: what was looked at, opened, fixed."""
    rows = finding_queries.trend(ops, kind=kind)
    return Answer(rows, [table(rows, AUDITS)] if rows else ["No audit was made."])


def checks(ops: Ops) -> Answer:
    """List what is looked for: every check with its severity, source, remedy and repair."""
    from dmsops.flows import doctor

    doctor.load()
    names = ("id", "title", "severity", "source", "fix", "deep", "remedy")
    rows = [{name: getattr(rule, name) for name in names} for _, rule in sorted(RULES.items())]
    columns = {"id": "Check", "title": "What", "severity": "Severity", "source": "Source", "fix": "Repair", "remedy": "What to do"}
    fixes = Counter(row["fix"] for row in rows)
    return Answer(rows, [table(rows, columns), f"{counted(len(rows), 'check')}; {len(rows) - fixes['']} can be repaired by the doctor"])


def _repairs_in_words(seen: Any) -> list[Any]:
    rows = caom_audit.changes(seen)
    lines: list[Any] = ["Nothing can be repaired here."]
    if rows:
        lines = [table(rows[:SHOWN], {name: name.capitalize().replace("_", " ") for name in rows[0]})]
    lines += [f"... and {len(rows) - SHOWN} more (--json names all)"] if len(rows) > SHOWN else []
    lines += [f"Not touched: {word(list(map(str, row.values())))}" for row in caom_audit.left_alone(seen)[:SHOWN]]
    return [*lines, *(how(seen.hash, "an operator; a lead to retire products") if rows else [])]


@click.argument("numbers", type=int, nargs=-1)
@click.option("--check", "checks", multiple=True, metavar="C..", help="All standing findings of this check; may be given again.")
@click.option("--prefix", default="", help="Only of observations whose id begins so.")
@change_options
def repair(
    ops: Ops, numbers: tuple[int, ...], checks: tuple[str, ...], prefix: str, ticket: str | None, reason: str, *, yes: bool
) -> Answer:  # fmt: skip
    """Repair findings, by their numbers or by check, where that is safe; the rest is left with its procedure.

    Without --apply and --yes it only shows what would change, in words, and the hash for it.
    """
    from dmsops.flows import repairs

    ids = caom_audit.chosen(ops, numbers, known(checks), prefix)
    seen = repairs.preview(ops, ids)
    if ticket is None and not yes:
        return Answer({"plan": seen, "applied": False}, _repairs_in_words(seen))
    done = repairs.repair(ops, ids, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": seen, "applied": True, "report": done}, lines_of(done))


for _name, _function in (
    ("examine", examine), ("audit", audit), ("findings", findings), ("show", show), ("acknowledge", acknowledge), ("waive", waive),
    ("reopen", reopen), ("repair", repair), ("trend", trend), ("checks", checks),
):  # fmt: skip
    verb(commands, _name)(_function)
