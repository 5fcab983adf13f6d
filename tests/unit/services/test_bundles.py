from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest
import sqlalchemy as sa

from dmsops.archive.tables import archived_product
from dmsops.distribution import accounts, files, grants, signing, staging
from dmsops.distribution.access import ANONYMOUS
from dmsops.distribution.audit import records
from dmsops.services import bundles
from tests import ending
from tests.offered import EXCLUSIVE, HIDDEN, OPEN, RESTRICTED, offered_site, uri
from tests.serving import served
from tests.waiting import until

FOUR = [uri(OPEN[0]), uri(EXCLUSIVE), uri(RESTRICTED), uri(HIDDEN)]


def content(offered, root):
    return offered.files[f"{root}_cal.fits"]


def head(token):
    return {"Authorization": f"token {token}"} if token else {}


def signed(client, token, uris=FOUR, **more):
    return client.post("/api/v0.1/Download/sign", data={"uri": uris, **more}, headers=head(token))


def url_of(client, token, root=EXCLUSIVE, **more):
    return signed(client, token, [uri(root)], **more).json()["urls"][0]["url"]


def test_addresses_are_signed_for_what_the_asker_may_have(mine):
    offered, client = mine
    told = signed(client, offered.tokens.pi).json()
    assert [row["uri"] for row in told["urls"]] == [uri(OPEN[0]), uri(EXCLUSIVE), uri(HIDDEN)]
    assert [row["uri"] for row in told["refused"]] == [uri(RESTRICTED)]
    other = signed(client, offered.tokens.other).json()
    assert [row["uri"] for row in other["urls"]] == [uri(OPEN[0])]
    assert other["refused"][-1]["why"] == f"the archive has no file '{uri(HIDDEN)}'"
    assert signed(client, "").status_code == 401


def test_a_signed_address_needs_no_token_and_takes_ranges(mine):
    offered, client = mine
    url = url_of(client, offered.tokens.pi)
    assert client.get(url).content == content(offered, EXCLUSIVE)
    assert client.get(url, headers={"Range": "bytes=5-9"}).content == content(offered, EXCLUSIVE)[5:10]
    assert records(offered.ops)[0]["who"] == "pi"
    assert records(offered.ops)[0]["route"] == "signed"


def ended(offered):
    offered.ops.clock.advance(timedelta(hours=2))


def grant_gone(offered):
    ending.end_grant(offered.ops, grants.grants(offered.ops, name="pi")[0]["id"], reason="test")


@pytest.mark.parametrize(
    "end",
    [
        ended, grant_gone, lambda o: ending.close(o.ops, "pi", reason="test"),
        lambda o: ending.revoke(o.ops, "pi", reason="test"), lambda o: (o.ops.settings.site / signing.KEY_FILE).unlink(),
    ],
    ids=["time", "grant", "account", "tokens", "key"],
)  # fmt: skip
def test_a_signed_address_dies_with_what_it_rests_on(mine, end):
    offered, client = mine
    url = url_of(client, offered.tokens.pi, hours="2")
    assert client.get(url).status_code == 200
    end(offered)
    answer = client.get(url)
    assert answer.status_code == 403
    assert content(offered, EXCLUSIVE)[:30] not in answer.content


def test_a_signed_address_of_staff_dies_with_their_token(mine):
    from dmsops.core.people import put_token

    offered, client = mine
    url = url_of(client, offered.tokens.staff, RESTRICTED)
    assert client.get(url).status_code == 200
    with offered.ops.db.begin() as c:
        put_token(c, "operator", withdraw=True)
    assert client.get(url).status_code == 403


def test_a_changed_or_foreign_signature_is_refused(mine, tmp_path):
    offered, client = mine
    url = url_of(client, offered.tokens.pi)
    foreign = signing.sign(offered_site(tmp_path / "other").ops, ANONYMOUS, uri(OPEN[0]))[0]
    token = url.rpartition("/")[2]
    for wrong in (
        *(token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(0, len(token), 7)),
        foreign,
        "x",
        "é",
        token + "x",
    ):
        assert client.get(f"{url.rpartition('/')[0]}/{wrong}").status_code == 403, wrong


def test_a_signature_gives_no_right_that_its_owner_has_not(mine):
    offered, client = mine
    token, _ = signing.sign(offered.ops, ANONYMOUS, uri(EXCLUSIVE))
    assert client.get(f"/api/v0.1/Download/signed/{token}").status_code == 401
    token, _ = signing.sign(offered.ops, ANONYMOUS, uri(OPEN[0]))
    assert client.get(f"/api/v0.1/Download/signed/{token}").status_code == 200


