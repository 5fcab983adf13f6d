"""What somebody makes and comes back for: signed addresses, staged requests, subscriptions, grants, jobs, refusals. It is theirs alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dmsops.distribution import grants
from dmsops.flows.telling import tell
from tests.integration.leaks.world import MINE, THEIRS, Answer, Asker, World, ghost_of, has, only, same, sees
from tests.waiting import until

Check = Callable[[World, str], None]
SIGN, SIGNED, STAGE = "/api/v0.1/Download/sign", "/api/v0.1/Download/signed/", "/api/v0.1/stage"
SUBSCRIPTIONS, EVENTS, GRANTS = "/api/v0.1/subscriptions", "/api/v0.1/events", "/api/v0.1/grants"
QUERY = "SELECT obs_id, target_name FROM ivoa.obscore"
NOBODY = "0" * 32
_ACCOUNTS = {
    "pi": "pi", "other": "other", "guest whose grant ended": "guest", "pi without scope read": "pi", "pi with scope grant alone": "pi",
    "partner": "partner", "full partner": "full", "full partner without scope read": "full", "expired": "pi", "revoked": "gone",
    "mistyped": "pi",
}  # fmt: skip
"""Whose token somebody sends who signs in by name."""
_LISTING = {"QUERY": "SELECT obs_id FROM ivoa.obscore", "LANG": "ADQL", "RESPONSEFORMAT": "csv"}


def bearer(asker: Asker) -> Asker:
    """Give who has another's address: they send no token, and get what its maker may have."""
    return replace(asker, token="", name=f"bearer of {asker.name}'s")


def signed(world: World, asker: Asker, *kinds: str) -> list[str]:
    """Have addresses signed; gives their paths."""
    answer = world.ask(asker, "POST", SIGN, data={"uri": [world.thing(kind).uri for kind in kinds]})
    assert answer.status == 200, answer.text
    return [word.split('"')[0] for word in answer.text.split(world.base)[1:]]


def _sign(world: World, path: str) -> None:
    for asker in world.askers.values():
        answer = world.ask(asker, "POST", path, data={"uri": [thing.uri for thing in world.things]})
        if not (asker.good and asker.reads):
            assert answer.status == (401 if asker.anonymous or not asker.good else 403), answer.text
            continue
        expected = sum(has(asker, thing, world.now) for thing in world.things)
        assert answer.text.count(f"{world.base}{SIGNED}") == expected, asker.name
        for thing in only(world.things, MINE):
            if not sees(asker, thing, world.now):
                ghost = ghost_of(thing)
                asked = [world.ask(asker, "POST", path, data={"uri": one.uri}) for one in (thing, ghost)]
                assert same(*asked, thing, ghost), asked[0].text


def _signed(method: str) -> Check:
    def check(world: World, _path: str) -> None:
        pi = world.askers["pi"]
        (address,) = signed(world, pi, "exclusive")
        answer = world.ask(bearer(pi), method, address)
        assert answer.status == 200
        assert world.thing("exclusive").sha256 in answer.text
        head, _, token = address.rpartition("/")
        for wrong in (address[:-3], f"{head}/{token.swapcase()}", f"{head}/x.y"):
            assert world.ask(bearer(world.askers["anonymous"]), method, wrong).status == 403, wrong

    return check


def everything(world: World) -> str:
    """Give the names that who stages everything gives away: they are told which of them they do not get."""
    return " ".join(f"{thing.uri} {thing.target}" for thing in world.things)


@contextmanager
def staged(world: World, asker: Asker) -> Iterator[str]:
    """Stage all files of `MINE` for somebody, and wait until they lie ready; gives the request's path."""
    answer = world.ask(asker, "POST", STAGE, data={"uri": [thing.uri for thing in world.things]})
    assert answer.status == 202, answer.text
    path = answer.text.split(f'"address": "{world.base}')[-1] if '"address": "' in answer.text else answer.text.split(world.base)[1]
    path = path.split('"')[0].removesuffix("/files.tar")
    until(lambda: '"state":"ready"' in world.ask(asker, "GET", path, echo=everything(world)).text)
    try:
        yield path
    finally:
        world.ask(asker, "DELETE", path)


def _stage(world: World, path: str) -> None:
    for name, asker in world.askers.items():
        if not (asker.good and asker.subscribes):
            answer = world.ask(asker, "POST", path, data={"uri": world.thing("public").uri})
            assert answer.status == (401 if asker.anonymous or not asker.good else 403), name
            continue
        with staged(world, asker) as mine:
            shown = world.ask(asker, "GET", mine, echo=everything(world))
            assert shown.text.count(SIGNED) == sum(has(asker, thing, world.now) for thing in world.things), name
    for thing in (world.thing("hidden"), world.thing("never")):
        ghost, other = ghost_of(thing), world.askers["other"]
        asked = [world.ask(other, "POST", path, data={"uri": one.uri}) for one in (thing, ghost)]
        assert same(*asked, thing, ghost)


