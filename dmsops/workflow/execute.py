"""One attempt of one step, in its own process: stage inputs, run, check, store, write down how it ended.

The ending is a file, renamed into place after its products are safe in the store: a process killed before that
has done nothing, one killed after it has done everything, and the next attempt finds the file (REUSED).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core import db
from dmsops.core.config import enter_runtime
from dmsops.core.errors import GateFailed, StoreDamaged
from dmsops.core.names import RecorderFileName, safe_file_name
from dmsops.core.people import Person, Role
from dmsops.workflow import causes  # noqa: F401 - it registers what any step may meet
from dmsops.workflow.fingerprint import fingerprint
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.steps import Diagnosis, Job, Outcome, StepSpec, diagnose, kind_or_stand_in

if TYPE_CHECKING:
    from dmsops.ops import Ops

ENGINE = Person("engine", Role.OPERATOR)
_TAIL = 4000
Found = Ending | tuple[Diagnosis, str, Ending]
"""How an attempt ended: well, or why not, with its fingerprint."""


def folder_of(ops: Ops, item: Claim) -> Path:
    """Give the folder of a piece of work: the same inputs and software give the same folder."""
    return ops.settings.folder("work") / item.content_key[:32]


def log_of(ops: Ops, item: Claim) -> Path:
    """Give the log file of an attempt."""
    return ops.settings.folder("logs") / "steps" / f"{item.step_id:06d}" / f"{item.attempt}.log"


def attempt_main(site: str, item: Claim) -> None:
    """Run one attempt; the entry of a process that has only this to do. Exits 0 when the ending was written."""
    ops = enter(site, item.timeout_seconds or 0)
    log_to(log_of(ops, item))
    run_attempt(ops, item)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def enter(site: str, seconds: float) -> Ops:
    """Make a process one that runs steps: it dies with its engine, and goes first when memory is short."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _offer_to_the_oom_killer()
    connect = importlib.import_module("dmsops.ops").connect
    ops: Ops = db.patiently(lambda: connect(site, operator=ENGINE), seconds=seconds)
    enter_runtime(ops.settings)
    return ops


def log_to(log: Path) -> None:
    """Send all that this process says to a file, at its end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s - %(name)s - %(levelname)s - %(message)s", force=True)


def _offer_to_the_oom_killer() -> None:
    """When the machine runs out of memory, a step must go before its engine does."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)


def run_attempt(ops: Ops, item: Claim) -> None:
    """Run the step in a folder of its own and write its ending (good or bad) down."""
    folder = folder_of(ops, item) / str(item.attempt)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = attempt(ops, item, folder, log_of(ops, item))
    _write(_good_file(ops, item) if found["ok"] else _bad_file(ops, item), found)