@pytest.mark.parametrize("hours", ["0", "-1", "169", "x", "nan", "inf"])
def test_a_signature_is_good_for_a_week_at_most(mine, hours):
    offered, client = mine
    assert signed(client, offered.tokens.pi, hours=hours).status_code == 400


def test_the_key_is_made_once_and_only_its_owner_reads_it(mine):
    offered, _ = mine
    path = offered.ops.settings.site / signing.KEY_FILE
    path.unlink(missing_ok=True)
    keys = {signing.site_key(offered.ops) for _ in range(3)}
    assert len(keys) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(path.parent.glob(".*.key"))


def test_the_key_is_read_once_and_again_when_it_is_another(mine, monkeypatch):
    offered, _ = mine
    path, read = offered.ops.settings.site / signing.KEY_FILE, []
    path.unlink(missing_ok=True)
    private_text = signing.private_text
    monkeypatch.setattr(signing, "private_text", lambda path, field: read.append(path) or private_text(path, field))
    first = {signing.site_key(offered.ops) for _ in range(3)}
    assert (len(first), read) == (1, [path])
    another = path.with_name("made-by-another-process")
    another.touch(0o600)
    another.write_text("ab" * 32)
    another.replace(path)
    assert signing.site_key(offered.ops) == b"\xab" * 32
    path.unlink()
    assert signing.site_key(offered.ops) not in {*first, b"\xab" * 32}


def test_of_many_who_need_the_first_key_at_once_all_get_the_same(mine):
    offered, _ = mine
    (offered.ops.settings.site / signing.KEY_FILE).unlink(missing_ok=True)
    together = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: together.wait() is None or signing.site_key(offered.ops), range(8)))
    assert len(keys) == 1


def test_no_token_stands_in_the_log(mine):
    offered, client = mine
    url = url_of(client, offered.tokens.pi)
    client.get(url)
    client.get(f"/api/v0.1/Download/file?uri=x&token={offered.tokens.pi}")
    log = (offered.ops.settings.folder("logs") / "journal.jsonl").read_text()
    assert "/signed/(token)" in log
    assert url.rpartition("/")[2] not in log
    assert offered.tokens.pi not in log


def script(client, uris, **headers):
    response = client.post("/api/v0.1/Download/bundle.sh", data={"uri": uris}, headers=headers)
    assert response.status_code == 200
    return response.text


def run(text, folder, **environment):
    folder.mkdir(exist_ok=True)
    (folder / "fetch.sh").write_text(text)
    command = ["bash", "fetch.sh", "files"]
    return subprocess.run(command, cwd=folder, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False)


def test_the_script_names_no_host_that_a_request_says(mine):
    _, client = mine
    assert "evil" not in script(client, FOUR, Host="evil.test")


