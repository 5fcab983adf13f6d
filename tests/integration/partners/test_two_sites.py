"""F3: two sites converge, whatever becomes of the calls between them, while the archive changes in every way."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dmsops.testbed.partner.site import PartnerSite
from dmsops.testbed.partner.validate import validate
from tests.integration.partners.faulty import Faulty
from tests.integration.partners.sites import Changing, archive, feed_of, harvest_on, ours, partner, settle, theirs
from tests.serving import served

STEPS = 30


def at_once(site: PartnerSite, faulty: Faulty, changing: Changing | None) -> None:
    """Harvest twice at the same time, as two processes that know nothing of each other would, perhaps while the archive changes."""
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(harvest_on, site, faulty) for _ in range(2)]
        if changing is not None:
            changing.step()
        for one in both:
            one.result()


@pytest.mark.parametrize("seed", [1, 2])
def test_two_sites_converge_after_three_calls_in_ten_went_wrong(tmp_path: Path, database: str, seed: int) -> None:
    chance = random.Random(seed)
    with archive(tmp_path / "site", database) as ops, served(ops) as address:
        changing = Changing(ops, tmp_path / "made", chance)
        full = partner(ops, tmp_path / "full", address, files="none")
        public = partner(ops, tmp_path / "public", address, scopes=())
        ways = {full: Faulty(seed), public: Faulty(seed + 100)}
        for _ in range(STEPS):
            changing.step()
            if chance.random() < 0.5:
                at_once(full, ways[full], changing if chance.random() < 0.3 else None)
            if chance.random() < 0.5:
                harvest_on(public, ways[public])
        assert min(sum(faulty.told.values()) for faulty in ways.values()) > 10
        for site in ways:
            settle(ops, site)
        assert theirs(full) == ours(ops)
        assert theirs(public) == ours(ops, public=True)
        for site in ways:
            with feed_of(site) as feed:
                assert validate(site, feed).anomalies == ()
