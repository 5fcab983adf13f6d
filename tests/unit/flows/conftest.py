"""A site with one received visit, and steps that are ended by hand: nothing is calibrated here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dmsops.core.records import Visit
from dmsops.flows import science
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.interfaces.fos.osf import report_of, write_report
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site
from dmsops.workflow import lease, queries
from dmsops.workflow.lease import Ending
from dmsops.workflow.steps import StepSpec

VISIT = "02726402001"


@dataclass
class Desk:
    """One visit on one site."""

    ops: Ops
    visit: Visit

    def plan(self) -> science.Planned:
        return science.plan_visit(self.ops, VISIT)

    def work(self) -> list[tuple[str, str]]:
        """End every step that can be ended; gives their kinds and datasets. Associations plan a calibrated image for each rate."""
        ended = []
        while items := self._claim():
            for item in items:
                self._finish(item)
                ended.append((item.kind, item.dataset))
        return sorted(ended)

    def ingest(self) -> None:
        """Claim what is ready and end the ingests among it, for which level 1b waits, and nothing else."""
        for item in self._claim():
            if item.kind == "engineering.ingest":
                self._finish(item)

    def _claim(self) -> Any:
        with self.ops.db.begin() as c:
            return lease.claim(c, self.ops, "hand", 100, lambda item: f"{item.step_id}/{item.attempt}.log")

    def _finish(self, item: Any) -> None:
        folder = self.ops.settings.folder("work") / "hand"
        folder.mkdir(exist_ok=True)
        products = []
        for name in item.makes:
            path = folder / name
            path.write_text(f"{name} attempt {item.attempt}")
            products.append((name, self.ops.store.put(path), path.stat().st_size))
        spawn = self._images() if item.kind == "science.associate" else ()
        with self.ops.db.begin() as c:
            lease.finish(c, self.ops, "hand", item, Ending(products=tuple(products), spawn=spawn, cpu_seconds=1.0, peak_mb=1.0))

    def _images(self) -> tuple[StepSpec, ...]:
        made = [(e, r.detector) for e in self.visit.exposures for r in e.readouts]
        return tuple(
            StepSpec(
                kind="processing.image2",
                dataset=e.product(d, "cal").root,
                needs=(str(e.product(d, "rate")),),
                makes=(str(e.product(d, "cal")),),
            )
            for e, d in made
        )

    def issue(self, visit: Visit, number: int = 2) -> str:
        """Receive a later status file; gives its name."""
        report = report_of(visit, number)
        folder = self.ops.settings.folder("inbox") / f"D{number:04d}"
        folder.mkdir()
        path = write_report(replace(report, written=report.written + timedelta(minutes=30 * number)), folder)
        write_manifest(folder, delivery_id=folder.name, sender="FOS", sequence=number, created=visit.end + timedelta(hours=number))
        accept(self.ops, folder)
        return path.name

    def versions(self) -> dict[str, int]:
        return {row["name"]: row["version"] for row in queries.products(self.ops)}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ops = small_site(tmp_path / "site", START + timedelta(hours=2))
    visit = small_visit()
    accept(ops, write_delivery(ops.settings.folder("inbox") / "D0001", visit))
    yield Desk(ops, visit)
    ops.db.dispose()
