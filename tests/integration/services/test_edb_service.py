"""The engineering database as a service: who may ask, what is written down, and that it never breaks on what is asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import FilesRefused
from dmsops.core.people import put_token
from dmsops.interfaces.edb import serve
from dmsops.ops import create_site
from dmsops.services.edb import make_app
from tests.serving import serving, token_of
from tests.unit.interfaces.edb_sources import every, usual
from tests.waiting import until

DATA = "Data/SA_ZATTEST1?sTime=2022-12-04 03:52:02&eTime=2022-12-04 03:52:04"
LONG = "Data/SA_ZATTEST1?sTime=2022-12-01&eTime=2022-12-31"
FILE = "api/v0.1/Download/file?uri=mast:jwstedb/SA_ZATTEST1-20221204T035202-20221204T035204.csv"


def get(address, **options):
    """Ask, and do not wait for ever: an answer that is never ended must fail the test."""
    return requests.get(address, timeout=30, **options)


@pytest.fixture
def source():
    return usual()


@pytest.fixture
def token(ops):
    return token_of(ops)


@pytest.fixture
def address(ops, source):
    with serving(make_app(ops, lambda _: source)) as base:
        yield base


def lines(ops, event="edb.answered"):
    path = ops.settings.folder("logs") / "journal.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in found if line["event"] == event]


def said(response):
    assert response.headers["content-type"] == "application/json"
    return response.json()["error"]["message"]


def test_each_answer_is_one_line_in_the_log(ops, address, token):
    got = get(f"{address}as/{token}/{DATA}")
    (line,) = until(lambda: lines(ops))
    assert (line["who"], line["status"], line["bytes"], line["whole"]) == ("reader", 200, len(got.content), True)
    assert line["what"] == f"GET /as/(token)/{DATA}"
    assert line["ms"] >= 0


def test_no_token_is_ever_written_down(ops, address, token):
    other, places = "dmsops_0123456789-mistyped_token", []
    for secret in (token, other, quote(token, safe="").replace("_", "%5F")):
        places += [f"as/{secret}/{DATA}", f"as/{secret}", f"{secret}/Data/X", f"as//{secret}/x", f"?token={secret}", f"api/{secret}"]
    for place in [*places, "as/whatever-it-is/Data/X"]:
        get(address + place, headers={"Authorization": f"token {token}"})
    until(lambda: len(lines(ops)) == len(places) + 1)
    text = "".join(path.read_text() for path in ops.settings.folder("logs").iterdir())
    assert token.removeprefix("dmsops_") not in text
    assert other.removeprefix("dmsops_") not in text
    assert "whatever-it-is" not in text


def test_a_person_without_a_token_is_told_how_to_get_one(address):
    got = get(address + FILE)
    assert (got.status_code, got.headers["www-authenticate"]) == (401, "token")
    assert "no token" in said(got)
    assert "dmsops people token" in got.json()["error"]["remedy"]


def test_a_token_that_was_replaced_is_void_at_once(ops, address, token):
    assert get(f"{address}as/{token}/{DATA}").status_code == 200
    with ops.db.begin() as c:
        put_token(c, "reader")
    assert get(f"{address}as/{token}/{DATA}").status_code == 401
    assert get(address + FILE, headers={"Authorization": f"token {token}"}).status_code == 401


def test_only_the_header_of_the_public_form_opens_it(address, token):
    assert get(address + FILE, headers={"Authorization": f"token {token}"}).status_code == 200
    assert get(address + FILE, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert get(f"{address}{FILE}&token={token}").status_code == 401
    assert get(address + "Data/SA_ZATTEST1", headers={"Authorization": f"token {token}"}).status_code == 404
    assert get(f"{address}as/{token}/api/").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_it_is_only_read(address, token, method):
    got = requests.request(method, f"{address}as/{token}/{DATA}", timeout=30)
    assert (got.status_code, got.headers["allow"]) == (405, "GET")


def test_the_source_is_given_the_site_in_the_hand_of_who_asks(ops, token):
    seen = []
    with serving(make_app(ops, lambda given: seen.append(given.operator.name) or usual())) as address:
        get(f"{address}as/{token}/{DATA}")
    assert seen == ["reader"]


def test_a_fault_that_nobody_foresaw_is_500_with_a_number_and_no_traceback(ops, address, token, source):
    source.held["SA_ZATTEST1"] = None
    got = get(f"{address}as/{token}/{DATA}")
    (line,) = until(lambda: lines(ops, "edb.failed"))
    assert got.status_code == 500
    assert line["number"] in said(got)
    assert "logs/journal.jsonl" in said(got)
    assert "Traceback" not in got.text
    assert "Traceback" in line["trace"]


def test_a_fault_that_an_operator_may_see_keeps_its_sentence(ops, address, token, source):
    def refuse(*_):
        raise FilesRefused("part 7 cannot be read")

    source.samples = refuse
    got = get(f"{address}as/{token}/{DATA}")
    assert (got.status_code, said(got)) == (503, "part 7 cannot be read")


def test_a_long_answer_is_whole_in_both_forms(ops, address, token, source):
    source.held["SA_ZATTEST1"] = (every(0.1, 120_000), np.arange(120_000.0))
    found = get(f"{address}as/{token}/{LONG}")
    assert [p["EUValue"] for p in found.json()["Data"]] == list(range(120_000))
    text = get(address + FILE.replace("20221204T035204", "20221230T000000"), headers={"Authorization": f"token {token}"}).text
    assert len(text.split("\r\n")) == 120_000 - 19 + 2
    assert "content-length" not in found.headers


def break_after(source, pieces):
    whole, count = source.samples, iter(range(1000))

    def samples(*asked):
        if next(count) >= pieces:
            raise OSError("the disk is gone")
        return whole(*asked)

    source.samples = samples


def test_an_answer_that_breaks_half_way_never_looks_whole(ops, address, token, source):
    source.held["SA_ZATTEST1"] = (every(1.0, 1_200_000), np.zeros(1_200_000))
    break_after(source, 100)  # 84 are read to count them, and as many to send them
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(f"{address}as/{token}/{LONG}")
    assert until(lambda: lines(ops, "edb.failed"))
    assert [line["whole"] for line in until(lambda: lines(ops))] == [False]


def test_on_the_loopback_too_an_answer_that_breaks_half_way_never_looks_whole(source):
    source.held["SA_ZATTEST1"] = (every(1.0, 1_200_000), np.zeros(1_200_000))
    break_after(source, 100)
    with serve(source) as address:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            get(address + LONG)
        assert get(address + "MetaData/TlmMnemonics/").status_code == 200
        assert (get(address + DATA).status_code, "Traceback" in get(address + DATA).text) == (500, False)


def test_nothing_more_is_read_for_a_client_that_has_left(ops, address, token, source):
    source.held["SA_ZATTEST1"] = (every(1.0, 1_300_000), np.zeros(1_300_000))
    with get(f"{address}as/{token}/{LONG}", stream=True) as got:
        next(got.iter_content(1000))
    (line,) = until(lambda: lines(ops))
    assert (line["status"], line["whole"]) == (200, False)
    assert line["bytes"] < 40_000_000
    assert lines(ops, "edb.failed") == []


def test_many_may_ask_at_once(address, token):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: get(f"{address}as/{token}/{DATA}").json()["Count"], range(64)))
    assert set(found) == {5}


RAW = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=80)
START = st.sampled_from(["", "api/", "api/v0.1/Download/file?uri=", "as/TOKEN/", "as/TOKEN/Data/SA_ZATTEST1?sTime=", "as/TOKEN/MetaData/"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(START, RAW)
def test_whatever_comes_over_the_wire_the_answer_is_in_words(address, token, start, rest):
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    path = "/" + start.replace("TOKEN", token) + rest
    with socket.create_connection((host, int(port))) as wire:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: token {token}\r\nConnection: close\r\n\r\n"
        wire.sendall(head.encode())
        got = b"".join(iter(lambda: wire.recv(65536), b""))
    assert int(got.split()[1]) in {200, 400, 401, 404}, got
    assert len(got) < 3000


def test_the_command_says_where_it_is_and_ends_quietly(tmp_path):
    site = create_site(tmp_path / "site")
    command = [sys.executable, "-m", "dmsops", "serve", "edb", "--site", str(site), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "DMSOPS_TOKEN": ""})
    told = [process.stderr.readline() for _ in range(6)]
    address = told[2].split("ENG_BASE_URL=")[1].strip()
    assert address.startswith("http://127.0.0.1:")
    assert until(lambda: _alive(address))
    assert f"export ENG_BASE_URL={address}as/TOKEN/" in told[5]
    assert "export MAST_API_TOKEN=TOKEN" in told[3]
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    assert (process.returncode, out, rest) == (0, "stopped\n", "")


def _alive(address):
    try:
        return get(address + "api/").status_code == 200
    except requests.ConnectionError:
        return False


def test_an_empty_site_knows_every_mnemonic_and_has_no_samples(ops, token):
    with serving(make_app(ops)) as address:
        base = f"{address}as/{token}/"
        assert get(base + DATA).json()["Data"] == []
        assert get(base + "Data/NOTHING").status_code == 404
        assert get(base + "MetaData/TlmMnemonics/").json()["Count"] > 100
        assert get(address + FILE, headers={"Authorization": f"token {token}"}).text == "theTime,MJD,euvalue,sqldataType\r\n"
