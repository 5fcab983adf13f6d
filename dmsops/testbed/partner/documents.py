"""What comes as a description, looked at: is it CAOM, is it the one that was asked for, has it the sum that was promised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from dmsops.core.errors import BadInput, BadName
from dmsops.core.names import safe_file_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A sound document, the sum that the CAOM library computes on it, and its files: uri, sha256, size, release."""

    observation_id: str
    document: bytes
    checksum: str
    files: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why a document is not taken, in icewind's words; in the kinds ``FOR_GOOD`` the document itself is at fault, whenever it is read."""

    FOR_GOOD: ClassVar[tuple[str, ...]] = ("XML schema invalid", "invalid observation", "mismatching checksums")
    kind: str
    message: str


def read(collection: str, identity: str, document: bytes, etag: str, listed: str) -> Taken | Unfit:
    """Look at a document that came; gives what is kept of it, or why it is not taken.

    Parameters
    ----------
    etag, listed : str
        The accMetaChecksum that the answer's header and the list promise; empty where they say nothing.
    """
    from dmsops.catalogue.xml import from_xml

    try:
        found = from_xml(document, source=f"{identity}.xml")
    except BadInput as error:
        return Unfit(kind="XML schema invalid", message=error.message)
    if (found.collection, found.observation_id) != (collection, identity):
        said = f"it describes {found.collection}/{found.observation_id}"[:200]
        return Unfit(kind="invalid observation", message=said)
    own = found.acc_meta_checksum.uri if found.acc_meta_checksum else "none"
    computed = checksum_of(found)
    if computed != own or (etag and computed != etag):
        return Unfit(kind="mismatching checksums", message=f"computed {computed}, written {own}, ETag {etag or 'none'}")
    if listed and computed != listed:
        return Unfit(kind="changed since listed", message=f"it has {computed}, the list said {listed}")
    try:
        files = tuple(_files(found))
    except BadName as error:
        return Unfit(kind="invalid observation", message=error.message)
    return Taken(observation_id=identity, document=document, checksum=computed, files=files)


def checksum_of(found: Any) -> str:
    """Compute accMetaChecksum as the CAOM library does, on what came."""
    from caom2.checksum import get_acc_meta_checksum

    return str(get_acc_meta_checksum(found).uri)


def _files(found: Any) -> list[dict[str, Any]]:
    rows = []
    for plane in found.planes.values():
        for artifact in plane.artifacts.values():
            safe_file_name(artifact.uri.rpartition("/")[2])
            own = plane.meta_release if artifact.release_type.value == "meta" else plane.data_release
            algorithm, _, sha256 = str(artifact.content_checksum.uri if artifact.content_checksum else "").partition(":")
            rows.append({
                "uri": artifact.uri, "sha256": sha256 if algorithm == "sha256" else "", "size": artifact.content_length or 0,
                "release": _utc(artifact.content_release or own),
            })  # fmt: skip
    return rows


def _utc(when: datetime | None) -> datetime | None:
    return None if when is None else when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
