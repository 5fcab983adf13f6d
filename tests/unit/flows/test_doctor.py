"""The doctor finds each defect by its check and nothing else, writes it down, and is never silent about what it could not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_queries
from dmsops.archive.tables import observation
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core.errors import BadInput, NotAllowed
from dmsops.core.people import Person, Role
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.testing.defects import DEEP, DEFECTS, FOLLOWS
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import small_archive


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    small_archive(opened, tmp_path / "made")
    yield opened
    opened.db.dispose()


def one_of(ops: Ops) -> Any:
    with ops.db.connect() as c:
        return c.execute(sa.select(observation).order_by(observation.c.id)).first()


def broken(ops: Ops, content: bytes) -> Any:
    """Give an observation other bytes as its document."""
    row = one_of(ops)
    path = ops.settings.folder("work") / "document.xml"
    path.write_bytes(content)
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == row.id).values(xml_sha256=ops.store.put(path)))
    return row


def checks_of(seen: doctor.Examination) -> set[str]:
    return {one.check for one in seen.findings}


def test_a_sound_site_has_no_finding_and_every_check_ran(ops: Ops) -> None:
    seen = doctor.examine(ops, Scope(deep=True))
    assert seen.findings == ()
    assert seen.looked_at > 0
    assert set(seen.checks) == set(RULES)
    assert {f"C{n:02d}" for n in range(1, 53)} == set(RULES)


@pytest.mark.parametrize("number", sorted(DEFECTS))
def test_each_defect_is_found_by_its_check(ops: Ops, number: str) -> None:
    uri = DEFECTS[number](ops)
    seen = doctor.examine(ops, Scope(deep=number in DEEP))
    assert uri in {one.uri for one in seen.findings if one.check == number}
    assert checks_of(seen) - FOLLOWS.get(number, set()) <= {number, "C12", "C14", "C15"}
