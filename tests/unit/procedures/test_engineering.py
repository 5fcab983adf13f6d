"""What P03 looks at: engineering files before and after they are taken, and its acts."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from dmsops.core.errors import BadInput, BadTransition, NotFound
from dmsops.core.people import Person, Role
from dmsops.engineering import queries
from dmsops.interfaces.fos.engineering import write_hdf5
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.procedures import engineering
from dmsops.receipt import accept
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.telemetry import write_engineering
from tests.engineering_files import FLOATS, named, seconds, series_of, take

NAME = "E0000_2022338025116_001.out"


@pytest.fixture
def later(ops):
    """Give a site whose clock stands a day after the samples."""
    ops.clock.advance(START + timedelta(days=1) - ops.clock.now())
    return ops


def written(folder, seconds):
    folder.mkdir(exist_ok=True)
    times = START.timestamp() + np.asarray(seconds, dtype=float)
    write_engineering(folder / NAME, {m: (times, np.zeros(len(times))) for m in POINTING_MNEMONICS})
    return folder


@pytest.mark.parametrize(
    ("seconds", "odd", "refused"),
    [
        (np.arange(0, 60, 0.25), "", ""),
        ([0, 0.25, 0.5, 20, 20.25], "1 time without samples", ""),
        ([0, 0.25, 0.25, 0.5], "1 packet has the time of another", ""),
        (np.arange(0, 5 * 3600, 1.0), "", "it covers 5.0 h, more than 4 h"),
        ([3 * 86400, 3 * 86400 + 1], "", "it ends in the future (2022-12-07T02:51:17.000Z)"),
    ],
)
def test_what_is_odd_about_a_file_and_what_would_be_refused_is_said(later, tmp_path, seconds, odd, refused):
    (file,) = engineering.look(later, written(tmp_path / "D1", seconds))
    assert (file.name, file.stream, file.packets, file.odd, file.refused) == (NAME, "recorded", len(seconds), odd, refused)


def test_what_a_file_holds_is_said(later, tmp_path):
    write_hdf5(tmp_path / named(1), series_of(seconds(0, 10)), origin="SIMULATOR")
    (file,) = engineering.look(later, tmp_path)
    assert (file.form, file.origin, file.samples, file.texts, file.unknown) == ("hdf5", "SIMULATOR", 10, 0, "")
    assert "its origin is SIMULATOR" in file.refused


def test_what_the_telemetry_database_does_not_know_is_said_in_words():
    assert engineering.in_words({"APID 0x123": 4, "id 4711": 2}) == "APID 0x123: 4, id 4711: 2"
    assert engineering.in_words({f"id {n}": 1 for n in range(30)}).endswith("id 11: 1 and 18 more")


def test_without_a_delivery_there_is_nothing_to_look_at(ops):
    assert engineering.folder(ops) is None
    assert engineering.look(ops, None) == []
    asked = engineering.order(ops)
    assert (asked.ready, asked.ticket) == (False, "")


def test_the_longest_gap_is_given(ops, tmp_path):
    (file,) = engineering.look(ops, written(tmp_path / "D1", [0, 5, 5.5, 17.5]))
    assert (file.gaps, file.longest_gap_seconds) == (2, 12.0)


def test_damaged_packets_and_unreadable_files_are_said(ops, tmp_path):
    folder = written(tmp_path / "D1", [0, 0.25, 0.5])
    content = bytearray((folder / NAME).read_bytes())
    content[60] ^= 1
    (folder / NAME).write_bytes(bytes(content))
    (folder / "C0000_2022338025116_002.out").write_bytes(b"no packets at all")
    real_time, recorded = engineering.look(ops, folder)
    assert (recorded.damaged, recorded.odd) == (1, "1 packet is damaged and left out")
    assert (real_time.stream, real_time.packets) == ("real time", 0)
    assert "byte 0" in real_time.odd


def test_files_that_were_received_are_looked_into_in_the_store(ops, tmp_path):
    accept(ops, write_delivery(tmp_path / "D0001", small_visit()))
    (file,) = engineering.held(ops, "D0001")
    assert (file.packets, file.gaps) == (30, 29)


def test_a_file_is_not_ingested_yet_until_it_is(later, tmp_path):
    accept(later, write_delivery(tmp_path / "D0001", small_visit()))
    assert [(row["name"], row["state"]) for row in engineering.files(later)] == [(NAME, engineering.PLANNED)]
    take(later, seconds(0, 5), named(2))
    assert [(row["state"], row.get("new")) for row in engineering.files(later)] == [(engineering.PLANNED, None), ("ingested", 5)]


def test_receiving_takes_the_delivery_and_plans_the_ingest(later):
    write_delivery(later.settings.folder("inbox") / "D0001", small_visit())
    done = engineering.carry_out(later, engineering.order(later), ticket="", reason="routine")
    assert (done["act"], done["delivery_id"], done["planned"]) == ("receive", "D0001", [NAME])
    assert NAME in [file["name"] for file in done["files"]]


@pytest.fixture
def refused(later):
    return take(later, [*seconds(0, 5), (FLOATS[0], 1_000, 1.0)])


def test_a_refused_file_is_decided_about(later, refused):
    (row,) = engineering.refused(later)
    asked = engineering.order(later, act="discard", file=row["id"])
    assert asked.facts["refused_because"] == refused.reason
    done = engineering.carry_out(later, asked, ticket=asked.ticket, reason="a broken clock")
    assert done["planned"] == []
    assert queries.files(later)[0]["state"] == "discarded"


@pytest.fixture
def gapped(later):
    take(later, [*seconds(0, 10), *seconds(30, 40)])
    return later


@pytest.mark.parametrize("text", ["2022-12-04T04:00:09Z", "2022-12-04 04:00:09.4", "2022-12-04T05:00:09+01:00"])
def test_a_gap_is_found_by_the_time_at_which_it_begins(gapped, text):
    assert engineering.gap_start(gapped, text) == queries.gaps(gapped)[0]["first_us"]


@pytest.mark.parametrize(("act", "decision"), [("ask", "asked"), ("waive", "waived")])
def test_a_gap_is_asked_for_or_waived(gapped, act, decision):
    asked = engineering.order(gapped, act=act, gap="2022-12-04T04:00:09Z")
    engineering.carry_out(gapped, asked, ticket=asked.ticket, reason="needed")
    assert [row["decision"] for row in engineering.gaps(gapped)] == [decision]
    assert [m["kind"] for m in engineering.told(gapped)] == (["re-request"] if act == "ask" else [])


def test_what_cannot_be_done_is_said(later, refused):
    with pytest.raises(BadInput, match="'eat' is no act of P03"):
        engineering.order(later, act="eat")
    with pytest.raises(BadInput, match="give its number in file"):
        engineering.order(later, act="accept")
    with pytest.raises(BadInput, match="give the time at which it begins"):
        engineering.order(later, act="ask")
    with pytest.raises(BadInput, match="'soon' is no time"):
        engineering.order(later, act="ask", gap="soon")
    with pytest.raises(NotFound, match="no gap begins at"):
        engineering.order(later, act="waive", gap="2022-12-04T04:00:09Z")
    with pytest.raises(BadTransition):
        engineering.order(later, act="discard", file=take(later, seconds(10, 12), named(2)).id)


def test_looking_needs_no_rights(later, refused):
    guest = later.as_person(Person("guest", Role.VIEWER))
    assert engineering.order(guest, act="accept", file=refused.id).ready
