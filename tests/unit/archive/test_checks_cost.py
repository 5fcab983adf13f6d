"""A check that looks at a part of the archive costs no more than one that looks at all of it (by SQLite's own count)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.archive import rows
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core.db import transact
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.observations import clean
from dmsops.testing.sites import small_site

doctor.load()
OBSERVATIONS = 600
PREFIX = "jw01005"
WORK = 100
"""Instructions of SQLite between two counts."""
SITE_CHECKS = [number for number, rule in sorted(RULES.items()) if rule.site is not None and not rule.deep]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """Rows of many observations, and no products."""
    folder: Path = tmp_path_factory.mktemp("many")
    ops = small_site(folder / "site", START + timedelta(days=1000))
    state = rows.State(version=1, state="archived", xml_sha256="a" * 64, changed_at=ops.clock.now())
    transact(ops.db, lambda c: rows.insert(c, [(rows.rows_of(one), state) for one in clean(OBSERVATIONS)]))
    yield ops
    ops.db.dispose()


def work_of(ops: Ops, number: str, scope: Scope) -> int:
    """Count what SQLite does for a check."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    raw = ops.db.raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    driver.set_progress_handler(count, WORK)
    raw.close()  # back into the pool, which gives it to the check
    site = RULES[number].site
    assert site is not None
    list(site(ops, scope))
    driver.set_progress_handler(None, WORK)
    return counted


@pytest.mark.parametrize("number", SITE_CHECKS)
def test_a_part_costs_no_more_than_all(catalogue: Ops, number: str) -> None:
    assert work_of(catalogue, number, Scope(prefix=PREFIX)) <= 1.5 * work_of(catalogue, number, Scope()) + 50
