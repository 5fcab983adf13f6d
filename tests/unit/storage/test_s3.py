"""The store on S3: the contract, and what only a bucket can do to it."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest

from dmsops.core import config
from dmsops.core.config import Settings
from dmsops.core.errors import BadSetting, StoreDamaged, StoreUnreachable
from dmsops.storage import open_store, removals
from dmsops.storage.s3 import S3Store
from dmsops.testing.store import StoreContract
from tests.s3 import s3_keys, s3_server, s3_settings  # noqa: F401 - fixtures


def key(sha256):
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def raw(store):
    """Give the client of a store's bucket, to do to it what only others do."""
    return store._bucket._for(0)


@pytest.fixture
def settings(tmp_path, s3_server, s3_keys):  # noqa: F811
    return Settings(site=tmp_path / "site", store_prefix="dms/one", **s3_settings(s3_server))


@pytest.fixture
def store(settings):
    (settings.site).mkdir()
    return open_store("s3", settings)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(b"one frame of pixels")
    return path


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, settings: Settings) -> S3Store:
        return S3Store(settings)

    def damage(self, store: S3Store, sha256: str, content: bytes) -> None:
        obstore.put(raw(store), key(sha256), content)

    def kept_aside(self, store: S3Store) -> list[bytes]:
        return [bytes(obstore.get(raw(store), name).bytes()) for name in names(store, "damaged")]


def names(store, prefix):
    return [entry.name for entry in store._bucket.names(prefix)]


def test_the_key_is_the_final_one_and_lies_below_the_prefix(store, settings, source):
    sha256 = store.put(source)
    assert names(store, "objects") == [f"objects/{sha256[:2]}/{sha256[2:]}"]
    assert raw(store).prefix == "dms/one"


def test_damaged_bytes_are_kept_when_others_take_their_place(store, source):
    sha256 = store.put(source)
    obstore.put(raw(store), key(sha256), b"bad")
    store.restore(source, sha256)
    (kept,) = names(store, "damaged")
    assert bytes(obstore.get(raw(store), kept).bytes()) == b"bad"


def test_bytes_that_changed_on_the_server_are_never_given(store, source):
    sha256 = store.put(source)
    obstore.put(raw(store), key(sha256), b"bad")
    store._cache.drop(sha256)
    with pytest.raises(StoreDamaged, match=sha256[:12]):
        store.path(sha256)
    assert store.unfinished() == 0


def test_a_local_copy_that_changed_is_thrown_out_by_verify(store, source):
    sha256 = store.put(source)
    path = store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")
    store.verify(sha256)
    assert store.path(sha256).read_bytes() == source.read_bytes()


def test_putting_again_makes_old_bytes_young(store, source, monkeypatch):
    sha256 = store.put(source)
    old = removals.idle

    def first_put_long_ago(bucket, sha256, now):
        return old(bucket, sha256, now) if bucket.entry(f"put/{sha256}") else 1e6

    monkeypatch.setattr(removals, "idle", first_put_long_ago)
    assert store.age(sha256) > 1e5
    store.put(source)
    assert store.age(sha256) < 3600
    assert not store.remove(sha256, unused_seconds=3600)
    assert names(store, "removing") == []
    store.verify(sha256)


def test_a_writer_waits_for_a_removal_and_stores_anew(store, source, monkeypatch):
    sha256 = store.put(source)
    store._bucket.put(f"removing/{sha256}", b"somebody")
    waited = []

    def the_removal_ends(turn):
        waited.append(turn)
        store._bucket.delete(key(sha256))
        store._bucket.delete(f"removing/{sha256}")

    monkeypatch.setattr("dmsops.storage.s3.pause", the_removal_ends)
    store.put(source)
    assert waited == [0]
    store.verify(sha256)


def test_a_removal_that_died_is_swept_after_an_hour_only(store, source, monkeypatch):
    sha256 = store.put(source)
    store._bucket.put(f"removing/{sha256}", b"somebody")
    assert not store.remove(sha256)
    assert store.sweep() == 0
    with monkeypatch.context() as later:
        later.setattr("dmsops.storage.removals._STALE_SECONDS", -1.0)
        assert store.unfinished() == store.sweep() == 1
    assert store.remove(sha256)