def _staged(method: str, end: str = "") -> Check:
    """Ask for a request of the PI's: nobody else has it, and no token of theirs shows more than it may."""

    def check(world: World, _path: str) -> None:
        pi = world.askers["pi"]
        with staged(world, pi) as mine:
            _nobody_elses(world, pi, method, f"{STAGE}/{{}}{end}", mine.rpartition("/")[2], NOBODY)
            for name in ("pi", "pi without scope read"):
                answer = world.ask(world.askers[name], method, mine + end, echo=everything(world))
                assert answer.status in (200, 204), f"{name}: {answer.text[:300]}"
                if end:
                    found = {thing.root for thing in world.things if thing.bytes_mark in answer.text}
                    assert found == {thing.root for thing in world.things if has(world.askers[name], thing, world.now)}, name
                if method == "DELETE":
                    return

    return check


def _nobody_elses(world: World, owner: Asker, method: str, path: str, mine: str, nobodys: str, **given: Any) -> None:
    """Ask for something of the owner's and for what is nobody's: everybody else gets the same answer."""
    for name, asker in world.askers.items():
        if name.split(" with")[0] == owner.name:  # another token of the same account, or the same
            if asker is not owner and method == "GET":
                world.ask(asker, method, path.format(mine), echo=everything(world), **given)
            continue
        one, other = (world.ask(asker, method, path.format(number), **given) for number in (mine, nobodys))
        assert one.status in (401, 403, 404), f"{name}: {one.text[:300]}"
        assert _without(one, mine) == _without(other, nobodys), f"{name}: {one.text[:300]} {other.text[:300]}"


def _without(answer: Answer, number: str) -> str:
    return re.sub(rf"content-length: \d+|\b{number}\b", "", answer.text)


def _own_requests(world: World, path: str) -> None:
    pi, other = world.askers["pi"], world.askers["other"]
    with staged(world, pi) as mine, staged(world, other) as theirs:
        shown = world.ask(pi, "GET", path, echo=everything(world)).text
        assert mine in shown
        assert theirs not in shown
        assert mine not in world.ask(world.askers["operator"], "GET", path).text
        assert world.ask(world.askers["anonymous"], "GET", path).status == 401


@contextmanager
def subscribed(world: World, asker: Asker, **wish: Any) -> Iterator[tuple[int, Any]]:
    """Subscribe somebody to a stream from the beginning on; gives its number and what was answered."""
    asked = {"events": ["New", "First", "Public"], "channel": "stream", "catch_up": True} | wish
    answer = world.ask(asker, "POST", SUBSCRIPTIONS, json=asked)
    assert answer.status == 201, answer.text
    number = json.loads(answer.body)["id"]
    try:
        yield number, json.loads(answer.body)
    finally:
        world.ask(asker, "DELETE", f"{SUBSCRIPTIONS}/{number}")


def _subscribe(world: World, path: str) -> None:
    """What is counted for a new subscription says nothing of what its owner may not know."""
    for name, asker in world.askers.items():
        if not (asker.good and asker.subscribes):
            answer = world.ask(asker, "POST", path, json={"events": ["New"], "channel": "stream"})
            assert answer.status == (401 if asker.anonymous or not asker.good else 403), name
    other = world.askers["other"]
    with subscribed(world, other, target=world.thing("hidden").target) as one, subscribed(world, other, target="TGT-nobody") as two:
        assert one[1]["waiting"] == two[1]["waiting"], "how many events wait says that there is such a target"
        named = {"echo": world.thing("hidden").target}
        shown = [json.loads(world.ask(other, "GET", f"{path}/{number}", **named).body) for number, _ in (one, two)]
        assert [_counts(row) for row in shown[:1]] == [_counts(row) for row in shown[1:]]
        rows = {row["id"]: _counts(row) for row in json.loads(world.ask(other, "GET", path, **named).body)["subscriptions"]}
        assert rows[one[0]] == rows[two[0]]


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row.get(key) for key in ("waiting", "counts", "last", "error", "next_at")}


def _listed(world: World, path: str) -> None:
    with subscribed(world, world.askers["pi"]) as (mine, _), subscribed(world, world.askers["other"]) as (theirs, _):
        known = {
            name: {row["id"] for row in json.loads(world.ask(world.askers[name], "GET", path).body)["subscriptions"]}
            for name in ("pi", "operator", "full partner")
        }
        assert mine in known["pi"]
        assert all(theirs not in numbers for numbers in known.values())
        assert world.ask(world.askers["anonymous"], "GET", path).status == 401


