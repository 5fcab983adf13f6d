"""F38: the wavefront team does not take what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.core.files import make_folder, write_bytes
from dmsops.interfaces.wss import SimulatedWss
from dmsops.testbed.faults.registry import fault
from dmsops.wfsc.answers import address_of

if TYPE_CHECKING:
    import numpy as np

    from dmsops.ops import Ops

REASONS = ("the folder of the correction is full", "a correction of this number is under way", "images cannot be opened")


@fault("F38", "WSS refuses a hand-over", stage="archive", found_by="distribution", repaired_by="P17")
def refuse_handover(ops: Ops, rng: np.random.Generator) -> str:
    """Make the simulated wavefront team refuse the next hand-over."""
    reason = REASONS[int(rng.integers(len(REASONS)))]
    write_bytes(make_folder(address_of(ops)) / SimulatedWss.REFUSAL, f"{reason}\n".encode())
    return f"the simulated wavefront team will refuse the next hand-over: {reason}"
