"""Level 1b: header contract, gaps, planned pointing."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.errors import BadVisit, StepFailed
from dmsops.processing.level1b import make_level1b, save
from dmsops.processing.pointing import PointingTelemetry


def make(telemetry, visit, oem, pedigree, *, samples=None, detector=0):
    exposure = visit.exposures[0]
    frame_seconds = (320 + 12) * (320 + 2) * 1e-5
    return make_level1b(
        telemetry,
        visit,
        exposure,
        exposure.readouts[detector],
        ephemeris=oem,
        engineering=PointingTelemetry(samples=samples or {}),
        frame_seconds=frame_seconds,
        pedigree=pedigree,
    )


def test_an_uncal_opens_without_schema_warnings(tmp_path, telemetry, visit, oem, pedigree):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst import datamodels

    model, _ = make(telemetry, visit, oem, pedigree)
    path = save(model, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        with datamodels.open(path) as read:
            assert type(read).__name__ == "Level1bModel"
            assert read.data.dtype == np.uint16
            np.testing.assert_array_equal(read.data, telemetry.pixels)
            assert read.meta.model_type == "Level1bModel"


def test_the_header_keeps_its_contract(tmp_path, telemetry, visit, oem, pedigree):
    model, _ = make(telemetry, visit, oem, pedigree)
    with fits.open(save(model, tmp_path)) as file:
        head, sci = file[0].header, file["SCI"].header
    expected = {
        "FILENAME": "jw02726402001_03104_00001_nrca3_uncal.fits",
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DETECTOR": "NRCA3",
        "MODULE": "A",
        "CHANNEL": "SHORT",
        "FILTER": "F212N",
        "PUPIL": "WLM8",
        "EXP_TYPE": "NRC_IMAGE",
        "READPATT": "RAPID",
        "PROGRAM": "02726",
        "OBSERVTN": "402",
        "VISIT": "001",
        "VISIT_ID": "02726402001",
        "VISITGRP": "03",
        "SEQ_ID": "1",
        "ACT_ID": "04",
        "EXPOSURE": "1",
        "OBS_ID": "V02726402001P0000000003104",
        "VISITYPE": "PRIME_WFSC_SENSING_ONLY",
        "VISITSTA": "SUCCESSFUL",
        "PATTTYPE": "WFSC",
        "PATT_NUM": 1,
        "NUMDTHPT": 2,
        "NINTS": 2,
        "NGROUPS": 4,
        "SUBARRAY": "SUB320",
        "APERNAME": "NRCA3_SUB320",
        "SDP_VER": "DMSOps 0.1.0",
        "PRD_VER": "PRDOPSSOC-075",
        "OSF_FILE": "2022338042704786_001_osf.xml",
        "DATAPROB": False,
        "ENG_QUAL": "SUSPECT",
        "ENGQLPTG": "PLANNED",
        "PCS_MODE": "FINEGUIDE",
        "GS_RA": 80.2,
        "TARG_RA": 80.0,
        "NEXPOSUR": 2,
        "EXPCOUNT": 1,
        "DATE-OBS": "2022-12-04",
        "TIME-OBS": "03:52:00.000",
        "FASTAXIS": -1,
        "SLOWAXIS": 2,
        "SCA_NUM": 483,
        "TITLE": "Wavefront maintenance",
    }
    assert {key: head.get(key) for key in expected} == expected
    assert head["NWFSEST"] > head["EXPEND"]
    assert sci["EPH_TYPE"] == "Predicted"
    assert sci["REFFRAME"] == "EME2000"
    assert sci["VA_SCALE"] != 1.0


def test_ephemeris_time_is_on_the_minute_at_or_before_the_middle(telemetry, visit, oem, pedigree):
    model, _ = make(telemetry, visit, oem, pedigree)
    minutes = model.meta.ephemeris.time * 1440
    assert abs(minutes - round(minutes)) < 1e-5
    assert 0 <= model.meta.exposure.mid_time * 1440 - minutes < 1


def test_observatory_is_earth_plus_ephemeris(telemetry, visit, oem, pedigree):
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    model, _ = make(telemetry, visit, oem, pedigree)
    e = model.meta.ephemeris
    earth = get_body_barycentric("earth", Time(e.time, format="mjd"), ephemeris="builtin").xyz.to_value("km")
    offset = np.array([e.spatial_x_bary, e.spatial_y_bary, e.spatial_z_bary]) - earth
    fixed = np.array([e.spatial_x_geo, e.spatial_y_geo, e.spatial_z_geo])
    assert np.linalg.norm(offset) * 1000 == pytest.approx(np.linalg.norm(fixed), rel=1e-9)
    assert offset[0] == pytest.approx(1.0e6, rel=1e-6)


def test_missing_rows_are_flagged_and_counted(telemetry, visit, oem, pedigree):
    filled = telemetry.filled.copy()
    filled[0, 1, 2:4] = filled[0, 1, 6] = False
    model, metrics = make(dataclasses.replace(telemetry, filled=filled), visit, oem, pedigree)
    assert model.meta.exposure.data_problem is True
    assert metrics["missing_rows"] == 3
    assert list(model.group["number_of_gaps"]) == [0, 2, 0, 0, 0, 0, 0, 0]
    assert model.group["completion_code_number"][1] == 1
    assert "3 of 64 rows did not arrive" in metrics["problems"]


def test_integration_times_lie_inside_the_exposure(telemetry, visit, oem, pedigree):
    model, _ = make(telemetry, visit, oem, pedigree)
    table = model.int_times
    assert table["int_start_MJD_UTC"][0] == pytest.approx(model.meta.exposure.start_time, abs=1e-9)
    assert table["int_end_MJD_UTC"][-1] == pytest.approx(model.meta.exposure.end_time, abs=1e-9)
    seconds = (table["int_mid_BJD_TDB"] - table["int_mid_MJD_UTC"]) * 86400
    assert (abs(seconds - 69.184) < 505).all()


def test_nothing_received_is_an_error_that_names_product_and_procedure(telemetry, visit, oem, pedigree):
    with pytest.raises(StepFailed, match="no row of this detector arrived") as caught:
        make(dataclasses.replace(telemetry, filled=np.zeros_like(telemetry.filled)), visit, oem, pedigree)
    assert "P04" in caught.value.remedy


def test_frames_of_another_shape_than_planned_are_refused(build, visit, oem, pedigree):
    with pytest.raises(StepFailed, match="the plan says"):
        make(build.telemetry(nints=1), visit, oem, pedigree)


def test_an_ephemeris_that_ends_too_early_is_an_error(telemetry, visit, oem, pedigree):
    short = dataclasses.replace(oem, times=oem.times[:100], positions=oem.positions[:100], velocities=oem.velocities[:100])
    with pytest.raises(StepFailed, match="covers MJD") as caught:
        make(telemetry, visit, short, pedigree)
    assert "P06" in caught.value.remedy


def test_an_unknown_detector_is_refused(build, telemetry, oem, pedigree):
    visit = build.visit((build.exposure(detectors=("NRCC1",)),))
    with pytest.raises(BadVisit, match="NRCC1"):
        make(telemetry, visit, oem, pedigree)


def test_a_visit_without_guide_star_is_coarse(build, telemetry, oem, pedigree):
    model, _ = make(telemetry, build.visit(guide_star=None), oem, pedigree)
    assert model.meta.guidestar.gs_pcs_mode == "COARSE"
