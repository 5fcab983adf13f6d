"""Wavefront Sensing and Control: what we hand over, and a simulated twin that takes it.

A hand-over is a folder: the products, ``manifest.json`` with sums (ours), and a QUIP operation file that lists the
images to work on. The operation file's elements follow the public ``wss_tools``; how a folder is handed over and
acknowledged is ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from dmsops.core.clock import iso
from dmsops.core.errors import BadDelivery
from dmsops.core.files import make_folder, write_bytes, write_json
from dmsops.interfaces.wss_answers import Acknowledgement, answer_file, read_answer

MANIFEST = "manifest.json"
OPERATION_FILE = "quip_operation.xml"
OPERATION_TYPES = (
    "THUMBNAIL", "FOCUS_SWEEP", "SEGMENT_ID", "SEGMENT_SEARCH", "IMAGE_ARRAY", "GLOBAL_ALIGNMENT", "FVA_COARSE_MIMF",
    "FVA_FIELD_VIGNETTING_SCAN", "IMAGE_STACKING", "COARSE_PHASING", "PUPIL_IMAGING", "FINE_PHASING", "MIMF", "WAVEFRONT_MAINTENANCE",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFile:
    """What QUIP is to do: ``images`` are file names in the same folder, ``when`` is UTC."""

    correction_id: str
    operation: str
    images: tuple[str, ...]
    when: datetime
    creator: str = "DMSOps"
    version: str = "1"
    operational: bool = False


def write_operation_file(path: Path, operation: OperationFile) -> None:
    """Write a QUIP operation file.

    Raises
    ------
    BadDelivery
        QUIP does not know the type of operation.
    """
    from lxml import etree

    if operation.operation not in OPERATION_TYPES:
        raise BadDelivery(f"{path.name}: field 'OPERATION_TYPE' is '{operation.operation}', which QUIP does not know", file=path.name)
    day, _, rest = iso(operation.when).partition("T")
    words = {"creator": operation.creator, "time": rest, "date": day, "version": operation.version}
    root = etree.Element("QUIP_OPERATION_FILE", {**words, "operational": str(operation.operational).lower()})
    etree.SubElement(root, "CORRECTION_ID").text = operation.correction_id
    etree.SubElement(root, "OPERATION_TYPE").text = operation.operation
    images = etree.SubElement(root, "IMAGES")
    for image in operation.images:
        etree.SubElement(images, "IMAGE_PATH").text = image
    output = etree.SubElement(root, "OUTPUT")
    for tag, text in (("OUTPUT_DIRECTORY", "out"), ("LOG_FILE_PATH", "out/quip_log.xml"), ("OUT_FILE_PATH", "out/quip_out.xml")):
        etree.SubElement(output, tag).text = text
    write_bytes(path, etree.tostring(root, pretty_print=True, encoding="UTF-8", xml_declaration=True))


def read_operation_file(path: Path) -> OperationFile:
    """Read a QUIP operation file.

    Raises
    ------
    BadDelivery
        The file is no such XML, has a DOCTYPE, or misses a field; the message names file and field.
    """
    from defusedxml import DefusedXmlException, ElementTree

    try:
        root = ElementTree.fromstring(path.read_bytes(), forbid_dtd=True)
    except (OSError, ElementTree.ParseError, DefusedXmlException) as error:
        raise BadDelivery(f"{path.name}: cannot be read as XML: {error}", file=path.name) from None
    if root.tag != "QUIP_OPERATION_FILE":
        raise BadDelivery(f"{path.name}: is a {root.tag}, not a QUIP_OPERATION_FILE", file=path.name)
    texts = {tag: (root.findtext(tag) or "").strip() for tag in ("CORRECTION_ID", "OPERATION_TYPE")}
    for field, text in texts.items():
        if not text or (field == "OPERATION_TYPE" and text not in OPERATION_TYPES):
            raise BadDelivery(f"{path.name}: field '{field}' is '{text}'", file=path.name, field=field)
    try:
        when = datetime.fromisoformat(f"{root.get('date')}T{root.get('time')}")
    except ValueError:
        raise BadDelivery(f"{path.name}: field 'date' or 'time' is no time", file=path.name, field="date") from None
    return OperationFile(
        correction_id=texts["CORRECTION_ID"],
        operation=texts["OPERATION_TYPE"],
        images=tuple((e.text or "").strip() for e in root.iterfind("IMAGES/IMAGE_PATH")),
        when=when,
        creator=root.get("creator", ""),
        version=root.get("version", ""),
        operational=root.get("operational") == "true",
    )


class SimulatedWss:
    """A simulated wavefront team: looks at every file of a hand-over for itself and answers.

    It reads with the plainest means (JSON, hashlib, FITS) and shares none of the code that made the hand-over.

    Parameters
    ----------
    folder : Path
        Where hand-overs arrive; answers go into ``acknowledgements`` below it.
    """

    NAME = "simulated WSS"
    REFUSAL = "simulated-refusal.txt"
    """A file of this name beside hand-overs makes it refuse the next one, for the reason that stands in it (fault F38)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, delivery: Path, *, at: datetime) -> Acknowledgement:
        """Look at a hand-over and answer; the same hand-over given again gets its first answer, unless that was a refusal."""
        answer = answer_file(self.folder, delivery.name)
        given = read_answer(self.folder, delivery.name)
        if given is not None and given.state == "accepted":
            return given
        reasons = (*self._told_to_refuse(), *_wrong(delivery))
        files = sum(p.suffix == ".fits" for p in delivery.iterdir()) if delivery.is_dir() else 0
        state: Literal["accepted", "refused"] = "refused" if reasons else "accepted"
        acknowledgement = Acknowledgement(
            delivery_id=delivery.name, state=state, reasons=reasons, files=files, at=iso(at), answered_by=self.NAME
        )
        make_folder(answer.parent)
        fields = Acknowledgement.__dataclass_fields__
        write_json(answer, {name: getattr(acknowledgement, name) for name in fields})
        return acknowledgement

    def _told_to_refuse(self) -> Iterator[str]:
        told = self.folder / self.REFUSAL
        if told.exists():
            yield told.read_text(encoding="utf-8").strip() or "refused"
            told.unlink()


