"""The header contract of level 1b: every kind of exposure that the test bed makes, every keyword that its sources promise."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core import modes
from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import AntennaMove, GuideStar, Readout
from dmsops.processing.header import Frame
from dmsops.processing.level1b import Telemetry, make_level1b, save
from dmsops.processing.pointing import PointingTelemetry

NIRCAM = {"detector": "NRCA3", "filter": "F212N", "pupil": "CLEAR"}
NIRISS = {"detector": "NIS", "filter": "CLEAR", "pupil": "F150W"}
MIRI = {"detector": "MIRIMAGE", "filter": "F770W", "pupil": "N/A"}
NIRSPEC = {"detector": "NRS1", "filter": "F110W", "pupil": "N/A", "grating": "MIRROR", "slit": "S1600A1"}
FGS = {"detector": "GUIDER2", "filter": "N/A", "pupil": "N/A"}
OPAQUE = {**NIRSPEC, "filter": "OPAQUE", "slit": ""}
KINDS = {
    "NRC_IMAGE": (NIRCAM, "RAPID", "SUB320"),
    "NRC_TACQ": (NIRCAM, "RAPID", "SUB64FP1A"),
    "NRC_DARK": (NIRCAM, "RAPID", "SUB320"),
    "NRC_LED": ({**NIRCAM, "lamp": "LED1"}, "RAPID", "SUB320"),
    "NRC_FLAT": (NIRCAM, "RAPID", "SUB320"),
    "NIS_IMAGE": (NIRISS, "NISRAPID", "SUB64"),
    "NIS_TACQ": (NIRISS, "NISRAPID", "SUBTAAMI"),
    "NIS_DARK": (NIRISS, "NISRAPID", "SUB64"),
    "NIS_LAMP": ({**NIRISS, "lamp": "LINE1"}, "NISRAPID", "SUB64"),
    "MIR_IMAGE": (MIRI, "FASTR1", "SUB64"),
    "MIR_TACQ": (MIRI, "FAST", "SUB64"),
    "MIR_DARKIMG": ({**MIRI, "filter": "OPAQUE"}, "FASTR1", "SUB64"),
    "MIR_FLATIMAGE": ({**MIRI, "lamp": "IMAGER"}, "FASTR1", "SUB64"),
    "NRS_WATA": (NIRSPEC, "NRSRAPID", "SUB32"),
    "NRS_DARK": (OPAQUE, "NRSRAPID", "SUB32"),
    "FGS_IMAGE": (FGS, "FGSRAPID", "SUB32CNTR"),
    "FGS_DARK": (FGS, "FGSRAPID", "SUB32CNTR"),
    "FGS_INTFLAT": (FGS, "FGSRAPID", "SUB32CNTR"),
}
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "level1b.md"
REFERENCES = (
    "dark",
    "mask",
    "flat",
    "superbias",
    "linearity",
    "saturation",
    "gain",
    "readnoise",
    "photom",
    "area",
    "reset",
    "rscd",
    "refpix",
)


def promised(where):
    """Read from the reference page which keywords every exposure has, in the primary header or the science extension's."""
    primary, science = PAGE.read_text(encoding="utf-8").split("In the science extension:")
    rows = [line.split("|") for line in {"primary": primary, "science": science}[where].splitlines() if line.startswith("| `")]
    everywhere = ("all", "where a guide star held the observatory")
    return [key for row in rows if row[3].strip() in everywhere for key in re.findall(r"`([A-Z0-9_-]+)`", row[1])]


