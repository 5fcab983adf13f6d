"""Our database against the pool's queue: what one has and the other has not is put right, and written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow.engines.htcondor import batches, dag, folder
from dmsops.workflow.engines.htcondor.pool import Pool, PoolJob

if TYPE_CHECKING:
    from dmsops.ops import Ops

Write = Callable[[Callable[[sa.Connection], Any]], Any]


def reconcile(ops: Ops, pool: Pool, write: Write, follow: Callable[[Any], bool]) -> None:
    """Compare every live batch with the queue.

    Parameters
    ----------
    write : callable
        Does work in a transaction of the acting engine.
    follow : callable
        Takes in a batch's logs; true when they say that it ended. Asked after the queue: who has left it has written.
    """
    by_batch: dict[int, list[PoolJob]] = defaultdict(list)
    for job in pool.jobs():
        by_batch[job.batch].append(job)
    for batch in write(batches.live):
        jobs = by_batch.pop(batch.id, [])
        if follow(batch):
            continue
        dagman = next((job for job in jobs if job.step is None), None)
        if batch.cluster is None:
            _adopt(ops, write, batch, dagman)
        elif dagman is None:
            _go_on(ops, pool, write, batch)
        _compare_jobs(ops, pool, write, batch, jobs)
    strays = [job.cluster for jobs in by_batch.values() for job in jobs]
    pool.act("Remove", strays, "its batch has ended")


def _adopt(ops: Ops, write: Write, batch: Any, dagman: PoolJob | None) -> None:
    """Take up a batch whose submission was cut short: the pool knows it, or it is planned anew."""
    if dagman is None:
        write(lambda c: batches.end(c, ops, batch.id, "never submitted"))
    else:
        write(lambda c: batches.submitted(c, batch.id, dagman.cluster))


def _go_on(ops: Ops, pool: Pool, write: Write, batch: Any) -> None:
    """Submit a batch again whose DAGMan has left the queue without an end, with our own rescue file."""
    old = Path(batch.folder)
    new = old.with_name(f"{old.name.split('-')[0]}-{batch.cluster}")
    nodes = write(lambda c: batches.open_nodes(c, batch.id))
    names = {n.node for n in nodes}
    everything = {line.split()[1] for line in (old / dag.DAG).read_text(encoding="utf-8").splitlines() if line.startswith("JOB ")}
    folder.write_again(old, new, everything - names)
    write(lambda c: batches.begin_again(c, ops, batch.id, new))
    cluster = pool.submit(new, batch.id)
    write(lambda c: batches.submitted(c, batch.id, cluster))


def _compare_jobs(ops: Ops, pool: Pool, write: Write, batch: Any, jobs: Iterable[PoolJob]) -> None:
    queued = {job.step: job for job in jobs if job.step is not None}
    for node in write(lambda c: batches.open_nodes(c, batch.id)):
        job = queued.get(node.step_id)
        if job is None:
            continue
        if job.held and node.detail != (words := f"held in the pool: {job.held}"):
            write(partial(batches.note, ops=ops, batch=batch.id, step_id=node.step_id, words=words))
        if job.priority != dag.priority(node.rank):
            pool.set_priority(job.cluster, dag.priority(node.rank))


def take_back(ops: Ops, pool: Pool, write: Write, batch: Any, withdrawn: Iterable[Any]) -> None:
    """Remove the jobs of steps that a person took back."""
    for node in withdrawn:
        words = f"the step is {node.state} on the site; its job is removed from the pool"
        pool.act("Remove", [node.cluster], words)
        write(partial(batches.leaving, batch=batch.id, step_id=node.step_id, words=words))
