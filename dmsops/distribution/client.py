"""The verifying client: files from an archive's site, whole and right, or not there.

What was begun is gone on with (a range of the same bytes, or all anew), each file is summed as it comes and compared with the sum that
the site sends (``Repr-Digest``), and takes its name only then. A site that is busy is asked again when it says so.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dmsops.core.errors import BadInput, DmsError, Failed, Refused
from dmsops.core.files import in_words, locked, make_folder, sync_folder
from dmsops.distribution.client_asking import LONGEST_WAIT, TRIES, Again, Site, connected, problem_of, why_unanswered

if TYPE_CHECKING:
    import httpx2

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}", re.ASCII)
_SUM = re.compile(r"[0-9a-f]{64}")
type Stamp = tuple[int, int, int]
"""Of a file: its number, size, and when it was changed; what is the same was not changed."""
Progress = Callable[[str, int, int | None], None]
"""Told of a file, how many bytes of it are here, and how many it has (None: not known yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file to fetch: the name that it gets here, its address, and its URI where that is known."""

    name: str
    url: str
    uri: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of a file: ``got``, ``had`` (it was here and is right), or why not (``error``)."""

    name: str
    path: Path | None
    state: str
    size: int = 0
    error: str = ""
    remedy: str = ""


def fetch(
    site: Site, wanted: Sequence[Wanted], folder: Path, *, parallel: int = 4, progress: Progress | None = None
) -> list[Fetched]:  # fmt: skip
    """Fetch files into a folder, some at a time; gives what became of each, in their order.

    Raises
    ------
    BadInput
        A name is none for a file here, or two files have the same.
    FilesRefused
        The folder cannot be made.
    """
    _need_names(wanted)
    with in_words(f"{folder} cannot be made"):
        make_folder(folder)
    stop = threading.Event()
    told = progress or (lambda *_: None)
    with connected(site) as client, ThreadPoolExecutor(max(1, parallel)) as pool:
        try:
            return list(pool.map(lambda one: _fetched(_Fetch(client, site, one, folder, told, stop)), wanted))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _need_names(wanted: Sequence[Wanted]) -> None:
    names = [one.name for one in wanted]
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise BadInput(f"'{name[:80]}' cannot be the name of a file here", field="name")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"two files are called '{twice}'", field="name")


def _fetched(fetch: _Fetch) -> Fetched:
    try:
        return fetch.done()
    except DmsError as error:
        return Fetched(name=fetch.name, path=None, state="failed", error=error.message, remedy=error.remedy)


