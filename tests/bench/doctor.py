"""The doctor on a large sound site: every check that reads no product's bytes, against the CAOM library reading the documents alone."""

from __future__ import annotations

import argparse
import io
import itertools
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import bulk
from dmsops.archive.tables import artifact, observation
from dmsops.catalogue.library import quiet_library
from dmsops.catalogue.registry import Scope
from dmsops.catalogue.xml import to_xml
from dmsops.core.db import reading
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.testing.observations import clean
from dmsops.testing.sites import small_site
from tests.bench.row import Row

OBSERVATIONS = 10_000
LIMIT_SECONDS = 60.0
_SAMPLE = 500
_NO_BYTES = ("C11", "C12", "C13", "C14", "C15", "C41", "C43", "C44", "C45")
"""The made site has no products: what looks for them finds that, and is timed all the same."""


def rows(place: Path, observations: int = OBSERVATIONS) -> Iterator[Row]:
    """Measure once."""
    ops = small_site(place / "doctor", datetime(2026, 1, 1, tzinfo=UTC))
    _fill(ops, observations, place)
    with reading(ops.db) as c:
        artifacts = int(c.execute(sa.select(sa.func.count()).select_from(artifact)).scalar_one())
        sums = list(c.execute(sa.select(observation.c.xml_sha256).limit(_SAMPLE)).scalars())
    bare = _bare([ops.store.path(sha256).read_bytes() for sha256 in sums]) * observations / len(sums)
    began = time.perf_counter()
    seen = doctor.examine(ops, Scope())
    took = time.perf_counter() - began
    false = [one for one in seen.findings if one.check not in _NO_BYTES]
    slowest = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(seen.seconds.items(), key=lambda item: -item[1])[:5])
    examples = f"; as {false[0]}" if false else ""
    yield Row(
        row=f"doctor: {observations} sound observations, {artifacts} artifacts",
        ours=took,
        against=bare,
        against_what="the CAOM library reading their documents, one process",
        ratio=took / bare,
        goal=f"<= {LIMIT_SECONDS:g} s and no finding",
        met=took <= LIMIT_SECONDS and not false,
        why=f"{observations / took:.0f} observations a second; {len(false)} false findings{examples}; most s: {slowest}",
    )
    ops.db.dispose()


def _fill(ops: Ops, observations: int, place: Path) -> None:
    folder = place / "documents"
    folder.mkdir()
    for some in itertools.batched(clean(observations), 1000):
        files: list[tuple[Path, str | None]] = []
        for one in some:
            path = folder / f"{one.observation_id}.xml"
            path.write_bytes(to_xml(one))
            files.append((path, None))
        bulk.load(ops, zip(some, ops.store.put_many(files), strict=True))


@quiet_library()
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
