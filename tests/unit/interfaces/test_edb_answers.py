"""The engineering database's answers: both forms, every refusal in words, long times walked piece by piece."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.interfaces import edb_answers, edb_samples
from dmsops.interfaces.edb import direct, public, walk
from tests.unit.interfaces.edb_sources import START_US, FakeSource, every, usual

START, STOP = "2022-12-04 03:52:02.000", "2022-12-04 03:52:04.000"
FILE = "api/v0.1/Download/file"


def asking(start=START, stop=STOP):
    return urlencode({"sTime": start, "eTime": stop})


def uri(name="SA_ZATTEST1", start="20221204T035202", stop="20221204T035204"):
    return f"uri=mast:jwstedb/{name}-{start}-{stop}.csv"


def whole(answer):
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def points(name, source=None, query=None):
    answer = direct(source or usual(), f"Data/{name}", query or asking())
    assert answer.status == 200, whole(answer)
    return json.loads(whole(answer))


def rows(name, source=None, **when):
    answer = public(source or usual(), FILE, uri(name, **when))
    assert answer.status == 200, whole(answer)
    return list(csv.reader(io.StringIO(whole(answer).decode(), newline="")))


def error(answer):
    return answer.status, json.loads(whole(answer))["error"]


def test_the_direct_form_gives_everything_that_its_client_reads():
    found = points("SA_ZATTEST1")
    assert (found["ReqSTime"], found["ReqETime"]) == ("/Date(1670125922000+0000)/", "/Date(1670125924000+0000)/")
    assert (found["TlmMnemonic"], found["AllPoints"], found["Count"]) == ("SA_ZATTEST1", 1, 5)
    assert found["Data"][0] == {"ObsTime": "/Date(1670125921000+0000)/", "EUValue": 0.1}


def test_a_name_may_be_written_in_small_letters():
    assert points("sa_zattest1") == points("SA_ZATTEST1")
    assert rows("sa_zattest1") == rows("SA_ZATTEST1")


def test_whole_numbers_numbers_and_words_stay_what_they_are():
    assert [p["EUValue"] for p in points("IGDP_COUNT")["Data"]] == [1, 2, 3, 4, 5]
    assert [p["EUValue"] for p in points("INRC_STATE")["Data"]] == ["OFF", 'a "word", quoted', "ON", "OFF", 'a "word", quoted']
    assert {type(p["EUValue"]) for p in points("SA_ZFGDETID")["Data"]} == {int}
    assert [row[2:] for row in rows("INRC_STATE")[1:3]] == [["OFF", "varchar"], ['a "word", quoted', "varchar"]]
    assert rows("IGDP_COUNT")[1][2:] == ["1", "int"]
    assert rows("SA_ZFGDETID")[1][2:] == ["1", "tinyint"]


def test_a_value_that_is_no_number_spoils_neither_form():
    source = FakeSource({"SA_ZATTEST1": (every(1.0, 3), np.array([np.nan, np.inf, 1.5]))})
    found = whole(direct(source, "Data/SA_ZATTEST1", asking("2022-12-04", "2022-12-05")))
    assert [p["EUValue"] for p in json.loads(found, parse_constant=pytest.fail)["Data"]] == [None, None, 1.5]
    assert [row[2] for row in rows("SA_ZATTEST1", source, start="20221204T000000")[1:]] == ["nan", "inf", "1.5"]


def test_the_public_form_is_lines_with_carriage_returns():
    text = whole(public(usual(), FILE, uri())).decode()
    assert text.startswith("theTime,MJD,euvalue,sqldataType\r\n2022-12-04 03:52:01.000000,59917.16112268518,0.1,float\r\n")
    assert text.count("\n") == text.count("\r\n") == 6  # up to the bracket after 03:52:04.999999
    assert text.endswith("\r\n")


def test_the_modified_julian_date_keeps_the_microsecond():
    times = START_US + np.arange(1, 2000, 7, dtype=np.int64) * 1_000_003
    found = rows("SA_ZATTEST1", FakeSource({"SA_ZATTEST1": (times, times * 1.0)}), start="20221204T000000", stop="20221205T000000")[1:]
    mjds = np.array([float(row[1]) for row in found])
    np.testing.assert_array_equal(np.rint((mjds - 40587) * 86_400e6 / 1).astype(np.int64) - times, 0)
    assert [np.datetime64(row[0]).astype("datetime64[us]").astype(np.int64) for row in found] == times.tolist()


def test_a_mnemonic_without_samples_gives_an_empty_answer():
    assert (points("SEEN_NEVER")["Data"], points("SEEN_NEVER")["Count"]) == ([], 0)
    assert rows("SEEN_NEVER") == [["theTime", "MJD", "euvalue", "sqldataType"]]


def test_descriptions_of_all_and_of_one():
    every_one = json.loads(whole(direct(usual(), "MetaData/TlmMnemonics/", "")))
    assert every_one["Count"] == len(every_one["TlmMnemonics"]) == 5
    one = json.loads(whole(direct(usual(), "MetaData/TlmMnemonics/inrc_state", "")))
    assert (one["Count"], one["TlmMnemonics"][0]["EUType"], one["TlmMnemonics"][0]["AllPoints"]) == (1, "DS", 0)


def test_the_forms_are_told_apart_by_one_address():
    assert direct(usual(), "api/", "").status == 404
    assert public(usual(), "api/", "").status == 200


@pytest.mark.parametrize("path", ["Data/NOTHING", "Data/../secrets", "Data/", "MetaData/TlmMnemonics/NOTHING", "", "Data/A/B", "Data/\x00"])
def test_what_is_not_there_is_404_in_words(path):
    status, said = error(direct(usual(), path, asking()))
    assert status == 404
    assert said["message"]
    assert "P14" in said["remedy"]


@pytest.mark.parametrize(
    "query",
    [
        "", "sTime=x&eTime=y", asking("2022-13-01"), asking(stop=""), asking(STOP, START), asking("1969-12-31"), asking(stop="9999-01-01"),
        asking("0001-01-01T00:00:00+14:00"), "&".join(["sTime=2022-12-04"] * 200), asking("2022-12-04 25:00"), "sTime=%00&eTime=%ff",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_400_in_words(query):
    status, said = error(direct(usual(), "Data/SA_ZATTEST1", query))
    assert status == 400
    assert "Time" in said["message"] or "ends before" in said["message"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400), ("uri=mast:JWST/product/a.fits", 400), (uri(start="20221304T000000"), 400), (uri(stop="20201204T000000"), 400),
        (uri(start="00000101T000000"), 400), (uri(start="19691231T235959"), 400), (uri(stop="99990101T000000"), 400), (uri("NOTHING"), 404),
        (uri("../../etc/passwd"), 400), (uri(start="\u0662\u0660221204T035202"), 400), (uri(stop="20221204T235960"), 400),
    ],
)  # fmt: skip
def test_a_file_name_that_is_none_is_refused_in_words(query, status):
    got, said = error(public(usual(), FILE, query))
    assert got == status
    assert said["message"]


def test_the_public_form_has_nothing_else():
    assert public(usual(), "api/v0.1/invoke", uri()).status == 404
    assert public(usual(), "", uri()).status == 404


def test_an_answer_that_would_be_too_long_is_refused_in_words():
    source = FakeSource({"SA_ZATTEST1": (every(0.1, 1000), np.zeros(1000))})
    for answer in (
        direct(source, "Data/SA_ZATTEST1", asking("2022-12-01", "2022-12-31"), limit=999),
        public(source, FILE, uri(start="20221201T000000", stop="20221231T000000"), limit=999),
    ):
        status, said = error(answer)
        assert status == 413
        assert "more than 999 samples of SA_ZATTEST1" in said["message"]
    assert direct(source, "Data/SA_ZATTEST1", asking("2022-12-01", "2022-12-31"), limit=1000).status == 200


def test_a_long_answer_comes_in_pieces_and_the_source_is_never_asked_for_much(monkeypatch):
    monkeypatch.setattr(edb_answers, "HELD", 5000)
    monkeypatch.setattr(edb_answers, "SMALL", 1000)
    monkeypatch.setattr(edb_samples, "WINDOW_US", 2000_000_000)
    source = FakeSource({"SA_ZATTEST1": (every(1.0, 50_000), np.arange(50_000.0))})
    answer = direct(source, "Data/SA_ZATTEST1", asking("2022-12-01", "2022-12-31"))
    assert not isinstance(answer.body, bytes)
    found = json.loads(whole(answer))
    assert [p["EUValue"] for p in found["Data"]] == list(range(50_000))
    assert found["Count"] == 50_000
    assert source.most <= 2002


def test_samples_that_come_while_an_answer_is_sent_cannot_make_it_endless(monkeypatch):
    monkeypatch.setattr(edb_answers, "HELD", 10)
    source = FakeSource({"SA_ZATTEST1": (every(1.0, 100), np.zeros(100))})
    answer = direct(source, "Data/SA_ZATTEST1", asking("2022-12-01", "2022-12-31"), limit=100)
    source.held["SA_ZATTEST1"] = (every(1.0, 101), np.zeros(101))
    with pytest.raises(edb_answers.Refused, match="more than 100"):
        whole(answer)


ORDERED = st.lists(st.integers(0, 3_000_000), max_size=40).map(sorted).map(lambda us: START_US + np.array(us, dtype=np.int64))
MOMENT = st.integers(-1_000_000, 4_000_000).map(lambda us: START_US + us)


@given(ORDERED, MOMENT, MOMENT, st.integers(1, 500_000))
def test_walking_gives_what_asking_once_gives(times, a, b, window):
    start, stop = min(a, b), max(a, b)
    source = FakeSource({"SA_ZATTEST1": (times, np.arange(float(len(times))))})
    before, edb_samples.WINDOW_US = edb_samples.WINDOW_US, window
    try:
        blocks = list(walk(source, "SA_ZATTEST1", start, stop))
    finally:
        edb_samples.WINDOW_US = before
    wanted = source.samples("SA_ZATTEST1", start, stop)
    for got, expected in zip(zip(*blocks, strict=True) if blocks else ([], []), wanted, strict=True):
        np.testing.assert_array_equal(np.concatenate(got) if got else [], expected)


def test_a_time_without_samples_is_passed_over_in_one_step():
    times = np.concatenate([every(1.0, 5), every(1.0, 5, start_us=START_US + 300 * 86_400_000_000)])
    source = FakeSource({"SA_ZATTEST1": (times, np.zeros(10))})
    assert sum(len(t) for t, _ in walk(source, "SA_ZATTEST1", START_US - 10**15, START_US + 10**15)) == 10
    assert len(source.asked) <= 4


@given(ORDERED, st.integers(-1000, 4000), st.integers(-1000, 4000))
def test_the_direct_form_gives_its_milliseconds_and_one_sample_on_each_side(times, a, b):
    first = START_US // 1000
    start, stop = first + min(a, b), first + max(a, b)
    source = FakeSource({"SA_ZATTEST1": (times, np.arange(float(len(times))))})
    written = [np.datetime64(ms, "ms").item().isoformat(sep=" ") for ms in (start, stop)]
    found = points("SA_ZATTEST1", source, asking(*written))["Data"]
    rounded = (times + 500) // 1000
    inside = np.flatnonzero((rounded >= start) & (rounded <= stop))
    before, after = np.flatnonzero(rounded < start)[-1:], np.flatnonzero(rounded > stop)[:1]
    wanted = [*before, *inside, *after]
    assert [p["EUValue"] for p in found] == wanted
    assert [int(p["ObsTime"][6:19]) for p in found] == [int(rounded[i]) for i in wanted]


PARTS = st.sampled_from(
    ["Data", "MetaData", "TlmMnemonics", "SA_ZATTEST1", "INRC_STATE", "api", "v0.1", "Download", "file", "..", "", "%2e", "\ud7ff", "\x00"]
)
QUERY = st.one_of(
    st.text(max_size=60),
    st.builds(asking, st.one_of(st.text(max_size=30), st.datetimes().map(str)), st.one_of(st.text(max_size=30), st.datetimes().map(str))),
    st.builds(uri, st.text(max_size=20), st.from_regex(r"\d{8}T\d{6}", fullmatch=True), st.text(max_size=20)),
    st.text(max_size=60).map(quote),
)


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(PARTS, max_size=6).map("/".join)), QUERY)
def test_whatever_is_asked_the_answer_is_in_words_and_bounded(path, query):
    for form in (direct, public):
        answer = form(usual(), path, query, limit=12)
        assert answer.status in {200, 400, 404, 413}
        assert len(whole(answer)) < 5000
        if answer.status != 200:
            assert json.loads(whole(answer))["error"]["message"]