def attempt(ops: Ops, item: Claim, folder: Path, log: Path) -> dict[str, Any]:
    """Run the step in an empty folder and give its ending, as it is written down; ``log`` is where its process speaks."""
    before = _cpu_seconds()
    try:
        outcome = kind_or_stand_in(item.kind).function(ops, _stage(ops, item, folder))
        products = _keep(ops, item, folder, outcome)
    except Exception as error:  # noqa: BLE001 - every way to fail becomes an ending that a person can read
        traceback.print_exc()
        sys.stderr.flush()
        found = {"ok": False, **_bad_ending(item, error, log)}
    else:
        spawn = [dataclasses.asdict(s) for s in outcome.spawn]
        found = {"ok": True, "products": products, "metrics": outcome.metrics, "spawn": spawn, "uses": outcome.uses}
    used = {"cpu_seconds": _cpu_seconds() - before, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    return {"step": item.step_id, "attempt": item.attempt, "key": item.content_key, **found, **used}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _good_file(ops: Ops, item: Claim) -> Path:
    return folder_of(ops, item) / "done.json"


def _bad_file(ops: Ops, item: Claim) -> Path:
    return folder_of(ops, item) / f"ending-{item.attempt}.json"


def _stage(ops: Ops, item: Claim, folder: Path) -> Job:
    inputs = {}
    for name, sha256 in item.inputs.items():
        if not (RecorderFileName.matches(name) and name.endswith(".out")):  # every packet of a recorder file carries its own check
            _check(ops, name, sha256)
        link = folder / safe_file_name(name)
        link.symlink_to(ops.store.path(sha256))
        inputs[name] = link
    return Job(
        kind=item.kind, dataset=item.dataset, key=item.content_key, attempt=item.attempt, folder=folder, inputs=inputs,
        makes=item.makes, params=item.params,
    )  # fmt: skip


def _check(ops: Ops, name: str, sha256: str) -> None:
    try:
        ops.store.verify(sha256)
    except StoreDamaged as error:
        raise StoreDamaged(
            f"input {name} is damaged in the store: {error.message}",
            remedy="Rescue the step that made it (procedure P08, mode 'after repair', from that step), then audit the store with P16.",
            product=name,
            **error.facts,
        ) from None


def _keep(ops: Ops, item: Claim, folder: Path, outcome: Outcome) -> list[tuple[str, str, int]]:
    missing = sorted(set(item.makes) - set(outcome.products)) + [p for p in outcome.products if not (folder / p).is_file()]
    if missing:
        raise GateFailed(f"the step ended without making {', '.join(missing)}", step=item.kind, dataset=item.dataset, missing=missing)
    kept = []
    for name in outcome.products:
        path = folder / safe_file_name(name)
        kept.append((name, ops.store.put(path), path.stat().st_size))
    return kept


def _bad_ending(item: Claim, error: Exception, log: Path) -> dict[str, Any]:
    tail = log.read_bytes()[-_TAIL:].decode(errors="replace") if log.exists() else ""
    why = diagnose(error, tail)
    return {"why": dataclasses.asdict(why), "fingerprint": fingerprint(item.kind, error)}


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, default=str)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def read_ending(ops: Ops, item: Claim) -> Found | None:
    """Read how an attempt ended: good, bad (with the words and the fingerprint), or None when it never wrote it."""
    found = _read(_good_file(ops, item))
    if found is None or (found["step"], found["attempt"]) != (item.step_id, item.attempt):
        found = _read(_bad_file(ops, item))
    return None if found is None else ending_of(found)


def ending_of(found: dict[str, Any]) -> Found:
    """Read an ending as `attempt` gives it."""
    end = good_ending(found)
    return end if found["ok"] else (Diagnosis(**found["why"]), found["fingerprint"], end)


def finished_before(ops: Ops, item: Claim, left: dict[str, Any] | None = None) -> Ending | None:
    """Find the ending of the same work done before (same inputs, parameters, software) whose products are all still stored.

    ``left`` is what a warm process has left of it, if anything. A step that a person sent round again is made anew: no
    ending counts for it until one is in the database.
    """
    found = None if item.fresh else left or _read(_good_file(ops, item))
    if found is None:
        return None
    end = good_ending(found, reused=True)
    return end if all(ops.store.has(sha256) for _, sha256, _ in end.products) else None


def good_ending(found: dict[str, Any], *, reused: bool = False) -> Ending:
    """Read what a good ending says of products, planned steps and use."""
    tuples = ("needs", "makes", "after")
    specs: list[dict[str, Any]] = [{k: tuple(v) if k in tuples else v for k, v in s.items()} for s in found.get("spawn", ())]
    spawn = tuple(StepSpec(**s) for s in specs)
    products = tuple((name, sha256, size) for name, sha256, size in found.get("products", ()))
    return Ending(
        products=products,
        metrics=found.get("metrics"),
        spawn=spawn,
        uses=tuple(found["uses"]) if "uses" in found else None,
        cpu_seconds=found["cpu_seconds"],
        peak_mb=found["peak_mb"],
        reused=reused,
    )


def tidy(ops: Ops, item: Claim) -> None:
    """Remove the working folder of a step that ended well: its products are in the store, its log is kept."""
    shutil.rmtree(folder_of(ops, item), ignore_errors=True)
