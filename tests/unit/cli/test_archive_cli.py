"""``dmsops archive``: what is held is shown in words and as JSON, what is decided goes by the preview's hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dmsops.core.errors import BadInput, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Role, put_person, system_user
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.commands import Part
from tests.runbooks import archive

_PART = Part("archive")
call, data, text = _PART.call, _PART.data, _PART.text
PAIR = "jw02726-o405_t001_nircam_f212n-wlm8-sub16-nrca3-04"
EXPOSURE = "jw02726405001_03104_00001_nrca3"
REFUSED = "jw02726405001_03104_00001_nrca4"


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """A site with two exposures and a pair, one refused observation, a duplicate; the user is its lead."""
    folder = tmp_path_factory.mktemp("archive")
    opened = small_site(folder / "site", START + timedelta(hours=2))
    with opened.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    archive.fill(opened, folder / "products")
    yield opened
    opened.db.dispose()


def test_the_summary_counts_products_and_says_what_was_refused(ops):
    said = text(ops, "summary")
    assert "2 cal, 2 rate, 2 rateints, 2 uncal, 1 wfscmb" in said
    assert "is_valid_fails, the description is not sound" in said
    assert data(ops, "summary")["caom"]["observations"] == 3


def test_observations_are_found_by_prefix_and_by_any_word(ops):
    assert [row["id"] for row in data(ops, "observations", "--prefix", "jw02726405")] == [EXPOSURE, EXPOSURE.replace("00001", "00002")]
    assert [row["id"] for row in data(ops, "observations", "--search", "WLM8")] == [PAIR]
    assert "No observation." in text(ops, "observations", "--search", "miri")


def test_an_observation_is_shown_whole(ops):
    story = data(ops, "show", PAIR)
    assert [row["uri"].rsplit("/", 1)[1] for row in story["planes"][0]["artifacts"]] == [row["name"] for row in story["products"]]
    said = text(ops, "show", PAIR)
    assert "Made from" in said
    assert EXPOSURE in said
    assert "duplicate_product" in said
    assert "is not archived: its ingest failed" in text(ops, "show", REFUSED)
    assert call(ops, "show", "nothing").exit_code == NotFound.exit_code


def test_products_and_versions_name_their_sums(ops):
    name = f"{EXPOSURE}_cal.fits"
    (row,) = data(ops, "versions", name)
    assert (row["version"], row["current"], len(row["sha256"])) == (1, True, 64)
    assert row in data(ops, "products", "--observation", EXPOSURE)
    assert "never had a product" in text(ops, "versions", "jw0.fits")


def test_the_document_is_printed_as_it_lies_in_the_store(ops):
    found = data(ops, "xml", EXPOSURE)["xml"]
    assert found.startswith("<?xml")
    assert f">{EXPOSURE}<" in found
    assert f">{EXPOSURE}<" in text(ops, "xml", EXPOSURE)


def test_errors_show_their_findings_and_what_repairs_them(ops):
    rows = {row["observation_id"]: row for row in data(ops, "errors")}
    assert set(rows) == {PAIR, REFUSED}
    said = text(ops, "error", str(rows[REFUSED]["id"]))
    assert "C28" in said
    assert "What repairs it" in said
    assert "no ingest error 77" in call(ops, "error", "77").stderr


def test_what_is_still_broken_is_not_ingested_again(ops):
    number = str(next(row["id"] for row in data(ops, "errors") if row["observation_id"] == REFUSED))
    seen = data(ops, "ingest-again", number)
    assert (seen["applied"], len(seen["plan"]["findings"])) == (False, 1)
    done = call(ops, "ingest-again", number, "--apply", seen["plan"]["ticket"], "--reason", "again")
    assert done.exit_code != 0
    assert "would be refused again" in done.stderr


def test_an_error_is_closed_by_the_previews_hash(ops):
    number = str(next(row["id"] for row in data(ops, "errors") if row["observation_id"] == REFUSED))
    seen = data(ops, "close-error", number)
    assert call(ops, "close-error", number, "--apply", "0" * 16, "--reason", "x").exit_code == StalePlan.exit_code
    assert "needs a reason" in call(ops, "close-error", number, "--yes").stderr
    assert data(ops, "close-error", number, "--apply", seen["plan"]["ticket"], "--reason", "a test")["applied"] is True
    assert [row["observation_id"] for row in data(ops, "errors")] == [PAIR]
    assert len(data(ops, "errors", "--all")) == 2


def test_of_two_products_of_one_name_the_old_one_is_kept(ops):
    assert [row["observation_id"] for row in data(ops, "duplicates")] == [PAIR]
    seen = data(ops, "keep", PAIR, "old")
    assert seen["applied"] is False
    assert "Refused (new)" in text(ops, "keep", PAIR, "old")
    assert data(ops, "keep", PAIR, "old", "--apply", seen["plan"]["hash"], "--reason", "the right pair")["applied"] is True
    assert data(ops, "duplicates") == []
    assert call(ops, "keep", PAIR, "old").exit_code == NotFound.exit_code


def test_an_observation_is_withdrawn_and_restored(ops):
    seen = data(ops, "withdraw", PAIR)
    assert "1 observation would be withdrawn" in text(ops, "withdraw", PAIR)
    assert data(ops, "withdraw", PAIR, "--apply", seen["plan"]["hash"], "--reason", "asked by the PI")["applied"] is True
    assert data(ops, "observations", "--no-withdrawn", "--search", "wlm8") == []
    assert data(ops, "restore", PAIR, "--yes", "--reason", "a mistake")["applied"] is True
    assert len(data(ops, "observations", "--no-withdrawn", "--search", "wlm8")) == 1
    assert "asked by the PI" in text(ops, "show", PAIR)


def test_exclusive_access_of_a_program_is_written_down_with_a_reason(ops):
    assert [row["id"] for row in data(ops, "proposal")] == ["02726"]
    assert "needs a reason" in call(ops, "proposal", "02726", "--exclusive-days", "0").stderr
    (row,) = data(ops, "proposal", "02726", "--exclusive-days", "0", "--reason", "the PI waives it")
    assert row["exclusive_days"] == 0
    assert call(ops, "proposal", "2726", "--exclusive-days", "0", "--reason", "x").exit_code == BadInput.exit_code


def test_a_viewer_decides_nothing(ops):
    with ops.db.begin() as c:
        put_person(c, system_user(), Role.VIEWER)
    try:
        assert call(ops, "withdraw", PAIR, "--yes", "--reason", "why not").exit_code == NotAllowed.exit_code
    finally:
        with ops.db.begin() as c:
            put_person(c, system_user(), Role.LEAD)


@pytest.mark.parametrize("words", [("--cone", "1,2"), ("--cone", "a,b,c"), ("--time", "nan,1"), ("--energy", "1")])
def test_numbers_that_are_none_are_refused(ops, words):
    done = call(ops, "search", *words)
    assert done.exit_code == BadInput.exit_code
    assert "with commas between" in done.stderr


def test_planes_are_found_by_place_and_program(ops):
    found = data(ops, "search", "--cone", "80.0,-69.5,0.01", "--proposal", "02726")
    assert {row["observation_id"] for row in found["rows"]} == {PAIR, EXPOSURE, EXPOSURE.replace("00001", "00002")}
    assert found["more"] is False
    assert data(ops, "search", "--limit", "1")["more"] is True
    assert "Nothing was found." in text(ops, "search", "--cone", "10,10,1")
    assert EXPOSURE in text(ops, "search", "--target", "STAR")
