"""Subscriptions and events over HTTP, by a real server: streams go on where their reader was, and hide what is not to be seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from dmsops.distribution import accounts
from dmsops.flows import telling
from dmsops.ops import Ops
from dmsops.services import events
from tests.serving import served
from tests.telling import archived, lane, moved, telling_site
from tests.waiting import until

ROOT = "/api/v0.1"


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    opened = telling_site(tmp_path_factory.mktemp("events") / "site", serve_per_second=0)
    yield opened
    opened.db.dispose()


@pytest.fixture(scope="module")
def site(ops: Ops) -> Iterator[str]:
    with served(ops) as address:
        yield address


@pytest.fixture(scope="module")
def tokens(ops: Ops) -> dict[str, str]:
    return {name: accounts.give_token(ops, name, reason="for the test") for name in ("ann", "ben")}


@pytest.fixture
def ann(site: str, tokens: dict[str, str]) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site, headers={"Authorization": f"token {tokens['ann']}"}, timeout=30) as client:
        yield client
        for row in client.get(f"{ROOT}/subscriptions").json()["subscriptions"]:
            if row["state"] != "ended":
                client.delete(f"{ROOT}/subscriptions/{row['id']}")


def subscribe(client: httpx2.Client, *names: str, **wish: Any) -> int:
    answer = client.post(f"{ROOT}/subscriptions", json={"events": list(names), **wish})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def come(client: httpx2.Client, number: int, wanted: int, **headers: str) -> list[tuple[int, dict[str, Any]]]:
    """Read a stream until so many events came."""
    found: list[tuple[int, dict[str, Any]]] = []
    at = 0
    with client.stream("GET", f"{ROOT}/events", params={"subscription": number}, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            at = int(line[4:]) if line.startswith("id: ") else at
            if line.startswith("data: "):
                found.append((at, json.loads(line[6:])))
            if len(found) == wanted:
                break
    return found


def test_a_stream_goes_on_after_the_last_event_that_its_reader_has(ops: Ops, ann: httpx2.Client) -> None:
    number = subscribe(ann, "New")
    names = [archived(ops, n) for n in (1, 2, 3)]
    telling.tell(ops)
    first = come(ann, number, 2)
    assert [event["observation_id"] for _, event in first] == names[:2]
    again = come(ann, number, 3)
    assert [event["id"] for _, event in again][:2] == [event["id"] for _, event in first], "what it did not say it has comes again"
    rest = come(ann, number, 1, **{"Last-Event-ID": str(first[-1][0])})
    assert [event["observation_id"] for _, event in rest] == names[2:]
    assert lane(ops, number) == [("New", "delivered"), ("New", "delivered"), ("New", "ready")]


def test_an_event_that_happens_while_a_stream_is_read_comes(ops: Ops, ann: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.1)
    number = subscribe(ann, "New", program="01063")
    with ann.stream("GET", f"{ROOT}/events", params={"subscription": number}) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith(":"))
        name = archived(ops, 1, program="01063")
        telling.tell(ops)
        assert json.loads(next(line for line in lines if line.startswith("data: "))[6:])["observation_id"] == name
        ann_closes = ann.delete(f"{ROOT}/subscriptions/{number}")
        assert ann_closes.json()["state"] == "ended"
        assert [line for line in lines if line.startswith("data: ")] == [], "an ended subscription's stream ends"
    until(lambda: events._open.total() == 0)


def test_a_page_of_a_stream_can_be_fetched_without_keeping_it_open(ops: Ops, ann: httpx2.Client) -> None:
    number = subscribe(ann, "New", catch_up=True)
    telling.tell(ops)
    page = ann.get(f"{ROOT}/events", params={"subscription": number, "format": "json"}).json()
    assert len(page["events"]) >= 3
    rest = ann.get(f"{ROOT}/events", params={"subscription": number, "format": "json", "after": page["after"]}).json()
    assert rest == {"events": [], "after": page["after"]}
    assert {state for _, state in lane(ops, number)} == {"delivered"}


def test_what_may_not_be_seen_is_in_no_stream_no_list_and_no_feed_until_it_may(ops: Ops, ann: httpx2.Client) -> None:
    number = subscribe(ann, "New")
    hidden = archived(ops, 7)
    telling.tell(ops)
    moved(ops, hidden, "meta_release", ops.clock.now() + timedelta(days=30))
    read = {"subscription": number, "format": "json"}
    shown = [
        ann.get(f"{ROOT}/events", params=read).text, ann.get(f"{ROOT}/subscriptions/{number}").text,
        ann.get(f"{ROOT}/events.atom").text, httpx2.get(f"{ann.base_url}{ROOT}/events.atom").text,
    ]  # fmt: skip
    assert [hidden in text for text in shown] == [False] * 4
    ops.clock.advance(timedelta(days=30))
    telling.tell(ops)
    assert hidden in ann.get(f"{ROOT}/events", params=read).text
    assert hidden in ann.get(f"{ROOT}/events.atom", params={"program": "02726"}).text


def test_the_feed_is_atom_that_a_parser_reads(ops: Ops, site: str) -> None:
    from lxml import etree

    archived(ops, 8)
    telling.tell(ops)
    answer = httpx2.get(f"{site}{ROOT}/events.atom", params={"event": "New"})
    root = etree.fromstring(answer.content)
    space = {"a": "http://www.w3.org/2005/Atom"}
    assert answer.headers["content-type"] == "application/atom+xml"
    assert root.findtext("a:entry/a:title", namespaces=space).startswith("New: jw")
    for entry in root.findall("a:entry", space):
        assert entry.findtext("a:id", namespaces=space)
        assert entry.findtext("a:updated", namespaces=space)


def test_an_owner_pauses_resumes_and_ends_and_nobody_else_does(ops: Ops, ann: httpx2.Client, tokens: dict[str, str]) -> None:
    number = subscribe(ann, "Public")
    place = f"{ROOT}/subscriptions/{number}"
    ben = {"Authorization": f"Bearer {tokens['ben']}"}
    assert [ann.post(f"{place}/{act}", json={}).json()["state"] for act in ("pause", "resume", "retry")] == ["paused", "active", "active"]
    for answer in (
        ann.get(place, headers=ben), ann.delete(place, headers=ben), ann.post(f"{place}/pause", json={}, headers=ben),
        ann.get(f"{ROOT}/events", params={"subscription": number}, headers=ben),
    ):  # fmt: skip
        assert answer.status_code == 404
    assert ann.post(f"{place}/again", json={"after": "evt-1"}).json() == {"id": number, "waiting": 0}
    assert ann.delete(place).json()["state"] == "ended"


@pytest.mark.parametrize(
    ("method", "path", "given", "status"),
    [
        ("POST", "/subscriptions", {"json": {"events": ["Old"]}}, 400),
        ("POST", "/subscriptions", {"json": {"events": "New"}}, 400),
        ("POST", "/subscriptions", {"json": {"events": [1]}}, 400),
        ("POST", "/subscriptions", {"json": {"events": ["New"], "owner": "ben"}}, 400),
        ("POST", "/subscriptions", {"json": {"events": ["New"], "catch_up": "yes"}}, 400),
        ("POST", "/subscriptions", {"json": {"events": ["New"], "channel": "webhook", "address": "http://169.254.169.254/"}}, 400),
        ("POST", "/subscriptions", {"json": []}, 400),
        ("POST", "/subscriptions", {"data": {"events": "New"}}, 400),
        ("POST", "/subscriptions", {"content": b'{"events": ["New"]}', "headers": {"Content-Type": "text/plain"}}, 400),
        ("POST", "/subscriptions", {"content": b"{" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/subscriptions/999999/pause", {"json": {}}, 404),
        ("POST", "/subscriptions/1/steal", {"json": {}}, 400),
        ("POST", "/subscriptions/99999999999999999999/pause", {"json": {}}, 400),
        ("GET", "/subscriptions/-1", {}, 400),
        ("GET", "/events", {}, 400),
        ("GET", "/events", {"params": {"subscription": "1 OR 1=1"}}, 400),
        ("GET", "/events", {"params": {"subscription": "4294967296"}}, 400),
    ],
)
def test_what_cannot_be_done_is_said_in_words(ann: httpx2.Client, method: str, path: str, given: dict[str, Any], status: int) -> None:
    answer = ann.request(method, f"{ROOT}{path}", **given)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


def test_who_has_no_token_or_a_poor_one_gets_nothing(ops: Ops, site: str) -> None:
    poor = accounts.give_token(ops, "ann", scopes=["read"], reason="for the test")
    for headers, status in (({}, 401), ({"Authorization": f"token {poor}"}, 403)):
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/1"), ("DELETE", "/1"), ("POST", "/1/pause")):
            given = {"json": {"events": ["New"]}} if method == "POST" else {}
            assert httpx2.request(method, f"{site}{ROOT}/subscriptions{path}", headers=headers, **given).status_code == status
        assert httpx2.get(f"{site}{ROOT}/events?subscription=1", headers=headers).status_code == status


def test_one_owner_reads_so_many_streams_at_once_and_no_more(ann: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "READERS_EACH", 1)
    monkeypatch.setattr(events, "POLL_SECONDS", 0.02)
    number = subscribe(ann, "First")
    with ann.stream("GET", f"{ROOT}/events", params={"subscription": number}) as answer:
        lines = answer.iter_lines()
        next(lines)  # and kept: a dropped iterator closes the stream
        refused = ann.get(f"{ROOT}/events", params={"subscription": number})
        assert refused.status_code == 429
        assert "Retry-After" in refused.headers
        assert ann.head(f"{ROOT}/events", params={"subscription": number}).status_code == 200
        lines.close()
    until(lambda: events._open.total() == 0)