class _Fetch:
    """One file on its way: its bytes lie in ``.<name>.<sum>.part`` until they are all there."""

    def __init__(
        self, client: httpx2.Client, site: Site, one: Wanted, folder: Path, progress: Progress, stop: threading.Event
    ) -> None:  # fmt: skip
        self.name, self._url = one.name, one.url
        self._client, self._site, self._folder, self._progress, self._stop = client, site, folder, progress, stop
        self._target = folder / one.name
        self._spoilt = 0
        self._summed: dict[Path, tuple[Stamp, Any]] = {}

    def done(self) -> Fetched:
        """Fetch it, in as many tries as bring more of it."""
        lock = self._folder / f".{self.name}.lock"
        with in_words(f"'{self.name}' cannot be written"):
            lock.touch()
            with locked(lock, wait=False) as mine:
                if not mine:
                    raise Refused(f"another process fetches '{self.name}' into this folder")
                try:
                    return self._tried()
                finally:
                    lock.unlink(missing_ok=True)

    def _tried(self) -> Fetched:
        import httpx2

        tries, had = 0, -1
        while True:
            wait = 2.0**tries
            try:
                return self._asked()
            except Again as again:
                wait, why = again.seconds or wait, again.why
            except httpx2.TransportError as error:
                why = why_unanswered(self._site, error)
            here = self._here()
            tries = tries + 1 if here <= had else 1
            had = max(had, here)
            if tries >= TRIES:
                raise Failed(f"'{self.name}' could not be fetched: {why}", remedy="Give the command again later: it goes on (P17).")
            self._site.sleep(min(wait, LONGEST_WAIT))

    def _part(self) -> Path | None:
        begun = sorted(self._folder.glob(f".{self.name}.*.part"))
        return next((part for part in begun if _SUM.fullmatch(part.name.removeprefix(f".{self.name}.").removesuffix(".part"))), None)

    def _here(self) -> int:
        part = self._part()
        return part.stat().st_size if part else 0

    def _asked(self) -> Fetched:
        headers, part = self._site.headers(self._url), self._part()
        if self._target.is_file():
            headers["If-None-Match"] = f'"{self._digest(self._target).hexdigest()}"'
        if part is not None and part.stat().st_size:
            headers |= {"Range": f"bytes={part.stat().st_size}-", "If-Range": f'"{part.name.rsplit(".", 2)[1]}"'}
        with self._client.stream("GET", self._url, headers=headers) as response:
            return self._answered(response, part)

    def _answered(self, response: httpx2.Response, part: Path | None) -> Fetched:
        if response.status_code == 304:
            _forget(part)
            size = self._target.stat().st_size
            self._progress(self.name, size, size)
            return Fetched(name=self.name, path=self._target, state="had", size=size)
        if response.status_code == 416:
            _forget(part)
            raise Again("what was begun does not fit any more", 0.1)
        if response.status_code not in (200, 206):
            raise problem_of(response)
        return self._taken(response, part if response.status_code == 206 else None, part)

    def _taken(self, response: httpx2.Response, going_on: Path | None, part: Path | None) -> Fetched:
        """Take the bytes of an answer; they get their name when they are all there and their sum is right."""
        wanted = _sum_of(response)
        if going_on is None:
            _forget(part)
        elif f'"{going_on.name.rsplit(".", 2)[1]}"' != f'"{wanted}"' or not _goes_on(response, going_on.stat().st_size):
            _forget(going_on)
            raise Again("the site sent other bytes than those that were asked for", 0.1)
        place = self._folder / f".{self.name}.{wanted}.part"
        place.open("ab").close()  # it is there now; to touch what was there would be to change it
        digest = self._digest(place)
        try:
            with place.open("ab") as file:
                self._poured(response, file, digest, _total(response))
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._summed[place] = _stamp(place), digest
        found = str(digest.hexdigest())
        if found != wanted:
            return self._again(place, found, wanted)
        place.replace(self._target)
        sync_folder(self._folder)
        return Fetched(name=self.name, path=self._target, state="got", size=self._target.stat().st_size)

    def _digest(self, path: Path) -> Any:
        """Sum a file that is here; its bytes are read once, and again only when they have changed since."""
        stamp = _stamp(path)
        if path not in self._summed or self._summed[path][0] != stamp:
            self._summed[path] = stamp, _begun(path)
        return self._summed[path][1]

    def _poured(self, response: httpx2.Response, file: BinaryIO, digest: Any, total: int | None) -> None:
        """Write the bytes of an answer, and add them to the sum."""
        here = file.tell()
        for piece in response.iter_raw():
            if self._stop.is_set():
                raise Refused("it was interrupted; what is here is gone on with")
            file.write(piece)
            digest.update(piece)
            here += len(piece)
            self._progress(self.name, here, total)
        if total is not None and here < total:
            raise Again("the connection ended before the file did", None)

    def _again(self, place: Path, found: str, wanted: str) -> Fetched:
        place.unlink()
        self._spoilt += 1
        if self._spoilt > 1:
            raise Failed(
                f"'{self.name}' came twice with another sum than the site says: {found[:12]}... and not {wanted[:12]}...",
                remedy="Tell the archive's staff: procedure P16 finds damaged objects. Nothing was kept.",
                expected=wanted, found=found,
            )  # fmt: skip
        raise Again("bytes were spoilt on the way", 0.1)


def _forget(part: Path | None) -> None:
    if part is not None:
        part.unlink(missing_ok=True)


def _begun(part: Path) -> Any:
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_ctime_ns


def _sum_of(response: httpx2.Response) -> str:
    """Read the sum of the whole file (RFC 9530), which each answer carries."""
    found = re.search(r"sha-256=:([A-Za-z0-9+/]{43}=):", response.headers.get("repr-digest", ""))
    if found is None:
        raise Failed("the site sends no sum (Repr-Digest) with its files: nothing that it sends can be verified")
    return base64.b64decode(found[1]).hex()


def _goes_on(response: httpx2.Response, here: int) -> bool:
    return str(response.headers.get("content-range", "")).startswith(f"bytes {here}-")


def _total(response: httpx2.Response) -> int | None:
    whole = response.headers.get("content-range", "").rpartition("/")[2] or response.headers.get("content-length", "")
    return int(whole) if whole.isdecimal() else None
