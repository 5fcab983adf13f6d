"""The store's contract as a test class: a new backend subclasses it and gives a ``store`` fixture."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dmsops.core.errors import DmsError, Failed, NotFound, StoreDamaged
from dmsops.storage.base import Store


class StoreContract:
    """What every storage backend must do.

    Subclass it in a test module and define a fixture ``store`` that gives an empty store.
    """

    def damage(self, store: Store, sha256: str, content: bytes) -> None:
        """Write other bytes where the store keeps its own; a backend whose `path` gives copies does it elsewhere."""
        path = store.path(sha256)
        path.chmod(0o644)
        path.write_bytes(content)

    def kept_aside(self, store: Store) -> list[bytes]:
        """Give the damaged bytes that the store has kept; a backend whose folder is not ``root`` looks elsewhere."""
        return [path.read_bytes() for path in sorted((store.root / "damaged").glob("*"))]  # type: ignore[attr-defined]

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        """Give a small file to put."""
        path = tmp_path / "source.bin"
        path.write_bytes(b"one frame of pixels")
        return path

    @pytest.fixture
    def sha256(self, source: Path) -> str:
        """Give the sum of that file."""
        return hashlib.sha256(source.read_bytes()).hexdigest()

    def test_put_gives_the_sum_and_the_bytes_back(self, store: Store, source: Path, sha256: str) -> None:
        assert store.put(source) == sha256
        assert store.path(sha256).read_bytes() == source.read_bytes()

    def test_an_empty_store_has_nothing(self, store: Store, sha256: str) -> None:
        assert not store.has(sha256)
        assert list(store.objects()) == []
        with pytest.raises(NotFound):
            store.path(sha256)
        with pytest.raises(NotFound):
            store.verify(sha256)

    def test_putting_twice_keeps_one_object(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        store.put(source, sha256=sha256)
        assert list(store.objects()) == [sha256]

    def test_many_files_give_their_sums_in_order_and_one_with_another_sum_is_not_stored(
        self, store: Store, source: Path, sha256: str
    ) -> None:
        others = [source.with_name(f"{n}.bin") for n in range(40)]
        for n, path in enumerate(others):
            path.write_bytes(bytes([n]) * 100)
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in others]
        wrong = [(others[0], "0" * 64), *((path, None) for path in others[1:]), (source, sha256), (source, sha256)]
        assert store.put_many(wrong) == [*sums, sha256, sha256]
        assert not store.has(sums[0])
        assert list(store.objects()) == sorted([*sums[1:], sha256])
        assert store.put_many([]) == []

    def test_one_of_many_that_cannot_be_read_is_named(self, store: Store, source: Path) -> None:
        with pytest.raises(Failed, match=r"nothing\.bin"):
            store.put_many([(source, None), (source.with_name("nothing.bin"), None)])

    def test_another_sum_than_expected_stores_nothing(self, store: Store, source: Path, sha256: str) -> None:
        with pytest.raises(StoreDamaged, match="expected"):
            store.put(source, sha256="0" * 64)
        assert list(store.objects()) == []
        assert not store.has(sha256)

    def test_a_stored_object_cannot_be_written(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        assert store.path(sha256).stat().st_mode & 0o222 == 0

    def test_changing_the_source_later_changes_nothing(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        source.write_bytes(b"other")
        store.verify(sha256)

    def test_a_changed_object_is_found(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        self.damage(store, sha256, b"One frame of pixels")
        with pytest.raises(StoreDamaged, match=sha256[:12]):
            store.verify(sha256)

    def test_a_removed_object_is_gone(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        store.remove(sha256)
        assert not store.has(sha256)

    def test_an_object_that_was_put_lately_is_not_removed_as_unused(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        assert 0 <= store.age(sha256) < 3600
        assert not store.remove(sha256, unused_seconds=3600)
        assert store.has(sha256)
        assert store.remove(sha256)
        with pytest.raises(NotFound):
            store.age(sha256)

    def test_a_finished_writer_leaves_nothing_unfinished(self, store: Store, source: Path) -> None:
        store.put(source)
        assert store.unfinished() == store.sweep() == 0

    def test_many_writers_of_the_same_bytes_agree(self, store: Store, source: Path, sha256: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            sums = set(pool.map(lambda _: store.put(source), range(32)))
        assert sums == {sha256}
        assert list(store.objects()) == [sha256]

    def test_a_file_that_is_not_there_is_a_plain_failure(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(Failed, match=r"nothing\.bin"):
            store.put(tmp_path / "nothing.bin")

    def test_a_name_that_is_no_sum_leads_nowhere(self, store: Store) -> None:
        with pytest.raises(DmsError):
            store.path("../../../etc/passwd")

    def test_an_object_has_the_size_of_its_file(self, store: Store, source: Path, sha256: str) -> None:
        with pytest.raises(NotFound):
            store.size(sha256)
        store.put(source)
        assert store.size(sha256) == source.stat().st_size

    def test_sizes_of_many_leave_out_what_is_not_there(self, store: Store, source: Path, tmp_path: Path, sha256: str) -> None:
        (tmp_path / "empty").touch()
        sums = store.put_many([(source, None), (tmp_path / "empty", None)])
        assert store.sizes({*sums, "0" * 64}) == {sha256: source.stat().st_size, sums[1]: 0}
        assert store.sizes([]) == {}
        with pytest.raises(DmsError):
            store.sizes(["../../../etc/passwd"])

    def test_an_empty_file_is_an_object_as_well(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        sha256 = store.put(tmp_path / "empty")
        assert store.size(sha256) == 0
        assert store.path(sha256).read_bytes() == b""

    def test_a_damaged_object_is_restored_and_a_sound_one_left(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        assert not store.restore(source, sha256)
        self.damage(store, sha256, b"One frame")
        assert store.restore(source, sha256)
        store.verify(sha256)
        assert store.path(sha256).read_bytes() == source.read_bytes()
        assert list(store.objects()) == [sha256]
        assert store.unfinished() == 0

    def test_a_missing_object_is_restored(self, store: Store, source: Path, sha256: str) -> None:
        assert store.restore(source, sha256)
        store.verify(sha256)

    def test_nothing_is_restored_from_a_file_with_another_sum(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        self.damage(store, sha256, b"One frame")
        other = source.with_name("other")
        other.write_bytes(b"neither")
        with pytest.raises(StoreDamaged, match="expected"):
            store.restore(other, sha256)
        with pytest.raises(StoreDamaged):
            store.verify(sha256)

    def test_damaged_bytes_are_set_aside_and_good_ones_can_be_put(self, store: Store, source: Path, sha256: str) -> None:
        for number, bad in enumerate((b"One frame", b"Another frame"), 1):
            store.put(source)
            self.damage(store, sha256, bad)
            assert store.set_aside(sha256)
            assert not store.has(sha256)
            assert list(store.objects()) == []
            with pytest.raises(NotFound):
                store.path(sha256)
            assert not store.set_aside(sha256)
            assert len(self.kept_aside(store)) == number
        assert sorted(self.kept_aside(store)) == [b"Another frame", b"One frame"]
        assert store.put(source) == sha256
        store.verify(sha256)
        assert store.unfinished() == 0

    def test_a_sound_object_and_one_that_is_not_there_are_not_set_aside(self, store: Store, source: Path, sha256: str) -> None:
        assert not store.set_aside(sha256)
        store.put(source)
        assert not store.set_aside(sha256)
        assert store.path(sha256).read_bytes() == source.read_bytes()
        assert self.kept_aside(store) == []
        with pytest.raises(DmsError):
            store.set_aside("../../../etc/passwd")

    def test_of_many_that_set_the_same_object_aside_one_does_and_restoring_meanwhile_loses_nothing(
        self, store: Store, source: Path, sha256: str
    ) -> None:
        store.put(source)
        self.damage(store, sha256, b"One frame")
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda _: store.set_aside(sha256), range(8))) == 1
            store.put(source)
            self.damage(store, sha256, b"One frame")
            acts = [store.set_aside if n % 2 else lambda wanted: store.restore(source, wanted) for n in range(8)]
            list(pool.map(lambda act: act(sha256), acts))
        store.verify(sha256)
        assert set(self.kept_aside(store)) == {b"One frame"}
        assert store.unfinished() == 0

    def test_bytes_that_are_put_where_damaged_ones_lie_take_their_place(self, store: Store, source: Path, sha256: str) -> None:
        store.put(source)
        self.damage(store, sha256, b"One frame")
        assert store.put_many([(source, sha256), (source, None)]) == [sha256, sha256]
        store.verify(sha256)
        assert self.kept_aside(store) == [b"One frame"]
        assert list(store.objects()) == [sha256]
        assert store.unfinished() == 0
