"""Programs as a board sees them: what is exclusive until when, who was let in, who asked; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.ingest import ingest, product_of
from dmsops.catalogue.naming import product_uri
from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import NotFound
from dmsops.core.people import Person, Role
from dmsops.distribution import accounts, audit, board_queries, grants
from dmsops.distribution.tables import access_record
from dmsops.flows import programs
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product

PROGRAM, PUBLIC, EMPTY = "02726", "01067", "09999"
ROOTS = [f"jw{PROGRAM}001001_03104_0000{n}_nrca3" for n in (1, 2)]
DAY = timedelta(days=1)


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    """Give a site with two exclusive observations, archived a day apart, a public program, and one of which nothing is archived."""
    create_site(tmp_path / "site", lead="lead", database=database)
    opened = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + DAY))
    proposals.put(opened, EMPTY, exclusive_days=10, reason="test")
    proposals.put(opened, PUBLIC, exclusive_days=0, reason="test")
    for root in ROOTS:
        ingest(opened, [product_of(write_product(tmp_path / f"{root}_{s}.fits", CATEGORY="GO")) for s in ("uncal", "cal")])
        opened.clock.advance(DAY)  # type: ignore[attr-defined]
    ingest(opened, [product_of(write_product(tmp_path / f"jw{PUBLIC}001001_02101_00001_nrca3_cal.fits", CATEGORY="GO", PROGRAM=PUBLIC))])
    yield opened
    opened.db.dispose()


def test_programs_stand_in_the_order_of_their_next_release(ops: Ops) -> None:
    rows = programs.listed(ops)
    assert [(row["id"], row["exclusive"]) for row in rows] == [(PROGRAM, 2), (PUBLIC, 0), (EMPTY, 0)]
    assert rows[0]["last_release"] - rows[0]["next_release"] == DAY
    ops.clock.advance(rows[0]["next_release"] - ops.clock.now())  # type: ignore[attr-defined]
    first = programs.listed(ops)[0]
    assert (first["exclusive"], first["next_release"]) == (1, rows[0]["last_release"])
    ops.clock.advance(DAY)  # type: ignore[attr-defined]
    assert {(row["exclusive"], row["next_release"]) for row in programs.listed(ops)} == {(0, None)}


def test_a_program_tells_who_was_let_in_and_who_asked_for_its_files_alone(ops: Ops) -> None:
    accounts.put(ops, "ada", "astronomer", reason="test")
    grants.grant(ops, "ada", PROGRAM, reason="her program")
    fixed = {"at": ops.clock.now(), "address": "192.0.2.1", "route": "download", "verdict": "granted", "why": "test", "size": 5}
    names = [f"{root}_{suffix}.fits" for root in ROOTS for suffix in ("uncal", "cal")]
    other = f"jw{PUBLIC}001001_02101_00001_nrca3_cal.fits"
    with ops.db.begin() as c:
        c.execute(sa.insert(access_record), [{**fixed, "who": "ada", "uri": product_uri(name)} for name in [*names, other]])
    seen = programs.story(ops, PROGRAM)
    assert (seen["observations"], seen["files"], seen["exclusive"], seen["grants"]) == (2, 4, 2, 1)
    assert [row["observation_id"] for row in seen["releases"]] == ROOTS[::-1]
    assert [(row["who"], row["granted"], row["bytes"]) for row in seen["askers"]] == [("ada", 4, 20)]
    assert [row["reason"] for row in seen["granted"]] == ["her program"]
    assert [row["granted"] for row in programs.story(ops, PUBLIC)["askers"]] == [1]
    assert audit.records(ops, uris=[product_uri(other)])[0]["who"] == "ada"
    assert programs.story(ops, EMPTY)["askers"] == []
    assert [(row["name"], row["tokens"], row["grants"]) for row in board_queries.accounts(ops)] == [("ada", 0, 1)]
    assert board_queries.trouble(ops) == {"lanes": 0, "since": None, "not_through": 0, "stopped": 0}


def test_a_program_that_nobody_knows_is_not_found(ops: Ops) -> None:
    with pytest.raises(NotFound, match="no program '00000'"):
        programs.story(ops, "00000")
