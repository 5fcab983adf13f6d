"""F32 to F37: what goes wrong with products on their way into the archive, and between the archive and what it holds.

F32 comes in three kinds: a footprint that cannot be read (``F32``), one without an area (``F32Z``), and one whose corners go the
wrong way round (``F32C``). F36 too: an object is gone from the store (``F36``), is damaged there (``F36D``), or the catalogue has
lost rows that its documents have (``F36R``).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.archive import partners
from dmsops.archive.tables import archived_product
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.files import make_folder, write_bytes
from dmsops.interfaces.partners import stamp
from dmsops.storage import LocalStore
from dmsops.testbed.faults.registry import fault
from dmsops.workflow import blackboard

if TYPE_CHECKING:
    from dmsops.ops import Ops

FITS, FITS_ALL, RAW = "*_cal.fits", "*.fits", "uncal"
PARTNER = "elsewhere"
"""The partner that missed a harvest; its inventory lies in ``inbox/partners``."""
SUFFIX = "rate"
_GREY = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP////////////////////////////////////////////////////////////////////////////"
    "//////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
"""One grey pixel, as a JPEG."""
_p = archived_product.c


@fault("F32", "a footprint cannot be read", stage="products", found_by="ingest, CAOM audit", repaired_by="P15", hits=FITS)
def break_region(folder: Path, file: Path, rng: np.random.Generator) -> str:
    """Leave a corner of S_REGION half written."""
    return _set_region(file, lambda corners: f"POLYGON ICRS {_text(corners)[: -len(_text(corners[-1:]))]}nan")


@fault("F32Z", "a footprint has no area", stage="products", found_by="ingest, CAOM audit", repaired_by="P15", hits=FITS)
def flatten_region(folder: Path, file: Path, rng: np.random.Generator) -> str:
    """Put every corner of S_REGION onto the first two."""
    return _set_region(file, lambda corners: f"POLYGON ICRS {_text([corners[0], corners[1], corners[0], corners[1]])}")


@fault("F32C", "a footprint goes the wrong way round", stage="products", found_by="ingest, CAOM audit", repaired_by="P15", hits=FITS)
def turn_region(folder: Path, file: Path, rng: np.random.Generator) -> str:
    """Give the corners of S_REGION in the opposite order."""
    return _set_region(file, lambda corners: f"POLYGON ICRS {_text(corners[::-1])}")


def _set_region(file: Path, changed: Callable[[list[tuple[float, float]]], str]) -> str:
    from astropy.io import fits

    with fits.open(file, mode="update") as units:
        header = units["SCI"].header
        numbers = [float(word) for word in header["S_REGION"].split()[2:]]
        header["S_REGION"] = changed(list(zip(numbers[::2], numbers[1::2], strict=True)))
        return f"S_REGION of {file.name} is '{header['S_REGION']}'"


def _text(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{number:.9f}" for corner in corners for number in corner)


@fault("F33", "a product has no ASDF extension", stage="products", found_by="ingest", repaired_by="P15", hits=FITS)
def drop_asdf(folder: Path, file: Path, rng: np.random.Generator) -> str:
    """Take the extension out that the pipeline reads its metadata from."""
    from astropy.io import fits

    with fits.open(file) as units:
        kept = fits.HDUList([unit.copy() for unit in units if unit.name != "ASDF"])
    kept.writeto(file, overwrite=True)
    return f"{file.name} has no ASDF extension"


@fault("F34", "a preview comes without its science product", stage="products", found_by="ingest", repaired_by="P15", hits=FITS)
def only_preview(folder: Path, file: Path, rng: np.random.Generator) -> str:
    """Leave a preview in the place of what calibration made of an exposure; what it was made from is there."""
    preview = file.with_suffix(".jpg")
    preview.write_bytes(base64.b64decode(_GREY))
    root = str(file).rsplit("_", 1)[0]
    lost = [path for path in sorted(folder.glob(FITS_ALL)) if str(path).startswith(root) and not path.stem.endswith(f"_{RAW}")]
    for path in lost:
        path.unlink()
    return f"{preview.name} is there, {', '.join(path.name for path in lost)} not"


@fault("F35", "a stale product is left after reprocessing", stage="archive", found_by="CAOM audit", repaired_by="P16")
def leave_stale(ops: Ops, rng: np.random.Generator) -> str:
    """Let processing take a product out of which the archive still holds the version of before."""
    row = _one(ops, rng, _p.suffix == SUFFIX)
    with ops.db.begin() as c:
        blackboard.publish(c, ops, row.name, row.sha256, row.size, origin="test bed")
        blackboard.withdraw(c, [row.name])
    return f"processing took {row.name} out, the archive still has it"


@fault("F36", "an object is gone from the store", stage="archive", found_by="CAOM audit", repaired_by="P16")
def lose_object(ops: Ops, rng: np.random.Generator) -> str:
    """Remove the bytes of an archived product."""
    row = _one(ops, rng)
    ops.store.remove(row.sha256)
    return f"the store has lost {row.name} ({row.sha256[:12]})"


@fault("F36D", "an object of the store is damaged", stage="archive", found_by="CAOM audit", repaired_by="P16")
def damage_object(ops: Ops, rng: np.random.Generator) -> str:
    """Flip a byte in the middle of an archived product, where the store keeps it."""
    if not isinstance(ops.store, LocalStore):
        raise BadInput("fault F36D damages files of a local store; this site's bytes are elsewhere", fault="F36D")
    row = _one(ops, rng)
    path = ops.store.path(row.sha256)
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(row.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))
    path.chmod(mode)
    return f"byte {row.size // 2} of {row.name} ({row.sha256[:12]}) is another one in the store"


@fault("F36R", "the catalogue has lost rows", stage="archive", found_by="CAOM audit", repaired_by="P16")
def lose_rows(ops: Ops, rng: np.random.Generator) -> str:
    """Delete the artifacts of a plane from the catalogue, past the archive's verbs, as a repair by hand would."""
    row = _one(ops, rng)
    with ops.db.begin() as c:
        gone = c.execute(sa.text("DELETE FROM artifact WHERE uri LIKE :end"), {"end": f"%{row.name}"}).rowcount
    return f"{gone} artifact of {row.observation_id} is not in the catalogue any more: {row.name}"


@fault("F37", "a partner missed a harvest", stage="archive", found_by="CAOM audit", repaired_by="P16")
def miss_harvest(ops: Ops, rng: np.random.Generator) -> str:
    """Lay down a partner's inventory of this moment, in which one observation is missing that it has had the time to harvest."""
    lines = partners.inventory(ops).decode("utf-8").splitlines(keepends=True)
    until = stamp(ops.clock.now() - partners.LOOK_BACK)
    told = [n for n, line in enumerate(lines) if not line.startswith("#") and line.split("\t")[2] < until]
    if not told:
        raise BadInput("fault F37 finds no observation that a partner could have harvested by now", fault="F37")
    missed = lines.pop(told[int(rng.integers(len(told)))]).split("\t")[1]
    folder = make_folder(ops.settings.folder("inbox") / "partners")
    write_bytes(folder / f"{PARTNER}.tsv", "".join(lines).encode("utf-8"))
    return f"partner '{PARTNER}' does not hold {missed}"


def _one(ops: Ops, rng: np.random.Generator, *which: sa.ColumnElement[bool]) -> Any:
    """Choose one of the archive's current products."""
    with reading(ops.db) as c:
        found = c.execute(sa.select(archived_product).where(_p.current, *which).order_by(_p.name)).all()
    if not found:
        raise BadInput("the archive holds no product that such a fault could act on", fault="archive")
    return found[int(rng.integers(len(found)))]