def test_what_is_asked_for_cannot_write_into_the_script(mine, tmp_path):
    _, client = mine
    nasty = ["'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "a\ntouch pwned", 'mast:JWST/product/"; touch pwned; "', "\x1b[31mred"]
    text = script(client, [*nasty, uri(OPEN[0])])
    done = run(text, tmp_path / "run")
    assert done.returncode == 1
    assert done.stderr.count("FAILED") == len(nasty)
    assert not list(tmp_path.rglob("*pwned*"))
    assert "\x1b" not in text
    assert [path.name for path in tmp_path.rglob("*.fits") if "run" in path.parts] == [f"{OPEN[0]}_cal.fits"]


def test_the_script_hides_what_is_hidden_and_names_what_is_exclusive(mine):
    offered, client = mine
    text = script(client, FOUR)
    assert f"get JWST/{EXCLUSIVE}/{EXCLUSIVE}_cal.fits" in text
    assert f"get JWST/{HIDDEN}" not in text
    assert hashlib.sha256(content(offered, HIDDEN)).hexdigest() not in text


def test_the_script_goes_on_where_it_stopped_and_trusts_no_spoilt_file(mine, tmp_path):
    offered, client = mine
    text = script(client, [uri(OPEN[0]), uri(OPEN[1])])
    folder = tmp_path / "run" / "files" / "JWST"
    for root, begun in ((OPEN[0], content(offered, OPEN[0])[:1000]), (OPEN[1], b"spoilt")):
        (folder / root).mkdir(parents=True)
        (folder / root / f"{root}_cal.fits.part").write_bytes(begun)
    first = run(text, tmp_path / "run")
    assert (folder / OPEN[0] / f"{OPEN[0]}_cal.fits").read_bytes() == content(offered, OPEN[0])
    assert first.returncode == 1
    assert not (folder / OPEN[1] / f"{OPEN[1]}_cal.fits").exists()
    second = run(text, tmp_path / "run")
    assert second.returncode == 0, second.stderr
    assert (folder / OPEN[1] / f"{OPEN[1]}_cal.fits").read_bytes() == content(offered, OPEN[1])


def staged(client, token, uris=FOUR):
    return client.post("/api/v0.1/stage", json={"uris": uris}, headers=head(token))


def ready(client, token, number):
    def look():
        told = client.get(f"/api/v0.1/stage/{number}", headers=head(token)).json()
        return told if told["state"] != "requested" else None

    return until(look)


def members(answer) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}


def test_a_staged_request_becomes_a_tar_of_what_its_owner_may_have(mine):
    offered, client = mine
    made = staged(client, offered.tokens.pi)
    assert made.status_code == 202
    told = ready(client, offered.tokens.pi, made.json()["id"])
    assert (told["state"], told["files"]) == ("ready", 3)
    assert [row["uri"] for row in told["refused"]] == [uri(RESTRICTED)]
    found = members(client.get(told["tar"], headers=head(offered.tokens.pi)))
    names = {f"{root}_cal.fits": content(offered, root) for root in (OPEN[0], EXCLUSIVE, HIDDEN)}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in names.items())
    assert found == {"sha256sums.txt": sums.encode(), **names}
    assert {(row["uri"], row["verdict"]) for row in records(offered.ops) if row["route"] == "stage"} == {
        (uri(RESTRICTED), "denied"), *((uri(root), "granted") for root in (OPEN[0], EXCLUSIVE, HIDDEN)),
    }  # fmt: skip
    assert client.get(told["urls"][1]["url"]).content == content(offered, EXCLUSIVE)


def test_the_policy_is_asked_again_when_the_files_go_out(mine):
    offered, client = mine
    number = staged(client, offered.tokens.pi).json()["id"]
    told = ready(client, offered.tokens.pi, number)
    grant_gone(offered)
    found = members(client.get(told["tar"], headers=head(offered.tokens.pi)))
    assert {*found} == {"sha256sums.txt", f"{OPEN[0]}_cal.fits", "REFUSED.txt"}
    assert "exclusive access" in found["REFUSED.txt"].decode()
    assert f"the archive has no file '{uri(HIDDEN)}'" in found["REFUSED.txt"].decode()
    assert client.get(told["urls"][1]["url"]).status_code == 403
    assert [row["uri"] for row in client.get(told["address"], headers=head(offered.tokens.pi)).json()["urls"]] == [uri(OPEN[0])]


@pytest.mark.parametrize("who", ["", "other", "full"])
def test_a_request_is_its_owners_alone(mine, who):
    offered, client = mine
    number = staged(client, offered.tokens.pi).json()["id"]
    token = getattr(offered.tokens, who) if who else ""
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/files.tar")):
        assert client.request(method, f"/api/v0.1/stage/{number}{path}", headers=head(token)).status_code == (404 if who else 401)
    listed = client.get("/api/v0.1/stage", headers=head(token))
    assert listed.json().get("requests", []) == []


def test_requests_are_listed_ended_and_expire(mine):
    offered, client = mine
    token = offered.tokens.pi
    first, second = (staged(client, token, [uri(OPEN[n])]).json()["id"] for n in (0, 1))
    ready(client, token, first), ready(client, token, second)
    assert client.delete(f"/api/v0.1/stage/{first}", headers=head(token)).status_code == 204
    states = {row["id"]: row["state"] for row in client.get("/api/v0.1/stage", headers=head(token)).json()["requests"]}
    assert states == {first: "ended", second: "ready"}
    assert client.get(f"/api/v0.1/stage/{first}/files.tar", headers=head(token)).status_code == 409
    offered.ops.clock.advance(timedelta(hours=48))
    assert ready(client, token, second)["state"] == "ended"
    assert [row["state"] for row in staging.requests(offered.ops)] == ["ended", "ended"]
    assert staging.counts(offered.ops)["ended"] == 2


def test_a_request_whose_process_was_killed_is_begun_again_by_who_looks_at_it(mine, monkeypatch):
    offered, client = mine
    monkeypatch.setattr(bundles, "_begin", lambda *_: None)
    number = staged(client, offered.tokens.pi).json()["id"]
    assert [row["id"] for row in staging.requests(offered.ops, state="requested")] == [number]
    assert client.get(f"/api/v0.1/stage/{number}/files.tar", headers=head(offered.tokens.pi)).status_code == 409
    monkeypatch.undo()
    assert ready(client, offered.tokens.pi, number)["state"] == "ready"
    staging.lay_ready(offered.ops, number, lambda _: {})
    assert staging.requests(offered.ops, state="ready")[0]["files"] == 3


