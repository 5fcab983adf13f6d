"""Steps: how a function becomes something that the workflow layer can run.

A step function takes the site (`Ops`) and a `Job` and gives an `Outcome`; it reads only what the job names,
writes only into the job's folder, and may be run more than once (publication is exactly once, execution at
least once). The engine runs a step *by name*; ``dmsops step run`` is the same entry point on any engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dmsops.core.errors import NotFound

if TYPE_CHECKING:
    from dmsops.ops import Ops

StepClass = Literal["wfsc", "science", "reprocessing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """One step to be planned.

    Attributes
    ----------
    kind : str
        Registered step name, as ``processing.detector1``.
    dataset : str
        What it works on, as shown to people: ``jw02726402001_03104_00001_nrca3``.
    needs : tuple of str
        Products (file names) that must exist before it may start.
    makes : tuple of str
        Products (file names) that it must leave behind.
    params : dict
        JSON-able parameters; part of the step's identity.
    after : tuple of str
        Keys of steps that must be done before it, beyond those that make its needs.
    """

    kind: str
    dataset: str
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a running step is given.

    ``folder`` is its own empty working folder. ``inputs`` maps each needed product's name to a read-only file
    of that name inside ``folder`` (verified against its recorded sum before the step started).
    """

    kind: str
    dataset: str
    key: str
    attempt: int
    folder: Path
    inputs: dict[str, Path]
    makes: tuple[str, ...]
    params: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step leaves behind.

    ``products`` are names of files in the job's folder; all of ``job.makes`` must be among them.
    ``metrics`` are numbers for people and trends. ``spawn`` are steps to plan as a consequence.
    """

    products: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    spawn: tuple[StepSpec, ...] = ()


StepFunction = Callable[["Ops", Job], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """A registered step: its name, its function, and what people and planners need to know of it."""

    name: str
    title: str
    function: StepFunction
    version: str
    estimate_seconds: float
    memory_mb: int
    external: bool


_KINDS: dict[str, StepKind] = {}
_MODULES = ("dmsops.processing.steps", "dmsops.archive.steps", "dmsops.wfsc.steps")


def step(
    name: str,
    *,
    title: str,
    version: str = "1",
    estimate_seconds: float = 5.0,
    memory_mb: int = 1000,
    external: bool = False,
) -> Callable[[StepFunction], StepFunction]:
    """Register a step function.

    Parameters
    ----------
    version : str
        Raise it when the same inputs would give another product: it is part of the step's identity.
    external : bool
        True when the step tells something to a neighbour (delivers, notifies).
    """

    def register(function: StepFunction) -> StepFunction:
        _KINDS[name] = StepKind(
            name=name,
            title=title,
            function=function,
            version=version,
            estimate_seconds=estimate_seconds,
            memory_mb=memory_mb,
            external=external,
        )
        return function

    return register


def load_kinds(modules: tuple[str, ...] = _MODULES) -> dict[str, StepKind]:
    """Import the modules that register steps (by name: floors are not crossed) and give all kinds."""
    for module in modules:
        importlib.import_module(module)
    return dict(_KINDS)


def kind_named(name: str) -> StepKind:
    """Find a registered step.

    Raises
    ------
    NotFound
        No step has that name.
    """
    if name not in _KINDS:
        load_kinds()
    if name not in _KINDS:
        raise NotFound(f"no step is called '{name}'; `dmsops step list` names them", step=name)
    return _KINDS[name]