@pytest.fixture(scope="module")
def make(build, oem, pedigree):
    """Give a function that makes one uncal of a kind, with changes to exposure, visit and telemetry."""

    def make(kind, folder, *, visit_changes=None, telemetry_changes=None, **changes):
        readout, pattern, subarray = KINDS[kind]
        made = build.exposure(exp_type=kind, subarray=subarray, detectors=("NRCA3",))
        exposure = replace(made, readpatt=pattern, readouts=(Readout(**readout),), **changes)
        part = modes.subarray_of(exposure)
        shape = (exposure.nints, exposure.ngroups, part.rows, part.columns)
        aperture = part.aperture_of(readout["detector"])
        frame = Frame(subarray=subarray, xstart=1, ystart=1, xsize=part.columns, ysize=part.rows, aperture=aperture)
        visit = build.visit((exposure,), **{"visit_type": "PRIME_TARGETED_FIXED", **(visit_changes or {})})
        telemetry = Telemetry(pixels=np.full(shape, 9000, dtype=np.uint16), filled=np.ones(shape[:3], dtype=bool), frame=frame)
        model, _ = make_level1b(
            replace(telemetry, **(telemetry_changes or {})), visit, exposure, exposure.readouts[0],
            ephemeris=oem, engineering=PointingTelemetry(samples={}), frame_seconds=part.frame_seconds, pedigree=pedigree,
        )  # fmt: skip
        return save(model, folder)

    return make


@pytest.fixture(scope="module")
def uncal(make, tmp_path_factory):
    """Give a function that gives the uncal of a kind, made once."""
    return cache(lambda kind: make(kind, tmp_path_factory.mktemp(kind)))


def headers(path):
    with fits.open(path) as file:
        return dict(file[0].header), dict(file["SCI"].header)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_exposure_keeps_the_contract(kind, uncal, pedigree):
    head, science = headers(uncal(kind))
    assert [key for key in promised("primary") if head.get(key) in (None, "")] == []
    assert [key for key in promised("science") if science.get(key) is None] == []
    assert head["EXP_TYPE"] == kind
    assert head["INSTRUME"] == modes.instrument_of(kind)
    assert head["OSF_FILE"] == pedigree.osf_file


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_opens_under_strict_validation(kind, uncal):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst import datamodels

    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        with datamodels.open(uncal(kind), strict_validation=True) as model:
            model.validate()
            assert type(model).__name__ == "Level1bModel"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_references_are_chosen_by_is_missing(kind, uncal):
    """What the CRDS client's own specifications choose by; elements that an instrument does not have are named by those alone."""
    import crds
    from stdatamodels.jwst import datamodels

    specs = json.loads((Path(crds.__file__).parent / "jwst" / "specs" / "combined_specs.json").read_text())
    instrument = modes.instrument_of(kind).lower()
    groups = (group for of in REFERENCES for group in specs[instrument].get(of, {}).get("parkey") or [])
    keys = {key.replace("EXPOSUIRE", "EXPOSURE") for group in groups for key in group}
    keys -= {"META.INSTRUMENT.BAND"} if KINDS[kind][0]["detector"] == "MIRIMAGE" else set()
    keys -= {"META.INSTRUMENT.FILTER"} if instrument == "fgs" else set()
    with datamodels.open(uncal(kind)) as model:
        assert [key for key in sorted(keys) if model[key.lower()] is None] == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NRC_LED", {"MODULE": "A", "CHANNEL": "SHORT", "PUPIL": "CLEAR", "LAMP": "LED1", "INTARGET": True, "TARGNAME": "NONE"}),
        ("NRC_DARK", {"INTARGET": True, "SRCTYAPT": "UNKNOWN", "NOUTPUTS": 1, "APERNAME": "NRCA3_SUB320"}),
        ("NIS_IMAGE", {"FILTER": "CLEAR", "PUPIL": "F150W", "FASTAXIS": -2, "SLOWAXIS": -1, "SCA_NUM": 496, "APERNAME": "NIS_SUB64"}),
        ("MIR_IMAGE", {"FILTER": "F770W", "NOUTPUTS": 4, "MIRNGRPS": 4, "CCCSTATE": "OPEN", "SCA_NUM": 493, "APERNAME": "MIRIM_SUB64"}),
        ("MIR_DARKIMG", {"FILTER": "OPAQUE", "CCCSTATE": "CLOSED", "INTARGET": True}),
        ("NRS_WATA", {"GRATING": "MIRROR", "FXD_SLIT": "S1600A1", "FASTAXIS": 2, "SLOWAXIS": 1, "INTARGET": False, "LAMP": "NONE"}),
        ("NRS_DARK", {"FILTER": "OPAQUE", "FXD_SLIT": "NONE", "INTARGET": True}),
        ("FGS_IMAGE", {"DETECTOR": "GUIDER2", "FASTAXIS": 2, "SLOWAXIS": -1, "SCA_NUM": 498, "APERNAME": "FGS2_SUB32CNTR"}),
    ],
)
def test_what_the_instrument_alone_has_is_said_in_its_words(kind, expected, uncal):
    head, _ = headers(uncal(kind))
    assert {key: head.get(key) for key in expected} == expected


