"""A whole site whose store is a bucket: receipt, ingest, sweep."""

from __future__ import annotations

from datetime import timedelta

import obstore
import pytest

from dmsops.archive import finding_queries, ingest, queries
from dmsops.archive.ingest import product_of
from dmsops.catalogue.registry import Scope
from dmsops.core.db import reading
from dmsops.flows import doctor, repairs
from dmsops.receipt import accept, sweep
from dmsops.receipt.tables import delivered_file
from dmsops.storage.removals import key
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests.s3 import s3_keys, s3_server, s3_settings  # noqa: F401 - fixtures

EXPOSURE = "jw02726402001_03104_00001_nrca3"


@pytest.fixture
def ops(tmp_path, s3_server, s3_keys):  # noqa: F811
    opened = small_site(tmp_path / "site", START + timedelta(hours=2), **s3_settings(s3_server))
    yield opened
    opened.db.dispose()


def test_a_delivery_is_accepted_into_the_bucket_and_read_back(ops):
    folder = write_delivery(ops.settings.folder("inbox") / "D0001", small_visit())
    sent = {name: (folder / name).read_bytes() for name in delivered_names(folder)}
    accept(ops, folder)
    with reading(ops.db) as c:
        stored = dict(
            tuple(row) for row in c.execute(delivered_file.select().with_only_columns(delivered_file.c.name, delivered_file.c.sha256))
        )
    assert set(stored) == set(sent)
    for name, sha256 in stored.items():
        assert ops.store.size(sha256) == len(sent[name])
        ops.store._cache.drop(sha256)
        assert ops.store.path(sha256).read_bytes() == sent[name]
    assert set(ops.store.objects()) == set(stored.values())
    assert sweep.plan(ops).nothing


def test_an_observation_is_archived_in_the_bucket(ops, tmp_path):
    done = ingest(ops, [product_of(write_product(tmp_path / f"{EXPOSURE}_{suffix}.fits")) for suffix in ("uncal", "rate", "cal")])
    for row in queries.products(ops, observation_id=EXPOSURE):
        ops.store.verify(row["sha256"])
    document = queries.observations(ops)[0]["xml_sha256"]
    ops.store._cache.drop(document)
    assert ops.store.path(document).read_bytes() == done.xml


def test_what_is_damaged_in_the_bucket_comes_back_from_the_sites_own_cache(ops, tmp_path):
    suffixes = enumerate(("uncal", "rate", "cal"))
    ingest(ops, [product_of(write_product(tmp_path / f"{EXPOSURE}_{suffix}.fits", value=n)) for n, suffix in suffixes])
    bad = queries.products(ops, observation_id=EXPOSURE)[0]["sha256"]
    assert ops.store.path(bad).is_relative_to(ops.settings.folder("store") / "cache")
    obstore.put(ops.store._bucket._for(0), key(bad), b"bad")
    doctor.audit(ops, Scope(deep=True), ["C13"])
    ops.clock.sleep(1)
    (row,) = finding_queries.findings(ops)
    plan = repairs.preview(ops, [row["id"]])
    assert f"from store/cache/{bad[:2]}/{bad[2:]}" in plan.rows[0].change
    report = repairs.repair(ops, [row["id"]], ticket=plan.hash, reason="the bucket was damaged")
    assert (report.failed, report.still_there, report.fixed) == ((), (), 1)
    ops.store.verify(bad)
    assert [bytes(obstore.get(ops.store._bucket._for(0), one.name).bytes()) for one in ops.store._bucket.names("damaged")] == [b"bad"]
