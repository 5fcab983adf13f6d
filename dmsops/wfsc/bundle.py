"""Build the folder that is handed over to WSS: products, sums, and the QUIP operation file.

It is built beside its place under a temporary name and renamed when all of it is synced, so that the wavefront
team never sees half of it. Its name follows from the visit and the products' sums: the same products are one hand-over.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dmsops.core.clock import iso
from dmsops.core.errors import DeliveryRefused, StoreDamaged
from dmsops.core.files import copy_hashed, make_folder, sha256_of, sync_folder, write_json
from dmsops.core.names import CombinedProduct
from dmsops.interfaces.wss import MANIFEST, OPERATION_FILE, OperationFile, write_operation_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What is handed over: the visit, its products with their sums, when it is due (times UTC), and what else is to be known."""

    visit: str
    products: Mapping[str, Path]
    sums: Mapping[str, str]
    created: datetime
    due: datetime | None
    operational: bool
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The hand-over's name: ``WFS_02726402001_`` and 12 digits from the products' sums."""
        digest = hashlib.sha256(json.dumps(sorted(self.sums.items())).encode()).hexdigest()
        return f"WFS_{self.visit}_{digest[:12]}"

    @property
    def correction_id(self) -> str:
        """The correction's id: R, day of the hand-over, 01 (the real numbering is the wavefront team's; ours)."""
        return f"R{self.created:%Y%m%d}01"

    @property
    def images(self) -> tuple[str, ...]:
        """What QUIP works on: the dither-corrected images, or without them the calibrated ones."""
        combined = tuple(sorted(name for name in self.sums if CombinedProduct.matches(name)))
        return combined or tuple(sorted(name for name in self.sums if name.endswith("_cal.fits")))


def place(bundle: Bundle, address: Path, *, again: bool = False) -> Path:
    """Put a bundle where the wavefront team picks it up; one that is there already is left alone.

    Parameters
    ----------
    again : bool
        Build it anew in place of the one that was refused.

    Raises
    ------
    StoreDamaged
        A product's bytes are not those of its sum; nothing is placed.
    DeliveryRefused
        The address cannot be written.
    """
    target = address / bundle.id
    try:
        make_folder(address)
        if again and target.exists():
            target.rename(_part(address, bundle))
        if not target.exists():
            _build(bundle, _part(address, bundle), target)
        for leftover in address.glob(f".{bundle.id}.*.part"):
            shutil.rmtree(leftover, ignore_errors=True)
    except OSError as error:
        raise DeliveryRefused(f"'{address}' cannot take hand-over {bundle.id}: {error.strerror}", delivery=bundle.id) from error
    return target


def _part(address: Path, bundle: Bundle) -> Path:
    return address / f".{bundle.id}.{secrets.token_hex(4)}.part"


def _build(bundle: Bundle, part: Path, target: Path) -> None:
    part.mkdir()
    for name, path in bundle.products.items():
        with (part / name).open("xb") as file:
            found = copy_hashed(path.resolve(), file)
        if found != bundle.sums[name]:
            shutil.rmtree(part)
            raise StoreDamaged(f"'{name}' is not what it was when the hand-over began", expected=bundle.sums[name], found=found)
    operation = OperationFile(
        correction_id=bundle.correction_id,
        operation="WAVEFRONT_MAINTENANCE",
        images=bundle.images,
        when=bundle.created,
        operational=bundle.operational,
    )
    write_operation_file(part / OPERATION_FILE, operation)
    write_json(part / MANIFEST, _manifest(bundle, part))
    sync_folder(part)
    os.rename(part, target)  # noqa: PTH104 - Path.rename would do the same; a folder that is there already is refused by both
    sync_folder(target.parent)


def _manifest(bundle: Bundle, part: Path) -> dict[str, object]:
    sums = {**bundle.sums, OPERATION_FILE: sha256_of(part / OPERATION_FILE)}
    return {
        "delivery_id": bundle.id,
        "visit": bundle.visit,
        "created": iso(bundle.created),
        "due": None if bundle.due is None else iso(bundle.due),
        "notes": list(bundle.notes),
        "files": [{"name": name, "size": (part / name).stat().st_size, "sha256": sums[name]} for name in sorted(sums)],
    }