def _subscription(method: str, end: str = "") -> Check:
    def check(world: World, _path: str) -> None:
        pi = world.askers["pi"]
        given = {"json": {}} if method == "POST" else {}
        with subscribed(world, pi) as (number, _):
            _nobody_elses(world, pi, method, f"{SUBSCRIPTIONS}/{{}}{end}", str(number), "2000000001", **given)
            answer = world.ask(pi, method, f"{SUBSCRIPTIONS}/{number}{end}", **given)
            assert answer.status == 200, answer.text

    return check


def _events(world: World, path: str) -> None:
    for name in ("pi", "other", "operator", "full partner", "partner", "guest whose grant ended"):
        asker = world.askers[name]
        with subscribed(world, asker) as (number, _):
            seen = until(lambda n=number, a=asker: told(world, a, f"{path}?subscription={n}&format=json&after=0"))
            assert seen <= world.visible(asker), name
            _nobody_elses(world, asker, "GET", f"{path}?subscription={{}}&format=json", str(number), "2000000001")


def told(world: World, asker: Asker, path: str) -> set[str]:
    """Let the dispatcher lay down what waits, and read the stream."""
    tell(world.ops)
    return world.listed(world.ask(asker, "GET", path))


def _grants(world: World, path: str) -> None:
    """Each PI is shown the grants of their program, and of each only what concerns them; a token without the scope shows none."""
    with let_in(world) as number:
        known = {program: grants.grants(world.ops, program=program) for program in (MINE, THEIRS)}
        assert number in {row["id"] for row in known[MINE]}
        for name, asker in world.askers.items():
            answer = world.ask(asker, "GET", path)
            if not asker.grants:
                assert answer.status == _refused_as(asker), name
                continue
            rows = json.loads(answer.body)["grants"]
            theirs, account = known[next(iter(asker.told))], name.split(" with")[0]
            assert {row["number"] for row in rows} == {row["id"] for row in theirs}, name
            assert {row["number"] for row in rows if row["reason"]} == {row["id"] for row in theirs if row["granted_by"] == account}, name
            assert {key for row in rows for key in row} == GRANT_SHOWN


GRANT_SHOWN = {"number", "account", "program", "kind", "granted_at", "until", "revoked_at", "reason"}


def _refused_as(asker: Asker) -> int:
    return 401 if asker.anonymous or not asker.good else 403


@contextmanager
def let_in(world: World, name: str = "gone") -> Iterator[int]:
    """Let an account into `MINE`, in the PI's own hand; gives the grant's number."""
    pi = world.askers["pi with scope grant alone"]
    answer = world.ask(pi, "POST", GRANTS, json={"account": name, "program": MINE, "reason": "a colleague"})
    assert answer.status == 201, answer.text
    number = json.loads(answer.body)["number"]
    try:
        yield number
    finally:
        world.ask(pi, "DELETE", f"{GRANTS}/{number}", json={"reason": "the test is over"})


def _grant(world: World, path: str) -> None:
    """Only the PI lets somebody in; to all others it is the same which programs, and which accounts, there are."""
    before = grants.grants(world.ops)
    for name, asker in world.askers.items():
        if asker.grants and MINE in asker.told:
            continue
        asked = [
            world.ask(asker, "POST", path, json={"account": account, "program": program, "reason": "test"})
            for account, program in (("gone", MINE), ("never", MINE), ("gone", "09999"))
        ]
        assert asked[0].status == _refused_as(asker), name
        assert {answer.text.replace(MINE, "09999") for answer in asked} == {asked[2].text}, name
    assert grants.grants(world.ops) == before
    with let_in(world):
        assert len(grants.grants(world.ops)) == len(before) + 1


def _end_grant(world: World, path: str) -> None:
    """Only the PI ends a guest's grant; of one that is not theirs to end they learn no more than of one that never was."""
    with let_in(world) as number:
        given, running = {"json": {"reason": "test"}}, grants.grants(world.ops)
        _nobody_elses(world, world.askers["pi"], "DELETE", f"{GRANTS}/{{}}", str(number), "2000000001", **given)
        for name in ("pi", "pi without scope read"):
            assert world.ask(world.askers[name], "DELETE", f"{GRANTS}/{number}", **given).status == 403
        pi = world.askers["pi with scope grant alone"]
        others = [row["id"] for row in running if row["kind"] == "pi" or row["program"] != MINE]
        told = [world.ask(pi, "DELETE", f"{GRANTS}/{one}", **given) for one in (*others, 2000000001)]
        assert {answer.status for answer in told} == {404}
        assert len({re.sub(r'content-length: \d+|grant"?:? \d+', "", answer.text) for answer in told}) == 1
        assert grants.grants(world.ops) == running
        assert world.ask(pi, "DELETE", f"{GRANTS}/{number}", **given).status == 204
        assert grants.grants(world.ops) != running


