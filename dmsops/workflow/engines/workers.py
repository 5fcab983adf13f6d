"""Who runs a step: a process of its own, or, where the step is light, a warm process that has run others before.

A warm process is handed a few steps ahead, so that it never waits for the database. It runs on only after good
endings, and only so often: what a step might leave behind stays small. It is watched and killed as any other; the
steps that it was handed and had not begun are then simply free again.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import uuid
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import TYPE_CHECKING, Any

from dmsops.workflow import execute, warm
from dmsops.workflow.engines.process import Running, deadline, fork
from dmsops.workflow.execute import Found
from dmsops.workflow.steps import load_kinds

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.lease import Claim

AHEAD = 8
"""How many steps a warm process has at most: the one that it runs, and those that follow."""
_STEPS_EACH = 500
"""How many steps a warm process runs before another takes its place."""


def light_kinds() -> list[str]:
    """Name the kinds of steps that share warm processes."""
    return sorted(name for name, kind in load_kinds().items() if kind.light)


@dataclass(slots=True)
class _Warm:
    """A warm process and what it has been handed, in the order in which it runs it."""

    name: str
    process: ForkServerProcess
    line: Connection
    queue: list[Running] = field(default_factory=list)
    steps: int = 0

    def hand(self, ops: Ops, item: Claim) -> None:
        """Hand it one more step; raises OSError when it is dead."""
        self.line.send(item)
        self.queue.append(Running(item, self.process, deadline(ops, item)))
        self.steps += 1


@dataclass(slots=True)
class Workers:
    """The processes that run steps: each one step alone, or a warm one's queue.

    ``left`` are good endings of warm processes that were killed before they could answer, by content key.
    """

    ops: Ops
    light: list[str] = field(default_factory=light_kinds)
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    _alone: list[Running] = field(default_factory=list)
    _warm: list[_Warm] = field(default_factory=list)
    _done_with: list[str] = field(default_factory=list)

    def running(self) -> list[Running]:
        """Give the steps that have a process."""
        return self._alone + [one for w in self._warm for one in w.queue]

    def free(self) -> int:
        """Give the number of processes that more steps could have at once."""
        return self.ops.settings.workers - len(self._alone) - sum(bool(w.queue) for w in self._warm)

    def room_ahead(self) -> int:
        """Give how many light steps the busy warm processes can be handed ahead."""
        return sum(AHEAD - len(w.queue) for w in self._warm if w.queue)

    def signs(self) -> list[Any]:
        """Give what to wait for: one of these speaks when a step is over."""
        return [one.process.sentinel for one in self._alone] + [w.line for w in self._warm if w.queue]

    def start(self, item: Claim) -> None:
        """Give a step to a process: a new one, or for a light step a warm one: idle, new, or the least busy."""
        if item.kind not in self.light:
            self._alone.append(Running(item, fork(execute.attempt_main, str(self.ops.settings.site), item), deadline(self.ops, item)))
            return
        while not self._hand(item):
            pass

    def _hand(self, item: Claim) -> bool:
        chosen = min((w for w in self._warm if w.steps < _STEPS_EACH), key=lambda w: len(w.queue), default=None)
        if chosen is None or (chosen.queue and self.free() > 0):
            chosen = self._new()
        try:
            chosen.hand(self.ops, item)
        except OSError:  # it was killed while it was idle
            self._end(chosen)
            return False
        return True

    def _new(self) -> _Warm:
        mine, theirs = multiprocessing.Pipe()
        name, patience = uuid.uuid4().hex[:12], self.ops.settings.database_patience_seconds
        process = fork(warm.main, str(self.ops.settings.site), name, theirs, patience)
        theirs.close()
        self._warm.append(_Warm(name, process, mine))
        return self._warm[-1]

    def over(self) -> list[tuple[Running, Found]]:
        """Take out the steps that are over, with their endings; a process that cannot go on is ended."""
        found = [(one, one.ending(self.ops)) for one in self._alone if not one.process.is_alive()]
        for one, _ in found:
            one.process.join()
            self._alone.remove(one)
        for w in list(self._warm):
            found += self._over(w)
        return found

    def _over(self, w: _Warm) -> list[tuple[Running, Found]]:
        found: list[tuple[Running, Found]] = []
        fit = True
        while fit and w.queue and w.line.poll():
            head = w.queue[0]
            try:
                answer = json.loads(w.line.recv())
            except (EOFError, OSError):
                found.append((head, self._last_words(w, head)))
                fit = False
            else:
                found.append((head, execute.ending_of(answer)))
                fit = answer["ok"]
            w.queue.pop(0)
            if w.queue:
                w.queue[0].deadline = deadline(self.ops, w.queue[0].item)
        if not fit or (w.steps >= _STEPS_EACH and not w.queue):
            self._end(w)
        return found

    def _last_words(self, w: _Warm, head: Running) -> Found:
        w.process.join()
        warm.keep_log(self.ops, w.name, head.item)
        return warm.last_ending(self.ops, w.name, head.item) or head.silent()

    def watch(self) -> None:
        """Stop what takes longer or more than it may."""
        for one in self._alone + [w.queue[0] for w in self._warm if w.queue]:
            one.watch()

    def stop(self, one: Running) -> None:
        """Kill the process of a step that is no longer ours."""
        if one in self._alone:
            one.kill()
            self._alone.remove(one)
        for w in [w for w in self._warm if one in w.queue]:
            self._end(w)

    def kill_all(self) -> None:
        """Kill every process."""
        for one in self._alone:
            one.kill()
        self._alone.clear()
        for w in list(self._warm):
            self._end(w)

    def _end(self, w: _Warm) -> None:
        """End a warm process; what it did and nobody has asked for is not done again."""
        w.process.kill()
        w.process.join()
        w.line.close()
        self._warm.remove(w)
        if w.queue:
            self.left |= warm.good_endings(self.ops, w.name)
        else:
            self._done_with.append(w.name)

    def sweep(self) -> None:
        """Remove the folders of warm processes that have ended and whose endings are all in the database."""
        for name in self._done_with:
            shutil.rmtree(warm.folder(self.ops, name), ignore_errors=True)
        self._done_with.clear()
