"""Delivery manifests of FOS and the answers to them, as JSON documents (ours).

A delivery is a folder; its ``manifest.json`` names every file with size, sha256 and kind. Answers are documents in the
outbox for FOS: an acknowledgement once a delivery is taken, a re-request for what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from dmsops.core.errors import BadDelivery, BadName
from dmsops.core.files import sha256_of, write_json
from dmsops.core.names import EphemerisName, RecorderFileName, StatusFileName, safe_file_name
from dmsops.core.plain import from_plain, to_plain
from dmsops.interfaces.documents import load_json

MANIFEST = "manifest.json"
NEIGHBOUR = "fos"
MOST_BYTES = 32 * 2**20
"""Larger than the manifest of 100,000 files; what is larger is not read."""
FileKind = Literal["science", "engineering", "osf", "ephemeris", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of a delivery: bare name, size in bytes, sha256 (hex), kind."""

    name: str
    size: int
    sha256: str
    kind: FileKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a delivery holds, as its sender says; ``sequence`` counts the sender's deliveries."""

    delivery_id: str
    sender: str
    sequence: int
    created: datetime
    files: tuple[ManifestFile, ...]


def kind_of(name: str) -> FileKind:
    """Tell a file's kind from its name.

    Raises
    ------
    BadName
        The name follows none of the naming rules of delivered files.
    """
    if RecorderFileName.matches(name):
        return "science" if RecorderFileName.parse(name).stream == "S" else "engineering"
    if StatusFileName.matches(name):
        return "osf"
    if EphemerisName.matches(name):
        return "ephemeris"
    if re.fullmatch(r"V[0-9]{11}_plan\.json", name):
        return "plan"
    raise BadName(f"'{name}' is not the name of a delivered file", name=name)


def read_manifest(path: Path) -> Manifest:
    """Read a delivery's manifest (``path`` is the JSON file).

    Raises
    ------
    BadDelivery
        The file is no manifest; the message names file and field.
    """
    if path.is_symlink() or (path.is_file() and path.stat().st_size > MOST_BYTES):
        raise BadDelivery(f"{path.name}: is a link, or larger than {MOST_BYTES} bytes; it is not read", file=path.name)
    manifest = from_plain(Manifest, load_json(path), source=path.name, error=BadDelivery)
    for where, why in _faults(manifest):
        raise BadDelivery(f"{path.name}: field '{where}' {why}", file=path.name, field=where)
    return manifest


def _faults(manifest: Manifest) -> list[tuple[str, str]]:
    found = [("sequence", "is below 0")] if manifest.sequence < 0 else []
    labels = {"delivery_id": manifest.delivery_id, "sender": manifest.sender}
    found += [(field, "is not a plain name: letters, digits, '.', '_', '+', '-'") for field, text in labels.items() if not _is_plain(text)]
    names: set[str] = set()
    for i, file in enumerate(manifest.files):
        where = f"files[{i}]"
        if not _is_plain(file.name) or file.name == MANIFEST:
            found.append((f"{where}.name", f"is not the plain name of a file: {file.name!r}"))
        if file.name in names:
            found.append((f"{where}.name", f"appears twice: {file.name}"))
        if file.size < 0:
            found.append((f"{where}.size", "is below 0"))
        if re.fullmatch(r"[0-9a-f]{64}", file.sha256) is None:
            found.append((f"{where}.sha256", "is not 64 hexadecimal digits"))
        names.add(file.name)
    return found


def _is_plain(text: str) -> bool:
    try:
        safe_file_name(text)
    except BadName:
        return False
    return True


def write_manifest(
    folder: Path,
    *,
    delivery_id: str,
    sender: str,
    sequence: int,
    created: datetime,
    kinds: Mapping[str, FileKind] | None = None,
) -> Path:
    """Write the manifest of a delivery folder; sizes and sums are read from the files.

    Parameters
    ----------
    kinds : mapping, optional
        Kind by file name; by default every file of the folder, its kind told from its name.
    """
    if kinds is None:
        names = sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != MANIFEST and not p.name.startswith("."))
        kinds = {name: kind_of(name) for name in names}
    files = tuple(
        ManifestFile(name=name, size=(folder / name).stat().st_size, sha256=sha256_of(folder / name), kind=kind)
        for name, kind in kinds.items()
    )
    manifest = Manifest(delivery_id=delivery_id, sender=sender, sequence=sequence, created=created, files=files)
    write_json(folder / MANIFEST, to_plain(manifest))
    return folder / MANIFEST


def acknowledgement_name(delivery_id: str, number: int) -> str:
    """Give the name of a delivery's acknowledgement: ``<id>_ack.json``, later ones ``<id>_ack_002.json``."""
    return f"{safe_file_name(delivery_id)}_ack{'' if number == 1 else f'_{number:03d}'}.json"


def acknowledgement(delivery_id: str, sequence: int | None, *, receipt: str, files: Mapping[str, str]) -> dict[str, object]:
    """Tell FOS that these files of a delivery are stored and verified.

    Parameters
    ----------
    receipt : str
        Our id of the receipt.
    files : mapping
        sha256 by name.
    """
    return {"delivery_id": delivery_id, "sequence": sequence, "receipt": receipt, "files": dict(files)}


def rerequest_name(delivery_id: str, number: int) -> str:
    """Give the name of a delivery's re-request of that number (from 1): ``<id>_rerequest_001.json``."""
    return f"{safe_file_name(delivery_id)}_rerequest_{number:03d}.json"


def rerequest(delivery_id: str, *, number: int, files: Iterable[str], reason: str) -> dict[str, object]:
    """Ask FOS to send files of a delivery again.

    Parameters
    ----------
    number : int
        Which request for this delivery it is, from 1.
    files : iterable of str
        Names of the files as in the manifest.
    reason : str
        In words: missing, damaged, or the gap that was found; and until when they are wanted.
    """
    return {"delivery_id": delivery_id, "number": number, "files": sorted(files), "reason": reason}
