"""The doctor on a large sound site: every check that reads no product's bytes, against the CAOM library reading the documents alone.

The site's products are files of the right length without bytes in them: what looks for them finds each, and opens none.
"""

from __future__ import annotations

import argparse
import io
import itertools
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import bulk
from dmsops.archive.rows import rows_of
from dmsops.archive.tables import archived_product, artifact, observation
from dmsops.catalogue.naming import product_name
from dmsops.catalogue.registry import Scope
from dmsops.catalogue.xml import to_xml
from dmsops.core.db import bulk_insert, reading, transact, utc_text
from dmsops.core.names import parse_any
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.testing.observations import clean
from dmsops.testing.sites import small_site
from tests.bench.row import Row

OBSERVATIONS = 23_400
"""A hundred thousand artifacts."""
LIMIT_SECONDS = 60.0
_SAMPLE = 500
_LOT = 1000
_ARCHIVED_AFTER = 0.3
"""Days from the begin of an exposure to its archiving, as `clean` has them."""
_PRODUCT = ("observation_id", "name", "version", "suffix", "sha256", "size", "current", "archived_at")


def rows(place: Path, observations: int = OBSERVATIONS) -> Iterator[Row]:
    """Measure once."""
    ops = small_site(place / "doctor", datetime(2026, 1, 1, tzinfo=UTC))
    _fill(ops, observations, place)
    with reading(ops.db) as c:
        artifacts = int(c.execute(sa.select(sa.func.count()).select_from(artifact)).scalar_one())
        sums = list(c.execute(sa.select(observation.c.xml_sha256).limit(_SAMPLE)).scalars())
    bare = _bare([ops.store.path(sha256).read_bytes() for sha256 in sums]) * observations / len(sums)
    began, used = time.perf_counter(), _cpu()
    seen = doctor.examine(ops, Scope())
    took, used = time.perf_counter() - began, _cpu() - used
    slowest = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(seen.seconds.items(), key=lambda item: -item[1])[:5])
    examples = f"; as {seen.findings[0]}" if seen.findings else ""
    yield Row(
        row=f"doctor: {observations} sound observations, {artifacts} artifacts",
        ours=took,
        against=bare,
        against_what="the CAOM library reading their documents, one process",
        ratio=took / bare,
        goal=f"<= {LIMIT_SECONDS:g} s and no finding",
        met=took <= LIMIT_SECONDS and not seen.findings,
        why=(
            f"{len(seen.checks)} checks to their end, {observations / took:.0f} observations a second, {used:.1f} s of processors, "
            f"most memory of one process {_most_memory():.0f} MB; {len(seen.findings)} false findings{examples}; most s: {slowest}"
        ),
    )
    ops.db.dispose()


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def _most_memory() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(used.ru_maxrss for used in map(resource.getrusage, kinds)) / 1000


def _fill(ops: Ops, observations: int, place: Path) -> None:
    folder = place / "documents"
    folder.mkdir()
    for some in itertools.batched(clean(observations), _LOT):
        files: list[tuple[Path, str | None]] = []
        for one in some:
            path = folder / f"{one.observation_id}.xml"
            path.write_bytes(to_xml(one))
            files.append((path, None))
        bulk.load(ops, zip(some, ops.store.put_many(files), strict=True))
        products = [product for one in some for product in _products(one)]
        transact(ops.db, lambda c, products=products: bulk_insert(c, archived_product, _PRODUCT, products))  # type: ignore[misc]
        for product in products:
            _hollow(ops, *product[4:6])
        for path, _ in files:
            path.unlink()


def _products(one: Any) -> Iterator[tuple[Any, ...]]:
    rows = rows_of(one)
    begin = min(part.span[0] for part in rows.planes if part.span[0] is not None)
    archived_at = utc_text(datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=begin + _ARCHIVED_AFTER))
    for part in rows.planes:
        for uri, _, _, _, size, checksum, *_ in part.artifacts:
            name = product_name(uri)
            yield rows.id, name, 1, parse_any(name).suffix, checksum.removeprefix("sha256:"), size, True, archived_at


def _hollow(ops: Ops, sha256: str, size: int) -> None:
    """Lay a file without bytes where the store would have the product."""
    place: Path = ops.store.root / "objects" / sha256[:2] / sha256[2:]  # type: ignore[attr-defined]
    place.parent.mkdir(exist_ok=True)
    with place.open("wb") as file:
        file.truncate(size)


def _bare(documents: list[bytes]) -> float:
    from caom2.obs_reader_writer import ObservationReader

    reader: Any = ObservationReader(validate=False)
    began = time.perf_counter()
    for document in documents:
        reader.read(io.BytesIO(document))
    return time.perf_counter() - began


def main() -> None:
    """Measure at any size and print the lines."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--observations", type=int, default=OBSERVATIONS)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), given.observations):
            print(row.line(), flush=True)


if __name__ == "__main__":
    main()
