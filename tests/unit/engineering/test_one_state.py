"""A long answer of the service is of one state of the engineering database, whatever happens between its pieces; or it is cut off."""

from __future__ import annotations

import csv
from datetime import timedelta

import numpy as np
import pytest

from dmsops.core.errors import StoreDamaged
from dmsops.engineering import compact, queries, resolve
from dmsops.engineering.edb_source import StoreSource
from dmsops.interfaces import edb_answers, edb_samples
from dmsops.interfaces.edb import public, walk
from dmsops.receipt import sweep
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, take

HOUR = 3600 * SECOND
NAME = FLOATS[0]
ASKED = f"uri=mast:jwstedb/{NAME}-20221204T040000-20221204T080000.csv"
HELD = [(NAME, T0 + n * 60 * SECOND, float(n)) for n in range(-30, 270)]
"""A sample a minute: those asked for, half an hour before and after."""


@pytest.fixture
def ops(tmp_path):
    """A site that holds the samples, the last value of each hour contested."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=6))
    for n in range(3):
        take(opened, HELD[n * 100 : (n + 1) * 100], named(n + 1))
    for n in range(2):
        take(opened, [(NAME, time, -1.0) for _, time, value in HELD[n * 150 : (n + 1) * 150] if value % 60 == 59], named(n + 4))
    yield opened
    opened.db.dispose()


@pytest.fixture(autouse=True)
def in_pieces(monkeypatch):
    """Make an answer of five hours a long one: read hour by hour, and again as it is sent."""
    monkeypatch.setattr(edb_answers, "HELD", 10)
    monkeypatch.setattr(edb_answers, "SMALL", 10)
    monkeypatch.setattr(edb_samples, "WINDOW_US", HOUR)


def ingest(ops):
    """Bring samples between those that are held, in every hour, and next to the time asked for."""
    take(ops, [(NAME, time + 30 * SECOND, 0.5) for _, time, _ in HELD[:150]], named(6))
    take(ops, [(NAME, time + 30 * SECOND, 0.5) for _, time, _ in HELD[150:]], named(7))


def settle(ops):
    """Give contested samples another value."""
    numbers = [row["id"] for row in queries.suspect_intervals(ops)]
    resolve.resolve(ops, numbers, keep="E", ticket=resolve.preview(ops, numbers, keep="E").hash, reason="looked at")


def compaction(ops):
    """Compact, and sweep the store: not a file goes that an answer under way may read."""
    compact.compact(ops, compact.several(ops))
    ops.clock.advance(timedelta(days=400))
    sweep.sweep(ops, ticket=sweep.plan(ops).hash, reason="room")


def everything(ops):
    settle(ops)
    ingest(ops)
    compaction(ops)


def rows(pieces):
    return [(row["theTime"], float(row["euvalue"])) for row in csv.DictReader(b"".join(pieces).decode().splitlines())]


def answer(ops):
    return public(StoreSource(ops), "api/v0.1/Download/file", ASKED).body


@pytest.mark.parametrize("act", [ingest, settle, compaction, everything])
@pytest.mark.parametrize("sent", [0, 1, 2, 4])
def test_what_happens_between_the_pieces_of_an_answer_is_in_none_of_them(ops, act, sent):
    before = rows(answer(ops))
    body = answer(ops)
    pieces = [next(body) for _ in range(sent)]
    act(ops)
    pieces += body
    assert len(pieces) > 5
    assert rows(pieces) == before
    assert (rows(answer(ops)) == before) is (act is compaction)


@pytest.mark.parametrize("act", [ingest, settle, everything])
def test_what_is_gathered_before_it_is_sent_is_of_one_state_too(ops, act):
    asked = (NAME, T0, T0 + 4 * HOUR)
    before = StoreSource(ops).samples(*asked)
    blocks = walk(StoreSource(ops), *asked)
    first = next(blocks)
    act(ops)
    got = [first, *blocks]
    for found, wanted in zip(zip(*got, strict=True), before, strict=True):
        np.testing.assert_array_equal(np.concatenate(found), wanted)


def test_an_answer_whose_files_are_gone_breaks_off(ops):
    body = answer(ops)
    sent = [next(body), next(body)]
    compaction(ops)
    for sha256 in list(ops.store.objects()):
        ops.store.path(sha256).unlink()
    with pytest.raises(StoreDamaged, match=f"samples of {NAME} cannot be read: the store has no object"):
        next(body)
    assert next(body, None) is None
    assert 0 < len(rows(sent)) < 240
    assert public(StoreSource(ops), "api/v0.1/Download/file", ASKED).status == 503


def test_a_sample_that_came_later_nearer_to_the_time_is_not_the_one_beside_it(ops):
    ops.clock.advance(timedelta(hours=4))
    source, first, last = StoreSource(ops), HELD[0][1], HELD[-1][1]
    before, after = first - 3 * HOUR, last + 3 * HOUR
    take(ops, [(NAME, first - 2 * HOUR, 0.5), (NAME, first - HOUR, 0.5)], named(6))
    take(ops, [(NAME, last + HOUR, 0.5), (NAME, last + 2 * HOUR, 0.5)], named(7))
    assert source.samples(NAME, before, before)[0].tolist() == [first]
    assert source.samples(NAME, after, after)[0].tolist() == [last]
    assert StoreSource(ops).samples(NAME, before, before)[0].tolist() == [first - 2 * HOUR]
    assert StoreSource(ops).samples(NAME, after, after)[0].tolist() == [last + 2 * HOUR]
