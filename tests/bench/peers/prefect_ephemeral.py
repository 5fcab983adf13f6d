"""Prefect with the server that it starts by itself, on SQLite; results are kept, so that a second run finds them."""

from __future__ import annotations

import os

from ledger import Task, given

TASK: Task = given()
os.environ |= {
    "PREFECT_HOME": str(TASK.folder / "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "DO_NOT_TRACK": "1",
}

from ledger import nothing  # noqa: E402
from prefect import flow, task  # noqa: E402
from prefect.cache_policies import INPUTS  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402


@task(persist_result=True, cache_policy=INPUTS)
def step(ledger: str, name: str, before: str) -> str:
    """Run one step."""
    return nothing(ledger, name)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def chains(ledger: str, count: int, length: int) -> None:
    """Submit every chain, step by step across the chains (its threads wait in the order of submission), and wait."""
    ends = [""] * count
    for number in range(length):
        ends = [step.submit(ledger, f"{chain}.{number}", ends[chain]) for chain in range(count)]
    for end in ends:
        end.result()


if __name__ == "__main__":
    chains(TASK.ledger, TASK.chains, TASK.length)
