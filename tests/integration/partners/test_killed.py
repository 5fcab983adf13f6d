"""F3: kill -9 of a partner's harvester while the archive changes; the two sites converge all the same, documents and files."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import datetime
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.testbed.partner.site import open_site
from dmsops.testbed.partner.validate import validate
from tests.integration.partners.sites import Changing, archive, feed_of, harvest_on, ours, partner, settle, theirs
from tests.serving import served
from tests.struck import CONTEXT, preload
from tests.waiting import until

preload("dmsops.testbed.partner.harvest", "dmsops.testbed.partner.files", "httpx2", "caom2")
ROUNDS = int(os.environ.get("DMSOPS_KILLS", "12"))


def harvesting(folder: Path, at: datetime, begun: Path) -> None:
    """Harvest for ever, on the archive's clock as it was when this began; says when it begins."""
    site = open_site(folder, clock=SimulatedClock(at))
    begun.touch()
    while True:
        harvest_on(site)


def test_a_harvester_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, database: str) -> None:
    chance = random.Random(9)
    with archive(tmp_path / "site", database) as ops, served(ops) as address:
        changing = Changing(ops, tmp_path / "made", chance)
        site = partner(ops, tmp_path / "full", address, files="all")
        for n in range(ROUNDS):
            changing.step()
            begun = tmp_path / f"begun {n}"
            harvester = CONTEXT.Process(target=harvesting, args=(tmp_path / "full", ops.clock.now(), begun))
            harvester.start()
            until(begun.exists)
            if n % 3 == 2:  # however slow the machine is, some are killed while they are at it
                until(lambda: theirs(site))
            time.sleep(chance.uniform(0, 0.6))  # at any moment
            changing.step()
            harvester.kill()
            harvester.join()
            assert harvester.exitcode == -signal.SIGKILL
        settle(ops, site)
        assert theirs(site) == ours(ops)
        with feed_of(site) as feed:
            assert validate(site, feed).anomalies == ()
