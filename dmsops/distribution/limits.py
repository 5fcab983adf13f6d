"""How much one asker gets: a bucket of requests each, that fills again as time goes by."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from dmsops.core.errors import TooMany

ASKERS = 10_000
"""Buckets that are remembered; whoever asked longest ago is forgotten first."""


class Limits:
    """A limit of requests for each asker, shared by the threads of one process (several processes give each their own).

    Parameters
    ----------
    per_second : float
        Requests that one asker may make in the long run; 0 is no limit.
    burst : int
        Requests at once.
    tick : callable
        Gives seconds that only go forward.
    """

    def __init__(self, per_second: float, burst: int, tick: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._tick = per_second, float(burst), tick
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, asker: str, cost: float = 1.0) -> None:
        """Take a request out of an asker's bucket.

        Raises
        ------
        TooMany
            It is empty; the fact ``after`` says in how many seconds it is not (at least 1).
        """
        if self._rate <= 0:
            return
        with self._lock:
            now = self._tick()
            left, seen = self._buckets.pop(asker, (self._burst, now))
            left = min(self._burst, left + (now - seen) * self._rate)
            enough = left >= min(cost, self._burst)
            self._buckets[asker] = (left - cost if enough else left, now)
            while len(self._buckets) > ASKERS:
                self._buckets.popitem(last=False)
        if not enough:
            after = max(1, round((cost - left) / self._rate + 0.5))
            raise TooMany(f"too many requests: ask again in {after} s", after=after)
