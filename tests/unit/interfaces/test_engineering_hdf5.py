"""Engineering files in the HDF5 form: what is taken, what is counted, and what is refused with the field named."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import engineering_write, hdf5_rows
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering, write_hdf5, write_packets
from dmsops.interfaces.prds import telemetry_database
from tests.telemetry import everything, series_of

DATABASE = telemetry_database()
MS = 1_670_125_320_000
POINTING = DATABASE.by_name("SA_ZATTEST1").number
WHEEL = DATABASE.by_name("INIS_FWC_FILTER").number
TEXT = DATABASE.by_name("ICTM_EVENT_MSG").number
COLUMNS = {
    "id": np.array([0, WHEEL, POINTING, WHEEL, TEXT, 65000, WHEEL, 64000, 65000], dtype=np.int32),
    "observatoryTime": MS + np.array([-(10**12), 0, 250, 1000, 1500, 2000, 3000, 4000, 5000]),
    "apid": np.array([0, 169, 160, 169, 191, 1, 712, 2, 1], dtype=np.int16),
    "engineeringNumericValue": np.array([9.0, 2.0, 0.5, 3.0, 0.0, 1.0, 4.0, 1.0, 1.0]),
    "rawValue": np.array([9, 2, 0, 3, 0, 1, 4, 1, 1]),
}
GIVEN = {"dataOrigin": np.bytes_("OBSERVATORY"), "numPoints": 9, "dataStartTime": MS, "dataStopTime": MS + 5000}


def written(path: Path, columns=None, attributes=None, compound: bool = False, cut: int = 4) -> Path:
    """Write a file of two data groups by hand."""
    columns = COLUMNS if columns is None else columns
    with h5py.File(path, "w") as file:
        for n, part in enumerate((slice(0, cut), slice(cut, None)), start=1):
            if compound:
                rows = np.empty(len(columns["id"][part]), dtype=[(k, v.dtype) for k, v in columns.items()])
                for k, v in columns.items():
                    rows[k] = v[part]
                file.create_dataset(f"samples/data{n}", data=rows)
            else:
                for k, v in columns.items():
                    file.create_dataset(f"samples/data{n}/{k}", data=v[part])
        file.attrs.update(GIVEN if attributes is None else attributes)
    return path


@pytest.mark.parametrize("compound", [False, True])
def test_everything_in_a_file_is_counted(tmp_path, compound):
    found = open_engineering(written(tmp_path / "E.h5", compound=compound))
    assert (found.form, found.origin, found.padding, found.texts, found.samples) == ("hdf5-ms", "OBSERVATORY", 1, 1, 3)
    assert found.unknown == {"id 65000": 2, "id 64000": 1, "APID 0x2C8": 1}
    assert found.padding + found.texts + found.samples + sum(found.unknown.values()) == GIVEN["numPoints"]
    assert (found.first_us, found.last_us) == (MS * 1000, (MS + 1000) * 1000)
    assert found.containers == ("ACS_POINTING", "NIS_MECHANISMS")
    assert found.container_times("NIS_MECHANISMS").tolist() == [MS * 1000, (MS + 1000) * 1000]
    pointing, wheel = found.series()
    assert (pointing.mnemonic.number, pointing.values.tolist(), pointing.raw) == (POINTING, [0.5], None)
    assert (wheel.mnemonic.number, wheel.values.tolist(), wheel.raw.tolist()) == (WHEEL, [2.0, 3.0], [2, 3])
    assert scan_engineering(tmp_path / "E.h5").packets == 7


def test_counts_may_be_missing(tmp_path):
    columns = {k: v for k, v in COLUMNS.items() if k != "rawValue"}
    assert [s.raw for s in open_engineering(written(tmp_path / "E.h5", columns)).series()] == [None, None]


def test_numbers_may_have_another_width_and_order_of_bytes(tmp_path):
    columns = {k: v.astype(">i8" if v.dtype.kind == "i" else ">f4") for k, v in COLUMNS.items()}
    assert open_engineering(written(tmp_path / "E.h5", columns)).samples == 3


def test_packets_and_hdf5_of_the_same_samples_give_the_same(tmp_path):
    sent = everything(DATABASE, 20)
    write_packets(tmp_path / "E.out", sent)
    write_hdf5(tmp_path / "E.h5", open_engineering(tmp_path / "E.out").series())
    one, two = (open_engineering(tmp_path / f"E.{form}") for form in ("out", "h5"))
    assert (one.samples, one.first_us, one.last_us, one.containers) == (two.samples, two.first_us, two.last_us, two.containers)
    series = {s.mnemonic.name: s for s in two.series()}
    for s in one.series():
        np.testing.assert_array_equal(series[s.mnemonic.name].times, s.times)
        np.testing.assert_array_equal(series[s.mnemonic.name].values, s.values)
        assert s.raw is None or series[s.mnemonic.name].raw.tolist() == s.raw.tolist()


def test_many_rows_are_cut_into_data_groups_and_padded(tmp_path, monkeypatch):
    monkeypatch.setattr(engineering_write, "GROUP_ROWS", 1500)
    monkeypatch.setattr(hdf5_rows, "BLOCK", 400)
    sent = series_of(DATABASE.container("ACS_POINTING"), np.random.default_rng(2), 170)
    write_hdf5(tmp_path / "E.h5", sent)
    with h5py.File(tmp_path / "E.h5") as file:
        assert [len(file[f"samples/data{n}/id"]) for n in (1, 2, 3)] == [1500, 1500, 1000]
        assert file.attrs["numPoints"] == 4000
    found = open_engineering(tmp_path / "E.h5")
    assert (found.samples, found.padding) == (3400, 600)
    for got, want in zip(found.series(), sent, strict=True):
        np.testing.assert_array_equal(got.values, want.values)


def test_nothing_is_a_file_too(tmp_path):
    write_hdf5(tmp_path / "E.h5", [])
    found = open_engineering(tmp_path / "E.h5")
    assert (found.samples, found.first_us, list(found.series())) == (0, None, [])
    assert scan_engineering(tmp_path / "E.h5").first_at is None


def test_ids_without_end_are_counted_together(tmp_path):
    count = 500
    columns = {k: np.resize(v[1:2], count) for k, v in COLUMNS.items()} | {"id": 10**6 + np.arange(count)}
    found = open_engineering(written(tmp_path / "E.h5", columns, {**GIVEN, "numPoints": count}))
    assert len(found.unknown) == 101
    assert sum(found.unknown.values()) == count


def changed(**columns) -> dict:
    return {k: v for k, v in {**COLUMNS, **columns}.items() if v is not None}


REFUSED = {
    "rows not as said": (changed(), {**GIVEN, "numPoints": 10}, "field numPoints: says 10 rows, and the data groups have 9"),
    "no number of rows": (changed(), {k: v for k, v in GIVEN.items() if k != "numPoints"}, "field numPoints: is missing"),
    "number is a text": (changed(), {**GIVEN, "numPoints": "9"}, "field numPoints: is no whole number"),
    "number is an array": (changed(), {**GIVEN, "numPoints": [9, 9]}, "field numPoints: is no whole number"),
    "no origin": (changed(), {k: v for k, v in GIVEN.items() if k != "dataOrigin"}, "field dataOrigin: is missing"),
    "origin is a number": (changed(), {**GIVEN, "dataOrigin": 3}, "field dataOrigin: is no text of fixed length"),
    "origin of any length": (changed(), {**GIVEN, "dataOrigin": "OTB"}, "field dataOrigin: is no text of fixed length"),
    "origin is long": (changed(), {**GIVEN, "dataOrigin": np.bytes_("x" * 100)}, "field dataOrigin: is no word"),
    "origin is odd": (changed(), {**GIVEN, "dataOrigin": np.bytes_("OTB\x1b[2J")}, "field dataOrigin: is no word"),
    "span turned round": (changed(), {**GIVEN, "dataStopTime": MS - 1}, "field dataStartTime: is not before dataStopTime"),
    "time outside": (changed(), {**GIVEN, "dataStopTime": MS + 4999}, "field samples/data2/observatoryTime: a time is not between"),
    "no ids": (changed(id=None), GIVEN, "field samples/data1/id: is missing"),
    "no values": (changed(engineeringNumericValue=None), GIVEN, "field samples/data1/engineeringNumericValue: is missing"),
    "float ids": (changed(id=COLUMNS["id"] * 1.0), GIVEN, "field samples/data1/id: has the type float64"),
    "whole values": (changed(engineeringNumericValue=COLUMNS["id"]), GIVEN, "field samples/data1/engineeringNumericValue: has the type"),
    "text times": (changed(observatoryTime=np.full(9, b"now")), GIVEN, "field samples/data1/observatoryTime: has the type |S3"),
    "negative id": (changed(id=-COLUMNS["id"]), GIVEN, "field samples/data1/id: a number is not between 0"),
    "enormous id": (changed(id=np.full(9, 2**63, dtype=np.uint64)), GIVEN, "field samples/data1/id: a number is not between 0"),
    "enormous time": (changed(observatoryTime=np.full(9, 2**62)), GIVEN, "field samples/data1/observatoryTime: a number is not between"),
    "microseconds": (
        changed(observatoryMicrosecond=np.full(9, 1000)),
        GIVEN,
        "field samples/data1/observatoryMicrosecond: a number is not",
    ),
    "two dimensions": (changed(apid=np.zeros((9, 2), dtype=np.int16)), GIVEN, "field samples/data1/apid: is no dataset of one dimension"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_of_the_form_is_refused_and_the_field_named(tmp_path, case):
    columns, attributes, says = REFUSED[case]
    written(tmp_path / "E.h5", columns, attributes)
    for read in (open_engineering, scan_engineering):
        with pytest.raises(BadDelivery) as caught:
            read(tmp_path / "E.h5")
        assert caught.value.message.startswith(f"E.h5: {says}")
        assert caught.value.facts["field"] in says


def altered(path: Path, alter) -> None:
    written(path)
    with h5py.File(path, "a") as file:
        alter(file)


def one_shorter(file) -> None:
    del file["samples/data1/apid"]
    file["samples/data1/apid"] = np.zeros(3, dtype=np.int16)


def replaced(file, link) -> None:
    del file["samples/data1"]
    file["samples/data1"] = link


def huge(file) -> None:
    del file["samples/data1"]
    for name, column in COLUMNS.items():
        file.create_dataset(f"samples/data1/{name}", shape=(10**12,), dtype=column.dtype, chunks=(1000,))


def large_chunks(file) -> None:
    del file["samples/data1/id"]
    file.create_dataset("samples/data1/id", shape=(4,), maxshape=(None,), dtype=np.int64, chunks=(10**8,))


def elsewhere(file) -> None:
    del file["samples/data1/id"]
    file.create_dataset("samples/data1/id", shape=(4,), dtype=np.int64, external=[("/etc/hostname", 0, 32)])


def virtual(file) -> None:
    del file["samples/data1/id"]
    layout = h5py.VirtualLayout(shape=(4,), dtype=np.int64)
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(4,))
    file.create_virtual_dataset("samples/data1/id", layout)


def other_filter(file) -> None:
    del file["samples/data1/id"]
    file.create_dataset("samples/data1/id", data=COLUMNS["id"][:4], compression="lzf")


def no_samples(file) -> None:
    del file["samples"]


def no_data(file) -> None:
    del file["samples"]
    file.create_group("samples")


ALTERED = {
    "one column shorter": (one_shorter, "samples/data1/apid: has 3 rows, and id has 4"),
    "soft link": (lambda f: replaced(f, h5py.SoftLink("/samples/data2")), "samples/data1: is a link that leads elsewhere"),
    "external link": (lambda f: replaced(f, h5py.ExternalLink("/etc/passwd", "/")), "samples/data1: is a link that leads elsewhere"),
    "huge shape": (huge, "samples/data1: with it the file says to have 1000000000000 rows"),
    "large chunks": (large_chunks, "samples/data1/id: has chunks of more than"),
    "rows in another file": (elsewhere, "samples/data1/id: has its rows in another file"),
    "virtual rows": (virtual, "samples/data1/id: has its rows in another file"),
    "another filter": (other_filter, "samples/data1/id: is packed by a filter that is not known here"),
    "no samples": (no_samples, "samples: is missing"),
    "no data group": (no_data, "samples: is no group of 1 to 10000 data groups"),
    "another group": (lambda f: f["samples"].create_group("more"), "samples/data3: is missing"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_a_file_that_leads_elsewhere_or_says_too_much_is_refused_unread(tmp_path, case):
    alter, says = ALTERED[case]
    altered(tmp_path / "E.h5", alter)
    with pytest.raises(BadDelivery) as caught:
        open_engineering(tmp_path / "E.h5")
    assert caught.value.message.startswith(f"E.h5: field {says}")


def test_a_file_that_is_cut_is_refused(tmp_path):
    content = written(tmp_path / "E.h5").read_bytes()
    for size in (8, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "E.h5").write_bytes(content[:size])
        with pytest.raises(BadDelivery, match=r"E\.h5: is no HDF5 file that can be read"):
            open_engineering(tmp_path / "E.h5")


def test_packed_rows_that_are_damaged_are_refused_by_their_own_sum(tmp_path):
    sent = series_of(DATABASE.container("ACS_POINTING"), np.random.default_rng(2), 50)
    write_hdf5(tmp_path / "E.h5", sent)
    with h5py.File(tmp_path / "E.h5") as file:
        assert file["samples/data1/engineeringNumericValue"].fletcher32
        chunk = file["samples/data1/engineeringNumericValue"].id.get_chunk_info(0)
    content = bytearray((tmp_path / "E.h5").read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    (tmp_path / "E.h5").write_bytes(content)
    with pytest.raises(BadDelivery, match="is no HDF5 file that can be read"):
        list(open_engineering(tmp_path / "E.h5").series())


def test_a_file_damaged_anywhere_is_read_or_refused(tmp_path):
    whole = written(tmp_path / "E.h5").read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        (tmp_path / "E.h5").write_bytes(content)
        try:
            found = open_engineering(tmp_path / "E.h5")
            assert found.samples == sum(len(s.values) for s in found.series())
        except BadDelivery as bad:
            assert "E.h5" in bad.message  # noqa: PT017 - both outcomes are right
