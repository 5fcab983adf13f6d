"""The notebook engine: papermill's, with a record that tells the truth about cells that did not end.

papermill 2.7 marks every cell *completed* after an interrupt, a dead kernel or a timeout, also those that never
ran; this engine leaves ``completed``, ``failed``, ``interrupted`` and ``not-run``, each where it is true.
Imported only when a notebook is run (papermill costs two seconds).
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from traitlets import Dict
from traitlets.config import Config

INTERRUPTED = "interrupted"
NOT_RUN = "not-run"
ENGINE = "dmsops"


class RunbookKernel(AsyncKernelManager):
    """A kernel over encrypted transport, with variables of its own on top of this process's."""

    environment = Dict(help="Variables for the kernel's process.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(transport_encryption="auto", **kwargs)
        if self.kernel_spec is not None:
            self.kernel_spec.env.update({name: value.replace("$", "$$") for name, value in self.environment.items()})


def kernel_options(environment: dict[str, str]) -> dict[str, Any]:
    """Give the arguments that make nbclient start, own and end a `RunbookKernel`."""
    return {"kernel_manager_class": RunbookKernel, "config": Config({"RunbookKernel": {"environment": environment}})}


class HonestCells(NotebookExecutionManager):  # type: ignore[misc]
    """Keeps the state of each cell in the notebook's metadata."""

    def cell_complete(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        """End a cell; papermill calls this however the cell ended."""
        error = sys.exc_info()[1]
        super().cell_complete(cell, cell_index=cell_index, **kwargs)
        if error is not None and cell.metadata.papermill["status"] != self.FAILED:
            cell.metadata.papermill.update(status=INTERRUPTED, exception=type(error).__name__)
            self.nb.metadata.papermill["exception"] = type(error).__name__

    def notebook_complete(self, **kwargs: Any) -> None:
        """End the notebook: cells that never started are *not-run*."""
        for cell in self.nb.cells:
            if cell.metadata.papermill["status"] == self.PENDING:
                cell.metadata.papermill["status"] = NOT_RUN
        error = sys.exc_info()[1]
        if error is not None and not self.nb.metadata.papermill.get("exception"):
            self.nb.metadata.papermill["exception"] = type(error).__name__
        super().notebook_complete(**kwargs)


class HonestEngine(NBClientEngine):  # type: ignore[misc]
    """Runs a notebook and tells of each cell what is true, also when it is stopped."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,  # noqa: FBT002
        log_output: bool = False,  # noqa: FBT002
        autosave_cell_every: int = 30,
        **kwargs: Any,
    ) -> Any:
        """Run all cells; see `papermill.engines.Engine.execute_notebook`."""
        cells = HonestCells(
            nb, output_path=output_path, progress_bar=progress_bar, log_output=log_output, autosave_cell_every=autosave_cell_every
        )
        cells.notebook_start()
        try:
            with stop_on_terminate():
                cls.execute_managed_notebook(cells, kernel_name, log_output=log_output, **kwargs)
        finally:
            cells.cleanup_pbar()
            cells.notebook_complete()
        return cells.nb


@contextmanager
def stop_on_terminate() -> Iterator[None]:
    """Let SIGTERM stop the run as Ctrl-C does, so that its record is closed (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


papermill_engines.register(ENGINE, HonestEngine)
