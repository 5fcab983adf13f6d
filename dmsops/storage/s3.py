"""The store in a bucket of an S3 server.

Keys: ``objects/ab/cdef...``; beside them ``put/`` (last put of bytes that were there already), ``removing/`` (removals
under way), ``damaged/`` (what was set aside), ``now``. Below the site's ``store`` folder: ``incoming/``, ``cache/``, ``word``.

A file is first copied privately and summed, then sent from that copy, mapped, in one request that creates its final key
(``If-None-Match: *``): no upload in parts, no rename, nothing half; at most 5 GiB. Then the server's bytes are read again and
summed, and only then `put` returns. A lost answer does not matter: the second try finds the key, and reads it.

A writer first makes the bytes young (by creating them, or with ``put/<sum>``), then looks for the mark of a removal (see
`dmsops.storage.removals`); with one it waits and begins again; without one it reads the bytes. S3 answers consistently: so either
the writer sees the removal's mark, or the removal sees young bytes and leaves them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import BadInput, NotFound, StoreDamaged, StoreUnreachable
from dmsops.core.files import in_words, make_folder, own_folder
from dmsops.storage import copies as private
from dmsops.storage import removals
from dmsops.storage.base import missing, need_same, need_sha256
from dmsops.storage.bucket import LARGEST, Bucket, pause
from dmsops.storage.cached import Cached
from dmsops.storage.copies import THREADS, copied, mapped, need_sum, refusing, shared_out
from dmsops.storage.removals import Removals, compare, key, pieces

if TYPE_CHECKING:
    from dmsops.core.config import Settings

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
        self._removals = Removals(self._bucket, self._cache, self.root)

    def __repr__(self) -> str:
        return f"S3Store({self._bucket!r})"

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256; the server's bytes were read again when this returns.

        Raises
        ------
        StoreDamaged
            The file's sum is not the expected one, and nothing is stored.
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
        raise removals.busy(next(iter(rest)))

    def _create(self, sha256: str, copy: str) -> None:
        with mapped(copy) as content:
            if not self._bucket.put(key(sha256), content):
                self._bucket.write(f"put/{sha256}")  # put again now: `remove` leaves it

    def _is_there(self, sha256: str) -> bool:
        """Read the server's bytes; False when they are gone, or were others and are set aside now."""
        try:
            compare(self._bucket, sha256)
        except NotFound:
            return False
        except StoreDamaged:
            self.set_aside(sha256)
            return False
        return True

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
                    found = private.written(pieces(self._bucket, sha256), f"{own}/0")
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
        return self._bucket.entry(key(sha256)) is not None

    def size(self, sha256: str) -> int:
        """Give the number of bytes that the server has; raises `NotFound`."""
        need_sha256(sha256)
        entry = self._bucket.entry(key(sha256))
        if entry is None:
            raise missing(sha256)
        return entry.size

    def sizes(self, sums: Collection[str]) -> dict[str, int]:
        """Give the numbers of bytes that the server has of many objects, several asked for at once; one that is not there is left out."""
        for sha256 in sums:
            need_sha256(sha256)
        if not sums:
            return {}
        with ThreadPoolExecutor(min(THREADS, len(sums))) as pool:
            entries = pool.map(self._bucket.entry, map(key, sums))
        return {sha256: entry.size for sha256, entry in zip(sums, entries, strict=True) if entry is not None}

    def verify(self, sha256: str) -> None:
        """Read the server's bytes again; raises `StoreDamaged` or `NotFound`. A local copy that changed is thrown out."""
        need_sha256(sha256)
        compare(self._bucket, sha256)
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
            self._clock = removals.written(self._bucket, "now"), time.monotonic()
        now, asked = self._clock
        return max(0.0, removals.idle(self._bucket, sha256, now) + time.monotonic() - asked)

    def remove(self, sha256: str, *, unused_seconds: float = 0.0) -> bool:
        """Remove an object that was last put longer ago than that; False when it is younger, or being removed by another."""
        need_sha256(sha256)
        return self._removals.remove(sha256, unused_seconds)

    def restore(self, path: Path, sha256: str) -> bool:
        """Put good bytes in the place of damaged or missing ones; False when the object was sound.

        Damaged bytes are first set aside: for a moment the object is not there.
        """
        need_sha256(sha256)
        with refusing(path), own_folder(make_folder(self._incoming)) as own:
            copy = f"{own}/0"
            need_sum(path, expected=sha256, found=_taken(path, copy))
            for turn in range(_TURNS):
                if self._sound(sha256, copy):
                    self._cache.drop(sha256, if_changed=True)
                    return turn > 0
        raise removals.busy(sha256)

    def _sound(self, sha256: str, copy: str) -> bool:
        """Say whether the server's bytes are right; if not, try once to put them right."""
        try:
            compare(self._bucket, sha256)
        except (NotFound, StoreDamaged):
            self.set_aside(sha256)
            with ThreadPoolExecutor(1) as pool:
                self._send(pool, {sha256: copy})
            return False
        return True

    def set_aside(self, sha256: str) -> bool:
        """Move damaged bytes to ``damaged/`` on the server, so that good ones can be put; False when they are sound, or not there.

        Raises
        ------
        StoreUnreachable
            The server refused, or another process is removing the object; this may be given again.
        """
        need_sha256(sha256)
        return self._removals.set_aside(sha256)

    def unfinished(self) -> int:
        """Give the number of local copies whose writer is dead, and of removals that died."""
        return private.unfinished(self._incoming) + len(self._removals.stale())

    def sweep(self) -> int:
        """Remove local copies and removals' marks of dead processes, and give their number."""
        stale = self._removals.stale()
        for name in stale:
            self._bucket.delete(name)
        return private.sweep(self._incoming) + len(stale)


def _taken(path: Path, copy: str) -> str:
    """Copy a file privately; one that S3 cannot take in one request is refused."""
    found = copied(path, copy)
    if (size := Path(copy).stat().st_size) > LARGEST:
        raise BadInput(f"'{path.name}' has {size} bytes; an object in a bucket may have {LARGEST}", file=str(path), size=size)
    return found
