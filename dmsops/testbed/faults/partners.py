"""F38, the partners' part: an observation that partners refuse, because the sum that our list promises is not that of its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.testbed.faults.registry import fault

if TYPE_CHECKING:
    from dmsops.ops import Ops

_o = observation.c


@fault("F38P", "a partner refuses an observation", stage="archive", found_by="partners' refusals, CAOM audit", repaired_by="P17")
def promise_another_sum(ops: Ops, rng: np.random.Generator) -> str:
    """Write another accMetaChecksum into an observation's row, past the archive's verbs, as a repair by hand would."""
    with reading(ops.db) as c:
        names = list(c.execute(sa.select(_o.id).where(_o.state == ARCHIVED).order_by(_o.id)).scalars())
    if not names:
        raise BadInput("the archive holds no observation that a partner could refuse", fault="F38P")
    name = names[int(rng.integers(len(names)))]
    wrong = f"md5:{rng.bytes(16).hex()}"
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(_o.id == name).values(checksum=wrong))
    return f"the list promises {wrong} for {name}, its document has another sum"
