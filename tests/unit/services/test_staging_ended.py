"""What the owner of a large request sees over HTTP when staff ends it."""

from __future__ import annotations

import io
import tarfile
from datetime import timedelta

import httpx2
import pytest

from dmsops.core.errors import Failed
from dmsops.distribution import client_finding as finding
from dmsops.distribution import staging_ending, tarring
from dmsops.distribution.client_asking import Site
from dmsops.services import bundles
from tests.offered import EXCLUSIVE, OPEN, uri
from tests.waiting import until

WHY = "the archive's staff ended it: asked for twice"


def head(token):
    return {"Authorization": f"token {token}"}


def asked(client, token, roots=(OPEN[0], EXCLUSIVE)):
    return client.post("/api/v0.1/stage", json={"uris": [uri(root) for root in roots]}, headers=head(token)).json()


def seen(client, token, number):
    return client.get(f"/api/v0.1/stage/{number}", headers=head(token)).json()


def ready(client, token, number):
    until(lambda: seen(client, token, number)["state"] == "ready")


def end(ops, number):
    staging_ending.end(ops, number, ticket=staging_ending.preview(ops, number).hash, reason="asked for twice")


def test_its_owner_reads_why_wherever_they_look(mine):
    offered, client = mine
    token = offered.tokens.pi
    made = asked(client, token)
    assert made["why"] == ""
    ready(client, token, made["id"])
    end(offered.ops, made["id"])
    told = seen(client, token, made["id"])
    assert (told["state"], told["why"], told["urls"]) == ("ended", WHY, [])
    assert [(row["state"], row["why"]) for row in client.get("/api/v0.1/stage", headers=head(token)).json()["requests"]] == [("ended", WHY)]
    refused = client.get(told["tar"], headers=head(token))
    assert (refused.status_code, WHY in refused.json()["message"]) == (409, True)
    with pytest.raises(Failed, match=f"is ended: {WHY}"):
        finding.of_staged(Site(base=str(client.base_url).rstrip("/"), token=token), made["id"])
    assert seen(client, offered.tokens.other, made["id"])["message"].startswith("you have no staged request")


def test_one_that_is_looked_at_after_its_end_is_not_begun_again(mine, monkeypatch):
    offered, client = mine
    monkeypatch.setattr(bundles, "_begin", lambda *_: None)
    number = asked(client, offered.tokens.pi)["id"]
    end(offered.ops, number)
    begun = []
    monkeypatch.setattr(bundles, "_begin", lambda _, one: begun.append(one))
    assert seen(client, offered.tokens.pi, number)["state"] == "ended"
    assert begun == []


@pytest.mark.parametrize("whose", ["staff", "owner"])
def test_a_tar_that_goes_out_stops_before_its_next_file_and_has_no_end(mine, monkeypatch, whose):
    offered, client = mine
    token = offered.tokens.pi
    made = asked(client, token)
    ready(client, token, made["id"])
    sent, member = [], tarring._member

    def one(held, path, now):
        sent.append(held.name)
        yield from member(held, path, now)
        if whose == "staff":
            end(offered.ops, made["id"])
        else:
            client.delete(f"/api/v0.1/stage/{made['id']}", headers=head(token))

    monkeypatch.setattr(tarring, "_member", one)
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(made["tar"], headers=head(token))
    assert sent == [f"{OPEN[0]}_cal.fits"]


def test_a_tar_that_began_in_time_is_sent_to_its_end(mine, monkeypatch):
    offered, client = mine
    token = offered.tokens.pi
    made = asked(client, token)
    ready(client, token, made["id"])
    member = tarring._member

    def late(held, path, now):
        yield from member(held, path, now)
        offered.ops.clock.advance(timedelta(hours=offered.ops.settings.serve_stage_hours))

    monkeypatch.setattr(tarring, "_member", late)
    sent = client.get(made["tar"], headers=head(token)).content
    with tarfile.open(fileobj=io.BytesIO(sent)) as tar:
        assert tar.getnames() == ["sha256sums.txt", *(f"{root}_cal.fits" for root in (OPEN[0], EXCLUSIVE))]
    assert seen(client, token, made["id"])["state"] == "ended"