def _wrong(delivery: Path) -> Iterator[str]:
    """Give, in words, everything that keeps the wavefront team from using a hand-over."""
    try:
        document = json.loads((delivery / MANIFEST).read_bytes())
        announced = {str(f["name"]): (int(f["size"]), str(f["sha256"])) for f in document["files"]}
        images = read_operation_file(delivery / OPERATION_FILE).images
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{MANIFEST} cannot be used: {error}"
        return
    except BadDelivery as error:
        yield error.message
        return
    present = {p.name for p in delivery.iterdir()} - {MANIFEST}
    yield from (f"{name} is announced and not here" for name in sorted(set(announced) - present))
    yield from (f"{name} is here and not announced" for name in sorted(present - set(announced)))
    yield from (f"{image} is to be worked on and not here" for image in images if image not in present)
    if not images:
        yield f"{OPERATION_FILE} lists no image"
    for name in sorted(set(announced) & present):
        yield from _wrong_file(delivery / name, *announced[name])


def _wrong_file(path: Path, size: int, sha256: str) -> Iterator[str]:
    content = path.read_bytes()
    if (len(content), hashlib.sha256(content).hexdigest()) != (size, sha256):
        yield f"{path.name} is not the file that was announced: size or sha256 differ"
    elif path.suffix == ".fits":
        fault = _unreadable(path)
        if fault:
            yield f"{path.name} {fault}"


def _unreadable(path: Path) -> str:
    """Say what keeps QUIP from reading a product: it assumes PRIMARY, SCI, ERR, DQ, and numbers in SCI."""
    import numpy as np
    from astropy.io import fits

    wanted = {"SCI"} if "_uncal" in path.name else {"SCI", "ERR", "DQ"}
    try:
        with fits.open(path, memmap=False) as hdus:
            missing = sorted(wanted - {h.name for h in hdus})
            if missing:
                return f"has no {', '.join(missing)}"
            return "" if np.isfinite(hdus["SCI"].data).any() else "has no finite number in SCI"
    except (OSError, ValueError, TypeError) as error:
        return f"cannot be read as FITS: {error}"
