"""Grants over HTTP: a PI's bodies and numbers, read with care; what is wrong with them is named, and nothing is changed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from dmsops.core.clock import iso
from dmsops.distribution import accounts, grants
from dmsops.services.grants import GRANTS, LONGEST
from tests import ending
from tests.offered import NOW, PROGRAM, Offered

type Asked = tuple[Offered, httpx2.Client]
GOOD = {"account": "other", "program": PROGRAM, "reason": "a colleague"}


def head(offered: Offered, name: str = "pi") -> dict[str, str]:
    return {"Authorization": f"token {accounts.give_token(offered.ops, name, scopes=['grant'], reason='test')}"}


def end(client: httpx2.Client, number: object, head: dict[str, str], **given: Any) -> httpx2.Response:
    return client.request("DELETE", f"{GRANTS}/{number}", headers=head, **(given or {"json": {"reason": "left the group"}}))


def test_a_pi_lets_somebody_in_sees_it_and_ends_it(mine: Asked) -> None:
    offered, client = mine
    pi = head(offered)
    until = NOW + timedelta(days=30)
    made = client.post(GRANTS, json=GOOD | {"until": iso(until)}, headers=pi)
    assert made.status_code == 201
    number = made.json()["number"]
    shown = client.get(GRANTS, headers=pi).json()["grants"]
    assert shown[0] == {**GOOD, "number": number, "kind": "guest", "granted_at": iso(NOW), "until": iso(until), "revoked_at": None}
    assert end(client, number, pi).status_code == 204
    assert client.get(GRANTS, headers=pi).json()["grants"][0]["revoked_at"] == iso(NOW)
    assert end(client, number, pi).status_code == 404
    kept = grants.grants(offered.ops, name="other")[0]
    assert (kept["granted_by"], kept["revoked_by"], kept["until"]) == ("pi", "pi", until)


def test_who_was_let_in_sees_that_and_not_why(mine: Asked) -> None:
    offered, client = mine
    client.post(GRANTS, json=GOOD, headers=head(offered))
    grants.grant(offered.ops, "full", PROGRAM, reason="not the other's to know")
    shown = client.get(GRANTS, headers=head(offered, "other")).json()["grants"]
    assert [(row["account"], row["program"], row["kind"], row["reason"]) for row in shown] == [
        ("other", PROGRAM, "guest", None),
        ("other", "09999", "pi", None),
    ]


def test_whose_own_grant_ended_is_no_pi_any_more(mine: Asked) -> None:
    offered, client = mine
    pi = head(offered)
    number = client.post(GRANTS, json=GOOD, headers=pi).json()["number"]
    ending.end_grant(offered.ops, grants.grants(offered.ops, name="pi")[0]["id"], reason="another PI")
    assert [row["account"] for row in client.get(GRANTS, headers=pi).json()["grants"]] == ["pi"]
    assert client.post(GRANTS, json=GOOD, headers=pi).status_code == 403
    assert end(client, number, pi).status_code == 404
    assert grants.grants(offered.ops, name="other")[0]["revoked_at"] is None


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "a form": ("content-type", {"data": GOOD}),
    "a form that is JSON": ("content-type", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
    "an unknown field": ("kind", {"json": GOOD | {"kind": "pi"}}),
    "no account": ("account", {"json": {"program": PROGRAM, "reason": "x"}}),
    "no reason": ("reason", {"json": {"account": "other", "program": PROGRAM}}),
    "a blank reason": ("reason", {"json": GOOD | {"reason": " "}}),
    "a long reason": ("reason", {"json": GOOD | {"reason": "x" * (LONGEST + 1)}}),
    "a number": ("program", {"json": GOOD | {"program": 1234}}),
    "a NUL": ("account", {"json": GOOD | {"account": "other\x00"}}),
    "half a letter": ("reason", {"content": json.dumps(GOOD | {"reason": "\ud800"}), "headers": {"Content-Type": "application/json"}}),
    "no time": ("until", {"json": GOOD | {"until": "tomorrow"}}),
    "a time that is past": ("until", {"json": GOOD | {"until": iso(NOW)}}),
    "a time beyond all years": ("until", {"json": GOOD | {"until": "9999-12-31T23:59:59-14:00"}}),
}


@pytest.mark.parametrize("given", BAD)
def test_what_cannot_be_used_is_named_and_lets_nobody_in(there: Asked, given: str) -> None:
    offered, client = there
    field, sent = BAD[given]
    answer = client.post(GRANTS, **(sent | {"headers": sent.get("headers", {}) | head(offered)}))
    assert (answer.status_code, answer.json()["error"]["facts"].get("field")) == (400, field)
    assert grants.grants(offered.ops, name="other", program=PROGRAM) == []


@pytest.mark.parametrize(
    ("number", "given", "status"),
    [
        ("x", {"json": {"reason": "x"}}, 400), ("4294967296", {"json": {"reason": "x"}}, 400), ("1", {"json": {}}, 400),
        ("1", {"json": {"reason": ""}}, 400), ("1", {"params": {"reason": "x"}}, 400), ("1", {"json": {"reason": "one's own"}}, 404),
        ("999", {"json": {"reason": "x"}}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_ended_is_said_and_stays(there: Asked, number: str, given: dict[str, Any], status: int) -> None:
    offered, client = there
    assert end(client, number, head(offered), **given).status_code == status
    assert {row["revoked_at"] for row in grants.grants(offered.ops)} == {None}


def test_an_account_that_is_not_there_is_named_to_the_pi(there: Asked) -> None:
    offered, client = there
    answer = client.post(GRANTS, json=GOOD | {"account": "nobody"}, headers=head(offered))
    assert (answer.status_code, answer.json()["message"]) == (404, "there is no account 'nobody'")
