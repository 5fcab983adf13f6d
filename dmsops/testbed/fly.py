"""Fly a visit: make the delivery that the observatory would have sent, and keep the truth it was made from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dmsops.core import modes
from dmsops.core.config import Settings, enter_runtime
from dmsops.core.errors import BadVisit
from dmsops.core.files import sync_folder, write_json
from dmsops.core.plain import to_plain
from dmsops.core.records import Visit
from dmsops.interfaces import fdf, pps
from dmsops.interfaces.fos import osf
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.testbed import faults as mishaps
from dmsops.testbed import focal_plane, guiding, nircam, orbit, pointing, telemetry
from dmsops.testbed.recording import Progress, carried_out, record_science, recorder_file
from dmsops.testbed.records import made_before

SENDER = "OTB"  # the test bed in the place of FOS
FLIGHT = "flight.json"
RECORDER_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
AFTER_STATUS_FILE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """What a flight made.

    Attributes
    ----------
    delivery, truth : Path
        Folders.
    products : dict
        Names of the products that the delivery is made for, by suffix (``uncal`` only: what the packets hold).
    frames : int
        Frames (one group of one detector) sent.
    size : int
        Bytes of the delivery, manifest included.
    faults : tuple of str
        What went wrong on purpose, in words.
    more : tuple of Path
        Further deliveries that faults made.
    silent : tuple of str
        Exposures that are in plan and status file and sent no packets, as the test bed cannot simulate their detectors.
    """

    delivery_id: str
    delivery: Path
    truth: Path
    products: dict[str, tuple[str, ...]]
    frames: int
    size: int
    faults: tuple[str, ...]
    more: tuple[Path, ...] = ()
    silent: tuple[str, ...] = ()


def fly(
    visit: Visit,
    out: Path,
    *,
    settings: Settings,
    seed: int = 1,
    faults: Sequence[str] = (),
    progress: Progress | None = None,
    without_packets: bool = False,
) -> Flight:
    """Fly a visit.

    The delivery appears whole, as ``<out>/delivery``; the truth, for tests, stays outside it in ``<out>/truth``. Flying
    the same again gives the flight that is there. Exposures that were not carried out send nothing, aborted ones send
    the groups that had been read.

    Parameters
    ----------
    visit : Visit
        As flown: every exposure with its status.
    out : Path
        Folder of the flight; made if it is not there.
    settings : Settings
        For the runtime of the simulation's libraries, and the number of workers.
    seed : int
        Decides every drawn number: same seed, same bytes.
    faults : sequence of str
        Ids of faults to inject (see `dmsops.testbed.faults`), each perhaps with a file pattern: ``F01:*.OEM``.
    progress : callable (done, total, what), optional
        Told after every detector of every exposure.
    without_packets : bool
        Let exposures that the test bed cannot simulate fly without packets: they are in plan and status file, and missing
        in the telemetry. Without it such a visit is refused.

    Raises
    ------
    BadVisit
        A detector, subarray, filter or guider is not one that the test bed can simulate.
    BadInput
        A fault is not known, or finds no file to act on.
    Refused
        Another flight is in the folder.
    """
    mishaps.check(faults)
    silent = _cannot_be_simulated(visit) if without_packets else ()
    identity = _identity(visit, seed, (*faults, *silent))
    there = _flown(out, identity)
    if there is not None:
        return there
    enter_runtime(settings)
    _check(_without(visit, silent))
    visit, misplanned = mishaps.flown(visit, faults, seed, stage="plan")
    planned = replace(visit, guide_star=pointing.with_guide_star(_without(visit, silent)).guide_star)
    visit, went = mishaps.flown(planned, faults, seed)
    recorded = _without(visit, silent)
    with _building(out) as folder:
        delivery, truth = folder / "delivery", folder / "truth"
        delivery.mkdir()
        truth.mkdir()
        sent = record_science(recorded, delivery, truth, seed, settings.workers, progress or _silent)
        guided = _guiding(recorded, delivery, seed)
        _status(visit, planned, recorded, delivery, seed)
        lost = mishaps.inject(delivery, faults, seed, stage="sending")
        delivery_id = f"{visit.id.v}-{identity[:8]}"
        created = visit.end + osf.LAG + AFTER_STATUS_FILE
        count = int((created - RECORDER_EPOCH).total_seconds() // 60)
        write_manifest(delivery, delivery_id=delivery_id, sender=SENDER, sequence=count, created=created)
        hurt = mishaps.inject(delivery, faults, seed)
        again = mishaps.inject(delivery, faults, seed, stage="after")
        flight = Flight(
            delivery_id=delivery_id,
            delivery=out / "delivery",
            truth=out / "truth",
            products={"uncal": tuple(name for name, frames in sent if frames)},
            frames=guided + sum(frames for _, frames in sent),
            size=sum(file.stat().st_size for file in delivery.iterdir()),
            faults=(*misplanned, *went, *lost, *hurt, *again),
            more=_further(folder, out),
            silent=silent,
        )
        _publish(folder, out, flight, identity)
    return flight


def _further(folder: Path, out: Path) -> tuple[Path, ...]:
    """Give the further deliveries that lie in a folder, at the place where they will be published."""
    return tuple(out / path.name for path in sorted(folder.glob("delivery-*")))


def _silent(done: int, total: int, what: str) -> None:
    """Report to nobody."""


def _identity(visit: Visit, seed: int, faults: Sequence[str]) -> str:
    """Give a fingerprint of what is flown."""
    return hashlib.sha256(json.dumps([to_plain(visit), seed, list(faults)], sort_keys=True).encode()).hexdigest()


def _flown(out: Path, identity: str) -> Flight | None:
    """Give the flight that is there already, if it is this one."""
    if not (out / "delivery").exists():
        return None
    remedy = "Name another folder for this flight, or remove the delivery there (procedure P20)."
    record = made_before(out, FLIGHT, identity, holds="another flight's delivery", remedy=remedy)
    flight = record["flight"]
    return Flight(
        delivery_id=flight["delivery_id"],
        delivery=out / "delivery",
        truth=out / "truth",
        products={suffix: tuple(names) for suffix, names in flight["products"].items()},
        frames=flight["frames"],
        size=flight["size"],
        faults=tuple(flight["faults"]),
        more=_further(out, out),
        silent=tuple(flight.get("silent", ())),
    )


def _cannot_be_simulated(visit: Visit) -> tuple[str, ...]:
    """Name the exposures that the test bed has no detectors for."""
    names = []
    for exposure in visit.exposures:
        try:
            _check(replace(visit, exposures=(exposure,)))
        except BadVisit:
            names.append(str(exposure.name))
    return tuple(names)


def _without(visit: Visit, silent: Sequence[str]) -> Visit:
    return replace(visit, exposures=tuple(e for e in visit.exposures if str(e.name) not in silent))


def _check(visit: Visit) -> None:
    """Refuse, before hours of work, what cannot be simulated."""
    for exposure in visit.exposures:
        if len({modes.instrument_of(r.detector) for r in exposure.readouts}) > 1:
            raise BadVisit(f"{exposure.name}: one exposure has detectors of one instrument; a parallel one has its own sequence")
        for readout in exposure.readouts:
            focal_plane.aperture(readout.detector, exposure.subarray)
            instrument = modes.instrument_of(readout.detector)
            if instrument == modes.NIRCAM:
                nircam.lens_waves(readout)
            elif not modes.knows_optics(readout.filter, readout.pupil, instrument):
                raise BadVisit(f"{exposure.name}: {instrument} has no filter {readout.filter} with pupil {readout.pupil}")


@contextmanager
def _building(out: Path) -> Iterator[Path]:
    """Give an empty folder to build in; what a killed flight left in it is dropped."""
    folder = out / ".building"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, out: Path, flight: Flight, identity: str) -> None:
    """Move truth and delivery to their places; the delivery last, as its presence says that all is there."""
    plain = to_plain(replace(flight, delivery=Path(), truth=Path(), more=()))
    kept = {key: plain[key] for key in ("delivery_id", "products", "frames", "size", "faults", "silent")}
    write_json(folder / "truth" / FLIGHT, {"identity": identity, "flight": kept})
    shutil.rmtree(out / "truth", ignore_errors=True)
    (folder / "truth").rename(out / "truth")
    for further in flight.more:
        shutil.rmtree(further, ignore_errors=True)
        (folder / further.name).rename(further)
    (folder / "delivery").rename(out / "delivery")
    sync_folder(out)


def _guiding(visit: Visit, delivery: Path, seed: int) -> int:
    """Write what the guiders read, if the visit asks for it; gives the number of frames."""
    found = guiding.functions(visit)
    if not found:
        return 0
    serial = len(list(carried_out(visit))) + 1
    return guiding.record(visit, delivery / recorder_file("S", found[0].start, serial), seed)


def _status(visit: Visit, planned: Visit, recorded: Visit, delivery: Path, seed: int) -> None:
    """Write what comes beside the packets: status file, ephemeris, plan, engineering telemetry."""
    osf.write_osf(visit, delivery)
    fdf.write_oem(orbit.ephemeris(visit), delivery)
    pps.write_plan(_planned(planned), delivery / pps.plan_name(visit.id))
    flown = replace(recorded, exposures=tuple(carried_out(recorded)))
    telemetry.record(telemetry.telemetry(flown, orbit.velocity, seed=seed), delivery)


def _planned(visit: Visit) -> Visit:
    """Give the visit as it was planned: nothing is known yet of how it went."""
    exposures = tuple(replace(e, status="planned") for e in visit.exposures)
    return replace(
        visit,
        exposures=exposures,
        status="SUCCESSFUL",
        end_reason="",
        guiding=None,
        acquisitions=(),
        antenna_moves=(),
        guide_readings=0,
    )
