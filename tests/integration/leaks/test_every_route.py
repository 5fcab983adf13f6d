"""Every route of the site is asked by everybody for a thing of every kind, before and after its release: nothing leaks, nothing lacks."""

from __future__ import annotations

import pytest

from dmsops.services import site
from tests.integration.leaks import owned
from tests.integration.leaks import world as w
from tests.integration.leaks.probes import Probe, simple
from tests.integration.leaks.world import KINDS, TICK, Answer, Asker, T, Thing, World, at, ghost_of, has, same, sees

ROUTES = [(method, route.path) for route in site.routes() for method in route.methods]
PROBES = dict(simple())
TIMES = {"before": T - TICK, "at the release": T}
AGAIN = ("anonymous", "pi", "operator")
"""Who asks again at the time of release; everybody asks before."""
OF_ALL = ("anonymous", "pi", "other")
"""Who asks for a thing of each kind; others for one that is exclusive, one that is hidden, and one that nobody ever sees."""
SOME, TURNING = ("exclusive", "hidden", "never"), ("turning", "appearing")


def test_every_route_has_a_probe_and_every_probe_a_route() -> None:
    assert set(ROUTES) == {*PROBES, *owned.PROBES}


@pytest.mark.parametrize("when", TIMES)
@pytest.mark.parametrize("route", [r for r in ROUTES if r not in owned.PROBES], ids=" ".join)
def test_a_route_shows_each_asker_what_is_theirs_and_nothing_else(world: World, route: tuple[str, str], when: str) -> None:
    probes = PROBES.get(route)
    assert probes, f"no probe asks {route}: write one in probes.py, or what it leaks is not looked for"
    with at(world, TIMES[when]):
        for name, asker in world.askers.items():
            if when == "before" or name in AGAIN:
                for probe in probes:
                    _asked(world, probe, asker, when, route[1])


@pytest.mark.parametrize("asker", ["anonymous", "other"])
def test_of_an_observation_that_is_half_hidden_only_the_other_half_is_told(world: World, asker: str) -> None:
    who = world.askers[asker]
    for path in (f"/caom/observations/JWST/{w.HALF}", f"/caom/files/JWST/{w.HALF}", f"/api/v0.1/events.atom?observation={w.HALF}"):
        world.ask(who, "GET", path)
    asked = {"QUERY": f"SELECT max_cal_level FROM jwst.main WHERE observationid = '{w.HALF}'", "LANG": "ADQL", "RESPONSEFORMAT": "csv"}
    assert world.ask(who, "POST", "/tap/sync", data=asked).body.split() == [b"max_cal_level", b"1"]
    shown = world.ask(who, "POST", "/search/jwst/api/v0.1/post_list_products", json={"dataset_ids": [w.HALF]})
    assert f"{w.HALF}_uncal.fits" in shown.text


@pytest.mark.parametrize("route", list(owned.PROBES), ids=" ".join)
def test_what_somebody_made_is_theirs_alone(world: World, route: tuple[str, str]) -> None:
    with at(world, T - TICK):
        owned.PROBES[route](world, route[1])


def _asked(world: World, probe: Probe, asker: Asker, when: str, path: str) -> None:
    seer = w.seer_of(asker, path)
    if probe.shows in ("list", "nothing"):
        answer = probe.ask(world, asker, world.things[0])
        if asker.good and probe.shows == "list":
            assert answer.status == 200, f"{asker.name}: {answer.text[:300]}"
            assert world.listed(answer) == world.visible(seer), f"{probe.name}: {asker.name}"
        return
    kinds = TURNING if when != "before" else KINDS if asker.name in OF_ALL and not probe.brief else SOME
    for kind in kinds:
        _asked_of(world, probe, asker, seer, world.thing(kind))
        if not asker.good:
            return


def _asked_of(world: World, probe: Probe, asker: Asker, seer: Asker, thing: Thing) -> None:
    answer = probe.ask(world, asker, thing)
    said = f"{probe.name}: {asker.name}, {thing.kind}: {answer.status} {answer.text[:400]}"
    if not asker.good:
        assert answer.status == 401, said
    elif not sees(seer, thing, world.now):
        ghost = ghost_of(thing)
        other = probe.ask(world, asker, ghost)
        assert same(answer, other, thing, ghost), f"{said}\nand of a thing that never was: {other.text[:400]}"
        assert probe.shows in ("one", "count") or answer.status == 404, said
    else:
        _SHOWN[probe.shows](answer, probe, thing, asker, said, has(asker, thing, world.now))


def _is_feed(answer: Answer) -> bool:
    return "text/xml" in answer.text or "tab-separated" in answer.text


def _one(answer: Answer, probe: Probe, thing: Thing, _asker: Asker, said: str, _has: bool) -> None:
    assert probe.mark(thing) in answer.text, f"nothing is shown to who may see it: {said}"


def _file(answer: Answer, probe: Probe, thing: Thing, asker: Asker, said: str, has_it: bool) -> None:
    if has_it:
        assert answer.status in (200, 206), said
        assert thing.bytes_mark in answer.text, said
    else:
        _refused(answer, asker, thing, said)


def _head(answer: Answer, probe: Probe, thing: Thing, asker: Asker, said: str, has_it: bool) -> None:
    assert answer.body == b"", said
    if has_it:
        assert thing.sha256 in answer.text, said
    else:
        _refused(answer, asker, thing, said)


def _refused(answer: Answer, asker: Asker, thing: Thing, said: str) -> None:
    assert answer.status == (401 if asker.anonymous else 403), said
    assert thing.sha256 not in answer.text, said
    assert str(len(thing.content)) not in answer.text, said


def _tar(answer: Answer, probe: Probe, thing: Thing, asker: Asker, said: str, has_it: bool) -> None:
    assert (thing.bytes_mark in answer.text) is has_it, said
    assert (thing.sha256 in answer.text) is has_it, said


def _existence(answer: Answer, probe: Probe, thing: Thing, asker: Asker, said: str, has_it: bool) -> None:
    assert answer.status != 404, said
    assert has_it or answer.status in (401, 403) or _is_feed(answer), said


def _address(answer: Answer, probe: Probe, thing: Thing, asker: Asker, said: str, has_it: bool) -> None:
    assert (probe.mark(thing) in answer.text) is has_it, said


_SHOWN = {"one": _one, "address": _address, "count": _one, "file": _file, "head": _head, "tar": _tar, "existence": _existence}
