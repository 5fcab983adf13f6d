"""A flown visit: what is delivered is what was simulated, again and again, and only what the visit got to."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from dmsops.core.errors import BadInput, BadVisit, Refused
from dmsops.core.records import Readout
from dmsops.interfaces.fdf import read_oem
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest
from dmsops.interfaces.fos.osf import read_osf
from dmsops.interfaces.fos.packets import Geometry, read_exposure, scan
from dmsops.interfaces.pps import read_plan
from dmsops.interfaces.prds import telemetry_database
from dmsops.testbed import orbit, pointing, recording, telemetry
from dmsops.testbed.fly import fly
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.telemetry import read_engineering, write_engineering


def short(detectors=("NRCA3", "NRCALONG")):
    """Give the shipped visit cut to its acquisition and one pair on two detectors, small."""
    visit = as_size(load_visit(shipped()["wfsc_sensing_only"]), "small")
    keep = [e for e in visit.exposures if e.exp_type == "NRC_TACQ" or e.name.activity == "04"]
    return replace(visit, exposures=tuple(replace(e, readouts=tuple(r for r in e.readouts if r.detector in detectors)) for e in keep))


@pytest.fixture(scope="module")
def visit():
    return short()


@pytest.fixture(scope="module")
def flight(visit, settings, tmp_path_factory):
    return fly(visit, tmp_path_factory.mktemp("flight"), settings=settings)


def sums(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def the(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def test_the_delivery_holds_every_kind_of_file_with_its_true_sum(flight):
    manifest = read_manifest(flight.delivery / MANIFEST)
    assert {f.kind for f in manifest.files} == {"science", "engineering", "osf", "ephemeris", "plan"}
    assert {f.name: f.sha256 for f in manifest.files} | {MANIFEST: sums(flight.delivery)[MANIFEST]} == sums(flight.delivery)
    assert manifest.delivery_id == flight.delivery_id
    assert flight.size == sum(p.stat().st_size for p in flight.delivery.iterdir())


def test_there_is_one_science_file_for_each_exposure_and_nothing_else_lies_about(flight, visit):
    assert len(list(flight.delivery.glob("S0000_*.out"))) == len(visit.exposures)
    assert {p.name for p in flight.delivery.parent.iterdir()} == {"delivery", "truth"}


def test_every_packet_of_every_detector_arrives(flight, visit):
    parts = [part for path in sorted(flight.delivery.glob("S0000_*.out")) for part in scan(path)]
    assert [(p.exposure, p.detector) for p in parts] == [(e.name, r.detector) for e in visit.exposures for r in e.readouts]
    assert all(part.complete and part.bad_crc == 0 for part in parts)
    assert flight.frames == sum(part.complete_frames for part in parts)


def test_detectors_take_turns_frame_by_frame(flight):
    stream = sorted(flight.delivery.glob("S0000_*.out"))[1].read_bytes()
    apids, at = [], 0
    while at < len(stream):
        apids.append(int.from_bytes(stream[at : at + 2]) & 0x7FF)
        at += 7 + int.from_bytes(stream[at + 4 : at + 6])
    changes = sum(a != b for a, b in pairwise(apids))
    assert changes >= 2 * 2 * 4 - 1


def test_products_and_truth_name_the_same_exposures(flight, visit):
    roots = {name.removesuffix("_uncal.fits") for name in flight.products["uncal"]}
    assert roots == {e.product(r.detector, "uncal").root for e in visit.exposures for r in e.readouts}
    assert {p.stem for p in flight.truth.glob("*.npz")} == roots == {p.stem for p in flight.truth.glob("jw*.json")}


def test_the_pixels_show_the_scene_of_the_truth(flight, visit):
    exposure = visit.exposures[1]
    raw = read_exposure(sorted(flight.delivery.glob("S0000_*.out")), exposure.name, "NRCA3")
    root = exposure.product("NRCA3", "uncal").root
    truth, scene = json.loads((flight.truth / f"{root}.json").read_text()), np.load(flight.truth / f"{root}.npz")["scene"]
    climbed = (raw.pixels[0, -1].astype(float) - raw.pixels[0, 0]) * truth["gain"] / (3 * truth["frame_seconds"])
    (star,) = [s for s in truth["stars"] if 0 < s["x"] < 320 and 0 < s["y"] < 320]
    lit = scene > 5
    assert climbed[lit].sum() == pytest.approx(scene[lit].sum(), rel=0.05)
    assert scene[lit].sum() == pytest.approx(star["e_per_s"], rel=0.1)
    assert raw.header.geometry == Geometry(**truth["geometry"])


def test_the_cosmic_rays_of_the_truth_are_in_the_pixels(flight, visit):
    exposure = visit.exposures[1]
    raw = read_exposure(sorted(flight.delivery.glob("S0000_*.out")), exposure.name, "NRCALONG")
    truth = json.loads((flight.truth / f"{exposure.product('NRCALONG', 'x').root}.json").read_text())
    steps = np.diff(raw.pixels.astype(float), axis=1)
    big = [ray for ray in truth["cosmic_rays"] if ray[1] > 0 and ray[4] > 1000]
    assert big
    assert all(steps[i, g - 1, y, x] > 0.7 * electrons / truth["gain"] for i, g, y, x, electrons in big)


def test_plan_status_file_and_ephemeris_tell_of_the_same_visit(flight, visit):
    plan, status = read_plan(the(flight.delivery, "*_plan.json")), read_osf(the(flight.delivery, "*_osf.xml"))
    ephemeris = read_oem(the(flight.delivery, "*.OEM"))
    assert {e.status for e in plan.exposures} == {"planned"}
    assert plan.guide_star == status.guide_star
    assert plan.guide_star.ra != 0.0
    assert [e.name for e in status.exposures] == [e.name for e in plan.exposures]
    assert ephemeris.times[0] < np.datetime64(visit.start.replace(tzinfo=None)) < ephemeris.times[-1]


def test_telemetry_covers_every_exposure(flight, visit):
    times, _ = read_engineering(engineering(flight))["SA_ZATTEST1"]
    assert times[0] < visit.exposures[0].start.timestamp()
    assert times[-1] > visit.exposures[-1].end.timestamp()
    assert np.diff(times).max() < 0.26


def engineering(flight):
    """Give a flight's engineering files in the order of time."""
    return sorted(flight.delivery.glob("E0000_*.out"))


