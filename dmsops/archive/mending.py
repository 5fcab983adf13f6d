"""Mending one archived observation: bytes from another copy, products taken out, told again. Each is done whole, and twice does no harm."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import rows, versions
from dmsops.archive.describing import describe_offered, need_sound
from dmsops.archive.ingest import Again, again, announce
from dmsops.archive.reconcile import damaged
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, observation
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import DmsError, Failed, NotFound, Refused
from dmsops.core.files import sha256_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

PLACES = ("inbox", "work", "outbox", "quarantine", "visits")
"""Folders of a site in which another copy of a product may lie."""
_o, _e = observation.c, archive_outbox.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """An object of an observation whose bytes are missing or damaged: the name of its file, its sum, what is wrong with it."""

    name: str
    sha256: str
    words: str


def archived(ops: Ops, identity: str) -> Any:
    """Give an archived observation's row; raises `NotFound` when there is none, or it was withdrawn."""
    with reading(ops.db) as c:
        return _archived(c, identity)


def _archived(c: sa.Connection, identity: str) -> Any:
    row = c.execute(sa.select(observation).where(_o.id == identity, _o.state == ARCHIVED)).one_or_none()
    if row is None:
        raise NotFound(f"observation {identity} is not in the archive now", observation=identity)
    return row


def bad_objects(ops: Ops, identity: str) -> list[Bad]:
    """Read the bytes of an observation's current products, and its document, again; gives those that are missing or damaged."""
    row = archived(ops, identity)
    with reading(ops.db) as c:
        objects = [(found.name, found.sha256) for found in versions.current(c, identity)]
    if row.xml_sha256:
        objects.append((f"{identity}_caom.xml", row.xml_sha256))
    seen = ((name, sha256, _wrong(ops, sha256)) for name, sha256 in objects)
    return [Bad(name=name, sha256=sha256, words=words) for name, sha256, words in seen if words]


def _wrong(ops: Ops, sha256: str) -> str:
    try:
        return damaged(ops, sha256)
    except NotFound:
        return "missing"


def copies(ops: Ops, wanted: Iterable[Bad]) -> dict[str, Path]:
    """Look through the site's folders for sound copies; gives sum to file."""
    sums: dict[str, set[str]] = {}
    for one in wanted:
        sums.setdefault(one.name, set()).add(one.sha256)
    found: dict[str, Path] = {}
    for folder, _, names in _walk(ops) if sums else ():
        for name in sums.keys() & set(names):
            path = Path(folder) / name
            sha256 = _sum(path)
            if sha256 in sums[name]:
                found.setdefault(sha256, path)
    return found


def _walk(ops: Ops) -> Iterable[tuple[str, list[str], list[str]]]:
    for place in PLACES:
        yield from os.walk(ops.settings.folder(place))


def _sum(path: Path) -> str:
    try:
        return sha256_of(path) if path.is_file() else ""
    except OSError:
        return ""


def restore(ops: Ops, identity: str, *, reason: str) -> tuple[str, ...]:
    """Bring an observation's missing and damaged bytes back from other copies; a document is also made again from the products.

    Raises
    ------
    Failed
        Of some there is no other copy; the others are brought back.
    """
    bad = bad_objects(ops, identity)
    found = copies(ops, bad)
    done = [one for one in bad if one.sha256 in found and _put_back(ops, found[one.sha256], one.sha256)]
    done += [one for one in bad if one not in done and one.name.endswith("_caom.xml") and _written_anew(ops, identity, one.sha256)]
    if done:
        names = [one.name for one in done]
        transact(ops.db, lambda c: _noted(c, ops, "observation.bytes-restored", identity, reason, files=names))
    lacking = [one for one in bad if one not in done]
    if lacking:
        raise Failed(
            f"of '{lacking[0].name}' ({lacking[0].words}) there is no other copy on the site",
            remedy="Make the product again with procedure P08, or bring a copy from a partner into the inbox and repair again (P16).",
            observation=identity, files=[one.name for one in lacking],
        )  # fmt: skip
    return tuple(one.name for one in done)


def _put_back(ops: Ops, path: Path, sha256: str) -> bool:
    return ops.store.restore(path, sha256)


def _written_anew(ops: Ops, identity: str, sha256: str) -> bool:
    """Make a document again from the products, where that gives the very same bytes."""
    try:
        xml = again(ops, identity).described.xml
    except DmsError:
        return False
    if hashlib.sha256(xml).hexdigest() != sha256:
        return False
    with tempfile.TemporaryDirectory(prefix="mending-", dir=ops.settings.folder("work")) as folder:
        path = Path(folder) / f"{identity}_caom.xml"
        path.write_bytes(xml)
        return _put_back(ops, path, sha256)


def without(ops: Ops, identity: str, names: Sequence[str]) -> Again:
    """Describe an observation as it would be without some of its products; nothing changes.

    Raises
    ------
    Refused
        None would be left.
    GateFailed
        What is left is not sound.
    """
    anew = again(ops, identity)
    left = [product for product in anew.described.products if product.name not in names]
    if not left:
        raise Refused(
            f"observation {identity} would have no product left", remedy="Withdraw the observation instead (procedure P16).",
            observation=identity,
        )  # fmt: skip
    described = describe_offered(ops, left, anew.described.members)
    need_sound(described)
    return Again(described=described, differs=())


def tell_again(ops: Ops, identity: str, *, reason: str) -> int:
    """Give an observation a new version that is what it was, with a time of its own, so that it is harvested; gives the version.

    Events of it that were passed by are told by this one.
    """
    return transact(ops.db, lambda c: _tell_again(c, ops, identity, reason))


def _tell_again(c: sa.Connection, ops: Ops, identity: str, reason: str) -> int:
    row, now = _archived(c, identity), ops.clock.now().astimezone(UTC)
    last = c.execute(sa.select(sa.func.max(_e.created_at, type_=_e.created_at.type))).scalar()
    state = rows.State(version=row.version + 1, state=ARCHIVED, xml_sha256=row.xml_sha256, changed_at=max(now, last or now))
    c.execute(sa.update(observation).where(_o.id == identity).values(version=state.version, changed_at=state.changed_at))
    sent = c.execute(sa.select(sa.func.max(_e.id)).where(_e.sent_at.is_not(None))).scalar() or 0
    passed = sa.update(archive_outbox).where(_e.observation_id == identity, _e.sent_at.is_(None), _e.id < sent)
    instead = sorted(found.version for found in c.execute(passed.values(sent_at=now).returning(_e.version)))
    facts = {"xml_sha256": row.xml_sha256, "checksum": row.checksum, "in_place_of": instead}
    announce(c, ops, "observation.superseded", identity, state, facts, reason=reason)
    return state.version


def _noted(c: sa.Connection, ops: Ops, event: str, identity: str, reason: str, **facts: Any) -> None:
    journal.write(c, ops.clock, event, identity, actor=ops.operator.name, reason=reason, **facts)
