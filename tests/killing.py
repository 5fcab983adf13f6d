"""Kill -9 of workers, engines and everything, with an audit from outside: a ledger of starts, and what was acknowledged."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.workflow import blackboard
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import attempt, product, step

RUN = "import sys; from dmsops.ops import connect; from dmsops.workflow.engines import local; "
RUN += "local.run(connect(sys.argv[1]), forever=len(sys.argv) > 2)"
TARGETS = ("worker", "dispatcher", "everything")
_GOOD = [s.value for s in GOOD]
_CHAIN = 5
_PATIENCE_SECONDS = 120.0


def engine_process(site: Path, *, forever: bool = False) -> subprocess.Popen[bytes]:
    """Start an engine with a process group of its own."""
    words = ["forever"] if forever else []
    return subprocess.Popen([sys.executable, "-c", RUN, str(site), *words], start_new_session=True)


@dataclass
class Killing:
    """A site full of toy steps whose engine is killed again and again."""

    ops: Ops
    ledger: Path
    chance: random.Random
    seconds: float = 0.03
    kind: str = "toy.unique"
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, str] = field(default_factory=dict)
    rescued: int = 0
    engine: subprocess.Popen[bytes] | None = None

    def plan(self, steps: int) -> None:
        """Plan chains of steps whose products are never the same twice."""
        params = {"ledger": str(self.ledger), "seconds": self.seconds}
        specs = []
        for n in range(steps):
            needs = (f"{n - 1}.txt",) if n % _CHAIN else ()
            specs.append(StepSpec(kind=self.kind, dataset=str(n), needs=needs, makes=(f"{n}.txt",), params=params))
        with self.ops.db.begin() as c:
            blackboard.submit(c, self.ops, "SCIENCE", "v", specs)

    def run(self, times: int) -> None:
        """Kill so many times while steps run, then let the rest run to its end."""
        self.plan(4 * times + 10)
        for n in range(times):
            self.kill(TARGETS[n % len(TARGETS)])
            self.acknowledge()
        self.end_well()

    def kill(self, target: str) -> None:
        """Kill a running worker, the engine's own process, or the whole group, at a moment when steps have just started."""
        self._await_starts(self.chance.randint(1, 3))
        time.sleep(self.chance.uniform(0, min(2 * self.seconds, 1.0)))
        assert self.engine is not None
        if target == "worker":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.starts()[-1][1]), signal.SIGKILL)
        else:
            with contextlib.suppress(ProcessLookupError):
                (os.kill if target == "dispatcher" else os.killpg)(self.engine.pid, signal.SIGKILL)
            self.engine.wait()
        self.kills[target] += 1

    def starts(self) -> list[list[str]]:
        """Give dataset and process of every start."""
        return [line.split() for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def _await_starts(self, more: int) -> None:
        before = len(self.starts())
        until = time.monotonic() + _PATIENCE_SECONDS
        while len(self.starts()) < before + more:
            if self.engine is None or self.engine.poll() is not None:
                self.mend()
                self.engine = engine_process(self.ops.settings.site)
            assert time.monotonic() < until, "the engine starts nothing"
            time.sleep(0.01)

    def mend(self) -> int:
        """Send round again what failed because its worker was killed."""
        with self.ops.db.begin() as c:
            rows = c.execute(sa.select(step).where(step.c.state == StepState.FAILED.value)).all()
            for row in rows:
                assert "signal 9" in row.fault, row.fault
                blackboard.move(c, self.ops, "rescue", row, reason="killed by the test", owner=None, fresh=True)
            blackboard.wake(c, self.ops, [r.id for r in rows])
        self.rescued += len(rows)
        return len(rows)

    def acknowledge(self) -> None:
        """Look at what is published now: all that was published before must still be, as it was."""
        with reading(self.ops.db) as c:
            good = sa.select(product.c.name, product.c.sha256).join(step, step.c.id == product.c.step_id).where(step.c.state.in_(_GOOD))
            now = {r.name: r.sha256 for r in c.execute(good.where(product.c.current))}
        lost = {name for name, sha256 in self.acknowledged.items() if now.get(name) != sha256}
        assert not lost, f"acknowledged and lost or changed: {lost}"
        self.acknowledged = now

    def end_well(self) -> None:
        """Run until all is done; then audit."""
        left, until = self._open(), time.monotonic() + _PATIENCE_SECONDS
        while (now := self._open()) or self.mend():
            if now < left:
                left, until = now, time.monotonic() + _PATIENCE_SECONDS
            assert time.monotonic() < until, f"the engine ends nothing; {now} steps are left"
            if self.engine is None or self.engine.poll() is not None:
                self.mend()
                self.engine = engine_process(self.ops.settings.site)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.engine.wait(timeout=1.0)
        self.audit()

    def _open(self) -> int:
        with reading(self.ops.db) as c:
            return int(c.execute(sa.select(sa.func.count()).where(step.c.state.not_in(_GOOD))).scalar() or 0)

    def audit(self) -> None:
        """Hold the site against the ledger and against what was acknowledged."""
        self.acknowledge()
        with reading(self.ops.db) as c:
            made = c.execute(sa.select(product.c.name, product.c.sha256)).all()
            steps = c.execute(sa.select(sa.func.count()).select_from(step)).scalar()
            good = c.execute(sa.select(attempt.c.step_id).where(attempt.c.outcome.in_(("done", "reused")))).scalars().all()
            assert journal.verify(c) is None
        assert len(made) == len({r.name for r in made}) == steps, f"of {steps} published twice, or not at all: {sorted(made)}"
        assert len(good) == len(set(good)) == steps, "a step ended well twice, or not at all"
        assert self.run_again <= self.allowed, f"{self.run_again} steps ran again, {self.allowed} may"
        for row in made:
            self.ops.store.verify(row.sha256)

    @property
    def run_again(self) -> int:
        """Number of starts beyond the first of each step."""
        starts = self.starts()
        return len(starts) - len({dataset for dataset, _ in starts})

    @property
    def allowed(self) -> int:
        """Steps that may have run again: one for each killed worker, as many as there are workers for the rest.

        And once more each step that was sent round again: what is to be made anew is taken from nothing that a killed
        engine has left, so it runs a third time when its engine dies between its end and its line in the database.
        """
        whole = self.kills["dispatcher"] + self.kills["everything"]
        return self.kills["worker"] + whole * self.ops.settings.workers + self.rescued

    def close(self) -> None:
        """End the engine if the test left it."""
        if self.engine is not None and self.engine.poll() is None:
            os.killpg(self.engine.pid, signal.SIGKILL)
            self.engine.wait()