def test_engineering_files_hold_24_minutes_each_and_are_named_by_their_begin(flight):
    parts = [scan_engineering(path, 1.0) for path in engineering(flight)]
    assert all(timedelta(0) < part.last_at - part.first_at < timedelta(minutes=24) for part in parts)
    assert [path.name for path in engineering(flight)] == [
        f"E0000_{part.first_at:%Y%j%H%M%S}_{number:03d}.out" for number, part in enumerate(parts, start=1)
    ]
    assert all(part.gaps == () and part.bad_crc == 0 for part in parts)


def test_every_mnemonic_of_the_telemetry_database_is_sent_at_its_rate(flight):
    opened = [open_engineering(path) for path in engineering(flight)]
    seconds = (opened[-1].last_us - opened[0].first_us) / 1e6
    counts = Counter()
    for one in (one for file in opened for one in file.series()):
        counts[one.mnemonic.name] += len(one.times)
    known = [m for m in telemetry_database().mnemonics if not m.text]
    assert counts.keys() == {m.name for m in known}
    assert all(abs(counts[m.name] - seconds / m.period_seconds) <= 2 for m in known if m.period_seconds)
    assert {file.origin for file in opened} == {"OTB"}


def test_what_is_sent_on_change_is_sent_when_exposures_start_and_end(flight, visit):
    times = np.concatenate([open_engineering(path).container_times("MIR_STATUS") for path in engineering(flight)])
    starts = {round(at.timestamp() * 1e6) // 1000 * 1000 for e in visit.exposures for at in (e.start, e.end)}
    assert set(times[1:].tolist()) == starts


def test_files_give_back_the_telemetry_that_was_made(flight, visit):
    made = telemetry.telemetry(pointing.with_guide_star(visit), orbit.velocity, seed=1)
    read = {}
    for one in (one for path in engineering(flight) for one in open_engineering(path).series()):
        read.setdefault(one.mnemonic.name, []).append(one)
    for one in made:
        parts = read[one.mnemonic.name]
        np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), one.times)
        assert np.concatenate([p.values for p in parts]).tobytes() == one.values.tobytes(), one.mnemonic.name
        assert (one.raw is None) == (parts[0].raw is None)
        if one.raw is not None:
            np.testing.assert_array_equal(np.concatenate([p.raw for p in parts]), one.raw)


def test_the_pointing_telemetry_is_the_same_to_the_last_bit_as_when_it_is_sent_alone(flight, visit, tmp_path):
    write_engineering(tmp_path / "alone.out", pointing.telemetry(pointing.with_guide_star(visit), orbit.velocity))
    alone, sent = read_engineering([tmp_path / "alone.out"]), read_engineering(engineering(flight))
    assert {name: (t.tobytes(), v.tobytes()) for name, (t, v) in sent.items()} == {
        name: (t.tobytes(), v.tobytes()) for name, (t, v) in alone.items()
    }


def test_detectors_say_that_they_expose_while_they_do(flight, visit):
    found = {}
    for one in (one for path in engineering(flight) for one in open_engineering(path).series()):
        if one.mnemonic.name == "IDAQ_EXP_STATUS1":
            found |= dict(zip(one.times.tolist(), [one.mnemonic.states[int(v)] for v in one.values], strict=True))
    inside = {t for t in found for e in visit.exposures if e.start.timestamp() <= t / 1e6 < e.end.timestamp()}
    assert {found[t] for t in inside} == {"EXPOSING"}
    assert {found[t] for t in found.keys() - inside} == {"IDLE"}


def test_the_same_seed_gives_the_same_delivery_and_another_seed_another(flight, visit, settings, tmp_path):
    same, other = (fly(visit, tmp_path / str(seed), settings=settings, seed=seed) for seed in (1, 2))
    assert sums(same.delivery) == sums(flight.delivery)
    assert same.delivery_id == flight.delivery_id != other.delivery_id
    science = [name for name in sums(flight.delivery) if name.startswith("S0000")]
    assert all(sums(other.delivery)[name] != sums(flight.delivery)[name] for name in science)


