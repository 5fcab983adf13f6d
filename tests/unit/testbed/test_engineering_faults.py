"""F18 to F23 do to engineering telemetry what they say, and nothing else."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dmsops.core.errors import BadInput
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.interfaces.prds import telemetry_database
from dmsops.testbed import telemetry, telemetry_scene
from dmsops.testbed.faults import inject, list_faults
from dmsops.testbed.telemetry_beats import SECOND, beat
from dmsops.testing.deliveries import small_visit, write_delivery

START = 1_670_121_692 * SECOND
FIRST, SECOND_FILE = "E0000_2022338024132_001.out", "E0000_2022338030532_002.out"
SENDING = ("F20", "F21", "F22", "F22S", "F23")
AFTER = ("F18", "F19")


def samples():
    """Give half an hour of telemetry."""
    database = telemetry_database()
    paces = {c.name: beat(c.name, c.period_seconds or 60.0) for c in database.containers}
    stop = START + 1800 * SECOND
    return list(telemetry.sampled(telemetry.signals(database), paces, telemetry_scene.of_time(START, stop), START, stop, 1))


def write(folder, made=None):
    """Write the telemetry's two files, with a manifest."""
    folder.mkdir(parents=True)
    names = [path.name for path in telemetry.record(made or samples(), folder)]
    assert names == [FIRST, SECOND_FILE]
    write_manifest(folder, delivery_id="D1", sender="OTB", sequence=7, created=datetime(2022, 12, 5, tzinfo=UTC))
    return folder


@pytest.fixture(scope="module")
def made():
    return samples()


@pytest.fixture
def delivery(made, tmp_path):
    return write(tmp_path / "delivery", made)


def hurt(delivery, fault, seed=1):
    """Do a fault at its stage; gives what was said."""
    return inject(delivery, [fault], seed, stage="after" if fault[:3] in AFTER else "sending")[0]


