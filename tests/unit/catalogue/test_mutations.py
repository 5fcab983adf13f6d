"""Every defect of one observation is found by its check; beside it, what the public validators find."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import caom2
import pytest
from caom2.checksum import update_meta_checksum

from dmsops.archive.ingest import product_of
from dmsops.catalogue import check, describe
from dmsops.catalogue.registry import RULES, Case
from dmsops.testing.axes import chunk_with
from dmsops.testing.changes import artifact
from dmsops.testing.mutations import FROM_THE_LIST, MUTATIONS, Mutation
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
ARCHIVED = datetime(2022, 12, 5, tzinfo=UTC)
SUMS = "C47"


def summed(observation: Any) -> None:
    """Compute the description's own sums anew, as the program would that wrote it wrongly; where it cannot, it leaves them."""
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        update_meta_checksum(observation)


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Any) -> Case:
    """Give a sound observation of a program with exclusive access."""
    mutation: Mutation = request.param
    if mutation.on == "combined":
        names, members = [COMBINED], [f"{ROOT}_cal.fits", f"{ROOT.replace('00001', '00002')}_cal.fits"]
    else:
        names, members = [f"{ROOT}_{suffix}.fits" for suffix in ("uncal", "cal")], []
    products = [product_of(write_product(tmp_path / name, CATEGORY="GO")) for name in names]
    made = describe(products, members=members, archived_at=ARCHIVED, exclusive_days=90)
    return Case(observation=made, archived_at=ARCHIVED, exclusive_days=90)


@pytest.mark.parametrize(("case", "mutation"), [(m, m) for m in MUTATIONS], indirect=["case"], ids=[m.name for m in MUTATIONS])
def test_a_defect_is_found_by_its_check_and_by_no_other(case: Case, mutation: Mutation) -> None:
    assert check(case) == ()
    mutation.change(case.observation)
    if mutation.check != SUMS and SUMS not in mutation.also:
        summed(case.observation)
    found = check(case)
    assert mutation.check in {f.check for f in found}
    assert {f.check for f in found} <= {mutation.check} | mutation.also
    assert all(f.uri and f.expected and f.observed and f.remedy for f in found)


def test_what_nobody_recomputes_is_found_by_the_sums_alone(tmp_path: Any) -> None:
    made = describe([product_of(write_product(tmp_path / f"{ROOT}_cal.fits"))])
    made.target = caom2.Target("STAR-2")
    assert {f.check for f in check(made)} == {SUMS}


def test_sound_world_coordinates_are_no_finding(tmp_path: Any) -> None:
    made = describe([product_of(write_product(tmp_path / f"{ROOT}_cal.fits"))])
    artifact(made).parts["SCI"].chunks[0] = chunk_with()
    summed(made)
    assert check(made) == ()


def test_every_check_of_one_observation_has_a_defect() -> None:
    assert {r.id for r in RULES.values() if r.case is not None} == {m.check for m in MUTATIONS}
    assert len(MUTATIONS) > FROM_THE_LIST
