"""``dmsops engineering``: what is held is shown in words and as JSON, what is decided goes by the preview's hash."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core.errors import BadInput, NotFound, StalePlan
from dmsops.core.people import Role, put_person, system_user
from dmsops.engineering.tables import engineering_hour
from dmsops.interfaces.fos.engineering import write_hdf5
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.commands import Part
from tests.engineering_files import FLOATS, named, seconds, series_of, take

_PART = Part("engineering")
call, data, text = _PART.call, _PART.data, _PART.text
ONE = FLOATS[0]
HOUR = ("2022-12-04T04:00:00Z", "2022-12-04T05:00:00Z")
GAP = "2022-12-04T04:00:11Z"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """A site with two files that disagree, a gap, a refused file; the user is its lead."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=6))
    with opened.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    take(opened, seconds(0, 10), named(1, "C"))
    take(opened, [*seconds(0, 4), *seconds(4, 7, value=99.0), *seconds(7, 12), *seconds(30, 40)], named(2))
    take(opened, seconds(0, 2), named(3), "SIMULATOR")
    yield opened
    opened.db.dispose()


def test_status_says_what_is_held_and_what_waits_for_a_person(ops):
    said = text(ops, "status")
    assert "22 samples of 1 mnemonic," in said
    assert "22 new, 0 late, 7 exact duplicates, 3 in conflict" in said
    assert "1 refused file waits for a decision (P03)" in said
    assert "1 gap is open (P03)" in said
    assert "1 interval is suspect (P14)" in said
    assert data(ops, "status")["conflict"] == 3


def test_files_are_listed_by_state_and_one_is_shown_whole(ops):
    assert [(r["name"], r["state"]) for r in data(ops, "files")] == [
        (named(3), "refused"),
        (named(2), "ingested"),
        (named(1, "C"), "ingested"),
    ]
    assert [r["name"] for r in data(ops, "files", "--state", "refused")] == [named(3)]
    (row,) = data(ops, "show", named(2))
    assert data(ops, "show", str(row["id"])) == [row]
    assert "Every sample is classified" in text(ops, "show", named(2))
    assert "P03" in call(ops, "show", "nothing").stderr


def test_a_released_file_is_planned_or_taken_at_once(ops, tmp_path):
    folder = tmp_path / "D1"
    folder.mkdir()
    write_hdf5(folder / named(4), series_of(seconds(10, 30)), origin="OBSERVATORY")
    write_manifest(folder, delivery_id="D1", sender="FOS", sequence=1, created=ops.clock.now())
    accept(ops, folder)
    assert "not ingested yet" in text(ops, "files")
    assert data(ops, "ingest")["planned"] == [named(4)]
    assert "1 planned ingest has not ended" in text(ops, "status")
    assert "20 samples: 0 new, 18 late, 2 exact" in text(ops, "ingest", "--now", named(4))
    assert "had been dealt with before" in text(ops, "ingest", "--now", named(4))
    assert "no engineering file" in call(ops, "ingest", "--now", named(9)).stderr


def test_a_gap_is_asked_for_by_the_previews_hash(ops):
    assert [g["decision"] for g in data(ops, "gaps")] == ["open"]
    seen = data(ops, "gap", GAP, "ask")
    assert seen["applied"] is False
    assert seen["plan"]["hash"] in text(ops, "gap", GAP, "ask")
    assert call(ops, "gap", GAP, "ask", "--apply", "0" * 16, "--reason", "x").exit_code == StalePlan.exit_code
    assert "needs a reason" in call(ops, "gap", GAP, "ask", "--yes").stderr
    assert data(ops, "gap", GAP, "ask", "--apply", seen["plan"]["hash"], "--reason", "for the pointing")["applied"] is True
    assert [g["decision"] for g in data(ops, "gaps")] == ["asked"]
    assert call(ops, "gap", "2022-12-04", "waive").exit_code == NotFound.exit_code