def test_the_mark_of_a_killed_one_is_taken_over_at_once_by_the_next_and_not_by_another_site(store, settings, source):
    sha256 = store.put(source)
    obstore.put(raw(store), key(sha256), b"bad")
    (store.root / "word").write_bytes(b"mine")
    store._bucket.put(f"removing/{sha256}", b"mine")
    other = open_store("s3", settings.model_copy(update={"site": settings.site.with_name("other"), "store_seconds": 0.1}))
    with pytest.raises(StoreUnreachable, match="being removed by another process"):
        other.set_aside(sha256)
    assert names(store, "objects")
    assert store.set_aside(sha256)
    assert names(store, "removing") == names(store, "objects") == []
    store._bucket.put(f"removing/{sha256}", b"mine")
    assert not store.set_aside(sha256)
    store.put(source)


def test_bytes_that_came_while_damaged_ones_were_to_be_set_aside_stay(store, source, monkeypatch):
    sha256 = store.put(source)
    obstore.put(raw(store), key(sha256), b"bad")
    marked = store._removals._marked

    def others_were_quicker(mark, word):
        obstore.put(raw(store), key(sha256), source.read_bytes())
        return marked(mark, word)

    monkeypatch.setattr(store._removals, "_marked", others_were_quicker)
    assert not store.set_aside(sha256)
    store.verify(sha256)
    assert names(store, "removing") == names(store, "damaged") == []


def test_a_bucket_that_is_not_there_is_told_from_an_object_that_is_not(settings, tmp_path, source):
    store = S3Store(settings.model_copy(update={"store_bucket": "nowhere"}))
    for act in (lambda: store.has("0" * 64), lambda: store.path("0" * 64), lambda: store.put(source), lambda: list(store.objects())):
        with pytest.raises(StoreUnreachable, match=r"bucket 'nowhere' .*no such bucket"):
            act()


def test_a_server_that_does_not_answer_is_told_in_one_sentence(settings, source):
    store = S3Store(settings.model_copy(update={"store_endpoint": "http://127.0.0.1:9", "store_seconds": 0.2}))
    with pytest.raises(StoreUnreachable, match="no answer") as caught:
        store.put(source)
    assert "\n" not in caught.value.message
    assert "not-a-secret" not in repr(caught.value) + repr(store) + repr(store._bucket)


def test_a_store_without_bucket_or_keys_is_refused(settings, monkeypatch):
    with pytest.raises(BadSetting, match="store_bucket"):
        open_store("s3", settings.model_copy(update={"store_bucket": ""}))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(BadSetting, match="AWS_ACCESS_KEY_ID"):
        open_store("s3", settings)


def test_keys_come_from_a_private_file_when_the_environment_has_none(settings, tmp_path, source, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    keys = tmp_path / "keys"
    keys.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    keys.chmod(0o644)
    named = settings.model_copy(update={"store_key_file": keys})
    with pytest.raises(BadSetting, match="0600"):
        open_store("s3", named)
    keys.chmod(0o600)
    assert open_store("s3", named).put(source)


def test_a_large_file_takes_no_memory_of_its_own(store, tmp_path):
    def anonymous():
        status = Path("/proc/self/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")))

    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(100_000_000)
    sent = []
    put = store._bucket.put
    store._bucket.put = lambda *given, **named: (put(*given, **named), sent.append(anonymous()))[0]
    before = anonymous()
    store.put(big)
    assert max(sent) - before < 40_000  # kB


def test_a_process_forked_from_one_that_used_the_store_is_told_so(store, source, monkeypatch):
    store.put(source)
    monkeypatch.setattr("dmsops.storage.bucket._FIRST_USE", [1])
    with pytest.raises(StoreUnreachable, match="forked"):
        store.has("0" * 64)


def test_steps_reach_the_store_where_everything_else_outside_is_closed(settings):
    assert "127.0.0.1" in config.runtime_environment(settings)["NO_PROXY"]
    amazon = settings.model_copy(update={"store_endpoint": ""})
    assert config.runtime_environment(amazon)["NO_PROXY"].endswith(",.amazonaws.com")