def test_axes_are_those_that_the_pipelines_reference_pixels_are_tested_with():
    from jwst.refpix.tests.test_refpix import AXES

    from dmsops.processing.detectors import DETECTORS

    assert {name: (d.fastaxis, d.slowaxis) for name, d in DETECTORS.items() if name in AXES} == AXES
    assert len({d.sca for d in DETECTORS.values()}) == 18


@pytest.mark.parametrize(("sequence", "visit_type", "said"), [
    ("1", "PRIME_TARGETED_FIXED", "PRIME"), ("3", "PRIME_TARGETED_FIXED", "PARALLEL_COORDINATED"), ("2", "PARALLEL_PURE", "PARALLEL_PURE"),
])  # fmt: skip
def test_parallels_are_told_apart(sequence, visit_type, said, make, tmp_path):
    name = ExposureName(VisitId("02726", "402", "001"), "03", sequence, "04", 1)
    head, _ = headers(make("NRC_DARK", tmp_path, visit_changes={"visit_type": visit_type}, name=name))
    assert (head["EXPRIPAR"], head["SEQ_ID"], head["OBS_ID"][-5:]) == (said, sequence, f"03{sequence}04")


@pytest.mark.parametrize(
    ("star", "kind", "mode"),
    [
        (GuideStar(), "NRC_IMAGE", "FINEGUIDE"),
        (GuideStar(control="TRACK"), "NRC_IMAGE", "TRACK"),
        (None, "NRC_IMAGE", "COARSE"),
        (None, "NRC_DARK", "NONE"),
    ],
)
def test_the_header_says_how_the_pointing_was_held(star, kind, mode, make, tmp_path):
    head, _ = headers(make(kind, tmp_path, visit_changes={"guide_star": star}))
    assert head["PCS_MODE"] == mode


def test_antenna_moves_during_an_exposure_are_in_its_header(make, build, tmp_path):
    def moved(seconds):
        start = build.start + timedelta(seconds=seconds)
        return {"antenna_moves": (AntennaMove(start=start, end=start + timedelta(seconds=1)),)}

    during, _ = headers(make("NRC_IMAGE", tmp_path, visit_changes=moved(0.5)))
    assert (during["HGA_MOVE"], during["HGA_STRT"]) == (True, "2022-12-04 03:52:00.500")
    before, _ = headers(make("NRC_IMAGE", tmp_path, visit_changes=moved(-20)))
    assert (before["HGA_MOVE"], before.get("HGA_STRT")) == (False, None)


def test_the_first_reads_and_the_reference_output_are_kept(make, tmp_path):
    zero, reference = np.full((2, 320, 320), 7, dtype=np.uint16), np.full((2, 4, 64, 18), 8, dtype=np.uint16)
    with fits.open(make("NRC_IMAGE", tmp_path, telemetry_changes={"zeroframe": zero}, zero_frame=True)) as file:
        assert file[0].header["ZEROFRAM"] is True
        np.testing.assert_array_equal(file["ZEROFRAME"].data, zero)
    with fits.open(make("MIR_IMAGE", tmp_path, telemetry_changes={"refout": reference})) as file:
        np.testing.assert_array_equal(file["REFOUT"].data, reference)
        assert "ZEROFRAME" not in file