def test_a_refused_file_is_discarded_and_taken_after_all(ops):
    number = str(data(ops, "files", "--state", "refused")[0]["id"])
    assert "nothing of it is held" in text(ops, "discard", number)
    assert [r["state"] for r in data(ops, "files", "--state", "refused")] == ["refused"]
    assert data(ops, "discard", number, "--yes", "--reason", "a simulator's")["applied"] is True
    seen = data(ops, "accept", number)
    assert data(ops, "accept", number, "--apply", seen["plan"]["hash"], "--reason", "it was not")["applied"] is True
    assert [r["name"] for r in data(ops, "files", "--state", "waiting")] == [named(3)]


def test_contested_values_are_shown_with_their_files_and_settled_by_the_hash(ops):
    (row,) = data(ops, "suspects")
    number = str(row["id"])
    assert [(r["value"], r["file"], r["stands"]) for r in data(ops, "conflicts", number)[:2]] == [
        (4.0, named(1, "C"), True),
        (99.0, named(2), False),
    ]
    assert "2022-12-04T04:00:04.000Z" in text(ops, "conflicts", number)
    seen = data(ops, "resolve", number, "--keep", "e")
    assert (seen["applied"], seen["plan"]["items"][0]["changed"]) == (False, 3)
    assert "the values of E would stand" in text(ops, "resolve", number, "--keep", "E")
    done = call(ops, "resolve", number, "--keep", "E", "--apply", seen["plan"]["hash"], "--reason", "the recorder is right")
    assert "1 interval settled; 3 samples have another value" in done.stdout
    assert data(ops, "suspects") == []
    assert [r["choice"] for r in data(ops, "suspects", "--all")] == ["E"]
    assert "no suspect interval 77" in call(ops, "conflicts", "77").stderr
    assert call(ops, "resolve", number, "--keep", "E").exit_code == BadInput.exit_code


def test_mnemonics_are_found_by_name_description_and_subsystem(ops):
    assert [r["name"] for r in data(ops, "mnemonics", "sa_zattest?")] == [*FLOATS[:3], "SA_ZATTEST4"]
    assert {r["subsystem"] for r in data(ops, "mnemonics", "--subsystem", "acs")} == {"ACS"}
    assert "attitude quaternion" in text(ops, "mnemonics", "quaternion")
    assert "No mnemonic fits" in text(ops, "mnemonics", "no such thing")
    assert [(r["name"], r["latest_value"]) for r in data(ops, "latest", ONE.lower())] == [(ONE, 39.0)]
    assert "nope" in call(ops, "latest", "nope").stderr


def test_samples_are_shown_and_written_as_lines_with_commas(ops):
    rows = list(csv.DictReader(io.StringIO(text(ops, "samples", ONE, *HOUR, "--csv"))))
    assert [float(r["value"]) for r in rows] == [*map(float, range(12)), *map(float, range(30, 40))]
    assert rows[0] == {"time": "2022-12-04T04:00:00.000000Z", "value": "0.0", "raw": ""}
    found = data(ops, "samples", ONE, GAP, GAP, "--bracket")
    assert [s["value"] for s in found["samples"]] == [10.0, 11.0, 30.0]
    assert f"{ONE}: 22 samples" in text(ops, "samples", ONE, *HOUR)
    assert "'noon' is no time" in call(ops, "samples", ONE, "noon", HOUR[1]).stderr
    assert "ends before it begins" in call(ops, "samples", ONE, *reversed(HOUR)).stderr


def test_more_samples_than_memory_should_hold_are_refused(ops, monkeypatch):
    monkeypatch.setattr("dmsops.cli.engineering_samples.MOST", 21)
    done = call(ops, "samples", ONE, *HOUR)
    assert done.exit_code == 2
    assert "about 22 samples in that time; at most 21" in done.stderr


