"""Engineering telemetry of the frozen site: every mnemonic during a visit, with a hole; a real-time file that disagrees; a simulator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits

from dmsops.core.names import ExposureProduct
from dmsops.core.records import Visit
from dmsops.engineering.ingest import ingest
from dmsops.engineering.queries import us
from dmsops.flows.engineering import INGEST
from dmsops.flows.level1b import Used
from dmsops.interfaces.fos.engineering import write_packets
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.interfaces.prds import Series
from dmsops.ops import Ops
from dmsops.testbed import focal_plane, pointing
from dmsops.testbed.recording import recorder_file
from dmsops.testbed.telemetry import cut, record, telemetry
from dmsops.testbed.telemetry_conflicts import contradicted
from dmsops.workflow.lease import Claim

SECOND = 1_000_000
FIRST = datetime(2022, 12, 4, 2, 55, 46, tzinfo=UTC)
"""When the first visit's telemetry begins."""
FOLLOWS = timedelta(seconds=391)
"""How much later the telemetry of the waiting delivery begins: a second after the end of the first."""
HOLE = (130, 135)
AGAIN = (34, 54)
"""Seconds after the first sample: of all containers nothing came; the real-time file brings the same time again."""
VELOCITY = np.array([1.0, 29.0, 12.0])
"""Of the observatory, km/s."""
POINTED = "CALCULATED_TRACK_TR_202111"
FEW = ("ACS_POINTING", "NRC_TEMPERATURES")
CONTESTED = {"SA_ZATTEST1": np.arange(40, 48), "SA_ZATTEST2": np.arange(40, 48), "IGDP_NRC_A_T_COM": np.arange(1)}


def with_subarray(visit: Visit) -> Visit:
    """Give a visit that the test bed can point: whole detectors, a guide star on the sky."""
    whole = replace(visit, exposures=tuple(replace(e, subarray="FULL") for e in visit.exposures))
    return pointing.with_guide_star(whole)


@cache
def flown(visit: Visit) -> tuple[Series, ...]:
    """Make the telemetry of a visit."""
    return tuple(telemetry(with_subarray(visit), lambda _when: VELOCITY))


def between(series: Sequence[Series], seconds: tuple[int, int], after: datetime = FIRST) -> list[Series]:
    """Cut telemetry to some seconds after a time."""
    start = us(after)
    return cut(series, start + seconds[0] * SECOND, start + seconds[1] * SECOND)


def with_hole(series: Sequence[Series]) -> list[Series]:
    """Take some seconds out of telemetry."""
    pairs = zip(between(series, (-1, HOLE[0])), between(series, (HOLE[1], 100_000)), strict=True)
    return [_joined(a, b) for a, b in pairs]


def _joined(a: Series, b: Series) -> Series:
    raw = None if a.raw is None or b.raw is None else np.concatenate([a.raw, b.raw])
    return replace(a, times=np.concatenate([a.times, b.times]), values=np.concatenate([a.values, b.values]), raw=raw)


def bring(folder: Path, visit: Visit) -> Path:
    """Put a visit's telemetry, with a hole, into a delivery in the place of its engineering file."""
    for path in folder.glob("E0000_*"):
        path.unlink()
    record(with_hole(flown(visit)), folder)
    return sealed(folder)


def bring_more(folder: Path, visit: Visit) -> Path:
    """Put the telemetry that follows the first visit's into a delivery: a packet is damaged, and a simulator's file lies beside it."""
    for path in folder.glob("E0000_*"):
        path.unlink()
    more = flown(visit)
    (path,) = record(more, folder, first=2)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    simulated(folder, between(more, (0, 20), FIRST + FOLLOWS), 902)
    return sealed(folder)


def few(series: Sequence[Series]) -> list[Series]:
    """Keep only some containers."""
    return [one for one in series if one.mnemonic.container in FEW]


def simulated(folder: Path, series: Sequence[Series], serial: int) -> None:
    """Write a simulator's file."""
    begin = datetime.fromtimestamp(min(int(s.times[0]) for s in series if len(s.times)) // SECOND, UTC)
    write_packets(folder / recorder_file("E", begin, serial), few(series), origin="SIMULATOR")


def delivery_that_disagrees(folder: Path, visit: Visit, delivery_id: str, sequence: int) -> Path:
    """Write a delivery of the real-time stream: the same time again, some values otherwise, and a simulator's file."""
    folder.mkdir(parents=True)
    again = contradicted(few(between(flown(visit), AGAIN)), CONTESTED)
    write_packets(folder / recorder_file("C", FIRST + timedelta(seconds=AGAIN[0]), 1), again, origin="OTB")
    simulated(folder, between(flown(visit), (0, 20)), 901)
    write_manifest(folder, delivery_id=delivery_id, sender="FOS", sequence=sequence, created=FIRST + timedelta(minutes=70))
    return folder


def sealed(folder: Path) -> Path:
    """Write a delivery's manifest anew."""
    seen = read_manifest(folder / MANIFEST)
    (folder / MANIFEST).unlink()
    write_manifest(folder, delivery_id=seen.delivery_id, sender=seen.sender, sequence=seen.sequence, created=seen.created)
    return folder


def take(ops: Ops, item: Claim) -> None:
    """Do what an ingest step does."""
    assert item.kind == INGEST
    ingest(ops, name=item.params["file"], sha256=item.params["sha256"])


def used(visit: Visit, item: Claim, revision: int) -> tuple[str, ...] | None:
    """Say what telemetry a level 1b step used."""
    if item.kind != "processing.level1b":
        return None
    exposure = next(e for e in visit.exposures if item.dataset.startswith(str(e.name)))
    return (str(Used(us(exposure.start), us(exposure.end), revision)),)


def pointed(path: Path, visit: Visit) -> None:
    """Write into an uncal's header what level 1b writes: where the telescope looked, and how that is known."""
    name = ExposureProduct.parse(path.name)
    whole = with_subarray(visit)
    exposure = next(e for e in whole.exposures if path.name.startswith(str(e.name)))
    attitude = pointing.attitude(whole, exposure)
    ra, dec = pointing.telescope_to_sky(attitude, 0.0, 0.0)
    angle = float(focal_plane.rotations().posangle(attitude, 0.0, 0.0)) % 360.0
    with fits.open(path, mode="update") as file:
        file[0].header.update(
            DETECTOR=name.detector.upper(), ENG_QUAL="OK", ENGQLPTG=POINTED,
            **{"DATE-BEG": f"{exposure.start:%Y-%m-%dT%H:%M:%S.000}", "DATE-END": f"{exposure.end:%Y-%m-%dT%H:%M:%S.000}"},
        )  # fmt: skip
        velocity = dict(zip(("JWST_DX", "JWST_DY", "JWST_DZ"), VELOCITY.tolist(), strict=True))
        file["SCI"].header.update(RA_V1=ra, DEC_V1=dec, PA_V3=angle, **velocity)
