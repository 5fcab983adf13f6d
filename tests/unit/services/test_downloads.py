from __future__ import annotations

import email
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.archive.tables import archived_product
from dmsops.archive.withdraw import preview as withdrawal
from dmsops.archive.withdraw import withdraw
from dmsops.core.errors import DmsError
from dmsops.distribution import files, grants
from dmsops.distribution.audit import records
from dmsops.services.downloads import DOWNLOAD, give
from tests import ending
from tests.offered import EXCLUSIVE, HIDDEN, OPEN, RESTRICTED, YEAR, call_of, uri

ASKERS = ("anonymous", "other", "partner", "pi", "full", "staff")
ANSWERS = {
    OPEN[0]: (200, 200, 200, 200, 200, 200),
    EXCLUSIVE: (401, 403, 403, 200, 200, 200),
    RESTRICTED: (401, 403, 403, 403, 200, 200),
    HIDDEN: (404, 404, 404, 200, 200, 200),
}


def asked(client, root=OPEN[0], token="", method="GET", **headers):
    head = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Authorization": f"token {token}"} if token else {})
    return client.request(method, DOWNLOAD, params={"uri": uri(root)}, headers=head)


def content(offered, root=OPEN[0]) -> bytes:
    return offered.files[f"{root}_cal.fits"]


def test_a_file_comes_whole_with_what_is_known_of_it(there):
    offered, client = there
    response = asked(client)
    assert response.content == content(offered)
    assert response.headers["content-disposition"] == f'attachment; filename="{OPEN[0]}_cal.fits"'
    assert response.headers["content-type"] == "application/fits"
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["last-modified"] == "Sun, 04 Dec 2022 06:00:00 GMT"


def test_a_head_says_the_same_and_gives_no_byte_and_no_record(there):
    offered, client = there
    before = records(offered.ops)[:1]
    whole, head = asked(client, OPEN[1]), asked(client, OPEN[1], method="HEAD")
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k != "date"} == {k: v for k, v in whole.headers.items() if k != "date"}
    assert len([row for row in records(offered.ops) if row not in before and row["uri"] == uri(OPEN[1])]) == 1


def parts(response) -> list[tuple[str, bytes]]:
    """Read an answer of several ranges: ``Content-Range`` and bytes of each."""
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    found = email.message_from_bytes(head + response.content)
    return [(part["content-range"], part.get_payload(decode=True)) for part in found.get_payload()]


