"""Mending one archived observation: bytes from another copy, products taken out, told again. Each is done whole, and twice does no harm."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import fixity, rows
from dmsops.archive.describing import describe_offered, need_sound
from dmsops.archive.ingest import Again, again, announce
from dmsops.archive.reconcile import CORRECT, damaged
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, archived_product, observation
from dmsops.catalogue.naming import document_name, version_uri
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import DmsError, Failed, NotFound, Refused, StalePlan
from dmsops.core.files import sha256_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

PLACES = ("inbox", "work", "outbox", "quarantine", "visits")
"""Folders of a site in which another copy of a product may lie."""
Places = Mapping[str, Sequence[Path]]
"""Names of files to where they lie."""
_o, _e, _p = observation.c, archive_outbox.c, archived_product.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """An object of an observation whose bytes are missing or damaged.

    Attributes
    ----------
    name, sha256, words : str
        The name of its file, its sum, and what is wrong with it.
    version : int
        Of a product that was superseded; 0 of what is current.
    """

    name: str
    sha256: str
    words: str
    version: int = 0

    @property
    def said(self) -> str:
        """What it is, in words."""
        return f"{self.name}, version {self.version} ({self.words})" if self.version else f"{self.name} ({self.words})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an observation stands in the archive: its version (0: it was never there), and whether it is archived now."""

    version: int = 0
    archived: bool = False

    def need_archived(self, identity: str) -> None:
        """Raise `NotFound` when it is not in the archive, or was withdrawn."""
        if not self.archived:
            raise NotFound(f"observation {identity} is not in the archive now", observation=identity)


def standings(ops: Ops, identities: Collection[str]) -> dict[str, Standing]:
    """Say of observations how they stand; one that was never there is told as well."""
    with reading(ops.db) as c:
        found = c.execute(sa.select(_o.id, _o.version, _o.state).where(_o.id.in_(list(identities)))).all()
    there = {row.id: Standing(version=row.version, archived=row.state == ARCHIVED) for row in found}
    return dict.fromkeys(identities, Standing()) | there


def version(ops: Ops, identity: str) -> int:
    """Give an observation's version, withdrawn or not; 0 when there is none."""
    with reading(ops.db) as c:
        return int(c.execute(sa.select(_o.version).where(_o.id == identity)).scalar() or 0)


def bad_objects(ops: Ops, identity: str, superseded: Collection[str] = ()) -> list[Bad]:
    """Read the bytes of an observation's current products, and its document, again; gives those that are missing or damaged.

    Parameters
    ----------
    superseded : collection of str
        What findings call versions of before (`dmsops.catalogue.naming.version_uri`): these are read too.
    """
    with reading(ops.db) as c:
        all_of_it = c.execute(sa.select(archived_product).where(_p.observation_id == identity).order_by(_p.name, _p.version)).all()
        document = c.execute(sa.select(_o.xml_sha256).where(_o.id == identity)).scalar()
    objects = [(found.name, found.sha256, 0) for found in all_of_it if found.current]
    objects += [(document_name(identity), document, 0)] if document else []
    objects += [(r.name, r.sha256, r.version) for r in all_of_it if not r.current and version_uri(r.name, r.version) in superseded]
    seen = ((name, sha256, number, _wrong(ops, sha256)) for name, sha256, number in objects)
    return [Bad(name=name, sha256=sha256, version=number, words=words) for name, sha256, number, words in seen if words]


def mendable(identity: str, standing: Standing, bad: Sequence[Bad], found: Mapping[str, Path]) -> list[Bad]:
    """Give those that can be brought back: from a copy, or, a document of what is archived, from the products."""
    return [one for one in bad if one.sha256 in found or (standing.archived and one.name == document_name(identity))]


def no_copy(identity: str, lacking: Sequence[Bad]) -> Failed:
    """Give the error that says that of some bytes there is no other copy, and what a person can do."""
    anew = ", or make the product again (P08; by reprocessing: P11)."
    lost = "; should there be none, waive the finding with the reason: that puts the loss on record."
    return Failed(
        f"of {lacking[0].said} there is no other copy on the site",
        remedy=f"Bring a copy from a partner into the inbox and repair again (P16){lost if lacking[0].version else anew}",
        observation=identity, files=[one.name for one in lacking],
    )  # fmt: skip


def _wrong(ops: Ops, sha256: str) -> str:
    try:
        return damaged(ops, sha256)
    except NotFound:
        return "missing"


def names_of(ops: Ops, identities: Collection[str]) -> set[str]:
    """Give the names of all files that observations have and had: products and documents."""
    with reading(ops.db) as c:
        named = c.execute(sa.select(_p.name).distinct().where(_p.observation_id.in_(list(identities)))).scalars()
        return {*named, *map(document_name, identities)}


def places_of(ops: Ops, names: Collection[str]) -> Places:
    """Look through the site's folders for files of these names."""
    found: dict[str, list[Path]] = {}
    wanted = set(names)
    for place in PLACES if wanted else ():
        for folder, _, there in os.walk(ops.settings.folder(place)):
            for name in wanted.intersection(there):
                found.setdefault(name, []).append(Path(folder) / name)
    return found


