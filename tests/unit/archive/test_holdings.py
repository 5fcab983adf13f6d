from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dmsops.archive import holdings
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.published_mast import MjdTime, ProgramNumber
from dmsops.archive.tables import archived_product, artifact, plane
from dmsops.core.db import reading
from dmsops.testing.products import write_product
from tests.offered import EXCLUSIVE, HIDDEN, OPEN, PROGRAM, RESTRICTED, START, SUFFIXES, YEAR, offered_site, uri


@pytest.fixture
def there(tmp_path):
    offered = offered_site(tmp_path / "site")
    yield offered
    offered.ops.db.dispose()


def held(offered, given_uri):
    with reading(offered.ops.db) as c:
        return holdings.by_uri(c, given_uri)


def test_a_file_is_found_by_its_uri_with_all_that_decides_about_it(there):
    found, content = held(there, uri(EXCLUSIVE)), there.files[f"{EXCLUSIVE}_cal.fits"]
    assert (found.name, found.observation_id, found.program, found.collection) == (f"{EXCLUSIVE}_cal.fits", EXCLUSIVE, PROGRAM, "JWST")
    assert (found.sha256, found.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (found.release, found.meta_release, found.archived_at) == (START + YEAR, START, START)
    assert (found.content_type, found.product_type, found.suffix, found.level) == ("application/fits", "this", "cal", 2)
    assert held(there, uri(RESTRICTED)).release is None
    assert held(there, uri(HIDDEN)).meta_release == START + YEAR


@pytest.mark.parametrize(
    "given_uri",
    [
        "",
        "x",
        f"{OPEN[0]}_cal.fits",
        f"mast:JWST/product/a/{OPEN[0]}_cal.fits",
        f"mast:HST/product/{OPEN[0]}_cal.fits",
        "mast:JWST/product/\x00",
    ],
)
def test_what_is_no_uri_of_a_product_finds_nothing(there, given_uri):
    assert held(there, given_uri) is None
    with reading(there.ops.db) as c:
        assert holdings.by_uris(c, [given_uri]) == {}


def test_files_are_listed_of_observations_programs_and_uris(there):
    with reading(there.ops.db) as c:
        wanted = [uri(root, s) for root in (EXCLUSIVE, OPEN[0]) for s in sorted(SUFFIXES)]
        assert [one.uri for one in holdings.of(c, [OPEN[0], EXCLUSIVE, OPEN[0], "none"])] == wanted
        assert {one.observation_id for one in holdings.of_program(c, PROGRAM)} == {EXCLUSIVE, RESTRICTED, HIDDEN}
        many = [uri(OPEN[0]), "x", *(f"mast:JWST/product/none{n}.fits" for n in range(1000)), uri(EXCLUSIVE)]
        assert {*holdings.by_uris(c, many)} == {uri(OPEN[0]), uri(EXCLUSIVE)}
        assert holdings.by_name(c, f"{OPEN[0]}_cal.fits") == holdings.by_uri(c, uri(OPEN[0]))


def test_only_the_current_version_is_held(there, tmp_path):
    before = held(there, uri(OPEN[0]))
    ingest(there.ops, [product_of(write_product(tmp_path / f"{OPEN[0]}_cal.fits", value=77.0))])
    after = held(there, uri(OPEN[0]))
    assert after.sha256 != before.sha256
    assert held(there, uri(OPEN[0], "rate")) is None
    with there.ops.db.begin() as c:
        c.execute(sa.update(archived_product).where(archived_product.c.observation_id == OPEN[0]).values(current=False))
    assert held(there, uri(OPEN[0])) is None


def test_a_files_own_release_wins_and_meta_follow_the_description(there):
    early, late = START - timedelta(days=1), START + timedelta(days=9)
    with there.ops.db.begin() as c:
        c.execute(sa.update(plane).where(plane.c.observation_id == OPEN[0]).values(data_release=late))
        mine = artifact.c.plane_id.in_(sa.select(plane.c.id).where(plane.c.observation_id == OPEN[0]))
        c.execute(sa.update(artifact).where(mine, artifact.c.uri == uri(OPEN[0])).values(content_release=early))
        c.execute(sa.update(artifact).where(mine, artifact.c.uri == uri(OPEN[0], "rate")).values(release_type="meta"))
    assert [held(there, uri(OPEN[0], s)).release for s in ("cal", "rate", "uncal")] == [early, START, late]


def test_of_two_releases_of_a_description_the_later_counts_and_none_is_never(there):
    def meta(when):
        with there.ops.db.begin() as c:
            c.execute(sa.update(plane).where(plane.c.observation_id == OPEN[0]).values(meta_release=when))
        return held(there, uri(OPEN[0])).meta_release

    assert meta(START - YEAR) == START
    assert meta(START + YEAR) == START + YEAR
    assert meta(None) is None


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_go_through_mjd_and_back_in_their_order(when):
    from datetime import UTC

    from dmsops.core.db import utc_text

    kind, aware = MjdTime(), when.replace(tzinfo=UTC)
    days = kind.process_result_value(utc_text(aware), None)
    assert abs(datetime.fromisoformat(kind.process_bind_param(days, None)) - aware) < timedelta(microseconds=50)
    assert kind.process_bind_param(days + 1, None) > utc_text(aware)


@pytest.mark.parametrize("days", [-1e300, -1e9, 1e9, 1e300])
def test_an_mjd_beyond_the_calendar_is_its_end(days):
    assert MjdTime().process_bind_param(days, None)


def test_programs_are_numbers_in_their_order():
    kind = ProgramNumber()
    assert [kind.process_bind_param(n, None) for n in (7, 2726, 1e9, -5)] == ["00007", "02726", "99999", "00000"]
    assert [kind.process_result_value(text, None) for text in ("02726", "", "x", None)] == [2726, None, None, None]
