"""The small products of these tests, and how they come into the archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmsops.archive.ingest import Ingested, ingest, product_of
from dmsops.ops import Ops
from dmsops.testing.products import write_product

ROOTS = ("jw02726402001_03104_00001_nrca3", "jw02726402001_03104_00002_nrca3")
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
SUFFIXES = ("uncal", "rate", "cal")


def made(folder: Path, root: str = ROOTS[0], *, suffixes: Sequence[str] = SUFFIXES, value: float = 1.0) -> list[Path]:
    """Write the products of an exposure."""
    return [write_product(folder / f"{root}_{suffix}.fits", value=value + n) for n, suffix in enumerate(suffixes)]


def taken(ops: Ops, paths: Sequence[Path], *, members: Sequence[str] = ()) -> Ingested:
    """Ingest files as the products of one observation."""
    return ingest(ops, [product_of(path) for path in paths], members=members)


def combined(folder: Path, value: float = 9.0) -> Path:
    """Write a combined product."""
    return write_product(folder / COMBINED, value=value)
