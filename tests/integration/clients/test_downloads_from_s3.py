"""Downloads of a site whose store is a bucket: the server's bytes come, and trouble of the bucket is said in words."""

from __future__ import annotations

import httpx2
import pytest
import sqlalchemy as sa

from dmsops.archive.tables import archived_product
from dmsops.storage.bucket import Bucket
from dmsops.storage.removals import key
from dmsops.testing.sites import small_site
from tests.offered import EXCLUSIVE, OPEN, START, let_in, offer, uri
from tests.s3 import s3_keys, s3_server, s3_settings  # noqa: F401 - fixtures
from tests.serving import served


@pytest.fixture
def there(tmp_path, require, request):
    require("s3")
    server = request.getfixturevalue("s3_server")
    request.getfixturevalue("s3_keys")
    ops = small_site(
        tmp_path / "site",
        START,
        serve_per_second=0,
        store_seconds=1.0,
        **{k: v for k, v in s3_settings(server).items() if k != "store_seconds"},
    )
    files, tokens = offer(ops, tmp_path / "products"), let_in(ops)
    with served(ops) as base, httpx2.Client(base_url=base) as client:
        yield ops, files, tokens, client
    ops.db.dispose()


def asked(client, root, token="", **headers):
    head = headers | ({"Authorization": f"token {token}"} if token else {})
    return client.get("/api/v0.1/Download/file", params={"uri": uri(root)}, headers=head)


def sum_of(ops, root):
    with ops.db.begin() as c:
        return c.execute(sa.select(archived_product.c.sha256).where(archived_product.c.name == f"{root}_cal.fits")).scalar_one()


def test_files_come_from_the_bucket_whole_and_in_ranges_and_no_damage_goes_out(there):
    ops, files, tokens, client = there
    content = files[f"{OPEN[0]}_cal.fits"]
    ops.store._cache.drop(sum_of(ops, OPEN[0]))
    assert asked(client, OPEN[0], Range="bytes=10-19").content == content[10:20]
    assert asked(client, OPEN[0]).content == content
    assert asked(client, EXCLUSIVE).status_code == 401
    assert asked(client, EXCLUSIVE, tokens.pi).content == files[f"{EXCLUSIVE}_cal.fits"]
    bucket = Bucket(ops.settings)
    bucket.delete(key(sum_of(ops, OPEN[1])))
    ops.store._cache.drop(sum_of(ops, OPEN[1]))
    gone = asked(client, OPEN[1])
    assert (gone.status_code, gone.json()["error"]["code"]) == (500, "store.damaged")
    assert "P16" in gone.json()["error"]["remedy"]
    bucket.delete(key(sum_of(ops, OPEN[2])))
    bucket.put(key(sum_of(ops, OPEN[2])), b"other bytes")
    ops.store._cache.drop(sum_of(ops, OPEN[2]))
    wrong = asked(client, OPEN[2])
    assert (wrong.status_code, b"other bytes" in wrong.content) == (500, False)