SIZE = 25920
_EDGES = st.one_of(st.integers(0, SIZE + 10), st.sampled_from([0, 1, SIZE - 1, SIZE, SIZE // 2]))
_RANGE = st.one_of(
    st.tuples(_EDGES, _EDGES).map(lambda t: (t[0], t[1] + t[0])), _EDGES.map(lambda n: (n, None)), _EDGES.map(lambda n: (None, n))
)


def slice_of(size: int, low: int | None, high: int | None) -> tuple[int, int]:
    """Give begin and end of a range as RFC 9110 14.1.2 has it."""
    if low is None:
        return max(0, size - high), size
    return low, size if high is None else min(high + 1, size)


@given(st.lists(_RANGE, min_size=1, max_size=4))
@settings(max_examples=60)
def test_ranges_are_slices(there, ranges):
    offered, client = there
    text = ", ".join(f"{'' if low is None else low}-{'' if high is None else high}" for low, high in ranges)
    response = asked(client, Range=f"bytes={text}")
    whole, cut = content(offered), [slice_of(SIZE, *one) for one in ranges]
    if any(begin >= min(end, SIZE) for begin, end in cut):
        assert response.status_code in (400, 416)
        assert whole[:80] not in response.content
        return
    assert response.status_code == 206
    given_back = (
        parts(response) if "multipart" in response.headers["content-type"] else [(response.headers["content-range"], response.content)]
    )
    covered = bytearray(SIZE)
    for name, sent in given_back:
        begin, _, end = name.removeprefix("bytes ").removesuffix(f"/{SIZE}").partition("-")
        assert sent == whole[int(begin) : int(end) + 1]
        covered[int(begin) : int(end) + 1] = b"\x01" * len(sent)
    wanted = bytearray(SIZE)
    for begin, end in cut:
        wanted[begin:end] = b"\x01" * (end - begin)
    assert covered == wanted


def test_what_is_recorded_of_a_range_is_its_bytes(there):
    offered, client = there
    asked(client, OPEN[2], Range="bytes=0-9, 100-109")
    assert records(offered.ops, uris=[uri(OPEN[2])])[0]["size"] == 20


def test_a_range_of_other_bytes_is_answered_with_the_whole_file(there):
    offered, client = there
    tag = asked(client, method="HEAD").headers["etag"]
    assert asked(client, Range="bytes=5-", If_Range=tag).content == content(offered)[5:]
    for other in ('"abc"', f"W/{tag}", "Sun, 04 Dec 2022 05:00:00 GMT"):
        response = asked(client, Range="bytes=5-", If_Range=other)
        assert (response.status_code, response.content) == (200, content(offered))
        assert records(offered.ops)[0]["size"] == SIZE


@pytest.mark.parametrize("tag", ["{tag}", "W/{tag}", '"x", {tag}', "*"])
def test_bytes_that_the_client_has_are_not_sent_again(there, tag):
    _, client = there
    response = asked(client, If_None_Match=tag.format(tag=asked(client, method="HEAD").headers["etag"]))
    assert (response.status_code, response.content) == (304, b"")
    assert asked(client, If_None_Match='"x"').status_code == 200


def test_dates_decide_only_without_tags(there):
    _, client = there
    now, before = "Sun, 04 Dec 2022 06:00:00 GMT", "Sun, 04 Dec 2022 05:59:59 GMT"
    assert asked(client, If_Modified_Since=now).status_code == 304
    assert asked(client, If_Modified_Since=before).status_code == 200
    assert asked(client, If_Modified_Since="no date").status_code == 200
    assert asked(client, If_Modified_Since=now, If_None_Match='"x"').status_code == 200


@pytest.mark.parametrize("root", ANSWERS, ids=["open", "exclusive", "restricted", "hidden"])
@pytest.mark.parametrize(
    "headers", [{}, {"Range": "bytes=0-9"}, {"If_None_Match": "*"}, {"If_Modified_Since": "Sun, 04 Dec 2032 06:00:00 GMT"}]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_everybody_gets_what_is_theirs_and_nothing_else(there, root, headers, method):
    offered, client = there
    granted = {"Range": 206, "If_None_Match": 304, "If_Modified_Since": 304}.get(next(iter(headers), ""), 200)
    for who, status in zip(ASKERS, ANSWERS[root], strict=True):
        token = "" if who == "anonymous" else getattr(offered.tokens, who)
        response = asked(client, root, token, method, **headers)
        assert response.status_code == (granted if status == 200 else status), who
        if status != 200:
            assert content(offered, root)[:20] not in response.content
            assert "etag" not in response.headers


def test_a_hidden_file_is_answered_as_one_that_does_not_exist(there):
    _, client = there
    hidden, nothing = asked(client, HIDDEN), asked(client, HIDDEN.replace("00003", "00009"))
    assert hidden.text.replace("00003", "00009") == nothing.text
    assert hidden.status_code == nothing.status_code == 404


@pytest.mark.parametrize(
    "given_uri", ["", "mast:JWST/product/", "mast:JWST/product/../x", "file:///etc/passwd", "mast:HST/product/x.fits", "\x00", "x" * 5000]
)
def test_what_is_no_file_of_the_archive_is_said_to_be_none(there, given_uri):
    _, client = there
    assert client.get(DOWNLOAD, params={"uri": given_uri}).status_code in (400, 404)


def test_other_addresses_give_the_same(there):
    offered, client = there
    assert client.get("/api/v0/download/file", params={"uri": uri(OPEN[0])}).content == content(offered)
    for name in (f"{OPEN[0]}/{OPEN[0]}_cal.fits", f"{OPEN[0]}_cal.fits"):
        assert client.get("/search/jwst/api/v0.1/retrieve_product", params={"product_name": name}).content == content(offered)
    assert client.get("/search/jwst/api/v0.1/retrieve_product", params={"product_name": f"x/{EXCLUSIVE}_cal.fits"}).status_code == 401


def test_exclusive_files_are_kept_by_no_cache(there):
    offered, client = there
    assert asked(client, EXCLUSIVE, offered.tokens.pi).headers["cache-control"] == "private, no-store"
    assert asked(client).headers["cache-control"] == "no-cache"


def test_a_file_becomes_public_exactly_when_it_says_ranges_too(mine):
    offered, client = mine
    offered.ops.clock.advance(YEAR - timedelta(hours=1, microseconds=1))
    assert asked(client, EXCLUSIVE, Range="bytes=0-9").status_code == 401
    offered.ops.clock.advance(timedelta(microseconds=1))
    first = asked(client, EXCLUSIVE, Range="bytes=0-9")
    assert (first.status_code, first.content) == (206, content(offered, EXCLUSIVE)[:10])
    offered.ops.clock.advance(-timedelta(microseconds=1))
    assert asked(client, EXCLUSIVE, Range="bytes=10-", If_Range=first.headers["etag"]).status_code == 401


def test_access_ends_with_the_grant_the_token_and_the_account(mine):
    offered, client = mine
    grants.grant(offered.ops, "other", "01234", reason="test")
    number = grants.grants(offered.ops, name="other")[0]["id"]
    assert asked(client, EXCLUSIVE, offered.tokens.other).status_code == 200
    ending.end_grant(offered.ops, number, reason="test")
    assert asked(client, EXCLUSIVE, offered.tokens.other).status_code == 403
    ending.close(offered.ops, "pi", reason="test")
    assert asked(client, EXCLUSIVE, offered.tokens.pi).status_code == 401
    assert asked(client, token="mast_nonsense").status_code == 401


def test_refusals_are_on_record_also_of_what_is_hidden(mine):
    offered, client = mine
    asked(client, EXCLUSIVE), asked(client, HIDDEN), asked(client, EXCLUSIVE, offered.tokens.pi)
    found = [(row["who"], row["verdict"], row["size"]) for row in reversed(records(offered.ops))]
    assert found == [("anonymous", "denied", None), ("anonymous", "denied", None), ("pi", "granted", len(content(offered, EXCLUSIVE)))]


class Broken:
    def record(self, *_):
        raise DmsError("the record cannot be written")


def test_no_byte_goes_out_that_cannot_be_recorded(mine):
    offered, _ = mine
    with pytest.raises(DmsError, match="the record cannot be written"):
        give(call_of(offered, Broken()), uri(OPEN[0]), "download", call_of(offered).requester)


def object_of(offered, root):
    with offered.ops.db.begin() as c:
        sha256 = c.execute(sa.select(archived_product.c.sha256).where(archived_product.c.name == f"{root}_cal.fits")).scalar_one()
    return offered.ops.store.path(sha256)


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_damaged_bytes_are_never_sent(mine, damage):
    offered, client = mine
    path = object_of(offered, OPEN[0])
    path.chmod(0o644)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if damage == "cut" else whole[:-1] + bytes([whole[-1] ^ 1]))
    if damage == "gone":
        path.unlink()
    response = asked(client)
    assert response.status_code == 500
    assert "P16" in response.json()["error"]["remedy"]
    assert response.json()["error"]["code"] == "store.damaged"
    assert records(offered.ops, uris=[uri(OPEN[0])]) == []


def test_the_sum_of_a_large_file_is_left_to_the_client(mine, monkeypatch):
    offered, client = mine
    monkeypatch.setattr(files, "CHEAP", 100)
    path = object_of(offered, OPEN[0])
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))
    response = asked(client)
    assert response.status_code == 200
    assert response.headers["etag"] == f'"{path.parent.name}{path.name}"'


def test_a_withdrawn_file_is_not_there(mine):
    offered, client = mine
    withdraw(offered.ops, [OPEN[0]], ticket=withdrawal(offered.ops, [OPEN[0]]).hash, reason="test")
    assert asked(client).status_code == 404


def test_errors_are_sentences_with_a_procedure(there):
    _, client = there
    error = asked(client, EXCLUSIVE).json()["error"]
    assert "exclusive access of program 01234: it becomes public at 2023-12-04 06:00:00 UTC" in error["message"]
    assert "P18" in error["remedy"]
    assert client.get(DOWNLOAD).json()["error"]["message"] == "field 'uri' is missing: it names the file"