def test_a_value_that_is_no_number_is_null_in_json(ops):
    take(ops, [(ONE, 1_670_130_000_000_000, float("nan"))], named(5))
    found = data(ops, "samples", ONE, "2022-12-04T05:00:00Z", "2022-12-04T05:00:00Z")
    assert [(s["value"], s["shown"]) for s in found["samples"]] == [(None, "nan")]


def test_a_trend_keeps_extremes_in_few_steps(ops):
    found = data(ops, "trend", ONE, *HOUR, "--points", "1")
    assert [(s["samples"], s["low"], s["high"]) for s in found["steps"]] == [(22, 0.0, 39.0)]
    assert "no sample in that time" in text(ops, "trend", ONE, "2022-12-05", "2022-12-06")


def test_a_trend_of_states_is_told_in_words(ops):
    name, start = "SA_ZATTUPST", 1_670_126_400_000_000
    take(ops, [(name, start + s * 1_000_000, 1.0 if s < 6 else 2.0) for s in range(10)], named(7))
    said = text(ops, "trend", name, *HOUR)
    assert f"{name}: BUSY, by its sample of 2022-12-04T04:00:09.000Z; so since 2022-12-04T04:00:06.000Z" in said
    assert ["READY", "6.00", "66.7%", "6", "0"] in [line.split() for line in said.splitlines()]
    assert ["2022-12-04T04:00:06.000Z", "READY", "BUSY"] in [line.split() for line in said.splitlines()]
    assert "Not known for 30.00 s: samples are missing." in said
    assert "1 change of state:" in said
    found = data(ops, "trend", name.lower(), *HOUR, "--points", "1")
    assert [(s["word"], s["seconds"]) for s in found["states"]] == [("READY", 6.0), ("BUSY", 3.0)]
    assert found["newest_changes"] == [{"at": "2022-12-04T04:00:06.000Z", "from": "READY", "to": "BUSY"}]
    assert "It did not change." in text(ops, "trend", name, "2022-12-04T04:00:07Z", "2022-12-04T04:00:08Z")
    assert "2022-12-04T04:00:06.000Z or before" in text(ops, "trend", name, "2022-12-04T04:00:07Z", "2022-12-04T04:00:08Z")
    assert "no sample in that time, and none before" in text(ops, "trend", name, "2022-12-03", "2022-12-04")


def test_hours_outside_of_limits_are_listed(ops):
    assert "within its limits" in text(ops, "violations")
    take(ops, [("IGDP_NRC_A_T_COM", 1_670_126_400_000_000, 1e4)], named(6))
    (row,) = data(ops, "violations")
    assert (row["name"], row["red"]) == ("IGDP_NRC_A_T_COM", 1)
    assert "IGDP_NRC_A_T_COM" in text(ops, "violations")
    assert "red" in text(ops, "latest", "IGDP_NRC_A_T_COM")


def test_compacting_makes_one_partition_of_an_hour_and_tells_how_far_it_is(ops):
    done = call(ops, "compact", "--all")
    assert "2022-12-04T04" in done.stdout
    assert "Compacting: 1/1" in done.stderr
    assert data(ops, "compact", "--all") == []
    assert data(ops, "status")["samples"] == 22


def test_statistics_are_counted_again_by_the_previews_hash(ops):
    assert "Every hour is counted as it would be now." in text(ops, "recount", *HOUR)
    with ops.db.begin() as c:
        c.execute(sa.update(engineering_hour).values(samples=25))
    seen = data(ops, "recount", *HOUR)
    assert (seen["applied"], [(h["before"], h["samples"]) for h in seen["plan"]["hours"]]) == (False, [(25, 22)])
    assert seen["plan"]["hash"] in text(ops, "recount", *HOUR)
    assert call(ops, "recount", *HOUR, "--apply", "0" * 16, "--reason", "x").exit_code == StalePlan.exit_code
    done = call(ops, "recount", *HOUR, "--apply", seen["plan"]["hash"], "--reason", "counted as they once were")
    assert "Counted again: 1 hour\n" in done.stdout
    assert data(ops, "recount", *HOUR)["plan"]["hours"] == []
