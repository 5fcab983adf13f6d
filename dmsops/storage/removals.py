"""Objects that are taken out of a bucket: orphans, and damaged bytes; each under a mark, so that a writer of the same bytes waits.

S3 has no lock. A removal first writes ``removing/<sum>``, then looks whether the object is still to go, then deletes it, then takes
its mark away. What is young stays (`remove`), and what has another entity tag than the bytes that were read (`set_aside`). A mark
that is an hour old was left by a dead process, and is swept.

A site sets one object aside at a time, under a lock of its own that ends with its holder: so a mark with the site's word was left
by a dead process too, and the next one takes it over at once.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from dmsops.core.errors import DmsError, NotFound, StoreDamaged, StoreUnreachable
from dmsops.core.files import in_words, locked, make_folder, write_bytes
from dmsops.storage.base import missing, need_same
from dmsops.storage.bucket import LARGEST, Bucket, Entry, pause
from dmsops.storage.cached import Cached

_STALE_SECONDS = 3600.0
"""A removal's mark that is older was left by a dead process; a living one gives up long before."""
_TRIES = 5


def key(sha256: str) -> str:
    """Give the key of an object."""
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def mark_of(sha256: str) -> str:
    """Give the key of the mark of an object that is being taken out."""
    return f"removing/{sha256}"


def busy(sha256: str) -> StoreUnreachable:
    """Give the error that says that another process holds an object's mark."""
    return StoreUnreachable(f"object {sha256[:12]}... is being removed by another process; try again, or sweep", sha256=sha256)


def pieces(bucket: Bucket, sha256: str) -> Iterator[bytes]:
    """Give an object's bytes; raises `NotFound`."""
    try:
        yield from bucket.read(key(sha256), LARGEST)
    except FileNotFoundError:
        raise missing(sha256) from None


def compare(bucket: Bucket, sha256: str) -> None:
    """Read an object's bytes on the server; raises `StoreDamaged` or `NotFound`."""
    digest = hashlib.sha256()
    for piece in pieces(bucket, sha256):
        digest.update(piece)
    need_same(sha256, digest.hexdigest())


def idle(bucket: Bucket, sha256: str, now: datetime) -> float:
    """Give the seconds since an object was last put; raises `NotFound`."""
    again = bucket.entry(f"put/{sha256}")
    first = bucket.entry(key(sha256))
    if first is None:
        raise missing(sha256)
    return (now - max(first.written, again.written if again else first.written)).total_seconds()


def written(bucket: Bucket, name: str) -> datetime:
    """Give when a key was written, by the server's clock."""
    entry = bucket.entry(name)
    if entry is None:
        raise StoreUnreachable(f"{bucket!r} lost '{name}' just after it was written")
    return entry.written


class Removals:
    """What takes objects out of one site's bucket; ``root`` is the store's folder of the site."""

    def __init__(self, bucket: Bucket, cache: Cached, root: Path) -> None:
        self._bucket, self._cache, self._root = bucket, cache, root
        self._word = secrets.token_hex(16)

    def remove(self, sha256: str, unused_seconds: float) -> bool:
        """Remove an object that was last put longer ago than that; see `dmsops.storage.base.Store.remove`."""
        began, mark = time.monotonic(), mark_of(sha256)
        if not self._marked(mark, f"{self._word} {threading.get_ident()}".encode()):
            return False
        try:
            old = not idle(self._bucket, sha256, written(self._bucket, mark)) < unused_seconds
        except DmsError:
            with suppress(StoreUnreachable):
                self._bucket.delete(mark)
            raise
        if _stood_still(began):
            return False
        if old:
            self._delete(sha256)
        self._bucket.delete(mark)
        return old

    def set_aside(self, sha256: str) -> bool:
        """Move damaged bytes to ``damaged/`` on the server; see `dmsops.storage.base.Store.set_aside`."""
        began = time.monotonic()
        words = in_words(f"object {sha256[:12]}... could not be set aside", sha256=sha256)
        with words, locked(make_folder(self._root)):
            for turn in itertools.count():
                bad, since = self._bad(sha256), time.monotonic()
                if self._marked(mark_of(sha256), self._site_word()):
                    done = bad is not None and self._moved(sha256, bad, since)
                    self._bucket.delete(mark_of(sha256))
                    return done
                if time.monotonic() - began > self._bucket.patience:
                    break
                pause(turn)
        raise busy(sha256)

    def stale(self) -> list[str]:
        """Give the marks of dead processes."""
        marks = list(self._bucket.names("removing"))
        if not marks:
            return []
        self._bucket.write("now")
        now = written(self._bucket, "now")
        return [entry.name for entry in marks if (now - entry.written).total_seconds() > _STALE_SECONDS]

    def _marked(self, mark: str, word: bytes) -> bool:
        """Write a mark; one that is there is ours when it has our word: an answer was lost, or our last try broke off."""
        for _ in range(_TRIES):
            if self._bucket.put(mark, word):
                return True
            try:
                if b"".join(self._bucket.read(mark, 0)) != word:
                    return False
            except FileNotFoundError:
                continue  # it has just gone
            self._bucket.write(mark, word)  # its hour begins anew
            return True
        return False

    def _site_word(self) -> bytes:
        """Give what stands in the marks of this site's `set_aside`; its lock is held."""
        place = self._root / "word"
        if not place.exists():
            write_bytes(place, secrets.token_hex(16).encode())
        return place.read_bytes()

    def _bad(self, sha256: str) -> Entry | None:
        """Give what the server says of an object whose bytes are damaged; None of a sound one, and of one that is not there."""
        before = self._bucket.entry(key(sha256))
        try:
            compare(self._bucket, sha256)
        except NotFound:
            return None
        except StoreDamaged:
            return before
        return None

    def _moved(self, sha256: str, bad: Entry, since: float) -> bool:
        """Copy damaged bytes under a name that is always the same for them, then delete them; not when others are there by now."""
        now = self._bucket.entry(key(sha256))
        if now is None or now.tag != bad.tag:
            return False
        self._bucket.copy(key(sha256), f"damaged/{sha256}.{re.sub('[^0-9A-Za-z-]', '', bad.tag or 'bytes')}")
        if _stood_still(since):
            raise busy(sha256)
        self._delete(sha256)
        return True

    def _delete(self, sha256: str) -> None:
        """Delete an object; an error here leaves the mark: the request may still be on its way."""
        self._bucket.delete(key(sha256))
        self._bucket.delete(f"put/{sha256}")
        self._cache.drop(sha256)


def _stood_still(since: float) -> bool:
    """Say whether this process was away for so long that its mark may be gone."""
    return time.monotonic() - since > _STALE_SECONDS / 2