def read(path):
    """Give every sample of a file: (mnemonic, time) -> value."""
    return {
        (one.mnemonic.name, time): value
        for one in open_engineering(path).series()
        for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    }


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def changed(before, after):
    return sorted(str(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def test_engineering_finds_them_and_each_has_its_procedure():
    rows = {row["id"]: row for row in list_faults()}
    assert {rows[fault]["found_by"] for fault in SENDING + AFTER} == {"engineering"}
    assert [rows[fault]["repaired_by"] for fault in AFTER + SENDING] == ["P14", "P14", "P03", "P03", "P20", "P20", "P12"]


def test_f18_sends_samples_once_more_through_the_real_time_stream(delivery):
    whole = read(delivery / FIRST) | read(delivery / SECOND_FILE)
    before = contents(delivery)
    said = hurt(delivery, f"F18:{FIRST}")
    assert contents(delivery) == before
    (again,) = (delivery.parent / "delivery-2").glob("C0000_2022338024132_001.out")
    twice = read(again)
    assert twice.items() <= whole.items()
    assert twice.keys() > read(delivery / FIRST).keys()
    assert twice.keys() & read(delivery / SECOND_FILE).keys()
    assert again.name in said
    assert open_engineering(again).damaged == 0


def test_f18_on_the_last_file_sends_that_file_again(delivery):
    hurt(delivery, f"F18:{SECOND_FILE}")
    (again,) = (delivery.parent / "delivery-2").glob("C0000_*.out")
    assert read(again) == read(delivery / SECOND_FILE)


def test_f19_sends_other_values_for_samples_of_the_same_time(delivery):
    whole = read(delivery / FIRST)
    said = hurt(delivery, f"F19:{FIRST}")
    (again,) = (delivery.parent / "delivery-2").glob("E0000_*.out")
    sent = read(again)
    differing = {key for key, value in sent.items() if whole[key] != value}
    names = {name for name, _ in differing}
    assert f" {len(differing)} samples" in said
    assert 0 < len(differing) < len(sent) / 2
    assert names & set(POINTING_MNEMONICS) == {"SA_ZATTEST1", "SA_ZFGGSPOSX", "SA_ZFGGSPOSY"}
    assert names - set(POINTING_MNEMONICS)
    assert max(abs(sent[key] - whole[key]) for key in differing if key[0] in POINTING_MNEMONICS) < 0.01


def test_a_further_delivery_has_a_manifest_of_its_own(delivery):
    hurt(delivery, "F18")
    hurt(delivery, "F19")
    manifests = [read_manifest(delivery.parent / name / MANIFEST) for name in ("delivery", "delivery-2", "delivery-3")]
    assert [m.sequence for m in manifests] == [7, 8, 9]
    assert [m.delivery_id for m in manifests] == ["D1", "D1-2", "D1-3"]
    assert [[f.kind for f in m.files] for m in manifests[1:]] == [["engineering"]] * 2


def test_f20_leaves_a_gap_of_more_than_a_second_and_nothing_else_is_missing(delivery):
    whole = read(delivery / FIRST)
    assert scan_engineering(delivery / FIRST, 1.0).gaps == ()
    before = contents(delivery)
    hurt(delivery, f"F20:{FIRST}")
    assert changed(before, contents(delivery)) == [FIRST]
    left = read(delivery / FIRST)
    ((last, first),) = scan_engineering(delivery / FIRST, 1.0).gaps
    begin, stop = (telemetry_scene.microseconds(at) for at in (last, first))
    assert left.items() <= whole.items()
    assert {time for _, time in whole.keys() - left.keys()} <= set(range(begin + 1, stop))
    assert not [time for _, time in left if begin < time < stop]
    assert stop - begin > 1_500_000


def test_f21_puts_a_simulators_file_beside_the_flights(delivery):
    before = contents(delivery)
    hurt(delivery, f"F21:{FIRST}")
    (added,) = changed(before, contents(delivery))
    assert added == "E0000_2022338024132_901.out"
    assert open_engineering(delivery / added).origin == "SIMULATOR"
    assert open_engineering(delivery / FIRST).origin == "OTB"
    theirs, ours = read(delivery / added), read(delivery / FIRST)
    assert theirs.keys() == ours.keys()
    assert theirs != ours


def test_f22_lets_a_file_end_in_the_future_and_not_be_long(delivery):
    whole = read(delivery / FIRST)
    before = contents(delivery)
    hurt(delivery, f"F22:{FIRST}")
    assert changed(before, contents(delivery)) == [FIRST]
    part = scan_engineering(delivery / FIRST)
    assert part.bad_crc == 0
    assert part.last_at > datetime(2040, 1, 1, tzinfo=UTC)
    assert part.last_at - part.first_at < timedelta(minutes=25)
    assert sorted(whole.values()) == sorted(read(delivery / FIRST).values())


def test_f22s_makes_a_file_long_and_not_end_in_the_future(delivery):
    whole = read(delivery / FIRST)
    before, last = contents(delivery), scan_engineering(delivery / FIRST).last_at
    hurt(delivery, f"F22S:{FIRST}")
    assert changed(before, contents(delivery)) == [FIRST]
    part = scan_engineering(delivery / FIRST)
    assert part.bad_crc == 0
    assert part.last_at == last
    assert part.last_at - part.first_at > timedelta(hours=5)
    assert read(delivery / FIRST).items() > whole.items()
    assert open_engineering(delivery / FIRST).origin == "OTB"


def test_f23_takes_the_pointing_out_of_every_file_and_leaves_the_rest(delivery):
    whole = {name: read(delivery / name) for name in (FIRST, SECOND_FILE)}
    hurt(delivery, "F23")
    for name, before in whole.items():
        wanted = {key: value for key, value in before.items() if key[0] not in POINTING_MNEMONICS}
        assert read(delivery / name) == wanted
        assert len(wanted) < len(before)


def test_f23_does_not_send_a_file_that_holds_nothing_but_pointing(tmp_path):
    folder = write_delivery(tmp_path / "delivery", small_visit())
    assert list(folder.glob("E0000_*.out"))
    hurt(folder, "F23")
    assert not list(folder.glob("E0000_*.out"))


@pytest.mark.parametrize("fault", SENDING + AFTER)
def test_a_fault_does_the_same_each_time(fault, made, tmp_path):
    first, second = (write(tmp_path / name / "delivery", made) for name in ("a", "b"))
    assert hurt(first, fault) == hurt(second, fault)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_file_without_room_for_a_gap_is_named(delivery):
    short = delivery / "E0000_2022338040000_003.out"
    telemetry.write(short, telemetry.cut(samples(), START, START + 2 * SECOND), {})
    with pytest.raises(BadInput, match=short.name):
        hurt(delivery, f"F20:{short.name}")


def test_sequence_counts_go_on_from_file_to_file(delivery):
    numbers = np.concatenate([np.diff(_counts(delivery / name)) for name in (FIRST, SECOND_FILE)])
    assert set(numbers.tolist()) == {1}
    assert _counts(delivery / SECOND_FILE)[0] == _counts(delivery / FIRST)[-1] + 1


def _counts(path):
    """Give the sequence counts of the pointing packets."""
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        if int.from_bytes(content[at : at + 2]) & 0x7FF == 0x0A0:
            found.append(int.from_bytes(content[at + 2 : at + 4]) & 0x3FFF)
        at += 7 + int.from_bytes(content[at + 4 : at + 6])
    return np.array(found)