def test_detectors_simulated_side_by_side_give_the_same_delivery(flight, visit, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "MANY_PIXELS", 0)
    assert sums(fly(visit, tmp_path, settings=settings).delivery) == sums(flight.delivery)


def test_flying_again_gives_the_flight_that_is_there(flight, visit, settings):
    before = {p.name: p.stat().st_mtime_ns for p in flight.delivery.iterdir()}
    assert fly(visit, flight.delivery.parent, settings=settings) == flight
    assert {p.name: p.stat().st_mtime_ns for p in flight.delivery.iterdir()} == before


def test_a_folder_with_another_flight_is_refused(flight, visit, settings):
    with pytest.raises(Refused, match="another flight"):
        fly(visit, flight.delivery.parent, settings=settings, seed=9)


def test_what_a_killed_flight_left_does_not_harm(flight, visit, settings, tmp_path):
    (tmp_path / ".building" / "delivery").mkdir(parents=True)
    (tmp_path / ".building" / "delivery" / "half.out").write_bytes(b"half")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "old.json").write_text("{}")
    again = fly(visit, tmp_path, settings=settings)
    assert sums(again.delivery) == sums(flight.delivery)
    assert not (again.truth / "old.json").exists()


def test_an_aborted_exposure_delivers_the_groups_that_were_read(visit, settings, tmp_path):
    acquisition, first, second = visit.exposures
    cut_short = replace(second, status="aborted", end=second.start + timedelta(seconds=4.0))
    ended = replace(visit, exposures=(acquisition, first, cut_short), status="UNSUCCESSFUL", end_reason="Exposure Aborted by Command")
    flight = fly(ended, tmp_path, settings=settings)
    last = {p.detector: p for p in scan(max(flight.delivery.glob("S0000_*.out")))}
    assert {p.complete_frames for p in last.values()} == {2}
    assert not any(p.complete for p in last.values())
    assert read_osf(the(flight.delivery, "*_osf.xml")).exposures[-1].status == "aborted"


def test_exposures_that_were_not_made_send_nothing(visit, settings, tmp_path):
    missing = replace(visit, exposures=(visit.exposures[0], *(replace(e, status="missing") for e in visit.exposures[1:])))
    flight = fly(missing, tmp_path, settings=settings)
    assert flight.products["uncal"] == ("jw02726402001_02102_00001_nrca3_uncal.fits",)
    assert len(list(flight.delivery.glob("S0000_*.out"))) == 1


def test_a_skipped_visit_delivers_its_status_and_no_packets(visit, settings, tmp_path):
    skipped = replace(visit, exposures=(), status="SKIPPED", end_reason="GUIDE STAR ACQUISITION FAILED", guide_star=None)
    flight = fly(skipped, tmp_path, settings=settings)
    assert (flight.frames, flight.products) == (0, {"uncal": ()})
    assert {f.kind for f in read_manifest(flight.delivery / MANIFEST).files} == {"osf", "ephemeris", "plan"}


def test_a_fault_is_in_the_delivery_and_in_the_flights_record(visit, settings, tmp_path):
    alone = replace(visit, exposures=visit.exposures[:1])
    flight = fly(alone, tmp_path, settings=settings, faults=("F03",))
    assert flight.faults[0].startswith("F03: S0000_")
    assert the(flight.delivery, "S0000_*.out").stat().st_size == 0


def test_faults_of_engineering_telemetry_are_in_the_flight_and_in_further_deliveries(visit, settings, tmp_path):
    alone = replace(visit, exposures=visit.exposures[:1])
    flight = fly(alone, tmp_path, settings=settings, faults=("F20", "F21", "F18", "F19"))
    assert [said[:4] for said in flight.faults] == ["F20:", "F21:", "F18:", "F19:"]
    assert [path.name for path in flight.more] == ["delivery-2", "delivery-3"]
    kinds = [[f.kind for f in read_manifest(folder / MANIFEST).files] for folder in flight.more]
    assert kinds == [["engineering"], ["engineering"]]
    assert {open_engineering(path).origin for path in engineering(flight)} == {"OTB", "SIMULATOR"}


def test_a_fault_that_is_not_known_flies_nothing(visit, settings, tmp_path):
    with pytest.raises(BadInput, match="F77"):
        fly(visit, tmp_path / "out", settings=settings, faults=("F77",))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("readout", "message"),
    [
        (Readout(detector="MIRIMAGE", filter="F770W", pupil="N/A"), "SUB64FP1A"),
        (Readout(detector="NRCA3", filter="F212N", pupil="MASKRND"), "MASKRND"),
        (Readout(detector="NRCA1", filter="F212N", pupil="CLEAR"), "SUB64FP1A"),
    ],
)
def test_what_cannot_be_simulated_is_named_before_anything_is_made(visit, settings, tmp_path, readout, message):
    odd = replace(visit, exposures=(replace(visit.exposures[0], readouts=(readout,)),))
    with pytest.raises(BadVisit, match=message):
        fly(odd, tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()
