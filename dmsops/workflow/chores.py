"""What an acting engine does beside running steps, whatever engine it is: holds and pauses end, deadlines are watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import DmsError
from dmsops.workflow import blackboard, forecast, pauses, warnings

if TYPE_CHECKING:
    from dmsops.ops import Ops

_LIFT_SECONDS = 2.0
_WATCH_SECONDS = 20.0
"""A forecast reads run times and what is left: three times a minute is soon enough to warn."""
Write = Callable[[Callable[[sa.Connection], Any]], Any]


@dataclass(slots=True)
class Chores:
    """Done in the engine's turns, each at its own pace; ``write`` does work in a transaction of the acting engine."""

    ops: Ops
    write: Write
    _lifted: float = 0.0
    _watched: float = 0.0

    def turn(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now - self._lifted > _LIFT_SECONDS:
            self.write(self._lift)
            self._lifted = now
        if now - self._watched > _WATCH_SECONDS:
            self._watch()
            self._watched = now

    def _lift(self, c: sa.Connection) -> None:
        blackboard.release_due(c, self.ops)
        pauses.lift_due(c, self.ops)

    def _watch(self) -> None:
        """Warn of deadlines; an engine does not stop because a forecast cannot be made."""
        try:
            seen = forecast.running(self.ops)
        except (DmsError, sa.exc.SQLAlchemyError) as error:
            self.ops.log.warning("forecast.failed", error=str(error).splitlines()[0][:200])
            return
        if seen:
            self.write(lambda c: warnings.warn(c, self.ops, seen))
