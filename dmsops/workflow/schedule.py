"""When work will be finished: steps with their run times and order on a number of workers; pure.

The list is worked off in one fixed order (by depth, then by number), each step on the worker that is free first. An
engine that picks whatever is ready may do a little better; in return more work, longer steps or fewer workers
never give an earlier time, which is not so for the engine's own way of choosing (Graham, SIAM J. Appl. Math. 17, 416, 1969).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

Graph = Mapping[int, Collection[int]]
"""Steps with the steps before each; a step before that is not a key is done already."""


def order(graph: Graph) -> list[int]:
    """Give the steps by depth (steps before it in the longest chain), then by number."""
    depth: dict[int, int] = {}
    for item in TopologicalSorter({i: [p for p in before if p in graph] for i, before in graph.items()}).static_order():
        depth[item] = 1 + max((depth[p] for p in graph[item] if p in depth), default=-1)
    return sorted(depth, key=lambda i: (depth[i], i))


def finishes(graph: Graph, seconds: Mapping[int, float], workers: int, *, ahead: float = 0.0) -> dict[int, float]:
    """Give the time of each step's end, in seconds from now.

    Parameters
    ----------
    graph : mapping
        Steps with the steps before each.
    seconds : mapping
        Run time that is left of each step.
    workers : int
        Steps that run at the same time, at least 1.
    ahead : float
        Time until a worker is free for the first of them.
    """
    free = [ahead] * max(1, workers)
    ends: dict[int, float] = {}
    for item in order(graph):
        start = max([free[0], *(ends[p] for p in graph[item] if p in graph)])
        ends[item] = start + seconds[item]
        heapq.heapreplace(free, ends[item])
    return ends


def tails(graph: Graph, seconds: Mapping[int, float]) -> dict[int, float]:
    """Give for each step the longest time from its start to the end of all that follows, with a worker for everything."""
    after: dict[int, float] = {}
    for item in reversed(order(graph)):
        mine = seconds[item] + after.get(item, 0.0)
        for before in graph[item]:
            after[before] = max(after.get(before, 0.0), mine)
    return {item: seconds[item] + after.get(item, 0.0) for item in graph}


def critical_path(graph: Graph, seconds: Mapping[int, float]) -> list[int]:
    """Give the longest chain of steps, first to last: no number of workers makes it shorter."""
    left = tails(graph, seconds)
    starts = [i for i, before in graph.items() if not any(p in graph for p in before)]
    kids = children(graph)
    path: list[int] = []
    at = max(starts, key=lambda i: (left[i], -i), default=None)
    while at is not None:
        path.append(at)
        at = max(kids.get(at, ()), key=lambda i: (left[i], -i), default=None)
    return path


def children(graph: Graph) -> dict[int, list[int]]:
    """Turn the graph around: the steps after each."""
    found: dict[int, list[int]] = {}
    for item, before in graph.items():
        for parent in before:
            found.setdefault(parent, []).append(item)
    return found
