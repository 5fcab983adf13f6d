"""Run a runbook: parameters checked, operator and reason known, every cell shown, the whole kept as evidence."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dmsops.core.config import RUN_VARIABLE
from dmsops.core.errors import BadInput
from dmsops.core.people import Role, require
from dmsops.procedures import record
from dmsops.procedures.index import Runbook, find_runbook
from dmsops.procedures.parameters import check, check_on_site
from dmsops.procedures.record import RunRecord

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEvent:
    """Something happened to a cell: ``index`` counts code cells from 1 to ``total``, ``step`` is the cell's id."""

    what: Literal["started", "ended", "failed"]
    step: str
    index: int
    total: int


Progress = Callable[[CellEvent], None]


def run(
    ops: Ops,
    procedure: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    dry_run: bool = True,
    reason: str = "",
    resumes: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    cell_timeout: float = 3600.0,
) -> RunRecord:
    """Carry out a procedure's runbook and keep the executed notebook.

    Parameters
    ----------
    procedure : str
        ``P08``.
    parameters : mapping, optional
        The runbook's own parameters, typed (see `parameters.parse`); ``site``, ``dry_run`` and ``reason`` are added.
    dry_run : bool
        Look only. False changes the site and needs a reason and the runbook's role.
    resumes : int, optional
        A run that did not complete: steps that it recorded are not done again.
    folder : Path, optional
        Where the runbooks are; default the project's own.
    progress : callable, optional
        Called with a `CellEvent` as cells start and end.
    cell_timeout : float
        Seconds after which a cell is stopped.

    Returns
    -------
    RunRecord
        How it ended: also when a cell failed, or when it was interrupted (Ctrl-C, SIGTERM).

    Raises
    ------
    BadInput
        A parameter is unknown, ill-typed or means nothing on this site; or a live run has no reason.
    NotAllowed
        The person's role does not cover it.
    """
    runbook = find_runbook(procedure, folder)
    require(ops.operator, Role.VIEWER if dry_run else runbook.least_role, f"runbook run {runbook.id}")
    if not dry_run and not reason.strip():
        raise BadInput(f"a live run of {runbook.id} needs a reason", field="reason")
    given = {"site": str(ops.settings.site), "dry_run": dry_run, "reason": reason}
    values = check(runbook, {**(parameters or {}), **given})
    check_on_site(ops, runbook, values)
    record.close_lost(ops)
    run_id = record.begin(ops, runbook.id, values, dry_run=dry_run, reason=reason, resumes=resumes)
    outcome, error = _execute(ops, runbook, values, run_id, progress, cell_timeout)
    draft = record.draft_of(ops, run_id)
    closed = record.close(ops, run_id, outcome, error=error, notebook=draft)
    draft.unlink(missing_ok=True)
    return closed


def _execute(
    ops: Ops, runbook: Runbook, values: Mapping[str, Any], run_id: int, progress: Progress | None, cell_timeout: float
) -> tuple[str, str | None]:
    """Run the cells; give outcome and the error's own words."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    from dmsops.procedures.engine import ENGINE, kernel_options

    logging.getLogger("papermill").setLevel(logging.ERROR)
    draft = record.draft_of(ops, run_id)
    draft.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(runbook.path, as_version=4)  # type: ignore[no-untyped-call]
    output = str(draft).replace("{", "{{").replace("}", "}}")  # papermill takes paths for format strings
    around = {"resources": {"metadata": {"path": str(runbook.path.parent)}}, **kernel_options({RUN_VARIABLE: str(run_id)})}
    around |= {"engine_name": ENGINE, "progress_bar": False, "execution_timeout": cell_timeout, **_hooks(notebook, progress)}
    try:
        papermill.execute_notebook(copy.deepcopy(notebook), output, parameters=dict(values), **around)
    except papermill.PapermillExecutionError as error:
        return "failed", f"{error.ename}: {error.evalue}" if error.ename else str(error)
    except KeyboardInterrupt:
        return "interrupted", "stopped by a person or by the system"
    except CellTimeoutError:
        return "interrupted", f"a cell took longer than {cell_timeout:.0f} s"
    except DeadKernelError:
        return "interrupted", "the kernel died"
    return "completed", None


def _hooks(notebook: Any, progress: Progress | None) -> dict[str, Any]:
    """Turn nbclient's hooks into `CellEvent`."""
    if progress is None:
        return {}
    order = [cell.id for cell in notebook.cells if cell.cell_type == "code"]

    def tell(what: Literal["started", "ended", "failed"]) -> Callable[..., None]:
        def hook(*, cell: Any, **_: Any) -> None:
            if cell.id in order:  # the cell of injected parameters is papermill's own
                progress(CellEvent(what=what, step=cell.id, index=order.index(cell.id) + 1, total=len(order)))

        return hook

    return {"on_cell_start": tell("started"), "on_cell_executed": tell("ended"), "on_cell_error": tell("failed")}
