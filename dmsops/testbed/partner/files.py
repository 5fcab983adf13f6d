"""Files by policy: by the addresses that the archive gives us, gone on with where they broke off, kept only when their sums fit."""

from __future__ import annotations

import base64
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading, transact
from dmsops.core.errors import Failed, NotFound
from dmsops.core.files import locked, sha256_of, sync_folder
from dmsops.testbed.partner.feed import Feed, Offered
from dmsops.testbed.partner.harvest import wait_after
from dmsops.testbed.partner.site import PartnerSite, file, held

if TYPE_CHECKING:
    import httpx2

CHUNK = 1 << 20
_f, _h = file.c, held.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a synchronisation did: files and bytes that came, files that are not given to us now, failures in words, files cleared away."""

    taken: int = 0
    size: int = 0
    not_public: int = 0
    failed: tuple[str, ...] = ()
    cleared: int = 0


def sync(site: PartnerSite, feed: Feed) -> Synced:
    """Copy the files that the policy asks for and that are not here with the sums of their descriptions; one process at a time does."""
    with locked(site.folder / "parts", wait=False) as mine:
        return _synced(site, feed) if mine else Synced()


def _synced(site: PartnerSite, feed: Feed) -> Synced:
    done = Synced(cleared=_clear(site))
    for identity, wanted in _wanted(site).items():
        try:
            offered = feed.files(identity)
        except (Failed, NotFound) as error:
            done = replace(done, failed=(*done.failed, error.message))
            continue
        for row in wanted:
            done = _one(site, feed, row, offered.get(row.uri), done)
    return done


def due(site: PartnerSite) -> sa.ColumnElement[bool]:
    """Give the clause of the files that the policy asks for now."""
    if site.files == "all":
        return sa.true()
    return sa.and_(_f.release.is_not(None), _f.release <= site.now()) if site.files == "public" else sa.false()


def _wanted(site: PartnerSite) -> dict[str, list[Any]]:
    lacking = sa.or_(_f.held_sha256.is_(None), _f.held_sha256 != _f.sha256)
    waited = sa.or_(_f.try_after.is_(None), _f.try_after <= site.now())
    groups: dict[str, list[Any]] = defaultdict(list)
    with reading(site.db) as c:
        for row in c.execute(sa.select(file).where(due(site), lacking, waited).order_by(_f.observation_id, _f.uri)):
            groups[row.observation_id].append(row)
    return groups


def _one(site: PartnerSite, feed: Feed, row: Any, offered: Offered | None, done: Synced) -> Synced:
    if offered is None or offered.sha256 != row.sha256:
        return _not_now(site, row, "the archive has other bytes of it now: its description comes first", done)
    if not offered.address:
        return replace(_not_now(site, row, "notPublic", done), not_public=done.not_public + 1, failed=done.failed)
    try:
        size = _fetched(site, feed, row, offered.address)
    except (Failed, NotFound) as error:
        return _not_now(site, row, error.message, done)
    values = {"held_sha256": row.sha256, "times": 0, "try_after": None, "message": ""}
    transact(site.db, partial(_note, uri=row.uri, values=values))
    return replace(done, taken=done.taken + 1, size=done.size + size)


def _not_now(site: PartnerSite, row: Any, why: str, done: Synced) -> Synced:
    values = {"times": row.times + 1, "try_after": site.now() + wait_after(row.times), "message": why[:250]}
    transact(site.db, partial(_note, uri=row.uri, values=values))
    return replace(done, failed=(*done.failed, f"{row.uri}: {why}"))


def _note(c: sa.Connection, uri: str, values: dict[str, Any]) -> None:
    c.execute(sa.update(file).where(_f.uri == uri).values(**values))


def _fetched(site: PartnerSite, feed: Feed, row: Any, address: str) -> int:
    """Fetch a file, or the rest of it, and put it under its name; raises `Failed` when its bytes are not those of its description."""
    if re.fullmatch(r"[0-9a-f]{64}", row.sha256) is None:
        raise Failed("its description has no sha256 of it")
    part = site.folder / "parts" / f"{row.sha256}.part"
    promised = _poured(feed, part, address, row)
    found = sha256_of(part)
    size = part.stat().st_size
    if size < row.size:
        raise Failed(f"it broke off after {size:,} of {row.size:,} bytes")
    if found != row.sha256 or promised not in ("", found):
        part.unlink()
        words = "diffLength" if size != row.size else "diffChecksum"
        raise Failed(f"{words}: sha256 {found[:12]}..., described {row.sha256[:12]}..., promised {promised[:12] or 'nothing'}")
    part.replace(site.path_of(row.uri))
    sync_folder(site.folder / "files")
    return size


def _poured(feed: Feed, part: Path, address: str, row: Any) -> str:
    """Write what comes behind what is there; gives the sha256 (hex) that the archive promises, empty when it says none."""
    begun = part.stat().st_size if part.is_file() else 0
    if begun >= row.size:
        part.unlink(missing_ok=True)
        begun = 0
    headers = {"Range": f"bytes={begun}-", "If-Range": f'"{row.sha256}"'} if begun else {}
    with feed.opened(address, headers) as answer:
        goes_on = answer.status_code == 206 and answer.headers.get("content-range", "").startswith(f"bytes {begun}-")
        if answer.status_code == 206 and not goes_on:
            raise Failed("the archive gave another part of it than was asked for")
        with part.open("ab" if goes_on else "wb") as target:
            left = row.size - (begun if goes_on else 0)
            for piece in _pieces(answer):
                target.write(piece[: max(left, 0) + 1])
                left -= len(piece)
                if left < 0:
                    break
            target.flush()
            os.fsync(target.fileno())
        return _digest(answer.headers.get("repr-digest", ""))


def _pieces(answer: httpx2.Response) -> Iterator[bytes]:
    """Give the bytes that come; a connection that breaks ends them: what has come is kept, and the rest is asked for next."""
    import httpx2

    with suppress(httpx2.HTTPError):
        yield from answer.iter_raw(CHUNK)


def _digest(header: str) -> str:
    """Read the sha256 of a header ``Repr-Digest: sha-256=:base64:``, as hex."""
    for word in header.split(","):
        algorithm, _, value = word.strip().partition("=")
        if algorithm == "sha-256":
            with suppress(ValueError):
                return base64.b64decode(value.strip(":"), validate=True).hex()
    return ""


def _clear(site: PartnerSite) -> int:
    """Remove files that no document names any more, and parts that nobody waits for."""
    with reading(site.db) as c:
        named = {row.uri.rpartition("/")[2]: row.sha256 for row in c.execute(sa.select(_f.uri, _f.sha256))}
    sums = {f"{sha256}.part" for sha256 in named.values()}
    strays = [path for path in (site.folder / "files").iterdir() if path.name not in named]
    strays += [path for path in (site.folder / "parts").iterdir() if path.name not in sums]
    for path in strays:
        path.unlink()
    return len(strays)


def sum_of(path: Path) -> str:
    """Give the sum of a file's bytes (hex), or nothing where there is none."""
    with suppress(OSError):
        return sha256_of(path)
    return ""
