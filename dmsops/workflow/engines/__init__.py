"""Engines run steps; state never lives in them. `local` serves one machine, `htcondor` a pool.

In: a site with ready steps. Out: a `Tally` of what was done. An engine is a function of `local.run`'s shape, found by
the setting ``engine`` through the entry-point group ``dmsops.engines``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadSetting

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.engines.dispatch import Progress, Tally

_OURS = {"local": "dmsops.workflow.engines.local", "htcondor": "dmsops.workflow.engines.htcondor.engine"}


def run(ops: Ops, *, forever: bool = False, progress: Progress | None = None) -> Tally:
    """Run the site's steps on the engine that its settings name.

    Parameters
    ----------
    forever : bool
        Wait for new steps when there are none; else come back when nothing is ready or running.
    progress : callable, optional
        Called with (ops, tally, running) whenever a step starts or ends.

    Raises
    ------
    BadSetting
        No engine has that name.
    """
    tally: Tally = engine_named(ops.settings.engine)(ops, forever=forever, progress=progress)
    return tally


def engine_named(name: str) -> Any:
    """Find an engine: one of ours, or an entry point of the group ``dmsops.engines``."""
    if name in _OURS:
        return import_module(_OURS[name]).run
    found = entry_points(group="dmsops.engines", name=name)
    if not found:
        raise BadSetting(f"site.toml: field 'engine': no engine is called '{name}'", field="engine", engine=name)
    return next(iter(found)).load()
