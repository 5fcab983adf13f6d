"""Signed addresses: whoever holds one may ask in somebody's name for one file, for a while.

A signature only says who it was made for; what they may have is decided anew when it is used. So it dies with its account, with the
grant that it rested on, and when the account's last token ends. The key is the site's, in a file that only its owner reads.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput, NotAllowed
from dmsops.core.files import in_words, sync_folder
from dmsops.core.private import private_text
from dmsops.distribution.access import ANONYMOUS, Requester
from dmsops.distribution.accounts import named

if TYPE_CHECKING:
    from dmsops.ops import Ops

KEY_FILE = "signing.key"
HOURS = 24.0
"""How long a signature is good, if nothing else is said."""
MOST_HOURS = 7 * 24.0
REMEDY = "Ask for a fresh one with a token of your account; procedure P18 covers accounts and grants."
_SALT = "dmsops.download"


def site_key(ops: Ops) -> bytes:
    """Give the site's key, which all its processes share; the first who needs it makes it. Without the file all signatures are void.

    Raises
    ------
    BadSetting
        Others may read the file, or it is empty.
    FilesRefused
        It cannot be written.
    """
    path = ops.settings.site / KEY_FILE
    try:
        found = path.stat()
    except FileNotFoundError:
        with in_words(f"the site's key {path} could not be made"):
            _make(ops)
            found = path.stat()
        _read.cache_clear()
    return _read(path, found.st_ino, found.st_ctime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, _file: int, _changed: int) -> bytes:
    """Read the key once: again only when it is another file, or was written or given other rights since."""
    return bytes.fromhex(private_text(path, "signing key"))


def _make(ops: Ops) -> None:
    """Write a key under a private name and link it to its own: of two who do so at once, both then read the first one's."""
    folder = ops.settings.site
    partial = folder / f".{secrets.token_hex(8)}.key"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(partial, folder / KEY_FILE)
    finally:
        partial.unlink()
    sync_folder(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature says: the file, who asks (as of now), until when it is good."""

    uri: str
    requester: Requester
    until: datetime


def sign(ops: Ops, asker: Requester, uri: str, *, hours: float = HOURS) -> tuple[str, datetime]:
    """Sign an address of a file for somebody; gives the token and when it ends. It gives no right that they have not.

    Raises
    ------
    BadInput
        It would be good for no time, or for more than a week.
    """
    if not 0 < hours <= MOST_HOURS:
        raise BadInput(f"a signed address is good for up to {MOST_HOURS:g} hours, not {hours:g}", field="hours")
    until = ops.clock.now() + timedelta(hours=hours)
    said = {"u": uri, "e": round(until.timestamp(), 3)} | ({} if asker.is_anonymous else {"w": asker.name, "k": str(asker.kind)})
    return str(_serializer(ops).dumps(said)), until


def read(ops: Ops, token: str) -> Signed:
    """Read a signature: who it was made for, with the rights that they have now.

    Raises
    ------
    NotAllowed
        It was not made here, was changed, or has ended; or its account, or the account's last token, has.
    """
    said = _said(ops, token)
    until = datetime.fromtimestamp(said["e"], ops.clock.now().tzinfo)
    if ops.clock.now() >= until:
        raise NotAllowed(f"the signed address ended at {until:%Y-%m-%d %H:%M:%S} UTC", remedy=REMEDY)
    who = named(ops, said["w"], said["k"]) if "w" in said else ANONYMOUS
    if who is None:
        raise NotAllowed("the signed address is void: the account that it was made for has no good token any more", remedy=REMEDY)
    return Signed(uri=said["u"], requester=who, until=until)


def _said(ops: Ops, token: str) -> dict[str, Any]:
    from itsdangerous import BadData

    try:
        said: dict[str, Any] = _serializer(ops).loads(token)
    except (BadData, UnicodeError, ValueError, RecursionError):
        raise NotAllowed("the signed address was not made here, or has been changed", remedy=REMEDY) from None
    return said


def _serializer(ops: Ops) -> Any:
    from itsdangerous import URLSafeSerializer

    return URLSafeSerializer(site_key(ops), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"})
