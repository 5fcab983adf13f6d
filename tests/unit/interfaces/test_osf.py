"""Observatory Status Files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.names import StatusFileName
from dmsops.core.records import Acquisition, Dither, Guiding
from dmsops.interfaces.fos import osf
from dmsops.interfaces.fos.osf import AntennaMove, read_osf, report_of, write_osf, write_report


def test_a_status_file_says_what_the_visit_did(tmp_path, visit):
    report = read_osf(write_osf(visit, tmp_path))
    assert (report.visit_id, report.visit_type, report.status, report.end_reason) == (visit.id, visit.visit_type, "SUCCESSFUL", "")
    assert (report.start, report.end) == (visit.start, visit.end)
    assert report.guide_star == visit.guide_star
    assert report.mirror_moves == visit.moves
    (exposure,) = report.exposures
    given = visit.exposures[0]
    assert (exposure.name, exposure.start, exposure.end, exposure.status) == (given.name, given.start, given.end, "completed")
    assert (exposure.exp_type, exposure.dither) == (given.exp_type, given.dither)
    assert exposure.detectors == ("NRCA3", "NRCALONG")
    assert report.exposure(given.name) == exposure


def test_it_is_named_by_the_time_of_writing_23_minutes_after_the_visit(tmp_path, visit):
    end = datetime(2022, 12, 31, 23, 40, 1, 7000, UTC)
    path = write_osf(replace(visit, end=end), tmp_path, issue=2)
    assert path.name == "2023001000301007_002_osf.xml"
    assert StatusFileName.matches(path.name)
    report = read_osf(path)
    assert (report.written, report.issue) == (end + timedelta(minutes=23), 2)


def test_small_and_large_numbers_survive(tmp_path, visit):
    exposure = replace(visit.exposures[0], dither=Dither(pattern="WFSC", index=2, total=2, x=1e-17, y=-123456789.125))
    report = read_osf(write_osf(replace(visit, exposures=(exposure,)), tmp_path))
    assert report.exposures[0].dither == exposure.dither


def test_times_survive_to_the_microsecond(tmp_path, visit):
    odd = visit.start + timedelta(microseconds=123457)
    assert read_osf(write_osf(replace(visit, start=odd), tmp_path)).start == odd


def test_what_was_not_executed_is_not_reported(tmp_path, visit):
    exposures = tuple(replace(visit.exposures[0], status=s) for s in ("planned", "missing"))
    assert read_osf(write_osf(replace(visit, exposures=exposures), tmp_path)).exposures == ()


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        ("completed", "", "SUCCESSFUL"),
        ("aborted", "", "FAILED"),
        ("completed", "NRC target locate failed", "FAILED"),
    ],
)
def test_target_acquisition_is_reported(tmp_path, visit, status, reason, outcome):
    acquisition = replace(visit.exposures[0], exp_type="NRC_TACQ", status=status)
    flown = replace(visit, exposures=(acquisition,), end_reason=reason)
    assert read_osf(write_osf(flown, tmp_path)).target_acquisition == outcome


def test_a_visit_without_acquisition_says_so(tmp_path, visit):
    assert read_osf(write_osf(visit, tmp_path)).target_acquisition == "NONE"


def test_a_skipped_visit_has_no_guide_star_and_no_exposures(tmp_path, visit):
    skipped = replace(visit, exposures=(), guide_star=None, moves=(), status="SKIPPED", end_reason='guide star < "failed" & gone')
    report = read_osf(write_osf(skipped, tmp_path))
    assert (report.status, report.guide_star, report.exposures) == ("SKIPPED", None, ())
    assert report.end_reason == 'guide star < "failed" & gone'


def test_antenna_moves_are_reported(tmp_path, visit):
    move = AntennaMove(start=visit.start, end=visit.start + timedelta(seconds=70))
    assert read_osf(write_osf(visit, tmp_path, antenna_moves=[move])).antenna_moves == (move,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("V02726402001", "V0272640200", "line 3.*|attribute 'id'"),
        ('status="SUCCESSFUL" end', 'status="FINE" end', "FINE"),
        ("_00001", "_1", "name"),
        ("<detector>NRCA3</detector>", "<detector>; rm -rf</detector>", "detector"),
        ("2022-12-04T02:53:25.580Z", "2022-13-04T02:53:25.580Z", "field 'start' is no time: 2022-13-04"),
        ("2022-12-04T02:53:25.580Z", "2022-12-04", "start"),
        ('guider="2"', 'guider="3"', "guider"),
        ("</visit>", "<extra/></visit>", "extra"),
        ('ra="140.1"', 'ra="NaN"', "NaN"),
        ("</observatory_status>", "", "cannot be read as XML"),
    ],
)
def test_a_wrong_place_is_named(tmp_path, visit, old, new, said):
    path = write_osf(visit, tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadDelivery, match=said) as caught:
        read_osf(path)
    assert caught.value.message.startswith(path.name)


def test_a_number_of_thousands_of_digits_is_refused(tmp_path, visit):
    path = write_osf(visit, tmp_path)
    path.write_bytes(path.read_bytes().replace(b' index="1"', b' index="' + b"9" * 5000 + b'"'))
    with pytest.raises(BadDelivery, match=r"_osf\.xml: line [0-9]+: attribute 'index' has 5000 characters"):
        read_osf(path)


def test_an_exposure_reported_twice_is_refused(tmp_path, visit):
    with pytest.raises(BadInput, match="breaks its schema"):
        write_osf(replace(visit, exposures=visit.exposures * 2), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("declaration", ['<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>', "<!DOCTYPE observatory_status>"])
def test_a_document_type_declaration_is_refused(tmp_path, visit, declaration):
    path = write_osf(visit, tmp_path)
    head, body = path.read_text().split("?>", 1)
    path.write_text(f"{head}?>{declaration}{body}".replace('end_reason=""', 'end_reason="x"'))
    with pytest.raises(BadDelivery, match="document type"):
        read_osf(path)


def test_entities_that_multiply_are_refused(tmp_path):
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    path = tmp_path / "2022338043004786_001_osf.xml"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "x">{entities}]><observatory_status>&e11;</observatory_status>')
    with pytest.raises(BadDelivery):
        read_osf(path)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"<a/>", b"{}", b"<" * 100_000])
def test_what_is_no_status_file_is_refused(tmp_path, content):
    path = tmp_path / "2022338043004786_001_osf.xml"
    path.write_bytes(content)
    with pytest.raises(BadDelivery, match=r"2022338043004786_001_osf\.xml"):
        read_osf(path)


# Layout 2: how guiding went, and each target acquisition.


def test_guiding_and_acquisitions_are_reported(tmp_path, visit):
    name = visit.exposures[0].name
    acquired = (
        Acquisition(detector="NRCA3", outcome="FAILED", exposure=name),
        Acquisition(detector="NRCA3", outcome="SUCCESSFUL", column=1587.89891, row=1409.87847, sam_x=-0.0119608742, sam_y=1e-9),
    )
    flown = replace(visit, guiding=Guiding(outcome="LOST", attempt=2), acquisitions=acquired)
    report = read_osf(write_osf(flown, tmp_path))
    assert (report.guiding, report.acquisitions, report.target_acquisition) == (flown.guiding, acquired, "SUCCESSFUL")


def test_a_visit_that_was_guided_says_so_even_when_its_log_does_not(tmp_path, visit):
    assert read_osf(write_osf(visit, tmp_path)).guiding == Guiding(outcome="ACQUIRED", attempt=1)
    assert read_osf(write_osf(replace(visit, guide_star=None), tmp_path)).guiding is None


def test_a_report_that_is_written_is_read_as_it_was(tmp_path, visit):
    report = report_of(visit, 7, antenna_moves=[AntennaMove(start=visit.start, end=visit.end)])
    later = replace(report, written=report.written + timedelta(hours=1, microseconds=1000))
    path = write_report(later, tmp_path)
    assert path.name.endswith("_007_osf.xml")
    assert read_osf(path) == later


def test_layout_1_is_still_read(tmp_path, visit):
    path = write_osf(visit, tmp_path)
    lines = [line for line in path.read_text().splitlines() if "<guiding" not in line]
    path.write_text("\n".join(lines).replace('layout="2"', 'layout="1"'))
    assert read_osf(path) == replace(report_of(visit), guiding=None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('layout="2"', 'layout="3"', "layout"),
        ('layout="2"', 'layout="1"', "layout 1"),
        ('outcome="ACQUIRED"', 'outcome="MAYBE"', "MAYBE"),
        ('attempt="1"', 'attempt="0"', "attempt"),
        ('issue="1"', 'issue="0"', "issue"),
        ('issue="1"', 'issue="1000"', "issue"),
    ],
)
def test_a_wrong_layout_or_outcome_is_named(tmp_path, visit, old, new, said):
    path = write_osf(visit, tmp_path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadDelivery, match=said):
        read_osf(path)


def test_a_file_too_large_to_be_one_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "2022338043004786_001_osf.xml"
    path.write_bytes(b" " * (osf.LARGEST + 1))
    monkeypatch.setattr(osf, "load_xml", None)
    with pytest.raises(BadDelivery, match="at most 4000000"):
        read_osf(path)
