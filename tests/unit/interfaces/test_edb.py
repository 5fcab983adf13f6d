"""The loopback engineering service answers as the observatory's direct service does, and only to who knows its address."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.interfaces.edb import bracketed, serve

TIMES = 1670125920.0 + np.arange(10.0)
SAMPLES = {"SA_ZATTEST1": (TIMES, np.linspace(0, 0.9, 10)), "SA_ZFGDETID": (TIMES, np.ones(10))}
RANGE = "sTime=2022-12-04%2003:52:02.000&eTime=2022-12-04%2003:52:04.000"


def ask(address):
    with urlopen(address) as answer:
        return json.load(answer)


def status(address):
    with pytest.raises(HTTPError) as caught:
        urlopen(address)
    caught.value.close()
    return caught.value.code


def test_samples_come_with_one_bracketing_value_on_each_side():
    with serve(SAMPLES) as address:
        found = ask(f"{address}Data/sa_zattest1?{RANGE}")
    assert [p["ObsTime"] for p in found["Data"]] == [f"/Date({1670125920000 + 1000 * i}+0000)/" for i in (1, 2, 3, 4, 5)]
    assert [p["EUValue"] for p in found["Data"]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (found["ReqSTime"], found["Count"]) == ("/Date(1670125922000+0000)/", 5)


def test_the_guider_number_is_an_integer():
    with serve(SAMPLES) as address:
        found = ask(f"{address}Data/SA_ZFGDETID?{RANGE}")["Data"][0]["EUValue"]
    assert found == 1
    assert isinstance(found, int)


def test_it_says_that_it_lives_and_that_it_is_the_direct_form():
    with serve(SAMPLES) as address:
        assert {m["TlmMnemonic"] for m in ask(f"{address}MetaData/TlmMnemonics/")["TlmMnemonics"]} == set(SAMPLES)
        assert status(f"{address}api/") == 404


@pytest.mark.parametrize(
    ("path", "code"), [("Data/NOTHING?" + RANGE, 404), ("Data/SA_ZATTEST1?sTime=x", 400), ("Data/SA_ZATTEST1", 400), ("../etc", 404)]
)
def test_what_it_does_not_have_it_does_not_give(path, code):
    with serve(SAMPLES) as address:
        assert status(address + path) == code


def test_nobody_is_answered_without_the_token():
    with serve(SAMPLES) as address:
        root = "/".join(address.split("/")[:3])
        assert status(f"{root}/MetaData/TlmMnemonics/") == 404
        assert status(f"{root}/guess/MetaData/TlmMnemonics/") == 404
        assert root.startswith("http://127.0.0.1:")


def test_the_jwst_package_reads_it():
    from jwst.lib.engdb_tools import ENGDB_Service

    with serve(SAMPLES) as address:
        service = ENGDB_Service(base_url=address)
        values = service.get_values("SA_ZATTEST1", "2022-12-04T03:52:02.000", "2022-12-04T03:52:04.000")
    assert values == pytest.approx([0.2, 0.3, 0.4])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20, unique=True), st.floats(0, 100), st.floats(0, 100))
def test_everything_inside_is_given_and_at_most_two_outside(times, a, b):
    ordered = np.sort(np.array(times))
    start, stop = min(a, b), max(a, b)
    found, _ = bracketed(ordered, ordered, start, stop)
    inside = ordered[(ordered >= start) & (ordered <= stop)]
    assert set(inside) <= set(found)
    assert len(found) - len(inside) <= 2