def job(world: World, asker: Asker, root: str = "/tap", query: str = QUERY) -> str:
    """Make a job of somebody's, and wait for its end; gives its path."""
    given = {"QUERY": query, "LANG": "ADQL", "PHASE": "RUN", "RESPONSEFORMAT": "csv"}
    answer = world.ask(asker, "POST", f"{root}/async", data=given)
    assert answer.status == 303, answer.text
    path = dict(answer.headers)["location"].removeprefix(world.base)
    ended = ("COMPLETED", "ERROR", "ABORTED")
    until(lambda: world.ask(asker, "GET", f"{path}/phase").text.strip().endswith(ended))
    return path


def _deleted(world: World, path: str) -> None:
    pi = world.askers["pi"]
    mine = job(world, pi, "/esa/tap")
    for asker in (world.askers["anonymous"], world.askers["other"], world.askers["operator"]):
        answer = world.ask(asker, "POST", path, data={"JOB_IDS": mine.rpartition("/")[2]})
        assert answer.status == 404, answer.text
    assert world.ask(pi, "GET", mine).status == 200


def _job(method: str, end: str = "", **fields: str) -> Check:
    def check(world: World, path: str) -> None:
        root = path.partition("/async")[0]
        pi = world.askers["pi"]
        mine = job(world, pi, root)
        given = {"data": fields} if fields else {}
        _nobody_elses(world, pi, method, f"{root}/async/{{}}{end}", mine.rpartition("/")[2], NOBODY, **given)
        if method == "GET" and end == "/results/result":
            assert world.listed(world.ask(pi, method, mine + end)) == world.visible(pi)
        world.ask(pi, "DELETE", mine)

    return check


def _jobs(world: World, path: str) -> None:
    """Each asker's own job gives what they may see, whoever runs it; a list has one's own jobs alone."""
    root = path.partition("/async")[0]
    everybody = [asker for asker in world.askers.values() if asker.good]
    asked = everybody if root == "/tap" else [world.askers[name] for name in ("anonymous", "pi without scope read")]
    for asker in asked:
        mine = job(world, asker, root)
        answer = world.ask(asker, "GET", f"{mine}/results/result")
        assert answer.status == 200, f"{asker.name}: {answer.text[:300]}"
        assert world.listed(answer) == world.visible(asker), asker.name
        _only_mine(world, path, mine, asker)
        world.ask(asker, "DELETE", mine)
    for name in ("expired", "revoked", "mistyped"):
        assert world.ask(world.askers[name], "POST", path, data={"QUERY": QUERY}).status == 401


def _only_mine(world: World, path: str, mine: str, owner: Asker) -> None:
    number = mine.rpartition("/")[2]
    for asker in (world.askers["anonymous"], world.askers["other"], world.askers["operator"], owner):
        known = number in world.ask(asker, "GET", path).text
        assert known == (asker is owner and not owner.anonymous), f"{owner.name}'s job in the list of {asker.name}"


def _refusals(world: World, path: str) -> None:
    for name, asker in world.askers.items():
        things = (world.thing("hidden"), ghost_of(world.thing("hidden")))
        asked = [world.ask(asker, "POST", path, json={"refusals": [{"uri": one.uri, "reason": "test"}]}) for one in things]
        partner = asker.good and asker.harvests and "partner" in name
        assert asked[0].status == (200 if partner else 401 if asker.anonymous or not asker.good else 403), name
        assert partner or same(*asked, world.thing("hidden"), ghost_of(world.thing("hidden"))), name


def _signed_in(world: World, path: str, name: str) -> dict[str, str]:
    """Sign in with a token; gives the header that its session is sent by."""
    asker = world.askers[name]
    answer = world.ask(world.askers["anonymous"], "POST", path, data={"username": _ACCOUNTS[name], "password": asker.token})
    assert answer.status == 200, answer.text
    (cookie,) = [value for key, value in answer.headers if key == "set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/esa"} <= set(cookie.split("; "))
    return {"Cookie": cookie.split(";")[0]}


