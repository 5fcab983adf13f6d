"""Visit definitions and their sizes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadVisit
from dmsops.core.modes import frame_seconds
from dmsops.testbed.osslog import read_log
from dmsops.testbed.sizes import as_size, detector_frames
from dmsops.testbed.visits import load_visit, open_visit, shipped, write_visit


@pytest.fixture(scope="module")
def sensing():
    return load_visit(shipped()["wfsc_sensing_only"])


def test_the_shipped_definition_and_the_real_log_are_the_same_visit(sensing, shared_data):
    assert read_log(shared_data / "oss_logs" / "V02726402001.txt") == sensing


def test_a_visit_may_come_as_log_or_as_definition(sensing, shared_data):
    assert open_visit(shared_data / "oss_logs" / "V02726402001.txt") == sensing
    assert open_visit(shipped()["wfsc_sensing_only"]) == sensing


def test_every_shipped_definition_can_be_flown():
    assert shipped()
    for path in shipped().values():
        assert load_visit(path).exposures


def test_a_definition_comes_back_as_it_was_written(tmp_path, sensing):
    write_visit(sensing, tmp_path / "v.toml")
    assert load_visit(tmp_path / "v.toml") == sensing


@settings(max_examples=60)
@given(
    title=st.text(st.characters(exclude_categories=["Cs"])),
    number=st.floats(allow_nan=False, allow_infinity=False),
    guided=st.booleans(),
)
def test_any_text_and_number_survives(tmp_path_factory, title, number, guided):
    visit = load_visit(shipped()["wfsc_sensing_only"])
    visit = replace(visit, title=title, position_angle=number, guide_star=visit.guide_star if guided else None)
    path = tmp_path_factory.mktemp("v") / "v.toml"
    write_visit(visit, path)
    assert load_visit(path) == visit


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "V02726402001"', 'id = "2726"', "field 'id' is not usable"),
        ('priority = "HIGH"', 'priority = "NOW"', "field 'priority' is 'NOW'"),
        ("ra = 140.213", 'ra = "140"', "field 'target.ra' is '140', not a number"),
        ("nints = 750", "nints = 0", r"field 'exposures\[1\].nints' is below 1"),
        ('detector = "NRCA1"', 'detector = "A1"', r"field 'exposures\[2\].readouts' names unknown detectors: A1"),
        ("[target]", "[aim]", "field 'aim' is not known"),
        ("[guide_star]", "[guide_star", "cannot be read as TOML"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, old, new, said):
    text = shipped()["wfsc_sensing_only"].read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(BadVisit, match=rf"^mine\.toml: {said}"):
        load_visit(tmp_path / "mine.toml")


def test_the_shipped_visit_is_160_full_frames(sensing):
    assert detector_frames(sensing) == 160
    assert {e.subarray for e in sensing.exposures[2:]} == {"FULL"}
    assert as_size(sensing, "real") is sensing


def test_the_small_size_keeps_frames_names_and_starts(sensing):
    small = as_size(sensing, "small")
    assert detector_frames(small) == 160
    assert [(e.name, e.start, e.ngroups, e.readouts) for e in small.exposures] == [
        (e.name, e.start, e.ngroups, e.readouts) for e in sensing.exposures
    ]


def test_the_small_size_reads_subarrays_in_their_time(sensing):
    for exposure in as_size(sensing, "small").exposures[2:]:
        assert exposure.subarray == "SUB320"
        assert exposure.photon_seconds == pytest.approx(8 * frame_seconds("SUB320"), abs=1e-3)
        assert exposure.exposure_seconds == pytest.approx(9 * frame_seconds("SUB320"), abs=1e-3)
        assert exposure.end == exposure.start + timedelta(seconds=exposure.exposure_seconds)


def test_the_small_size_cuts_the_jitter_exposure_and_leaves_acquisition(sensing):
    acquisition, jitter, *_ = as_size(sensing, "small").exposures
    assert acquisition == sensing.exposures[0]
    assert (jitter.nints, jitter.ngroups, jitter.subarray) == (10, 72, "SUB8FP1A")
    assert jitter.photon_seconds == pytest.approx(10 * 72 * frame_seconds("SUB8FP1A"))


def test_making_a_small_visit_small_changes_nothing(sensing):
    small = as_size(sensing, "small")
    assert as_size(small, "small") == small
