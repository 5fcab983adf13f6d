"""The local store: the contract, and what only a file system can do to it."""

from __future__ import annotations

import errno
import hashlib
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dmsops.core.config import Settings
from dmsops.core.errors import BadSetting, Failed, FilesRefused
from dmsops.storage import LocalStore, open_store
from dmsops.testing.store import StoreContract
from tests.failpoints import ERRNOS, fails_with, watched


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "store")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond that size: the kernel refuses the write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_object_lies_under_the_first_two_digits_of_its_sum(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "a").write_bytes(b"a")
    sha256 = store.put(tmp_path / "a")
    assert store.path(sha256) == tmp_path / "store" / "objects" / sha256[:2] / sha256[2:]


def test_a_refused_write_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "big.out").write_bytes(bytes(100_000))
    with largest_file(50_000), pytest.raises(Failed, match=r"the store could not take 'big\.out'") as caught:
        store.put(tmp_path / "big.out")
    assert "P04" in caught.value.remedy
    assert list(store.objects()) == []
    assert list((tmp_path / "store" / "incoming").iterdir()) == []


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(Failed, match="link"):
        LocalStore(tmp_path / "store").put(tmp_path / "link")


def test_sweep_leaves_a_living_writer_alone_and_removes_a_dead_one(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    script = (
        "import sys; from pathlib import Path; from dmsops.core.files import make_folder, own_folder\n"
        "with own_folder(make_folder(Path(sys.argv[1]) / 'incoming')) as own:\n"
        "    (own / '0').touch(); print('open', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    assert store.unfinished() == store.sweep() == 0
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert store.unfinished() == store.sweep() == 1
    assert store.unfinished() == store.sweep() == 0


def test_a_killed_writer_never_leaves_half_an_object(tmp_path: Path) -> None:
    source = tmp_path / "frames.out"
    source.write_bytes(bytes(range(256)) * 40_000)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    script = (
        "import sys; from pathlib import Path; from dmsops.storage import LocalStore\n"
        "print('go', flush=True)\nLocalStore(Path(sys.argv[1])).put(Path(sys.argv[2]))"
    )
    for turn in range(4):
        store = LocalStore(tmp_path / f"store{turn}")
        child = subprocess.Popen([sys.executable, "-c", script, str(store.root), str(source)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.004 * turn)
        child.kill()
        child.communicate()
        for found in store.objects():
            store.verify(found)
        assert store.put(source) == sha256


def test_the_backend_is_found_by_name(tmp_path: Path) -> None:
    settings = Settings(site=tmp_path)
    assert isinstance(open_store("local", settings), LocalStore)
    with pytest.raises(BadSetting, match="'tape'"):
        open_store("tape", settings)


def test_damaged_bytes_are_kept_when_others_take_their_place(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "a").write_bytes(b"a")
    sha256 = store.put(tmp_path / "a")
    for bad in (b"b", b"c"):
        store.path(sha256).chmod(0o644)
        store.path(sha256).write_bytes(bad)
        assert store.restore(tmp_path / "a", sha256)
    assert sorted(p.read_bytes() for p in (tmp_path / "store" / "damaged").iterdir()) == [b"b", b"c"]


def spoilt(folder: Path, source: Path) -> tuple[LocalStore, str]:
    """Make a store whose object is damaged."""
    store = LocalStore(folder)
    sha256 = store.put(source)
    store.path(sha256).chmod(0o644)
    store.path(sha256).write_bytes(b"b")
    return store, sha256


def broken_off() -> None:
    """Strike: the verb goes no further, and nothing of it cleans up."""
    raise KeyboardInterrupt


def test_broken_off_at_any_call_what_is_set_aside_is_kept_once_and_the_next_one_ends_it(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"a")
    store, sha256 = spoilt(tmp_path / "quiet", source)
    with watched() as calls:
        store.set_aside(sha256)
    for at in range(1, len(calls.made) + 1):
        store, sha256 = spoilt(tmp_path / f"at{at}", source)
        with watched(at, broken_off), pytest.raises(KeyboardInterrupt):
            store.set_aside(sha256)
        there = [path.read_bytes() for path in (store.root / "damaged").glob("*")]
        assert there == [b"b"] or store.path(sha256).read_bytes() == b"b"
        store.set_aside(sha256)
        assert [path.read_bytes() for path in (store.root / "damaged").glob("*")] == [b"b"]
        store.put(source)
        store.verify(sha256)


@pytest.mark.parametrize("number", ERRNOS, ids=lambda number: errno.errorcode[number])
def test_a_restore_that_the_file_system_refuses_leaves_the_damaged_bytes_or_good_ones(tmp_path: Path, number: int) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"a")

    store, sha256 = spoilt(tmp_path / "quiet", source)
    with watched() as calls:
        store.restore(source, sha256)
    for at in range(1, len(calls.made) + 1):
        store, sha256 = spoilt(tmp_path / f"at{at}", source)
        with watched(at, fails_with(number)), suppress(FilesRefused):
            store.restore(source, sha256)
        assert store.path(sha256).read_bytes() in {b"a", b"b"}
        store.restore(source, sha256)
        store.verify(sha256)
        assert {p.read_bytes() for p in (store.root / "damaged").iterdir()} == {b"b"}