def copies(ops: Ops, wanted: Collection[Bad], places: Places) -> dict[str, Path]:
    """Look for sound copies in the store's own cache, where it has one, and among files of their names; gives sum to file."""
    sums: dict[str, set[str]] = {}
    for one in wanted:
        sums.setdefault(one.name, set()).add(one.sha256)
    found = {one.sha256: path for one in wanted if (path := _cached(ops, one.sha256)) is not None}
    for name, mine in sums.items():
        for path in places.get(name, ()):
            sha256 = _sum(path)
            if sha256 in mine:
                found.setdefault(sha256, path)
    return found


def _cached(ops: Ops, sha256: str) -> Path | None:
    """Give the local file of a store whose own bytes are elsewhere, and damaged there."""
    try:
        path = ops.store.path(sha256)
    except DmsError:
        return None
    return path if _sum(path) == sha256 else None


def _sum(path: Path) -> str:
    try:
        return sha256_of(path) if path.is_file() else ""
    except OSError:
        return ""


def restore(ops: Ops, identity: str, *, reason: str, superseded: Collection[str] = ()) -> tuple[str, ...]:
    """Bring an observation's missing and damaged bytes back from other copies; a document is also made again from the products.

    ``superseded`` names versions of before, see `bad_objects`.

    Raises
    ------
    Failed
        Of some there is no other copy; the others are brought back.
    """
    bad = bad_objects(ops, identity, superseded)
    found = copies(ops, bad, places_of(ops, {one.name for one in bad}))
    done = [one for one in bad if one.sha256 in found and _put_back(ops, found[one.sha256], one.sha256)]
    done += [one for one in bad if one not in done and one.name.endswith("_caom.xml") and _written_anew(ops, identity, one.sha256)]
    if done:
        transact(ops.db, lambda c: _restored(c, ops, identity, reason, done))
    lacking = [one for one in bad if one not in done]
    if lacking:
        raise no_copy(identity, lacking)
    return tuple(one.name for one in done)


def _restored(c: sa.Connection, ops: Ops, identity: str, reason: str, done: Sequence[Bad]) -> None:
    """Write down that bytes came back; they were read as they were put, so that their last reading is a good one."""
    _noted(c, ops, "observation.bytes-restored", identity, reason, files=[one.name for one in done])
    read = {"checked_at": ops.clock.now(), "outcome": CORRECT, "observed": ""}
    fixity.note(c, [{"sha256": sha256, **read} for sha256 in dict.fromkeys(one.sha256 for one in done)])


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
        path = Path(folder) / document_name(identity)
        path.write_bytes(xml)
        return _put_back(ops, path, sha256)


def without(ops: Ops, anew: Again, names: Sequence[str]) -> Again:
    """Describe an observation, given as its products describe it, as it would be without some of them; nothing changes.

    Raises
    ------
    Refused
        None would be left.
    GateFailed
        What is left is not sound.
    """
    identity = anew.described.observation_id
    left = [product for product in anew.described.products if product.name not in names]
    if not left:
        raise Refused(
            f"observation {identity} would have no product left", remedy="Withdraw the observation instead (procedure P16).",
            observation=identity,
        )  # fmt: skip
    described = describe_offered(ops, left, anew.described.members)
    need_sound(described)
    return Again(described=described, differs=())


def tell_again(ops: Ops, identity: str, *, reason: str, was: int | None = None) -> int:
    """Give an observation a new version that is what it was, with a time of its own, so that it is harvested; gives the version.

    One that was withdrawn is told as withdrawn. Events of it that were passed by are told by this one.

    Parameters
    ----------
    was : int, optional
        The version that it had when this was decided.

    Raises
    ------
    NotFound
        The archive never had it.
    StalePlan
        It has another version by now: somebody else told it, or it has changed.
    """
    return transact(ops.db, lambda c: _tell_again(c, ops, identity, reason, was))


def _tell_again(c: sa.Connection, ops: Ops, identity: str, reason: str, was: int | None) -> int:
    row, now = c.execute(sa.select(observation).where(_o.id == identity)).one_or_none(), ops.clock.now().astimezone(UTC)
    if row is None:
        raise NotFound(f"the archive has no observation '{identity}'", observation=identity)
    if was is not None and row.version != was:
        raise StalePlan(f"observation {identity} was told meanwhile: it has version {row.version}", observation=identity)
    last = c.execute(sa.select(sa.func.max(_e.created_at, type_=_e.created_at.type))).scalar()
    state = rows.State(version=row.version + 1, state=row.state, xml_sha256=row.xml_sha256, changed_at=max(now, last or now))
    c.execute(sa.update(observation).where(_o.id == identity).values(version=state.version, changed_at=state.changed_at))
    sent = c.execute(sa.select(sa.func.max(_e.id)).where(_e.sent_at.is_not(None))).scalar() or 0
    passed = sa.update(archive_outbox).where(_e.observation_id == identity, _e.sent_at.is_(None), _e.id < sent)
    instead = sorted(found.version for found in c.execute(passed.values(sent_at=now).returning(_e.version)))
    facts = {"xml_sha256": row.xml_sha256, "checksum": row.checksum, "in_place_of": instead}
    event = "observation.superseded" if row.state == ARCHIVED else "observation.withdrawn"
    announce(c, ops, event, identity, state, facts, reason=reason)
    return state.version


def _noted(c: sa.Connection, ops: Ops, event: str, identity: str, reason: str, **facts: Any) -> None:
    journal.write(c, ops.clock, event, identity, actor=ops.operator.name, reason=reason, **facts)
