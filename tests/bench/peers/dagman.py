"""HTCondor DAGMan on a private pool: every step a job of the local universe; a hundred of them, as each takes its time.

Run as a script, it submits the chains to the pool in the folder, or starts the pool of before again: its queue goes on.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.bench.peers import ledger
from tests.bench.peers.measure import DidNotRun, Engine

ENGINE = Engine(name="HTCondor DAGMan, local universe, 100 steps", command=(sys.executable, "-m", "tests.bench.peers.dagman"), chains=20)

_JOB = """
universe = local
executable = /bin/sh
arguments = "$(folder)/step.sh $(step)"
log = $(folder)/jobs.log
queue
"""
_SAFE = """
CONDOR_FSYNC = True
# A job whose end the queue had not noted when it was killed runs again; by default DAGMan then gives the workflow up (4 is added)
DAGMAN_ALLOW_EVENTS = 118
"""
_STEP = """echo "start $1 $(date +%s.%N)" >> {ledger}
echo "end $1 $(date +%s.%N)" >> {ledger}
"""


def look_for_a_pool() -> None:
    """Say in words that there is none."""
    try:
        from tests.condor import pool
    except ImportError:
        raise DidNotRun("no pool here") from None
    if pool.find_master() is None:
        raise DidNotRun("no pool here: `make condor` fetches one")


def main() -> None:
    """Submit the chains, or go on with those of before."""
    from tests.condor.pool import Pool, PoolUnavailable

    class SafePool(Pool):
        """Our test pool, with what makes it keep its word over a kill."""

        def _write_config(self) -> None:
            super()._write_config()
            with self.config.open("a") as file:
                file.write(_SAFE)

    task = ledger.given()
    dag = task.folder / "chains.dag"
    begun_before = dag.exists()
    _write(task, dag)
    try:
        with SafePool(task.folder / "pool") as pool:
            if not begun_before:
                made = pool.run("condor_submit_dag", "-maxjobs", "2", str(dag))
                if made.returncode:
                    sys.exit(made.stdout + made.stderr)
            empty = 0
            while empty < 5:  # a schedd that has just started may not answer, or not know its queue yet
                asked = pool.run("condor_q", "-allusers", "-af", "ClusterId")
                empty = empty + 1 if asked.returncode == 0 and not asked.stdout.strip() else 0
                time.sleep(0.2)
    except PoolUnavailable as error:
        sys.exit(str(error))


def _write(task: ledger.Task, dag: Path) -> None:
    if dag.exists():
        return
    for place in (task.folder.parent, task.folder):
        place.chmod(0o777)
    Path(task.ledger).touch()
    os.chmod(task.ledger, 0o666)  # noqa: PTH101
    (task.folder / "step.sh").write_text(_STEP.format(ledger=task.ledger))
    (task.folder / "job.sub").write_text(_JOB.replace("$(folder)", str(task.folder)))
    lines = []
    for chain in range(task.chains):
        for number in range(task.length):
            lines += [f"JOB s{chain}_{number} {task.folder}/job.sub", f'VARS s{chain}_{number} step="{chain}.{number}"']
            if number:
                lines.append(f"PARENT s{chain}_{number - 1} CHILD s{chain}_{number}")
    dag.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
