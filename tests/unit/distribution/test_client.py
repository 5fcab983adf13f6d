from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, Failed, NotSignedIn
from dmsops.core.files import locked
from dmsops.distribution import client
from dmsops.distribution import client_finding as finding
from dmsops.distribution.client import Wanted, fetch
from dmsops.distribution.client_asking import TRIES, Site, answer
from tests.certified import certificate_in
from tests.offered import EXCLUSIVE, OPEN, RESTRICTED, SUFFIXES, offered_site, uri
from tests.serving import served

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Awkward(ThreadingHTTPServer):
    """A site with one file that follows a script, one act a request, and is well behaved after its end."""

    def __init__(self, script=(), content=CONTENT) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.script, self.content, self.seen, self.lock = [*script], content, [], threading.Lock()

    def next(self, request) -> str:
        with self.lock:
            self.seen.append(dict(request.headers))
            return self.script.pop(0) if self.script else "well"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        act, _, detail = self.server.next(self).partition(" ")
        if act.isdecimal():
            self.told(int(act), detail)
        elif act == "hang":
            self.close_connection = True
        else:
            self.file(act, detail)

    def told(self, status, after):
        body = json.dumps({"error": {"code": "x", "message": "not now", "remedy": "later (P17)", "facts": {}}}).encode()
        self.send_response(status)
        if after:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self, act, detail):
        content = self.server.content
        digest = hashlib.sha256(content)
        if self.headers.get("If-None-Match") == f'"{digest.hexdigest()}"':
            self.send_response(304)
            self.end_headers()
            return
        begin = 0
        asked = self.headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        if asked and self.headers.get("If-Range") == f'"{digest.hexdigest()}"' and act != "whole":
            begin = int(asked)
        if begin >= len(content):
            self.told(416, "")
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin + (act == 'shifted')}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        if act != "sumless":
            self.send_header("Repr-Digest", f"sha-256=:{base64.b64encode(digest.digest()).decode()}:")
        self.end_headers()
        sent = content[begin:] if act != "spoilt" else b"\x00" * (len(content) - begin)
        self.wfile.write(sent[: int(detail)] if act == "cut" else sent)
        self.close_connection = act == "cut"


@contextmanager
def awkward(*script, content=CONTENT) -> Iterator[tuple[Site, Awkward, list[float]]]:
    waits: list[float] = []
    with Awkward(script, content) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host, port = server.server_address
        yield Site(base=f"http://{host}:{port}", token="t0ken", sleep=waits.append), server, waits
        server.shutdown()


def got(site, folder, name="a.fits", **options):
    return fetch(site, [Wanted(name=name, url=f"{site.base}/{name}")], folder, **options)[0]


def litter(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "a.fits")


def test_a_file_comes_whole_and_under_its_name(tmp_path):
    with awkward() as (site, server, waits):
        found = got(site, tmp_path / "new" / "folder")
        assert (found.state, found.size) == ("got", len(CONTENT))
        assert found.path.read_bytes() == CONTENT
        assert litter(tmp_path / "new" / "folder") == waits == []
        assert server.seen[0]["Authorization"] == "token t0ken"


def test_a_file_that_is_here_and_right_is_not_fetched_again(tmp_path):
    with awkward() as (site, _, _):
        got(site, tmp_path)
        assert got(site, tmp_path).state == "had"
        (tmp_path / "a.fits").write_bytes(b"other")
        assert got(site, tmp_path).state == "got"
        assert (tmp_path / "a.fits").read_bytes() == CONTENT


@pytest.mark.parametrize("at", [0, 1, 50_000, len(CONTENT) - 1])
def test_what_was_cut_is_gone_on_with(tmp_path, at):
    with awkward(f"cut {at}") as (site, server, _):
        assert got(site, tmp_path).state == "got"
        assert (tmp_path / "a.fits").read_bytes() == CONTENT
        assert [seen.get("Range") for seen in server.seen] == [None, f"bytes={at}-" if at else None]
        assert litter(tmp_path) == []


def test_what_another_run_began_is_gone_on_with(tmp_path):
    (tmp_path / f".a.fits.{SHA256}.part").write_bytes(CONTENT[:700])
    (tmp_path / f".a.fits.x.{SHA256}.part").write_bytes(b"of another file")
    with awkward() as (site, server, _):
        assert got(site, tmp_path).state == "got"
        assert server.seen[0]["Range"] == "bytes=700-"
    assert litter(tmp_path) == [f".a.fits.x.{SHA256}.part"]


def test_when_the_file_has_changed_all_of_it_is_fetched(tmp_path):
    (tmp_path / f".a.fits.{'0' * 64}.part").write_bytes(b"of the version before")
    with awkward() as (site, _, _):
        assert got(site, tmp_path).state == "got"
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert litter(tmp_path) == []


@pytest.mark.parametrize("act", ["whole", "shifted", "spoilt"])
def test_what_does_not_fit_together_is_not_believed(tmp_path, act):
    (tmp_path / f".a.fits.{SHA256}.part").write_bytes(CONTENT[:700])
    with awkward(act) as (site, _, _):
        assert got(site, tmp_path).state == "got"
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert litter(tmp_path) == []


