"""A bucket of an S3 server: few verbs, each answer one of those that the protocol promises, trouble in words.

The client (obstore) asks again by itself, with growing pauses, when the server is busy, broken or gone (5xx, lost
connections), for as long as the site's patience; what still fails raises `StoreUnreachable`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from dmsops.core.config import store_keys
from dmsops.core.errors import BadSetting, StoreUnreachable

if TYPE_CHECKING:
    from dmsops.core.config import Settings

_LARGE = 64_000_000
"""Bodies with more bytes are given the time that a slow line needs."""
_SLOW = 2_000_000
"""Bytes per second of the slowest line on which a large object still gets through."""
LARGEST = 5 * 1024**3
"""Bytes of the largest object that S3 takes in one request."""
_PIECE = 1024 * 1024
_PAUSE = {"init_backoff": timedelta(seconds=0.05), "max_backoff": timedelta(seconds=5), "base": 2}
_STATUS = re.compile(r"status code: (\d+ [\w ]+)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_FIRST_USE: list[int] = []
"""Process that first used the client: its threads do not come along in a fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the server says of one key: name below the prefix, bytes, when last written (server's clock), entity tag."""

    name: str
    size: int
    written: datetime
    tag: str | None


class Bucket:
    """The keys of one site in its bucket.

    Parameters
    ----------
    settings : Settings
        Bucket, prefix, endpoint, region, patience.

    Raises
    ------
    BadSetting
        No bucket is named, or there are no keys.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.store_bucket:
            raise BadSetting("site.toml: field 'store_bucket': store = \"s3\" needs a bucket", field="store_bucket")
        self.name, self.patience = settings.store_bucket, settings.store_seconds
        self._keys = store_keys(settings)
        self._options: dict[str, Any] = {"region": settings.store_region, "prefix": settings.store_prefix or None}
        self._endpoint = settings.store_endpoint
        self._client = cache(self._made)

    def __repr__(self) -> str:
        return f"Bucket({self.name!r}, {self._options['prefix']!r})"

    def put(self, name: str, content: Any) -> bool:
        """Write a key that is not there; False when it is.

        ``content`` is any buffer: a mapped file is sent as it lies on disk, and takes no memory of its own.
        """
        from obstore import put
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._asked(f"put {name}"):
            try:
                put(self._for(len(content)), name, content, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def write(self, name: str, content: bytes = b"") -> None:
        """Write a small key, whether it is there or not."""
        from obstore import put

        with self._asked(f"write {name}"):
            put(self._for(0), name, content, use_multipart=False)

    def entry(self, name: str) -> Entry | None:
        """Give what the server says of a key; None when it is not there."""
        from obstore import head

        with self._asked(f"look at {name}"):
            try:
                return _entry(head(self._for(0), name))
            except FileNotFoundError:
                self._need_bucket()
                return None

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """Give the bytes of a key in pieces; raises FileNotFoundError when it is not there."""
        from obstore import get

        with self._asked(f"read {name}"):
            try:
                found = get(self._for(size), name)
            except FileNotFoundError:
                self._need_bucket()
                raise
            for piece in found.stream(min_chunk_size=_PIECE):
                yield bytes(piece)

    def names(self, prefix: str) -> Iterator[Entry]:
        """Give the keys below a prefix, in order, page by page."""
        from obstore import list as listing

        with self._asked(f"list {prefix}"):
            for page in listing(self._for(0), prefix):
                yield from map(_entry, page)

    def copy(self, name: str, to: str) -> None:
        """Copy a key on the server."""
        from obstore import copy

        with self._asked(f"copy {name}"):
            copy(self._for(LARGEST), name, to)

    def delete(self, name: str) -> None:
        """Delete a key; one that is not there is as good."""
        from obstore import delete

        with self._asked(f"delete {name}"):
            try:
                delete(self._for(0), name)
            except FileNotFoundError:
                self._need_bucket()

    def _need_bucket(self) -> None:
        """Tell a missing key from a missing bucket: only a listing's answer says which."""
        next(self.names("none"), None)

    def _for(self, size: int) -> Any:
        _need_own_process()
        return self._client(size > _LARGE)

    def _made(self, large: bool) -> Any:
        from obstore.store import S3Store

        limit = self.patience + (LARGEST / _SLOW if large else 0)
        http: Any = {"allow_http": self._endpoint.startswith("http://"), "timeout": timedelta(seconds=limit)}
        again: Any = {"backoff": _PAUSE, "max_retries": 20, "retry_timeout": timedelta(seconds=self.patience)}
        options = {**self._options, **self._keys, **({"endpoint": self._endpoint} if self._endpoint else {})}
        return S3Store(self.name, client_options=http, retry_config=again, checksum_algorithm="SHA256", disable_bulk_delete=True, **options)

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except BaseError as error:
            raise self._trouble(what, str(error)) from None
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error):
                raise
            raise self._trouble(what, str(error)) from None

    def _trouble(self, what: str, said: str) -> StoreUnreachable:
        """Say in one sentence what the server answered; the client's own text may be pages long."""
        code, status = _CODE.search(said), _STATUS.search(said)
        why = code[1] if code else status[1].strip() if status else "no answer"
        why = {"NoSuchBucket": "there is no such bucket"}.get(why, why)
        where = self._endpoint or "Amazon S3"
        return StoreUnreachable(f"bucket '{self.name}' on {where}: could not {what}: {why}", bucket=self.name, server=where, said=why)


def _need_own_process() -> None:
    if not _FIRST_USE:
        _FIRST_USE.append(os.getpid())
    if _FIRST_USE[0] != os.getpid():
        raise StoreUnreachable("this process was forked from one that had used the S3 store, and cannot use it; start it anew")


def _entry(found: Any) -> Entry:
    return Entry(name=found["path"], size=found["size"], written=found["last_modified"], tag=found["e_tag"])


def pause(turn: int) -> float:
    """Wait a little, longer at each turn; gives the seconds waited."""
    seconds: float = min(0.02 * 2 ** min(turn, 9), 1.0)
    time.sleep(seconds)
    return seconds
