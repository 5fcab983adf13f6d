"""Which references are made, and what is refused before anything is."""

from dataclasses import replace

import pytest

from dmsops.core.config import Settings
from dmsops.core.errors import BadInput
from dmsops.core.records import Readout
from dmsops.testbed import references
from dmsops.testbed.references import RECIPE, build, read_recipe, recipe, sets_for
from dmsops.testing.deliveries import small_visit


def flown(subarray, *detectors):
    visit = small_visit()
    readouts = tuple(Readout(detector=d, filter="F212N", pupil="CLEAR") for d in detectors)
    return replace(visit, exposures=tuple(replace(e, subarray=subarray, readouts=readouts) for e in visit.exposures))


def test_a_set_covers_all_detectors_of_its_module_and_target_acquisition():
    assert recipe(["small"]).pieces() == [
        ("NRCA1", "SUB320"),
        ("NRCA2", "SUB320"),
        ("NRCA3", "SUB320"),
        ("NRCA3", "SUB64FP1A"),
        ("NRCA4", "SUB320"),
        ("NRCALONG", "SUB320"),
    ]


def test_both_sizes_share_the_target_acquisition():
    pieces = recipe(["small", "real"]).pieces()
    assert len(pieces) == len(set(pieces)) == 11


def test_a_cache_covers_what_it_was_made_for_and_no_more():
    both, small = recipe(["small", "real"]), recipe(["small"])
    assert both.covers(small)
    assert not small.covers(both)
    assert not replace(both, fingerprint="another").covers(small)


@pytest.mark.parametrize(
    ("visit", "sets"),
    [
        (flown("SUB320", "NRCA3", "NRCALONG"), ("small",)),
        (flown("FULL", "NRCA3"), ("real",)),
        (flown("FULL", "NRCA3", "NRCB1"), ("real", "real-b")),
        (flown("SUB320", "NRCBLONG"), ("small-b",)),
        (flown("SUB64FP1A", "NRCA3"), ("small",)),
        (flown("SUB160", "NRCA3"), ("real",)),
    ],
)
def test_a_visit_needs_the_references_of_its_subarrays_and_modules(visit, sets):
    assert sets_for([visit]) == sets


def test_a_visit_that_was_skipped_needs_no_full_frames():
    assert sets_for([replace(small_visit(), exposures=())]) == ("small",)


@pytest.mark.parametrize("sets", [(), ("huge",), ("small", "huge")])
def test_a_set_that_is_not_known_is_refused(tmp_path, sets):
    with pytest.raises(BadInput, match="sets of references"):
        build(Settings(site=tmp_path), sets)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "mine.txt").write_text("keep")
    with pytest.raises(BadInput, match="did not make"):
        build(Settings(site=tmp_path))
    assert (tmp_path / "crds" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("content", ["", "[]", '{"sets": "small"}', "{"])
def test_a_damaged_recipe_counts_as_none(tmp_path, content):
    (tmp_path / RECIPE).write_text(content)
    assert read_recipe(tmp_path) is None


def test_the_list_of_reference_types_is_whole_words():
    types = references.crds_context.REFERENCE_TYPES
    assert len(types) == len(set(types)) > 100
    assert {"gain", "flat", "pars-image2pipeline"} <= set(types)