def test_a_part_that_was_spoilt_here_is_found_out(tmp_path):
    for begun in (b"\x00" * 700, CONTENT + b"more", CONTENT):
        (tmp_path / f".a.fits.{SHA256}.part").write_bytes(begun)
        with awkward() as (site, _, _):
            assert got(site, tmp_path).state == "got"
        assert (tmp_path / "a.fits").read_bytes() == CONTENT
        (tmp_path / "a.fits").unlink()


@pytest.fixture
def summed(monkeypatch):
    """Give the names of the files that were read to be summed, as they are."""
    names, begun = [], client._begun
    monkeypatch.setattr(client, "_begun", lambda path: names.append(path.name) or begun(path))
    return names


def test_what_is_here_is_summed_once_however_often_the_site_is_asked(tmp_path, summed):
    (tmp_path / "a.fits").write_bytes(b"of the version before")
    with awkward("503", "cut 1000", "cut 1000", "503") as (site, server, _):
        assert got(site, tmp_path).state == "got"
    assert (tmp_path / "a.fits").read_bytes() == CONTENT
    assert len(server.seen) == 5
    assert summed == ["a.fits", f".a.fits.{SHA256}.part"]


def test_what_changed_between_two_tries_is_summed_again(tmp_path, summed):
    target, part = tmp_path / "a.fits", tmp_path / f".a.fits.{SHA256}.part"
    target.write_bytes(b"of the version before")
    with awkward("503") as (site, _, _):
        changing = dataclasses.replace(site, sleep=lambda _: target.write_bytes(CONTENT))
        assert got(changing, tmp_path).state == "had"
    target.unlink()
    with awkward("cut 1000") as (site, _, _):
        changing = dataclasses.replace(site, sleep=lambda _: part.write_bytes(b"\x00" * 700) if part.exists() else None)
        assert got(changing, tmp_path).state == "got"
    assert target.read_bytes() == CONTENT


def test_bytes_that_are_always_wrong_are_not_kept(tmp_path):
    with awkward("spoilt", "spoilt") as (site, _, _):
        found = got(site, tmp_path)
    assert found.state == "failed"
    assert "came twice with another sum" in found.error
    assert "P16" in found.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_site_without_sums_is_not_believed(tmp_path):
    with awkward("sumless") as (site, _, _):
        assert "sends no sum" in got(site, tmp_path).error
    assert not (tmp_path / "a.fits").exists()


def test_a_busy_site_is_asked_again_when_it_says(tmp_path):
    with awkward("429 7", "503 9999", "503", "hang") as (site, _, waits):
        assert got(site, tmp_path).state == "got"
        assert waits == [7.0, 300.0, 4.0, 8.0]


def test_a_site_that_stays_away_is_given_up_and_what_is_here_stays(tmp_path):
    (tmp_path / f".a.fits.{SHA256}.part").write_bytes(CONTENT[:700])
    with awkward(*["503"] * 20) as (site, _, waits):
        found = got(site, tmp_path)
        assert "could not be fetched: not now" in found.error
        assert len(waits) == TRIES - 1
    assert litter(tmp_path) == [f".a.fits.{SHA256}.part"]


def test_tries_begin_anew_with_each_byte_that_comes(tmp_path):
    with awkward(*[f"cut {1000}"] * (TRIES + 3)) as (site, _, _):
        assert got(site, tmp_path).state == "got"


@pytest.mark.parametrize(("status", "word"), [(401, "not now"), (403, "not now"), (404, "not now"), (500, "not now"), (302, "not now")])
def test_a_refusal_is_told_in_the_sites_words_and_not_asked_again(tmp_path, status, word):
    with awkward(str(status)) as (site, server, waits):
        found = got(site, tmp_path)
        assert (found.state, found.error, found.remedy) == ("failed", word, "later (P17)")
        assert (len(server.seen), waits) == (1, [])


def test_the_token_goes_to_its_site_only(tmp_path):
    with awkward() as (site, server, _), awkward() as (other, _, _):
        elsewhere = Site(base=other.base, token="t0ken")
        fetch(elsewhere, [Wanted(name="a.fits", url=f"{site.base}/a.fits")], tmp_path)
        assert "Authorization" not in server.seen[0]


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "/etc/passwd", "a\x00b", "-rf", "a\nb", "x" * 300, "é"])
def test_a_name_that_is_none_for_a_file_here_is_refused(tmp_path, name):
    with pytest.raises(BadInput, match="name of a file"):
        fetch(Site(base="http://x.test"), [Wanted(name=name, url="http://x.test/")], tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadInput, match="two files"):
        fetch(Site(base="http://x.test"), [Wanted(name="a", url="1"), Wanted(name="a", url="2")], tmp_path)


