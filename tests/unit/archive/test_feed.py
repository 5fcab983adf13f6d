"""The catalogue as harvesters read it: in order, whole however it is cut, nothing before it may be seen, and then not passed by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.archive import bulk, feed
from dmsops.archive.feed import Listed, Span
from dmsops.archive.tables import archived_product, observation, plane, tombstone
from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.testing.observations import clean
from dmsops.testing.sites import small_site

NOW = datetime.fromisoformat("2022-12-04T06:00:00+00:00")
N = 9
_o, _p = observation.c, plane.c


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    """Give nine observations, public on the first day."""
    opened = small_site(tmp_path / "site", NOW, **({"database": database} if database else {}))
    bulk.load(opened, ((found, "0" * 64) for found in clean(N)))
    yield opened
    opened.db.dispose()


def ids(ops: Ops) -> list[str]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(_o.id).order_by(_o.id)).scalars())


def let(ops: Ops, name: str, *, changed: datetime, public: datetime | None, planes: datetime | None, state: str = "archived") -> None:
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(_o.id == name).values(changed_at=changed, meta_release=public, state=state))
        c.execute(sa.update(plane).where(_p.observation_id == name).values(meta_release=planes))


def policy(release: Any, program: Any) -> Any:
    return sa.and_(release.is_not(None), release <= NOW)


def whole(ops: Ops, page: int, span: Span, given: Any = None) -> list[Listed]:
    return list(feed.all_listed(ops, "JWST", span, given, page=page))


MINUTES = st.integers(-6, 3)
RELEASES = st.none() | MINUTES
FACTS = st.lists(st.tuples(MINUTES, RELEASES, RELEASES, st.sampled_from(["archived", "archived", "withdrawn"])), min_size=N, max_size=N)


def at(minutes: int | None) -> datetime | None:
    return None if minutes is None else NOW + timedelta(minutes=minutes)


def expected(names: list[str], facts: list[tuple[Any, ...]], *, public: bool) -> list[tuple[datetime, str]]:
    """Say in plain words what the list must hold."""
    rows = []
    for name, (changed, own, parts, state) in zip(names, facts, strict=True):
        seen = None if own is None or parts is None else max(own, parts)
        if state != "archived" or (public and (seen is None or seen > 0)):
            continue
        shown = max(changed, own) if public else changed
        rows += [(at(shown), name)] if shown <= 0 else []
    return sorted(rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=FACTS, page=st.integers(1, N + 1), start=MINUTES, public=st.booleans())
def test_however_it_is_cut_the_list_is_what_it_must_be(ops: Ops, facts: Any, page: int, start: int, public: bool) -> None:
    names = ids(ops)
    for name, (changed, own, parts, state) in zip(names, facts, strict=True):
        let(ops, name, changed=at(changed), public=at(own), planes=at(parts), state=state)
    found = whole(ops, page, Span(now=NOW, start=at(start)), policy if public else None)
    wanted = expected(names, facts, public=public)
    assert [(row.changed_at, row.observation_id) for row in found] == [one for one in wanted if one[0] >= at(start)]
    assert all(row.checksum.startswith("md5:") for row in found)


def test_what_becomes_public_comes_in_the_list_of_that_moment(ops: Ops) -> None:
    name, later = ids(ops)[4], NOW + timedelta(hours=1)
    let(ops, name, changed=NOW - timedelta(hours=1), public=later, planes=later)

    def seen(now: datetime, start: datetime) -> list[tuple[str, datetime]]:
        def given(release: Any, program: Any) -> Any:
            return sa.and_(release.is_not(None), release <= now)

        return [(row.observation_id, row.changed_at) for row in whole(ops, 2, Span(now=now, start=start), given)]

    assert name not in dict(seen(later - timedelta(microseconds=1), feed.BEGINNING))
    assert seen(later, later - timedelta(seconds=300)) == [(name, later)]
    with reading(ops.db) as c:
        found = feed.described(c, "JWST", name)
    assert found is not None
    assert (found.shown_at(later), found.shown_at(NOW)) == (later, found.changed_at)


def test_the_end_is_within_and_ids_after_the_last_one_go_on(ops: Ops) -> None:
    span = Span(now=NOW, start=NOW, end=NOW)
    with reading(ops.db) as c:
        first = feed.listed(c, "JWST", span, 4)
        rest = feed.listed(c, "JWST", replace(span, after=first[-1].observation_id), 99)
        none = feed.listed(c, "JWST", replace(span, end=NOW - timedelta(microseconds=1)), 99)
    assert [row.observation_id for row in (*first, *rest)] == ids(ops)
    assert none == []


@pytest.mark.parametrize("page", [1, 2, 4])
def test_what_does_not_change_during_a_walk_is_in_it_once_and_what_does_is_in_the_next(ops: Ops, page: int) -> None:
    names = ids(ops)
    for n, name in enumerate(names):
        let(ops, name, changed=NOW - timedelta(minutes=20 - n), public=NOW - timedelta(hours=1), planes=NOW - timedelta(hours=1))
    seen: list[str] = []
    changed = iter(names[::2])
    for row in feed.all_listed(ops, "JWST", Span(now=NOW), policy, page=page):
        seen.append(row.observation_id)
        name = next(changed, "")
        if name:
            ops.clock.advance(timedelta(seconds=1))
            let(ops, name, changed=ops.clock.now(), public=NOW, planes=NOW)
    assert [name for name in seen if name in names[1::2]] == names[1::2]
    assert len(seen) == len(set(seen))
    after = whole(ops, page, Span(now=ops.clock.now(), start=NOW), policy)
    assert [row.observation_id for row in after] == names[::2]


def test_a_deletion_is_listed_until_it_is_taken_back(ops: Ops) -> None:
    name = ids(ops)[0]
    let(ops, name, changed=NOW, public=NOW, planes=NOW, state="withdrawn")
    with ops.db.begin() as c:
        c.execute(sa.insert(tombstone).values(observation_id=name, products={}, actor="x", reason="x", at=NOW))
    with reading(ops.db) as c:
        assert [r.observation_id for r in feed.listed(c, "JWST", Span(now=NOW), 9, policy, withdrawn=True)] == [name]
        assert feed.described(c, "JWST", name) is None
        assert feed.listed(c, "OTHER", Span(now=NOW), 9, withdrawn=True) == []
    with ops.db.begin() as c:
        c.execute(sa.update(tombstone).values(restored_at=NOW))
    with reading(ops.db) as c:
        assert feed.listed(c, "JWST", Span(now=NOW), 9, withdrawn=True) == []


def test_a_document_is_public_when_the_last_of_its_planes_is(ops: Ops) -> None:
    name = ids(ops)[0]
    let(ops, name, changed=NOW, public=NOW - timedelta(days=1), planes=NOW + timedelta(days=1))
    with reading(ops.db) as c:
        found = feed.described(c, "JWST", name)
        assert found is not None
        assert found.visible == NOW + timedelta(days=1)
    let(ops, name, changed=NOW, public=NOW, planes=None)
    with reading(ops.db) as c:
        found = feed.described(c, "JWST", name)
        assert found is not None
        assert found.visible is None


def test_changes_after_a_time_are_counted(ops: Ops) -> None:
    name = ids(ops)[3]
    let(ops, name, changed=NOW + timedelta(minutes=1), public=NOW, planes=NOW)
    assert feed.changes_after(ops, "JWST", NOW) == (1, NOW + timedelta(minutes=1))
    assert feed.changes_after(ops, "JWST", None)[0] == N
    assert feed.changes_after(ops, "JWST", NOW + timedelta(hours=1)) == (0, None)


def test_only_uris_that_are_or_were_ours_are_known(ops: Ops) -> None:
    name = ids(ops)[0]
    row = {"observation_id": name, "name": f"{name}_cal.fits", "version": 1, "suffix": "cal", "sha256": "0" * 64, "size": 1}
    with ops.db.begin() as c:
        c.execute(sa.insert(archived_product).values(**row, current=False, archived_at=NOW))
    asked = [f"caom:JWST/{name}", f"caom:OTHER/{name}", f"mast:JWST/product/{name}_cal.fits", "mast:JWST/product/x.fits", "y", ""]
    with reading(ops.db) as c:
        assert feed.known(c, "JWST", asked) == {asked[0], asked[2]}
        assert feed.known(c, "JWST", []) == frozenset()
