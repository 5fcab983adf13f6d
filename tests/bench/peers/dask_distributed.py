"""Dask distributed: two worker processes; all state is in the memory of its scheduler."""

from __future__ import annotations

from distributed import Client, LocalCluster
from ledger import given, nothing


def step(ledger: str, name: str, _before: object) -> str:
    """Run after the step before."""
    return nothing(ledger, name)


def main() -> None:
    """Submit every chain and wait."""
    task = given()
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        ends = []
        for chain in range(task.chains):
            before = None
            for number in range(task.length):
                before = client.submit(step, task.ledger, f"{chain}.{number}", before, key=f"step-{chain}-{number}")
            ends.append(before)
        client.gather(ends)


if __name__ == "__main__":
    main()