def test_what_trouble_of_the_machine_keeps_from_being_ready_is_tried_again(mine, monkeypatch):
    offered, client = mine
    monkeypatch.setattr(staging, "sound_path", lambda *_: 1 / 0)
    number = staged(client, offered.tokens.pi).json()["id"]
    until(lambda: "stage.failed" in (offered.ops.settings.folder("logs") / "journal.jsonl").read_text())
    assert [row["id"] for row in staging.requests(offered.ops, state="requested")] == [number]
    monkeypatch.undo()
    assert ready(client, offered.tokens.pi, number)["state"] == "ready"


def object_of(offered, root):
    with offered.ops.db.begin() as c:
        sha256 = c.execute(sa.select(archived_product.c.sha256).where(archived_product.c.name == f"{root}_cal.fits")).scalar_one()
    return offered.ops.store.path(sha256)


def spoil(path):
    path.chmod(0o644)
    path.write_bytes(bytes(path.stat().st_size))


def test_a_damaged_file_is_left_out_and_the_rest_is_ready(mine):
    offered, client = mine
    spoil(object_of(offered, OPEN[1]))
    number = staged(client, offered.tokens.pi, [uri(OPEN[0]), uri(OPEN[1])]).json()["id"]
    told = ready(client, offered.tokens.pi, number)
    assert told["files"] == 1
    assert "are not those that were archived" in told["refused"][0]["why"]
    assert "P16" in staging.requests(offered.ops)[0]["error"]


def test_a_tar_whose_bytes_turn_out_damaged_has_no_end(mine, monkeypatch):
    offered, client = mine
    number = staged(client, offered.tokens.pi, [uri(OPEN[0]), uri(OPEN[1])]).json()["id"]
    told = ready(client, offered.tokens.pi, number)
    monkeypatch.setattr(files, "CHEAP", 0)
    spoil(object_of(offered, OPEN[0]))
    with pytest.raises(httpx2.RemoteProtocolError):
        client.get(told["tar"], headers=head(offered.tokens.pi))


def test_bounds_of_requests_are_held_and_said(mine, monkeypatch):
    offered, client = mine
    token = offered.tokens.pi
    assert staged(client, token, []).status_code == 400
    assert staged(client, token, "x").status_code == 400
    assert staged(client, token, [1]).status_code == 400
    assert staged(client, token, [f"x{n}" for n in range(10_001)]).status_code == 400
    nothing = staged(client, token, [uri(RESTRICTED), "mast:JWST/product/none.fits"])
    assert nothing.status_code == 409
    assert "restricted" in nothing.json()["message"]
    assert staging.requests(offered.ops) == []
    monkeypatch.setattr(staging, "MOST_OPEN", 1)
    number = staged(client, token, [uri(OPEN[0])]).json()["id"]
    assert staged(client, token, [uri(OPEN[0])]).status_code == 429
    ready(client, token, number)
    client.delete(f"/api/v0.1/stage/{number}", headers=head(token))
    assert staged(client, token, [uri(OPEN[0])]).status_code == 202


def test_a_request_larger_than_the_site_allows_is_refused(tmp_path):
    offered = offered_site(tmp_path / "site", serve_stage_gigabytes=1e-5)
    with served(offered.ops) as base, httpx2.Client(base_url=base) as client:
        answer = staged(client, offered.tokens.pi, [uri(OPEN[0])])
        assert answer.status_code == 400
        assert "ask in parts" in answer.json()["message"]


def test_a_request_needs_its_scope(mine):
    offered, client = mine
    token = accounts.give_token(offered.ops, "pi", scopes=["read"], reason="test")
    assert staged(client, token).status_code == 403
    assert staged(client, "").status_code == 401


def test_staff_and_accounts_of_one_name_are_apart(mine):
    offered, client = mine
    accounts.put(offered.ops, "operator", "astronomer", reason="test")
    token = accounts.give_token(offered.ops, "operator", reason="test")
    number = staged(client, offered.tokens.staff).json()["id"]
    assert client.get(f"/api/v0.1/stage/{number}", headers=head(token)).status_code == 404
    assert {row["owner"] for row in staging.requests(offered.ops)} == {"staff:operator"}
