"""A file that somebody asks for: judged by the one policy, and refused in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dmsops.core.errors import DmsError, NotAllowed, NotFound, NotSignedIn, StoreDamaged
from dmsops.core.files import in_words, sha256_of
from dmsops.distribution.access import Requester, Verdict, decide

if TYPE_CHECKING:
    from dmsops.ops import Ops

CHEAP = 1 << 20
"""Bytes up to which an object is summed each time before it is given (a millisecond or two)."""
REMEDY_SIGN_IN = "Give a token of an account that the program's PI has let in; who is in is asked for by procedure P18."
REMEDY_RIGHTS = "The program's PI, or the archive's staff, lets accounts in before data are public (procedure P18)."


class Held(Protocol):
    """What has to be known of a file to judge it and to hand it out."""

    @property
    def uri(self) -> str:
        """Its URI."""

    @property
    def name(self) -> str:
        """Its file name."""

    @property
    def program(self) -> str | None:
        """The program that it belongs to, five digits."""

    @property
    def sha256(self) -> str:
        """The sum of its bytes (hex)."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def release(self) -> datetime | None:
        """When it becomes everybody's; None is never."""

    @property
    def meta_release(self) -> datetime | None:
        """When its description does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether a file's existence may be known, and whether it may be had."""

    visible: bool
    verdict: Verdict

    @property
    def allowed(self) -> bool:
        """Whether the file may be had: what may not be known may not be had either."""
        return self.visible and self.verdict.allowed


def judge(asker: Requester, held: Held, now: datetime) -> Judgement:
    """Judge a file as of now; a description that is not public hides it, whatever its own release says."""
    described = decide(asker, release=held.meta_release, program=held.program, now=now)
    verdict = decide(asker, release=held.release, program=held.program, now=now)
    return Judgement(visible=described.allowed, verdict=verdict if described.allowed else described)


def unknown(uri: str) -> NotFound:
    """Give the error of a file that is not there; one that may not be known of gets the very same."""
    return NotFound(f"the archive has no file '{uri[:200]}'", remedy="Search for it, and take its URI as it is written there (P17).")


def refusal(asker: Requester, uri: str, found: Judgement) -> DmsError:
    """Give the error that a refused file is answered with."""
    if not found.visible:
        return unknown(uri)
    message = f"'{uri}' cannot be given to {asker.name}: {found.verdict.why}"
    if asker.is_anonymous:
        return NotSignedIn(message, remedy=REMEDY_SIGN_IN, uri=uri)
    return NotAllowed(message, remedy=REMEDY_RIGHTS, uri=uri)


def sound_path(ops: Ops, found: Held) -> Path:
    """Give the local file with an object's bytes, once its size (and the sum of a small one) is what it should be.

    Raises
    ------
    StoreDamaged
        It is not, or the object is gone.
    """
    try:
        path = ops.store.path(found.sha256)
        with in_words(f"the bytes of '{found.name}' cannot be read", uri=found.uri):
            size = path.stat().st_size
            sum_found = sha256_of(path) if size == found.size <= CHEAP else found.sha256
    except NotFound:
        raise _damaged(found, "are not in the store") from None
    if size != found.size:
        raise _damaged(found, f"are {size:,} in the store and not {found.size:,}")
    if sum_found != found.sha256:
        raise _damaged(found, "are not those that were archived")
    return path


def _damaged(found: Held, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"'{found.name}' cannot be given: its bytes {what}",
        remedy="Tell the archive's staff: procedure P16 finds and restores damaged objects. Nothing wrong was sent.",
        uri=found.uri, sha256=found.sha256,
    )  # fmt: skip
