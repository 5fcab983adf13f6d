"""The store in a bucket of an S3 server.

Keys: ``objects/ab/cdef...``; beside them ``put/`` (last put of bytes that were there already), ``removing/`` (removals
under way), ``damaged/`` (what `restore` has replaced), ``now``. Below the site's ``store`` folder: ``incoming/`` and ``cache/``.

A file is first copied privately and summed, then sent from that copy, mapped, in one request that creates its final key
(``If-None-Match: *``): no upload in parts, no rename, nothing half; at most 5 GiB. Then the server's bytes are read again and
summed, and only then `put` returns. A lost answer does not matter: the second try finds the key, and reads it.

S3 has no lock. A removal first writes ``removing/<sum>``, then looks at the ages, then deletes, then takes its mark
away. A writer first makes the bytes young (by creating them, or with ``put/<sum>``), then looks for a removal's mark; with one
it waits and begins again; without one it reads the bytes. S3 answers consistently: so either the writer sees the
removal's mark, or the removal sees young bytes and leaves them.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import BadInput, DmsError, NotFound, StoreDamaged, StoreUnreachable
from dmsops.core.files import in_words, make_folder, own_folder
from dmsops.storage import copies as private
from dmsops.storage.base import missing, need_same, need_sha256
from dmsops.storage.bucket import LARGEST, Bucket, pause
from dmsops.storage.cached import Cached
from dmsops.storage.copies import THREADS, copied, mapped, need_sum, refusing, shared_out

if TYPE_CHECKING:
    from dmsops.core.config import Settings

_STALE_SECONDS = 3600.0
"""A removal's mark that is older was left by a dead process; a living one gives up long before."""
_SHORTEST_KEPT_SECONDS = 4 * 3600.0
_CLOCK_SECONDS = 60.0
_TURNS = 5


