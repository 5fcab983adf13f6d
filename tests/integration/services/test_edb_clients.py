"""The calibration software's own clients, unmodified, ask the engineering database over HTTP in both of its forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import requests
from astropy.time import Time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwst.lib.engdb_direct import EngdbDirect
from jwst.lib.engdb_mast import EngdbMast
from jwst.lib.engdb_tools import ENGDB_Service

from dmsops.interfaces.edb import serve
from dmsops.services.edb import make_app
from tests.serving import serving, token_of
from tests.unit.interfaces.edb_sources import START_US, every, usual

START, STOP = "2022-12-04T03:52:02.000", "2022-12-04T03:52:04.000"
LIMIT = 50_000


@pytest.fixture
def source():
    """Give what the service serves; a test may put more into it."""
    return usual()


@pytest.fixture
def address(ops, source):
    with serving(make_app(ops, lambda _: source, limit=LIMIT)) as base:
        yield base


@pytest.fixture
def token(ops, monkeypatch):
    monkeypatch.delenv("ENG_BASE_URL", raising=False)
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    return token_of(ops)


@pytest.fixture(params=["public", "direct", "loopback"])
def client(request, address, source, token):
    """Give each client on the service that it asks."""
    if request.param == "loopback":
        with serve(source) as loopback:
            yield ENGDB_Service(base_url=loopback)
    elif request.param == "public":
        yield EngdbMast(base_url=address, token=token)
    else:
        yield EngdbDirect(base_url=f"{address}as/{token}/")


def micro(moment) -> int:
    return round((moment.utc.to_value("mjd", "long") - 40587) * 86_400_000_000)


def test_the_software_finds_out_which_form_an_address_has(address, token, monkeypatch):
    monkeypatch.setenv("ENG_BASE_URL", address)
    monkeypatch.setenv("MAST_API_TOKEN", token)
    assert isinstance(ENGDB_Service(), EngdbMast)
    assert ENGDB_Service().get_values("SA_ZATTEST1", START, STOP) == pytest.approx([0.2, 0.3, 0.4])
    monkeypatch.setenv("ENG_BASE_URL", f"{address}as/{token}")
    assert isinstance(ENGDB_Service(), EngdbDirect)
    assert ENGDB_Service().get_values("SA_ZATTEST1", START, STOP) == pytest.approx([0.2, 0.3, 0.4])


def test_values_inside_the_time_are_given(client):
    assert client.get_values("sa_zattest1", START, STOP) == pytest.approx([0.2, 0.3, 0.4])
    assert client.get_values("IGDP_COUNT", START, STOP) == [2, 3, 4]
    assert client.get_values("INRC_STATE", START, STOP) == ['a "word", quoted', "ON", "OFF"]


def test_values_come_with_their_times(client):
    pairs = client.get_values("SA_ZATTEST1", START, STOP, include_obstime=True)
    assert [micro(p.obstime) for p in pairs] == [START_US + s * 1_000_000 for s in (2, 3, 4)]
    apart = client.get_values("SA_ZATTEST1", START, STOP, include_obstime=True, zip_results=False)
    assert list(apart.value) == [p.value for p in pairs]
    assert len(apart.obstime) == 3


def test_the_brackets_are_given_when_they_are_wanted(client):
    assert client.get_values("SA_ZATTEST1", START, STOP, include_bracket_values=True) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    between = ("2022-12-04T03:52:04.400", "2022-12-04T03:52:04.600")
    assert client.get_values("SA_ZATTEST1", *between) == []
    got = client.get_values("SA_ZATTEST1", *between, include_bracket_values=True)
    assert got[-2:] == pytest.approx([0.4, 0.5])
    assert len(got) == (3 if isinstance(client, EngdbMast) else 2)  # that client has cut its start to 03:52:04


def test_a_time_outside_all_samples_has_one_bracket(client):
    early, late = ("2014-01-01", "2014-01-02"), ("2024-01-01", "2024-01-02")
    assert client.get_values("SA_ZATTEST1", *early) == client.get_values("SA_ZATTEST1", *late) == []
    assert client.get_values("SA_ZATTEST1", *early, include_bracket_values=True) == [0.0]
    assert client.get_values("SA_ZATTEST1", *late, include_bracket_values=True) == pytest.approx([0.9])


@pytest.mark.parametrize("options", [{}, {"include_obstime": True}, {"include_bracket_values": True}])
def test_a_mnemonic_that_was_never_seen_has_no_values(client, options):
    assert list(client.get_values("SEEN_NEVER", START, STOP, **options)) == []


def test_an_unknown_mnemonic_is_not_found(client):
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_values("NOTHING", START, STOP)


def test_a_time_that_ends_before_it_starts_is_refused(client):
    with pytest.raises(requests.HTTPError, match="400"):
        client.get_values("SA_ZATTEST1", STOP, START)


@pytest.mark.parametrize("form", ["public", "direct"])
def test_too_much_is_refused(address, source, token, form):
    source.held["SA_ZATTEST1"] = (every(0.01, LIMIT + 1), np.zeros(LIMIT + 1))
    client = EngdbMast(base_url=address, token=token) if form == "public" else EngdbDirect(base_url=f"{address}as/{token}/")
    with pytest.raises(requests.HTTPError, match="413"):
        client.get_values("SA_ZATTEST1", "2022-12-01", "2022-12-31")
    assert len(client.get_values("SA_ZATTEST1", "2022-12-04T03:52:00", "2022-12-04T03:52:10")) == 1001


def test_a_stranger_is_refused_by_both_forms(address, token):
    for wrong in ("dmsops_wrong", "None", f"{token}x", "x" * 20_000, "\x7f"):
        with pytest.raises(requests.HTTPError, match="401"):
            EngdbMast(base_url=address, token=wrong).get_values("SA_ZATTEST1", START, STOP)
    with pytest.raises(requests.HTTPError, match="401"):
        EngdbMast(base_url=address).get_values("SA_ZATTEST1", START, STOP)
    with pytest.raises(requests.HTTPError, match="401"):
        EngdbDirect(base_url=f"{address}as/dmsops_wrong/")


def test_descriptions_are_given_in_the_direct_form(address, token):
    client = EngdbDirect(base_url=f"{address}as/{token}/")
    assert client.get_meta("INRC_STATE")["TlmMnemonics"][0]["SQLType"] == "VARCHAR(50)"
    assert client.get_meta()["Count"] == 5
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_meta("NOTHING")


def test_the_public_client_keeps_files_of_every_type(address, token, tmp_path):
    client = EngdbMast(base_url=address, token=token)
    names = ["SA_ZATTEST1", "SA_ZFGDETID", "IGDP_COUNT", "INRC_STATE", "SEEN_NEVER"]
    client.cache_as_local(names, START, STOP, tmp_path / "local")
    client.cache(names, START, STOP, tmp_path / "tables")
    kept = {name: json.loads((tmp_path / "local" / f"{name.lower()}_data.json").read_text()) for name in names}
    assert {type(p["EUValue"]) for name in ("IGDP_COUNT", "SA_ZFGDETID") for p in kept[name]["Data"]} == {int}
    assert kept["INRC_STATE"]["Data"][0]["EUValue"] == "OFF"
    assert (kept["SEEN_NEVER"]["Count"], kept["SA_ZATTEST1"]["Count"]) == (0, 5)


def test_the_pipeline_s_own_logging_step_reads_it(address, token):
    from jwst.engdblog import EngDBLogStep

    found = EngDBLogStep.call(
        ["SA_ZATTEST1", "NOTHING", "SEEN_NEVER"],
        stime="2022-12-04 03:52:02",
        etime=STOP,
        verbosity="all",
        engdb_url=f"{address}as/{token}/",
    )
    assert found == {"SA_ZATTEST1": pytest.approx([0.2, 0.3, 0.4])}


def test_what_a_client_has_rounded_away_is_given_all_the_same(client, source):
    # The start is 03:52:01.9996: the clients ask from 03:52:02 (public) and from 03:52:02.000 (direct, loopback).
    times = START_US + np.array([1_000_000, 1_999_650, 1_999_700, 1_999_800, 3_000_000], dtype=np.int64)
    source.held["SA_ZATTEST1"] = (times, np.arange(5.0))
    assert client.get_values("SA_ZATTEST1", "2022-12-04T03:52:01.9996", "2022-12-04T03:52:02.5") == [1, 2, 3]


SAMPLES = st.lists(st.integers(0, 4_000_000), max_size=30, unique=True).map(sorted)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAMPLES, st.integers(-1000, 5000), st.integers(-1000, 5000))
def test_both_clients_get_what_lies_inside_and_a_bracket_on_each_side(address, source, token, micros, a, b):
    times = START_US + np.array(micros, dtype=np.int64)
    source.held["SA_ZATTEST1"] = (times, np.arange(float(len(times))))
    start, stop = START_US + min(a, b) * 1000, START_US + max(a, b) * 1000
    asked = [Time(np.datetime64(us, "us").item().isoformat(), scale="utc") for us in (start, stop)]
    public, direct = EngdbMast(base_url=address, token=token), EngdbDirect(base_url=f"{address}as/{token}/")
    rounded = (times + 500) // 1000 * 1000
    for client, seen in ((public, times), (direct, rounded)):
        inside = np.flatnonzero((seen >= start) & (seen <= stop))
        assert client.get_values("SA_ZATTEST1", *asked) == inside.tolist()
        brackets = [*np.flatnonzero(seen < start)[-1:], *inside, *np.flatnonzero(seen > stop)[:1]]
        got = client.get_values("SA_ZATTEST1", *asked, include_bracket_values=True)
        assert got == brackets if client is direct else set(brackets) <= set(got)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SAMPLES, st.integers(-1_000_000, 5_000_000), st.integers(-1_000_000, 5_000_000))
def test_the_public_client_gets_what_lies_inside_to_the_microsecond(address, source, token, micros, a, b):
    times = START_US + np.array(micros, dtype=np.int64)
    source.held["SA_ZATTEST1"] = (times, np.arange(float(len(times))))
    start, stop = START_US + min(a, b), START_US + max(a, b)
    asked = [Time(np.datetime64(us, "us").item().isoformat(), scale="utc") for us in (start, stop)]
    client = EngdbMast(base_url=address, token=token)
    assert client.get_values("SA_ZATTEST1", *asked) == np.flatnonzero((times >= start) & (times <= stop)).tolist()
    pairs = client.get_values("SA_ZATTEST1", *asked, include_obstime=True, include_bracket_values=True)
    assert [micro(p.obstime) for p in pairs] == times[[int(p.value) for p in pairs]].tolist()