def _sign_in(world: World, path: str) -> None:
    """Whoever signs in sees what their token shows, and nothing more."""
    anonymous = world.askers["anonymous"]
    for name, account in _ACCOUNTS.items():
        asker = world.askers[name]
        if not asker.good:
            given = {"username": account, "password": asker.token}
            assert world.ask(anonymous, "POST", path, data=given).status == 401, name
            continue
        session = _signed_in(world, path, name)
        seen = replace(asker, token="", name=f"{name}, signed in", everything=asker.everything and asker.reads)
        answer = world.ask(seen, "POST", "/esa/tap/sync", data=_LISTING, headers=session)
        assert (answer.status, world.listed(answer)) == (200, world.visible(asker)), name
        for thing in world.things:
            got = world.ask(seen, "GET", "/esa/data", params={"RETRIEVAL_TYPE": "PRODUCT", "ARTIFACTID": thing.uri}, headers=session)
            assert (got.status == 200) == has(asker, thing, world.now), f"{name}: {thing.kind} of {thing.program}: {got.text[:300]}"
        world.ask(replace(seen, harvests=False), "GET", "/caom/observations/JWST", headers=session)
        weak = world.ask(seen, "POST", GRANTS, json={"account": "other", "program": MINE, "reason": "test"}, headers=session)
        assert weak.status == 403, f"{name}: a session lets others in"
    assert world.ask(anonymous, "POST", f"{path}?username=pi&password=x").status == 400


def _sign_out(world: World, path: str) -> None:
    """Who signed out is nobody known; a token is not ended by it."""
    session = _signed_in(world, "/esa/login", "pi")
    assert world.ask(world.askers["anonymous"], "POST", path, headers=session).status == 200
    answer = world.ask(world.askers["anonymous"], "POST", "/esa/tap/sync", data=_LISTING, headers=session)
    assert (answer.status, world.listed(answer)) == (200, world.visible(world.askers["anonymous"]))
    pi = world.askers["pi"]
    world.ask(world.askers["anonymous"], "POST", path, headers={"Cookie": f"SESSION={pi.token}"})
    assert world.listed(world.ask(pi, "POST", "/esa/tap/sync", data=_LISTING)) == world.visible(pi)


def _tap(root: str) -> Iterator[tuple[tuple[str, str], Check]]:
    one = f"{root}/async/{{id}}"
    yield ("GET", f"{root}/async"), _jobs
    yield ("POST", f"{root}/async"), _jobs
    yield ("GET", one), _job("GET")
    yield ("POST", one), _job("POST", ACTION="DELETE")
    yield ("DELETE", one), _job("DELETE")
    for end in ("phase", "executionduration", "destruction", "quote", "owner", "parameters", "results", "results/result", "error"):
        yield ("GET", f"{one}/{end}"), _job("GET", f"/{end}")
    for end, fields in (
        ("phase", {"PHASE": "ABORT"}), ("executionduration", {"EXECUTIONDURATION": "1"}),
        ("destruction", {"DESTRUCTION": "2020-01-01T00:00:00Z"}),
        ("parameters", {"QUERY": "SELECT 1"}),
    ):  # fmt: skip
        yield ("POST", f"{one}/{end}"), _job("POST", f"/{end}", **fields)


PROBES: dict[tuple[str, str], Check] = {
    ("POST", "/caom/refusals"): _refusals,
    ("POST", SIGN): _sign,
    ("GET", f"{SIGNED}{{token}}"): _signed("GET"),
    ("HEAD", f"{SIGNED}{{token}}"): _signed("HEAD"),
    ("POST", STAGE): _stage,
    ("GET", STAGE): _own_requests,
    ("GET", f"{STAGE}/{{id}}"): _staged("GET"),
    ("DELETE", f"{STAGE}/{{id}}"): _staged("DELETE"),
    ("GET", f"{STAGE}/{{id}}/files.tar"): _staged("GET", "/files.tar"),
    ("GET", EVENTS): _events,
    ("GET", SUBSCRIPTIONS): _listed,
    ("POST", SUBSCRIPTIONS): _subscribe,
    ("GET", f"{SUBSCRIPTIONS}/{{number}}"): _subscription("GET"),
    ("DELETE", f"{SUBSCRIPTIONS}/{{number}}"): _subscription("DELETE"),
    ("POST", f"{SUBSCRIPTIONS}/{{number}}/{{act}}"): _subscription("POST", "/pause"),
    ("GET", GRANTS): _grants,
    ("POST", GRANTS): _grant,
    ("DELETE", f"{GRANTS}/{{number}}"): _end_grant,
    ("POST", "/esa/tap/deletejobs"): _deleted,
    ("POST", "/esa/login"): _sign_in,
    ("POST", "/esa/logout"): _sign_out,
    **dict(_tap("/tap")),
    **dict(_tap("/esa/tap")),
}
