"""Associations: rows from headers, the jwst rules, steps to run, problems in words."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from dmsops.core.errors import StepFailed
from dmsops.core.records import Dither
from dmsops.processing.associate import Readings, dress, make_associations, make_pool, root
from dmsops.processing.level1b import make_level1b, save
from dmsops.processing.pointing import PointingTelemetry

STAMP = "20221204t040204"


@pytest.fixture
def readings(pedigree):
    def make(visit, received=None):
        every = {(str(e.name), r.detector) for e in visit.exposures for r in e.readouts}
        return Readings(visit=visit, received=frozenset(every if received is None else received), pedigree=pedigree)

    return make


@pytest.fixture
def sensing_visit(build):
    """TA, jitter and two pairs on two detectors, as the routine sensing visit has them."""
    none = Dither()
    return build.visit(
        (
            build.exposure("02", 1, at=-120, exp_type="NRC_TACQ", detectors=("NRCA3",), dither=none, subarray="SUB64FP1A"),
            build.exposure("02", 2, at=-60, detectors=("NRCA3",), dither=none, subarray="SUB8FP1A", dms_note="WFSC_LOS_JITTER"),
            build.exposure("04", 1, index=1),
            build.exposure("04", 2, index=2, at=60),
            build.exposure("05", 1, index=1, at=120),
            build.exposure("05", 2, index=2, at=180),
        )
    )


def test_a_sensing_visit_gives_an_image2_per_exposure_and_a_pair_per_detector_and_activity(tmp_path, readings, sensing_visit):
    made = make_associations([readings(sensing_visit)], STAMP, tmp_path)
    assert made.counts == {"image2": 9, "wfs-image3": 4}
    assert made.orphans == ("jw02726402001_03102_00002_nrca3",)
    assert not made.problems
    assert made.files[0] == f"jw02726_{STAMP}_pool.csv"
    assert all((tmp_path / name).is_file() for name in made.files)


def test_the_steps_name_their_members_and_products(tmp_path, readings, sensing_visit):
    made = make_associations([readings(sensing_visit)], STAMP, tmp_path)
    pairs = {s.makes[0]: s for s in made.spawn if s.kind == "processing.wfs_image3"}
    assert set(pairs) == {
        f"jw02726-o402_t001_nircam_{optics}_wfscmb-{activity}.fits"
        for optics in ("f212n-wlm8-sub320-nrca3", "clear-f356w-sub320-nrcalong")
        for activity in ("04", "05")
    }
    pair = pairs["jw02726-o402_t001_nircam_f212n-wlm8-sub320-nrca3_wfscmb-04.fits"]
    assert set(pair.needs) == {
        pair.params["association"],
        "jw02726402001_03104_00001_nrca3_cal.fits",
        "jw02726402001_03104_00002_nrca3_cal.fits",
    }, "a pair does not wait for the target acquisition that the rules name as a member"
    singles = [s for s in made.spawn if s.kind == "processing.image2"]
    assert {len(s.needs) for s in singles} == {2}
    assert {s.makes[0] for s in singles if "05_00002" in s.dataset} == {
        f"jw02726402001_03105_00002_{d}_cal.fits" for d in ("nrca3", "nrcalong")
    }


def test_what_was_not_received_is_in_no_association(tmp_path, readings, sensing_visit):
    lost = ("jw02726402001_03104_00002", "NRCA3")
    every = {(str(e.name), r.detector) for e in sensing_visit.exposures for r in e.readouts}
    made = make_associations([readings(sensing_visit, every - {lost})], STAMP, tmp_path)
    assert made.counts["image2"] == 8
    assert "jw02726402001_03104_00002_nrca3" not in "".join((tmp_path / name).read_text() for name in made.files)


def test_half_a_pair_with_a_target_acquisition_is_no_pair_and_is_reported(tmp_path, readings, sensing_visit):
    lost = ("jw02726402001_03104_00002", "NRCA3")
    every = {(str(e.name), r.detector) for e in sensing_visit.exposures for r in e.readouts}
    made = make_associations([readings(sensing_visit, every - {lost})], STAMP, tmp_path)
    assert len([s for s in made.spawn if s.kind == "processing.wfs_image3"]) == 3
    assert len(made.problems) == 1
    assert "has 1 (procedure P13)" in made.problems[0]


def test_three_science_members_are_no_pair_and_are_reported(tmp_path, build, readings):
    visit = build.visit(tuple(build.exposure("04", n, index=n, total=3, at=60 * n, detectors=("NRCA3",)) for n in (1, 2, 3)))
    made = make_associations([readings(visit)], STAMP, tmp_path)
    assert made.counts == {"image2": 3, "wfs-image3": 1}
    assert not [s for s in made.spawn if s.kind == "processing.wfs_image3"]
    assert len(made.problems) == 1
    assert "has 3 (procedure P13)" in made.problems[0]


def test_an_ordinary_visit_is_combined_by_image3(tmp_path, build, readings):
    pattern = {"dither": Dither(pattern="INTRAMODULE", index=1, total=2)}
    exposures = tuple(build.exposure("04", n, at=60 * n, detectors=("NRCA3",), **pattern) for n in (1, 2))
    made = make_associations([readings(build.visit(exposures, visit_type="PRIME_TARGETED_FIXED"))], STAMP, tmp_path)
    assert {s.kind for s in made.spawn} == {"processing.image2", "processing.image3"}
    assert {s.makes for s in made.spawn if s.kind == "processing.image2"} == {
        tuple(f"jw02726402001_03104_0000{n}_nrca3_{suffix}.fits" for suffix in ("cal", "i2d")) for n in (1, 2)
    }
    (image3,) = (s for s in made.spawn if s.kind == "processing.image3")
    assert image3.makes == ("jw02726-o402_t001_nircam_f212n-wlm8-sub320_i2d.fits",)


def test_the_same_stamp_gives_the_same_bytes(tmp_path, readings, sensing_visit):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (make_associations([readings(sensing_visit)], STAMP, tmp_path / place) for place in "ab")
    assert first == second
    for name in first.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_another_stamp_gives_other_names(tmp_path, readings, sensing_visit):
    first = make_associations([readings(sensing_visit)], STAMP, tmp_path)
    second = make_associations([readings(sensing_visit)], "20221204t050000", tmp_path)
    assert not set(first.files) & set(second.files)
    assert {s.makes for s in first.spawn} == {s.makes for s in second.spawn}


def test_rows_are_those_that_the_pool_maker_makes_from_the_real_files(tmp_path, build, readings, oem, pedigree):
    from jwst.associations.mkpool import mkpool

    visit = build.visit(tuple(build.exposure(number=n, index=n, at=60 * n, detectors=("NRCA3",)) for n in (1, 2)))
    for exposure in visit.exposures:
        model, _ = make_level1b(
            build.telemetry(),
            visit,
            exposure,
            exposure.readouts[0],
            ephemeris=oem,
            engineering=PointingTelemetry(samples={}),
            frame_seconds=build.frame_seconds,
            pedigree=pedigree,
        )
        save(model, tmp_path)
    real = mkpool([str(path) for path in sorted(tmp_path.glob("*_uncal.fits"))])
    real["filename"] = [path.name for path in sorted(tmp_path.glob("*_uncal.fits"))]
    real = dress(real, dict.fromkeys(real["filename"], ""))
    ours = make_pool([readings(visit)])
    assert ours.colnames == real.colnames
    for left, right in zip(ours, real, strict=True):
        assert dict(zip(ours.colnames, left, strict=True)) == dict(zip(real.colnames, right, strict=True))


def test_associations_load_in_the_jwst_package(tmp_path, readings, sensing_visit):
    from jwst.associations import load_asn

    for name in make_associations([readings(sensing_visit)], STAMP, tmp_path).files[1:]:
        with (tmp_path / name).open() as file:
            assert load_asn(file)["products"]
        assert json.loads((tmp_path / name).read_text())["asn_pool"] == f"jw02726_{STAMP}_pool.csv"


def test_two_programs_do_not_share_a_pool(tmp_path, build, readings):
    other = build.visit()
    other = dataclasses.replace(other, id=dataclasses.replace(other.id, program="01234"))
    with pytest.raises(StepFailed, match="one program"):
        make_associations([readings(build.visit()), readings(other)], STAMP, tmp_path)


def test_an_empty_visit_has_no_pool(tmp_path, build, readings):
    with pytest.raises(StepFailed, match="received exposures"):
        make_associations([readings(build.visit(), received=())], STAMP, tmp_path)
    shutil.rmtree(tmp_path)


def test_a_root_has_no_suffix():
    assert root("jw02726402001_03104_00001_nrca3_uncal.fits") == "jw02726402001_03104_00001_nrca3"


def test_every_segment_is_a_row_of_the_pool_and_becomes_its_own_image2(tmp_path, build, readings):
    visit = build.visit((build.exposure("04", 1, detectors=("NRCA3",), dither=Dither()),), visit_type="PRIME_TARGETED_FIXED")
    cut = dataclasses.replace(readings(visit), segment_bytes=1)
    pool = make_pool([cut])
    assert sorted(pool["filename"]) == [f"jw02726402001_03104_00001-seg00{n}_nrca3_uncal.fits" for n in (1, 2)]
    assert {str(row["exsegtot"]) for row in pool} == {"2"}
    made = make_associations([cut], STAMP, tmp_path)
    calibrated = sorted(s.makes[0] for s in made.spawn if s.kind == "processing.image2")
    assert calibrated == [f"jw02726402001_03104_00001-seg00{n}_nrca3_cal.fits" for n in (1, 2)]
