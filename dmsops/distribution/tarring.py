"""Many files as one tar, written as it goes out: each is judged and recorded right before its own bytes, and summed on the way."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import StoreDamaged
from dmsops.core.files import in_words
from dmsops.distribution.access import ANONYMOUS, Requester
from dmsops.distribution.files import Held, Judgement, judge, refusal, sound_path

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.ops import Ops

SUMS, REFUSED = "sha256sums.txt", "REFUSED.txt"
_CHUNK, _BLOCK = 1 << 20, tarfile.BLOCKSIZE


def tar(
    ops: Ops, asker: Callable[[], Requester | None], files: Sequence[Held], record: Callable[[Held, Requester, Judgement], None]
) -> Iterator[bytes]:  # fmt: skip
    """Give a tar of files, in pieces; ``sha256sums.txt`` comes first, ``REFUSED.txt`` last where something was refused on the way.

    Parameters
    ----------
    asker : callable
        Gives who asks, with the rights of that moment; None when their account is no more.
    record : callable
        Writes down what is given, before it is, and what is refused.

    Raises
    ------
    StoreDamaged
        Bytes that were sent are not those that were archived: the tar ends there, without its end, so that nobody takes it for whole.
    """
    now = ops.clock.now()
    first = asker() or ANONYMOUS
    listed = [held for held in files if judge(first, held, now).allowed]
    yield from _text(SUMS, "".join(f"{held.sha256}  {held.name}\n" for held in listed), now)
    refused = []
    for held in files:
        who = asker() or ANONYMOUS
        judged = judge(who, held, ops.clock.now())
        path = None
        try:
            path = sound_path(ops, held) if judged.allowed else None
        except StoreDamaged as error:
            refused.append(error.message)
            continue
        record(held, who, judged)
        if path is None:
            refused.append(refusal(who, held.uri, judged).message)
        else:
            yield from _member(held, path, now)
    if refused:
        yield from _text(REFUSED, "\n".join(refused) + "\n", now)
    yield bytes(2 * _BLOCK)


def _text(name: str, text: str, now: datetime) -> Iterator[bytes]:
    content = text.encode()
    yield _head(name, len(content), now) + content + _padding(len(content))


def _head(name: str, size: int, now: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = size, int(now.timestamp())
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _member(held: Held, path: Path, now: datetime) -> Iterator[bytes]:
    yield _head(held.name, held.size, now)
    digest, left = hashlib.sha256(), held.size
    with in_words(f"the bytes of '{held.name}' cannot be read", uri=held.uri), path.open("rb") as file:
        while left > 0 and (piece := file.read(min(_CHUNK, left))):
            digest.update(piece)
            left -= len(piece)
            yield piece
    if left or digest.hexdigest() != held.sha256:
        remedy = "Tell the archive's staff: procedure P16 finds and restores damaged objects."
        raise StoreDamaged(f"the bytes of '{held.name}' are not those that were archived: the tar ends here", remedy=remedy, uri=held.uri)
    yield _padding(held.size)
