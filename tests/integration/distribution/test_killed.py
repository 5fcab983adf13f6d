"""Kill -9 of dispatchers under load: every observation that is archived is told to every subscription once, by its id."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.notice_killing import Killing, kept, live_site

ROUNDS = int(os.environ.get("DMSOPS_KILLS", "10"))


def test_every_archived_product_gives_one_event_for_each_subscription(tmp_path: Path, database: str) -> None:
    chance = random.Random(4)
    with kept(tmp_path / "ledger", chance) as ledger:
        killing = Killing(live_site(tmp_path / "site", database), ledger, chance)
        killing.subscribe()
        archiving = killing.archive(120, seconds=ROUNDS * 0.35)
        killing.kill(ROUNDS)
        archiving.join()
        killing.finish()
        killing.audit()
        assert killing.kills >= ROUNDS
        killing.ops.db.dispose()