def test_an_address_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no address"):
        fetch(Site(base="ftp://x.test"), [Wanted(name="a", url="ftp://x.test/a")], tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with awkward() as (site, _, _), pytest.raises(Failed, match="cannot be made"):
        got(site, tmp_path / "file")


def test_a_file_that_another_process_fetches_is_left_to_it(tmp_path):
    (tmp_path / ".a.fits.lock").touch()
    with awkward() as (site, _, _), locked(tmp_path / ".a.fits.lock"):
        assert "another process" in got(site, tmp_path).error


def test_progress_is_told(tmp_path):
    told = []
    with awkward("cut 50000") as (site, _, _):
        got(site, tmp_path, progress=lambda *one: told.append(one))
    assert told[-1] == ("a.fits", len(CONTENT), len(CONTENT))
    assert [here for _, here, _ in told] == sorted(here for _, here, _ in told)


_ACT = st.one_of(
    st.integers(0, len(CONTENT)).map(lambda n: f"cut {n}"), st.sampled_from(["503", "429 1", "hang", "whole", "shifted", "502"]),
)  # fmt: skip


@given(st.lists(_ACT, max_size=4))
@settings(max_examples=25)
def test_whatever_happens_on_the_way_the_file_is_whole_in_the_end(tmp_path_factory, script):
    folder = tmp_path_factory.mktemp("fetched")
    with awkward(*script) as (site, _, _):
        assert got(site, folder).state == "got"
    assert (folder / "a.fits").read_bytes() == CONTENT
    assert litter(folder) == []


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    offered = offered_site(tmp_path_factory.mktemp("client") / "site")
    with served(offered.ops) as base:
        yield offered, base
    offered.ops.db.dispose()


def test_the_files_of_a_program_and_of_observations_are_found(there):
    site = Site(base=there[1])
    assert {one.uri for one in finding.of_program(site, "2726", suffixes=["cal"])} == {uri(root) for root in OPEN}
    assert len(finding.of_program(site, "02726")) == len(OPEN) * len(SUFFIXES)
    found = finding.of_observations(site, [EXCLUSIVE, OPEN[0]], suffixes=["_uncal", "RATE"])
    assert {one.uri for one in found} == {uri(root, suffix) for root in (EXCLUSIVE, OPEN[0]) for suffix in ("uncal", "rate")}
    with pytest.raises(BadInput, match="no files of program 77"):
        finding.of_program(site, "77")


def test_files_are_fetched_several_at_a_time_and_refusals_told_for_each(there, tmp_path):
    offered, base = there
    wanted = finding.by_uris(Site(base=base), [*map(uri, OPEN), f"{EXCLUSIVE}_cal.fits", uri(RESTRICTED)])
    found = fetch(Site(base=base), wanted, tmp_path)
    assert [one.state for one in found] == ["got"] * len(OPEN) + ["failed"] * 2
    assert "exclusive access of program 01234" in found[-2].error
    assert all(one.path.read_bytes() == offered.files[one.name] for one in found if one.path)
    again = fetch(Site(base=base, token=offered.tokens.pi), wanted, tmp_path)
    assert [one.state for one in again] == ["had"] * len(OPEN) + ["got", "failed"]


def test_a_staged_request_is_made_waited_for_and_fetched(there, tmp_path):
    offered, base = there
    site = Site(base=base, token=offered.tokens.pi, sleep=lambda _: None)
    number = finding.stage(site, [uri(OPEN[0]), uri(EXCLUSIVE)])
    found = fetch(Site(base=base), finding.of_staged(site, number), tmp_path)
    assert {one.name: one.path.read_bytes() for one in found} == {
        f"{r}_cal.fits": offered.files[f"{r}_cal.fits"] for r in (OPEN[0], EXCLUSIVE)
    }
    with pytest.raises(NotSignedIn):
        finding.of_staged(Site(base=base), number)


def test_what_is_no_site_is_said(tmp_path):
    with awkward() as (site, _, _), pytest.raises(Failed, match="does not answer as an archive's site"):
        answer(site, "GET", "/x")
    with pytest.raises(Failed, match="does not answer"):
        answer(Site(base="http://127.0.0.1:9", sleep=lambda _: None), "GET", "/x")


def test_a_certificate_that_is_not_trusted_is_told_at_once_and_what_helps(tmp_path, monkeypatch):
    there, files, waited = offered_site(tmp_path / "site"), certificate_in(tmp_path / "tls"), []
    with served(there.ops, files) as base:
        site = Site(base=base, sleep=waited.append)
        wanted = finding.by_uris(site, [uri(OPEN[0])])
        with pytest.raises(Failed, match=f"does not trust the certificate of {base}: self-signed certificate$") as refused:
            finding.of_program(site, "02726")
        assert "SSL_CERT_FILE" in refused.value.remedy
        (one,) = fetch(site, wanted, tmp_path / "into")
        assert "does not trust the certificate" in one.error
        assert waited == [], "it was asked again"
        monkeypatch.setenv("SSL_CERT_FILE", str(files.chain))
        (one,) = fetch(site, wanted, tmp_path / "into")
        assert one.path.read_bytes() == there.files[f"{OPEN[0]}_cal.fits"]
    there.ops.db.dispose()
