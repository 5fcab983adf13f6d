"""P13 and P15 look at associations and ingest errors; what they would do has a ticket, and is done only with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dmsops.archive import errors
from dmsops.archive import queries as archived
from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.procedures import associations, caom_audit, ingest_problem
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import wavefront_visit
from tests.runbooks import archive

PAIR = "jw02726-o405_t001_nircam_f212n-wlm8-sub16-nrca3-04"
REFUSED = "jw02726405001_03104_00001_nrca4"


@pytest.fixture
def ops(tmp_path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2)).as_person(Person("otto", Role.OPERATOR))
    archive.fill(opened, tmp_path / "products")
    yield opened
    opened.db.dispose()


def test_associations_are_told_with_their_problems_and_orphans(ops):
    (pool,) = associations.pools(ops, "V02726405001")
    assert (pool["exposures"], pool["associations"]) == (4, "3 image2, 2 wfs-image3")
    assert "has 1 (procedure P13)" in associations.problems([pool])[0]["problem"]
    assert associations.orphans([pool]) == [{"visit": "02726405001", "exposure": archive.LONELY}]
    assert associations.pools(ops, "02726406001") == []


def test_what_was_predicted_and_is_not_archived_is_named(ops):
    rows = {row["suffix"]: row for row in associations.predicted(ops)}
    assert (rows["uncal"]["predicted"], rows["uncal"]["archived"]) == (4, 2)
    assert rows["wfscmb"]["missing"] == ["jw02726-o405_t001_nircam_f212n-wlm8-sub16-nrca4_wfscmb-04.fits"]


def test_of_two_products_one_is_kept_with_the_ticket_only(ops):
    asked = associations.order(ops, keep="old")
    assert [row["product"] for row in asked.rows] == ["jw02726-o405_t001_nircam_f212n-wlm8-sub16-nrca3_wfscmb-04.fits"]
    with pytest.raises(StalePlan):
        associations.carry_out(ops, asked, ticket="0" * 16, reason="hurry")
    associations.carry_out(ops, asked, ticket=asked.ticket, reason="the right pair")
    assert associations.order(ops).facts == {"waiting": 0}


def test_only_associations_with_problems_are_made_again(ops):
    (pool,) = associations.pools(ops)
    assert associations.order(ops, act="remake").choice == {"steps": [pool["step"]]}
    assert associations.order(ops, act="remake", visit="02726406001").facts == {"steps": 0}
    with pytest.raises(BadInput):
        associations.order(ops, act="drop")


def test_open_errors_are_counted_by_class_with_what_repairs_them(ops):
    rows = {row["class"]: row for row in ingest_problem.by_class(ops)}
    assert {name: row["n"] for name, row in rows.items()} == {"is_valid_fails": 1, "duplicate_product": 1}
    assert set(ingest_problem.REPAIRS) == set(errors.KINDS)
    assert "P13" in rows["duplicate_product"]["repaired_by"]


def test_the_evidence_of_an_error_is_a_line_for_each_finding(ops):
    found = [row["finding"] for row in ingest_problem.evidence(ingest_problem.listed(ops, prefix=REFUSED))]
    assert len(found) == 1
    assert "crosses itself" in found[0]


def test_what_is_still_broken_is_refused_before_anything_is_done(ops):
    asked = ingest_problem.order(ops)
    assert (asked.observation, len(asked.findings)) == (REFUSED, 1)
    with pytest.raises(Refused):
        ingest_problem.carry_out(ops, asked, ticket=asked.ticket, reason="again")
    assert "decides first" in ingest_problem.order(ops, error=_number(ops, PAIR)).findings[0]


def test_what_was_repaired_is_ingested_again_and_its_error_is_closed(ops, tmp_path):
    errors.record(ops, _fault(ops, tmp_path))
    asked = ingest_problem.order(ops, error=_number(ops, REFUSED))
    assert asked.findings == ()
    done = ingest_problem.carry_out(ops, asked, ticket=asked.ticket, reason="the header was mended")
    assert done["result"] == f"{REFUSED} is ingested, version 1"
    assert list(errors.counts(ops)) == ["duplicate_product"]
    with pytest.raises(NotFound):
        ingest_problem.order(ops, error=asked.error)


def _number(ops: Ops, observation: str) -> int:
    return next(row["id"] for row in ingest_problem.listed(ops) if row["observation_id"] == observation)


def _fault(ops: Ops, folder) -> errors.Fault:
    visit = wavefront_visit(archive.VISIT)
    path = archive.written(ops, visit, folder / str(visit.exposures[0].product("NRCA4", "cal")))
    return errors.Fault(observation_id=REFUSED, kind="store", message="the disk was full", products={path.name: ops.store.put(path)})


def test_a_viewer_ingests_nothing_again(ops, tmp_path):
    errors.record(ops, _fault(ops, tmp_path))
    asked = ingest_problem.order(ops, error=_number(ops, REFUSED))
    with pytest.raises(NotAllowed):
        ingest_problem.carry_out(ops.as_person(Person("vera", Role.VIEWER)), asked, ticket=asked.ticket, reason="x")


def test_nothing_is_taken_by_half(ops):
    assert ingest_problem.half_taken(ops) == []
    with ops.db.begin() as c:
        c.execute(archived.archived_product.update().where(archived.archived_product.c.observation_id == PAIR).values(current=False))
    assert ingest_problem.half_taken(ops) == [{"observation": PAIR, "what": "it is described and has no product"}]


def test_an_act_that_p16_does_not_know_is_refused(ops):
    assert caom_audit.order(ops, act="audit", deep=True).facts == {"scope": "all", "reads_bytes": True}
    with pytest.raises(BadInput):
        caom_audit.order(ops, act="delete")
    with pytest.raises(BadInput):
        caom_audit.chosen(ops, [1], ["C22"])