class S3Store:
    """Content-addressed bytes in one bucket; safe with several writers and sites at once.

    ``settings`` name bucket and patience; the cache lies in the site's ``store`` folder.
    """

    def __init__(self, settings: Settings) -> None:
        self.root = settings.folder("store")
        self._incoming = self.root / "incoming"
        self._bucket = Bucket(settings)
        kept = max(_SHORTEST_KEPT_SECONDS, 2 * settings.step_timeout_seconds)
        self._cache = Cached(self.root / "cache", limit=int(settings.store_cache_gigabytes * 1e9), kept_seconds=kept)
        self._clock: tuple[datetime, float] | None = None
        self._word = secrets.token_hex(16)

    def __repr__(self) -> str:
        return f"S3Store({self._bucket!r})"

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256; the server's bytes were read again when this returns.

        Raises
        ------
        StoreDamaged
            The file's sum is not the expected one, and nothing is stored; or the server holds other bytes under this sum.
        StoreUnreachable, FilesRefused
            The server, or the local file system, refused.
        """
        found = self.put_many([(path, sha256)])[0]
        need_sum(path, expected=sha256, found=found)
        return found

    def put_many(self, files: Sequence[tuple[Path, str | None]]) -> list[str]:
        """Copy files in, several at once; give the sums found. One with another sum than expected is not stored."""
        if not files:
            return []
        with refusing(files[0][0]), own_folder(make_folder(self._incoming)) as own, ThreadPoolExecutor(min(THREADS, len(files))) as pool:
            names = [f"{own}/{i}" for i in range(len(files))]
            found = shared_out(pool, _taken, [(path, name) for (path, _), name in zip(files, names, strict=True)])
            fitting = zip(names, found, (expected for _, expected in files), strict=True)
            self._send(pool, {sha256: name for name, sha256, expected in fitting if expected in (None, sha256)})
        return found

    def _send(self, pool: ThreadPoolExecutor, rest: Mapping[str, str]) -> None:
        """Make keys of private copies, and read each again; see the module's text for the order."""
        began = time.monotonic()
        for turn in itertools.count():
            list(pool.map(self._create, rest, rest.values()))
            removed = {entry.name.rpartition("/")[2] for entry in self._bucket.names("removing")}
            quiet = [sha256 for sha256 in rest if sha256 not in removed]
            whole = {sha256 for sha256, there in zip(quiet, pool.map(self._is_there, quiet), strict=True) if there}
            for sha256 in whole:
                self._cache.keep(rest[sha256], sha256, given=False)
            rest = {sha256: name for sha256, name in rest.items() if sha256 not in whole}
            if not rest:
                return
            if time.monotonic() - began > self._bucket.patience:
                break
            pause(turn)
        one = next(iter(rest))
        raise StoreUnreachable(f"object {one[:12]}... is being removed by another process; try again, or sweep", sha256=one)

    def _create(self, sha256: str, copy: str) -> None:
        with mapped(copy) as content:
            if not self._bucket.put(_key(sha256), content):
                self._bucket.write(f"put/{sha256}")  # put again now: `remove` leaves it

    def _is_there(self, sha256: str) -> bool:
        """Read the server's bytes; False when they are gone, raises `StoreDamaged` when they are others."""
        with suppress(NotFound):
            self._compare(sha256)
            return True
        return False

    def _compare(self, sha256: str) -> None:
        digest = hashlib.sha256()
        for piece in self._pieces(sha256):
            digest.update(piece)
        need_same(sha256, digest.hexdigest())

    def _pieces(self, sha256: str) -> Iterator[bytes]:
        try:
            yield from self._bucket.read(_key(sha256), LARGEST)
        except FileNotFoundError:
            raise missing(sha256) from None

    def path(self, sha256: str) -> Path:
        """Give a read-only local copy; raises `NotFound`. See `storage.cached` for how long it stays.

        A copy that is here is given without asking the server; one that is not is fetched and summed.
        """
        need_sha256(sha256)
        with in_words(f"the store's cache could not take object {sha256[:12]}...", sha256=sha256):
            return self._cache.given(sha256) or self._fetch(sha256)

    def _fetch(self, sha256: str) -> Path:
        for turn in range(_TURNS):
            with own_folder(make_folder(self._incoming)) as own:
                try:
                    found = private.written(self._pieces(sha256), f"{own}/0")
                except StoreUnreachable:
                    if turn == _TURNS - 1:
                        raise
                    pause(turn)
                    continue
                need_same(sha256, found)
                return self._cache.keep(f"{own}/0", sha256, given=True)
        raise AssertionError

    def has(self, sha256: str) -> bool:
        """Ask the server whether these bytes are there."""
        need_sha256(sha256)
        return self._bucket.entry(_key(sha256)) is not None

    def size(self, sha256: str) -> int:
        """Give the number of bytes that the server has; raises `NotFound`."""
        need_sha256(sha256)
        entry = self._bucket.entry(_key(sha256))
        if entry is None:
            raise missing(sha256)
        return entry.size

    def verify(self, sha256: str) -> None:
        """Read the server's bytes again; raises `StoreDamaged` or `NotFound`. A local copy that changed is thrown out."""
        need_sha256(sha256)
        self._compare(sha256)
        self._cache.drop(sha256, if_changed=True)

    def objects(self) -> Iterator[str]:
        """Give every object's sha256, in order, page by page."""
        for entry in self._bucket.names("objects"):
            _, first, rest = entry.name.rsplit("/", 2)
            yield first + rest

    def age(self, sha256: str) -> float:
        """Give the seconds since these bytes were last put, by the server's clock; raises `NotFound`."""
        need_sha256(sha256)
        if self._clock is None or time.monotonic() - self._clock[1] > _CLOCK_SECONDS:
            self._bucket.write("now")
            self._clock = self._written("now"), time.monotonic()
        now, asked = self._clock
        return max(0.0, self._idle(sha256, now) + time.monotonic() - asked)

    def _idle(self, sha256: str, now: datetime) -> float:
        again = self._bucket.entry(f"put/{sha256}")
        first = self._bucket.entry(_key(sha256))
        if first is None:
            raise missing(sha256)
        return (now - max(first.written, again.written if again else first.written)).total_seconds()

    def _written(self, name: str) -> datetime:
        entry = self._bucket.entry(name)
        if entry is None:
            raise StoreUnreachable(f"{self._bucket!r} lost '{name}' just after it was written")
        return entry.written

    def remove(self, sha256: str, *, unused_seconds: float = 0.0) -> bool:
        """Remove an object that was last put longer ago than that; False when it is younger, or being removed by another."""
        need_sha256(sha256)
        began, mark = time.monotonic(), f"removing/{sha256}"
        if not self._marked(mark):
            return False
        try:
            old = not self._idle(sha256, self._written(mark)) < unused_seconds
        except DmsError:
            with suppress(StoreUnreachable):
                self._bucket.delete(mark)
            raise
        if time.monotonic() - began > _STALE_SECONDS / 2:  # the process stood still: its mark may be gone
            return False
        if old:  # an error from here on leaves the mark: the request may still be on its way
            self._bucket.delete(_key(sha256))
            self._bucket.delete(f"put/{sha256}")
            self._cache.drop(sha256)
        self._bucket.delete(mark)
        return old

    def _marked(self, mark: str) -> bool:
        """Write a removal's mark; one that is there is ours when it has our word: an answer was lost, or our last try broke off."""
        word = f"{self._word} {threading.get_ident()}".encode()
        for _ in range(_TURNS):
            if self._bucket.put(mark, word):
                return True
            try:
                return b"".join(self._bucket.read(mark, 0)) == word
            except FileNotFoundError:
                continue  # it has just gone
        return False

    def restore(self, path: Path, sha256: str) -> bool:
        """Put good bytes in the place of damaged or missing ones; False when the object was sound.

        Damaged bytes are first copied to ``damaged/``, then replaced only if they are still the same (``If-Match``).
        """
        need_sha256(sha256)
        with refusing(path), own_folder(make_folder(self._incoming)) as own:
            copy = f"{own}/0"
            need_sum(path, expected=sha256, found=_taken(path, copy))
            for turn in range(_TURNS):
                if self._sound(sha256, copy):
                    self._cache.drop(sha256, if_changed=True)
                    return turn > 0
        raise StoreUnreachable(f"object {sha256[:12]}... is being changed by another process", sha256=sha256)

    def _sound(self, sha256: str, copy: str) -> bool:
        """Say whether the server's bytes are right; if not, try once to put them right."""
        before = self._bucket.entry(_key(sha256))
        try:
            self._compare(sha256)
        except NotFound:
            with ThreadPoolExecutor(1) as pool:
                self._send(pool, {sha256: copy})
        except StoreDamaged:
            if before is not None:
                self._bucket.copy(_key(sha256), f"damaged/{sha256}.{secrets.token_hex(4)}")
                with mapped(copy) as content:
                    self._bucket.put(_key(sha256), content, tag=before.tag)
        else:
            return True
        return False

    def unfinished(self) -> int:
        """Give the number of local copies whose writer is dead, and of removals that died."""
        return private.unfinished(self._incoming) + len(self._stale())

    def sweep(self) -> int:
        """Remove local copies and removals' marks of dead processes, and give their number."""
        stale = self._stale()
        for name in stale:
            self._bucket.delete(name)
        return private.sweep(self._incoming) + len(stale)

    def _stale(self) -> list[str]:
        marks = list(self._bucket.names("removing"))
        if not marks:
            return []
        self._bucket.write("now")
        now = self._written("now")
        return [entry.name for entry in marks if (now - entry.written).total_seconds() > _STALE_SECONDS]


def _key(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def _taken(path: Path, copy: str) -> str:
    """Copy a file privately; one that S3 cannot take in one request is refused."""
    found = copied(path, copy)
    if (size := Path(copy).stat().st_size) > LARGEST:
        raise BadInput(f"'{path.name}' has {size} bytes; an object in a bucket may have {LARGEST}", file=str(path), size=size)
    return found
