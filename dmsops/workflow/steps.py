"""Steps: how a function becomes something that the workflow layer can run.

A step function takes the site (`Ops`) and a `Job` and gives an `Outcome`; it reads only what the job names,
writes only into the job's folder, and may be run more than once (publication is exactly once, execution at
least once). The engine runs a step *by name*; ``dmsops step run`` is the same entry point on any engine.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dmsops.core.db import is_passing
from dmsops.core.errors import DmsError, NotFound, StepFailed

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
        Keys of steps (see `key_of`) that must be done before it, beyond those that make its needs.
    identity : str
        What makes it the same step when it is planned again; default its parameters and needs. A second plan of
        the same association (other file name, same members) uses its members.
    """

    kind: str
    dataset: str
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    identity: str = ""

    def key_of(self, workflow: str) -> str:
        """Give the step's key: the same step planned twice is one step."""
        identity = self.identity or json.dumps([self.params, sorted(self.needs), sorted(self.makes)], sort_keys=True)
        return hashlib.sha256(json.dumps([workflow, self.kind, self.dataset, identity]).encode()).hexdigest()


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
    ``uses`` names what it used beyond its needs: calibration references, engineering intervals.
    """

    products: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    spawn: tuple[StepSpec, ...] = ()
    uses: tuple[str, ...] = ()


StepFunction = Callable[["Ops", Job], Outcome]
Foresight = Callable[[dict[str, Any]], Sequence[tuple[str, int]]]
"""From a step's parameters to the stages that it will plan, one after another: kind and number of steps."""


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
    timeout_seconds: float | None = None
    foresees: Foresight | None = None
    light: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What went wrong, in plain words: class (transient, data, config, resource, code), sentence, remedy."""

    fault_class: str
    sentence: str
    remedy: str


Diagnoser = Callable[[BaseException, str], Diagnosis | None]
_AGAIN = "Look at the database (procedure P20), then rescue the step as it is with procedure P08."
_DIAGNOSERS: list[Diagnoser] = []


def diagnoser(function: Diagnoser) -> Diagnoser:
    """Register a function that puts an exception (and the log's tail) into words; None when it does not know."""
    _DIAGNOSERS.append(function)
    return function


def diagnose(error: BaseException, log_tail: str) -> Diagnosis:
    """Ask every registered diagnoser; the error's own words when none knows."""
    if is_passing(error):
        return Diagnosis(fault_class="transient", sentence="the database did not answer while the step used it", remedy=_AGAIN)
    for ask in _DIAGNOSERS:
        found = ask(error, log_tail)
        if found is not None:
            return found
    if isinstance(error, DmsError):
        return Diagnosis(fault_class=str(error.facts.get("failure", "data")), sentence=error.message, remedy=error.remedy)
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
    return Diagnosis(fault_class="code", sentence=f"the step stopped with {text}", remedy="Read the log, then rescue with procedure P08.")


_KINDS: dict[str, StepKind] = {}
_MODULES: dict[str, None] = {}


def step(
    name: str,
    *,
    title: str,
    version: str = "1",
    estimate_seconds: float = 5.0,
    memory_mb: int = 1000,
    external: bool = False,
    timeout_seconds: float | None = None,
    foresees: Foresight | None = None,
    light: bool = False,
) -> Callable[[StepFunction], StepFunction]:
    """Register a step function.

    Parameters
    ----------
    version : str
        Raise it when the same inputs would give another product: it is part of the step's identity.
    memory_mb : int
        What it needs at its peak; an engine stops it when it takes far more (setting ``memory_factor``).
    external : bool
        True when the step tells something to a neighbour (delivers, notifies).
    timeout_seconds : float, optional
        Longest time that it may run; else the site's ``step_timeout_seconds``.
    foresees : callable, optional
        Of a step that plans others: which, told from its parameters, so that a forecast can count them before it has run.
    light : bool
        True when it takes moments and little memory and leaves nothing behind in its process (no changed module,
        folder, environment or thread): the embedded engine then runs it in a warm process, one such step after another.
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
            timeout_seconds=timeout_seconds,
            foresees=foresees,
            light=light,
        )
        return function

    return register


def use_modules(modules: Iterable[str]) -> None:
    """Say which modules register steps (``settings.step_modules``); they are imported when a step is first asked for."""
    _MODULES.update(dict.fromkeys(modules))


def load_kinds() -> dict[str, StepKind]:
    """Import the modules that register steps (by name: floors are not crossed) and give all kinds."""
    for module in _MODULES:
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


def kind_or_stand_in(name: str) -> StepKind:
    """Find the kind of a step that stands in the tables; where nothing registers it any more, a stand-in that fails in words when run."""
    try:
        return kind_named(name)
    except NotFound:
        return StepKind(
            name=name,
            title=f"unknown step {name}",
            function=_nobody_knows,
            version="0",
            estimate_seconds=5.0,
            memory_mb=1000,
            external=False,
        )


def _nobody_knows(ops: Ops, job: Job) -> Outcome:
    raise StepFailed(
        f"no step is called '{job.kind}' on this site",
        failure="config",
        remedy="Name the module that registers it in the setting step_modules (procedure P20), then rescue with P08.",
    )
