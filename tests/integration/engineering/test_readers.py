"""One writer, many readers: who reads while files are taken, compacted and settled sees one state, and no less than before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dmsops.engineering import queries
from dmsops.engineering.trend import trend
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS
from tests.engineering_killing import WORK, files_of, state, work
from tests.receipts import quick_place
from tests.struck import Alone, child, site

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))


def read_until(ops: Ops, worker: Any, name: str) -> int:
    """Read a mnemonic again and again while the writer lives; gives how often."""
    reads, before = 0, 0
    while worker.is_alive():
        rows = queries.samples(ops, name, *ALL)
        assert (np.diff(rows.time) > 0).all(), "a sample twice, or out of order"
        assert len(rows) >= before, "samples went away"
        assert trend(ops, name, *ALL, points=100).samples.sum() >= len(rows)
        reads, before = reads + 1, len(rows)
    return reads


def test_readers_see_whole_states_while_files_are_taken_compacted_and_settled() -> None:
    with quick_place() as place:
        alone = Alone.made(place, WORK)
        ops = site(Path(place) / "site")
        worker = child(ops, work, files_of(ops))
        with ThreadPoolExecutor(3) as pool:
            reads = list(pool.map(lambda name: read_until(ops, worker, name), FLOATS[:3]))
        worker.join()
        assert worker.exitcode == 0
        assert all(count > 3 for count in reads)
        assert state(ops) == alone.state
        ops.db.dispose()
