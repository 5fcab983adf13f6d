"""What a runbook's cells use: open, check, plan, gate, step, close. A dry run changes nothing.

>>> run = book.open("P08", site=site, dry_run=dry_run, reason=reason, steps=steps)  # doctest: +SKIP
>>> run.step("rescue", rescue.rescue, steps=steps, reason=reason, ticket=ticket)  # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dmsops.core import config, people
from dmsops.core.errors import BadInput, DmsError, Refused, StalePlan
from dmsops.core.people import Person, Role, require
from dmsops.ops import Ops, connect
from dmsops.procedures import record
from dmsops.procedures.index import Runbook, find_runbook, read_runbook
from dmsops.procedures.parameters import check, check_on_site
from dmsops.procedures.sheet import Log, Note, Table


class Run:
    """One run of a procedure, in the hand of a notebook."""

    def __init__(self, ops: Ops, runbook: Runbook, values: Mapping[str, Any], run_id: int | None, *, batch: bool) -> None:
        self.ops = ops
        self.runbook = runbook
        self.values = values
        self.id = run_id
        self._batch = batch
        self._checks: list[dict[str, Any]] = []
        self._done: list[str] = []

    @property
    def dry_run(self) -> bool:
        """Whether this run only looks."""
        return bool(self.values["dry_run"])

    def __repr__(self) -> str:
        mode = "REHEARSAL" if self.ops.settings.mode == "rehearsal" else "LIVE SITE"
        does = "dry run: nothing will be changed" if self.dry_run else "this run changes the site"
        who = f"; run {self.id} by {self.ops.operator.name}" if self._batch else ""
        return f"{self.runbook.id} {self.runbook.title}\nsite {self.ops.settings.name} ({mode}); {does}{who}"

    def check(self, what: str, ok: object, detail: str = "") -> None:
        """Note a preflight check; `gate` lets nothing pass while one has failed."""
        self._checks.append({"check": what, "result": "passed" if ok else "FAILED", "detail": detail})

    @property
    def checks(self) -> Table:
        """All checks so far."""
        return Table.of(self._checks, ("check", "result", "detail"), empty="no check was made")

    def table(self, rows: Iterable[Mapping[str, Any]], *columns: str, empty: str = "nothing") -> Table:
        """Show plain rows."""
        return Table.of(rows, columns, empty=empty)

    def rows(self, records: Iterable[Any]) -> list[dict[str, Any]]:
        """Turn records into plain rows."""
        return [dataclasses.asdict(r) if dataclasses.is_dataclass(r) and not isinstance(r, type) else dict(r) for r in records]

    def counted(self, records: Iterable[Any], *fields: str) -> Table:
        """Count records by some of their fields."""
        counts = Counter(tuple(row[f] for f in fields) for row in self.rows(records))
        return Table.of(({**dict(zip(fields, key, strict=True)), "n": n} for key, n in sorted(counts.items())), (*fields, "n"))

    def facts(self, **facts: Any) -> Table:
        """Show named facts, one a line."""
        return Table.of(({"fact": name.replace("_", " "), "value": value} for name, value in facts.items()), ("fact", "value"))

    def note(self, text: str) -> Note:
        """Show a sentence."""
        return Note(text)

    def log(self, text: str) -> Log:
        """Show the end of a log as it is."""
        return Log(text)

    def has_room(self, folder: Path) -> bool:
        """Say whether the site's disk holds a delivery folder twice over (staged and stored)."""
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        return shutil.disk_usage(self.ops.settings.site).free > 2 * size

    def gate(self, *, ticket: str = "", given: str = "") -> Note:
        """Stop here unless all is in order: checks passed, reason given, and the plan is the one that was previewed.

        Parameters
        ----------
        ticket : str
            Hash of the plan as made now; empty when the procedure has no plan.
        given : str
            Hash of the plan that the operator saw in the dry run.

        Raises
        ------
        Refused
            A check failed.
        BadInput
            No reason, or no ticket.
        StalePlan
            The plan is another one than the operator saw.
        """
        failed = [c["check"] for c in self._checks if c["result"] == "FAILED"]
        if self.dry_run:
            ask = f", ticket={ticket}" if ticket else ""
            stop = f"\nA live run would stop here: {', '.join(failed)}." if failed else ""
            return Note(f"Dry run: the steps below are shown, not done. To do them: a live run with a reason{ask}.{stop}")
        if failed:
            raise Refused(f"{self.runbook.id} stops: {', '.join(failed)}", checks=failed)
        self.require_reason()
        if ticket and not given:
            raise BadInput(f"{self.runbook.id} needs the ticket of the plan that the dry run showed", field="ticket")
        if ticket != given and ticket:
            raise StalePlan("the site has changed since the dry run: the plan is another one now", seen=given, now=ticket)
        return Note(f"The gate is open. Reason: {self.values['reason']}")

    def require_reason(self) -> str:
        """Give the reason of a live run.

        Raises
        ------
        BadInput
            There is none.
        """
        reason = str(self.values["reason"]).strip()
        if not self.dry_run and not reason:
            raise BadInput(f"a live run of {self.runbook.id} needs a reason", field="reason")
        return reason

    def step(self, name: str, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Do one step (``verb(ops, *args, **kwargs)``) and record its result; a dry run does nothing.

        A step that was recorded, in this run or in one that it resumes, is not done again. A verb that was cut
        short is called again: verbs are safe to repeat, or guarded by a ticket.

        Returns
        -------
        dict
            The result as plain data; ``{}`` in a dry run.
        """
        if self.dry_run or self.id is None:
            return {}
        found = record.step_result(self.ops, self.id, name)
        if found is None:
            record.step_begun(self.ops, self.id, name)
            found = _plain(verb(self.ops, *args, **kwargs))
            record.step_ended(self.ops, self.id, name, found)
        self._done.append(name)
        return found

    def close(self) -> Note:
        """End the run and say what was done."""
        passed = sum(c["result"] == "passed" for c in self._checks)
        checks = f"{passed} of {len(self._checks)} checks passed"
        if self.dry_run:
            return Note(f"{self.runbook.id}: dry run, {checks}. Nothing was changed.")
        if self.id is not None and not self._batch:
            record.close(self.ops, self.id, "completed")
        return Note(f"{self.runbook.id}: {checks}; steps carried out: {', '.join(self._done) or 'none'}.", level="done")


def open(procedure: str, *, site: str = "", **values: Any) -> Run:  # noqa: A001 - read as book.open in a cell
    """Open a run in a notebook.

    Under `dmsops.procedures.run.run` this joins the run that was begun there, with its operator. In JupyterLab
    the operating-system user acts; a dry run leaves no trace, a live one is recorded (without the notebook file).

    Raises
    ------
    BadInput
        A value does not fit the runbook's parameters.
    Refused
        The run that the kernel was started for is another one, or over.
    """
    _sentences_for_errors()
    runbook = _runbook(procedure)
    run_id = config.current_run()
    checked = check(runbook, {"site": site, **values})
    if run_id is not None:
        return _join(runbook, checked, run_id)
    ops = connect(site or None)
    require(ops.operator, Role.VIEWER if checked["dry_run"] else runbook.least_role, f"runbook {runbook.id}")
    check_on_site(ops, runbook, checked)
    run = Run(ops, runbook, checked, None, batch=False)
    if not run.dry_run:
        run.id = record.begin(ops, runbook.id, checked, dry_run=False, reason=run.require_reason())
    return run


def _runbook(procedure: str) -> Runbook:
    """Find the runbook among the files next to the notebook (a kernel starts there), else in the project's own folder."""
    here = sorted(Path.cwd().glob(f"{procedure.lower()}_*.ipynb"))
    return read_runbook(here[0]) if here else find_runbook(procedure)


def _join(runbook: Runbook, values: Mapping[str, Any], run_id: int) -> Run:
    """Join a run begun elsewhere: who acts is the person written down there, not the owner of this process."""
    ops = connect(values["site"], operator=Person("nobody", Role.VIEWER))
    begun = record.get(ops, run_id)
    if begun.outcome != "running" or begun.procedure != runbook.id or begun.parameters != dict(values):
        raise Refused(f"run {run_id} is {begun.procedure}, {begun.outcome}, and not the run that this notebook asks for", run=run_id)
    return Run(ops.as_person(people.find(ops.db, begun.operator)), runbook, values, run_id, batch=True)


def _plain(result: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = dataclasses.asdict(result)
    if not isinstance(result, dict):
        result = {"result": result}
    return dict(json.loads(json.dumps(result, default=str)))


def _sentences_for_errors() -> None:
    """Show a `DmsError` as its sentence and remedy; the cell still fails."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((DmsError,), _show_error)


def _show_error(shell: Any, kind: type[DmsError], error: DmsError, _trace: Any, tb_offset: int | None = None) -> Sequence[str]:
    lines = [f"{error.message}.".replace("..", "."), f"What to do: {error.remedy}"]
    shell._showtraceback(kind, error, lines)  # noqa: SLF001 - the only way for a kernel to say that its cell failed
    return lines
