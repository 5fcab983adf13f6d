"""The frame of the public services: who asks, how much, and how what goes wrong is told; no traceback, no token in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused, StoreUnreachable
from dmsops.distribution import accounts
from dmsops.distribution.audit import Recorder
from dmsops.distribution.limits import Limits
from dmsops.ops import Ops
from dmsops.services import front, site, web
from dmsops.services.web import Call, Route, Service
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START)
    yield opened
    opened.db.dispose()


def shown(call: Call) -> Response:
    return JSONResponse({"who": call.requester.name, "x": call.field("X", "none"), "all": call.all("x"), "base": call.base})


def raising(error: Exception) -> Callable[[Call], Response]:
    def handler(call: Call) -> Response:
        raise error

    return handler


def client(ops: Ops, *routes: Route, limits: Limits | None = None) -> TestClient:
    service = Service(ops=ops, recorder=Recorder(ops), limits=limits or Limits(0, 1), base="http://archive.example")
    return TestClient(
        web.make_app(service, routes or (Route(path="/x", handler=shown, methods=("GET", "POST")),)), raise_server_exceptions=False
    )


def token(ops: Ops) -> str:
    accounts.put(ops, "pi", "astronomer", reason="test")
    return accounts.give_token(ops, "pi", reason="test")


@pytest.mark.parametrize("way", ["token", "Bearer", "TOKEN", "cookie"])
def test_a_token_is_read_where_clients_put_it(ops: Ops, way: str) -> None:
    given = token(ops)
    headers = {"Cookie": f"mast_token={given}"} if way == "cookie" else {"Authorization": f"{way} {given}"}
    assert client(ops).get("/x", headers=headers).json()["who"] == "pi"


def test_a_token_that_is_nobodys_is_refused_and_not_anonymous(ops: Ops) -> None:
    answer = client(ops).get("/x", headers={"Authorization": "token mast_wrong"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("token")
    assert answer.json()["error"]["code"] == "actor.unknown"
    assert client(ops).get("/x").json()["who"] == "anonymous"


def test_fields_come_from_query_and_form_in_any_case_and_order(ops: Ops) -> None:
    assert client(ops).post("/x?x=1", data={"X": "2"}).json() | {"base": ""} == {
        "who": "anonymous",
        "x": "1",
        "all": ["1", "2"],
        "base": "",
    }


def test_what_the_request_says_of_the_host_is_not_believed(ops: Ops) -> None:
    assert client(ops).get("/x", headers={"Host": "evil.example"}).json()["base"] == "http://archive.example"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("b"), 400),
        (NotAllowed("a"), 403),
        (NotFound("n"), 404),
        (Refused("r"), 409),
        (StoreUnreachable("s"), 503),
        (OSError("secret place"), 500),
    ],
    ids=["bad input", "not allowed", "not found", "refused", "store away", "unforeseen"],
)
def test_what_goes_wrong_is_told_in_words(ops: Ops, error: Exception, status: int) -> None:
    answer = client(ops, Route(path="/x", handler=raising(error))).get("/x")
    assert answer.status_code == status
    assert answer.json()["error"]["remedy"]
    assert "secret place" not in answer.text
    assert "Traceback" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


def test_what_is_unforeseen_stands_in_the_log_under_its_number_without_the_token(ops: Ops) -> None:
    given = token(ops)
    answer = client(ops, Route(path="/x", handler=raising(RuntimeError(f"with {given}")))).get(
        f"/x?token={given}", headers={"Authorization": f"token {given}"}
    )
    number = answer.json()["error"]["facts"]["number"]
    text = (ops.settings.folder("logs") / "journal.jsonl").read_text()
    assert number in text
    assert given not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["event"] for line in lines if line["event"].startswith("site.")} == {"site.failed", "site.answered"}


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"x" * (web.LARGEST_BODY + 1), "text/plain", "longer than"),
        (b"a=%ff", "multipart/form-data; boundary=x", "cannot be uploaded"),
        (b"&".join([b"a=1"] * 10_001), "application/x-www-form-urlencoded", "cannot be read"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", "cannot be read"),
    ],
    ids=["too long", "a file", "too many fields", "no text"],
)
def test_a_body_that_cannot_be_read_is_refused(ops: Ops, body: bytes, kind: str, words: str) -> None:
    answer = client(ops).post("/x", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"[" * 200_000, b"\xff", b"1e999"], ids=["empty", "list", "half", "deep", "binary", "number"]
)
def test_json_that_is_none_is_refused(ops: Ops, text: bytes) -> None:
    def handler(call: Call) -> Response:
        return JSONResponse(call.json())

    answer = client(ops, Route(path="/x", handler=handler, methods=("POST",))).post("/x", content=text)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["message"]


def test_one_asker_gets_so_much_and_is_told_when_to_come_again(ops: Ops) -> None:
    asked = client(ops, limits=Limits(0.01, 2))
    assert [asked.get("/x").status_code for _ in range(3)] == [200, 200, 429]
    refused = asked.get("/x")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "too-many"


def test_guessing_tokens_is_limited_too(ops: Ops) -> None:
    asked = client(ops, limits=Limits(0.01, 3))
    statuses = [asked.get("/x", headers={"Authorization": f"token mast_{n}"}).status_code for n in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_the_front_page_says_what_is_served_and_to_whom(ops: Ops) -> None:
    (route,) = front.routes()
    page = client(ops, route).get("/", headers={"Authorization": f"token {token(ops)}"})
    assert "http://archive.example/tap" in page.text
    assert "<b>pi</b>" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    served = {path.path for path in site.routes()}
    named = {path for _, paths in front._SERVED for path in paths}
    assert {path for path in named if not any(fits(path, pattern) for pattern in served)} == {"/tap"}


def fits(path: str, pattern: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path) is not None
