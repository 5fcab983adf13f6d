"""DBOS on SQLite: one workflow a chain, in the threads of one process.

Its schema wants SQLite 3.42; where the interpreter's is older, the one of ``pysqlite3-binary`` takes its place.
Eight threads, not two: it waits for its database most of the time, and so does better.
"""

from __future__ import annotations

import sqlite3
import sys

if sqlite3.sqlite_version_info < (3, 42):
    import pysqlite3
    import pysqlite3.dbapi2

    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2

from dbos import DBOS, SetWorkflowID
from ledger import given, nothing

THREADS = 8


@DBOS.step()
def step(ledger: str, name: str) -> str:
    """Run one step."""
    return nothing(ledger, name)


@DBOS.workflow()
def chain_of(ledger: str, chain: int, length: int) -> str:
    """Run a chain."""
    for number in range(length):
        step(ledger, f"{chain}.{number}")
    return str(chain)


def main() -> None:
    """Start every chain under its own name (those of before are taken up again) and wait."""
    task = given()
    address = f"sqlite:///{task.folder / 'dbos.db'}"
    DBOS(
        config={
            "name": "chains", "system_database_url": address, "max_executor_threads": THREADS, "log_level": "ERROR",
            "run_admin_server": False, "application_version": "1",
        }
    )  # fmt: skip
    DBOS.launch()
    handles = []
    for chain in range(task.chains):
        with SetWorkflowID(f"chain-{chain}"):
            handles.append(DBOS.start_workflow(chain_of, task.ledger, chain, task.length))
    for handle in handles:
        handle.get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main()
