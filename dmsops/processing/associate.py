"""Associations: pool rows from headers, associations by the jwst package's own rules, and what is to run for each.

The pool is made from *headers*, not from files: an exposure whose processing fails never holds up the associations of
the others. The headers come from the same code as level 1b, so the rows are those of the real files.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.errors import StepFailed
from dmsops.core.names import PoolName
from dmsops.core.segments import SEGMENT_BYTES, segments
from dmsops.interfaces.pps import visit_from_dict
from dmsops.processing.header import Frame, Pedigree, fill_header, software
from dmsops.processing.timing import timing
from dmsops.workflow.steps import Job, Outcome, StepSpec

if TYPE_CHECKING:
    from dmsops.core.records import Visit
    from dmsops.ops import Ops

POOL_COLUMNS = (
    "filename", "obs_id", "program", "obs_num", "visit", "visit_id", "visitgrp", "visitype", "seq_id", "act_id", "exposure", "exp_type",
    "nexposur", "expcount", "instrume", "detector", "channel", "targetid", "targprop", "targname", "targtype", "template", "pntgtype",
    "expspcin", "dithptin", "mostilno", "module", "filter", "pupil", "patttype", "pattstrt", "numdthpt", "pattsize", "subpxpts",
    "patt_num", "apername", "sdp_ver", "subarray", "asn_candidate", "is_psf", "is_imprt", "bkgdtarg", "tsovisit", "dms_note",
    "exsegtot", "nints", "ngroups",
)  # fmt: skip
"""Columns of an operations pool that an imaging exposure fills."""

PAIR = 2
NOT_RESAMPLED = ("TACQ", "TACONFIRM")
JITTER_SUBARRAYS = ("SUB8FP1A", "SUB8FP1B")
"""Subarrays of eight by eight pixels that wavefront visits read for line-of-sight jitter only."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One visit and which of its detector exposures were received; ``versions`` as in their headers.

    ``segment_bytes`` is the size above which its exposures were made in segments: each is a row of the pool.
    """

    visit: Visit
    received: frozenset[tuple[str, str]]
    pedigree: Pedigree
    segment_bytes: int = SEGMENT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Associations:
    """What came of a pool.

    ``files`` are the names written (pool first); ``spawn`` the steps to run; ``problems`` are in words;
    ``orphans`` are received exposures that no association took.
    """

    files: tuple[str, ...]
    spawn: tuple[StepSpec, ...]
    problems: tuple[str, ...]
    orphans: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)


def associate(ops: Ops, job: Job) -> Outcome:
    """Make pool and associations, and say which calibration steps they call for: the step ``processing.associate``.

    Parameters
    ----------
    job : Job
        ``params``: ``visits`` (plans), ``exposures`` (pairs of exposure name and detector that were received),
        ``version_id`` (stamp in the names).

    Returns
    -------
    Outcome
        Pool and association files; metrics count associations and hold ``problems`` (in words) and ``orphans``.

    Raises
    ------
    StepFailed
        Nothing was received, or the visits are of different programs.
    """
    received = frozenset((str(name), str(detector)) for name, detector in job.params["exposures"])
    pedigree = Pedigree(software=software(), osf_file="", made=ops.clock.now(), prd="UNKNOWN", rehearsal=ops.settings.mode == "rehearsal")
    limit = ops.settings.segment_bytes
    visits = [visit_from_dict(plan) for plan in job.params["visits"]]
    readings = [Readings(visit=visit, received=received, pedigree=pedigree, segment_bytes=limit) for visit in visits]
    made = make_associations(readings, job.params["version_id"], job.folder)
    for problem in made.problems:
        _log.warning("%s", problem)
    metrics = {"counts": made.counts, "problems": list(made.problems), "orphans": list(made.orphans)}
    return Outcome(products=made.files, metrics=metrics, spawn=made.spawn)


def make_associations(readings: Sequence[Readings], version_id: str, folder: Path) -> Associations:
    """Make pool and associations of some visits of one program, and say which steps they call for.

    Parameters
    ----------
    readings : sequence of Readings
        Visits with what was received of each.
    version_id : str
        Stamp ``yyyymmddthhmmss`` in the names; the same stamp gives the same names and bytes.
    folder : Path
        Where pool (csv) and associations (json) are written.

    Raises
    ------
    StepFailed
        Nothing was received, or the visits are of different programs.
    """
    programs = {r.visit.id.program for r in readings}
    if len(programs) != 1 or not any(r.received for r in readings):
        raise StepFailed(
            f"a pool holds received exposures of one program; given are {sum(len(r.received) for r in readings)} of {sorted(programs)}",
            remedy="Reconcile the visits with procedure P05, then regenerate the associations with P13.",
        )
    pool = make_pool(readings)
    name = str(PoolName(programs.pop(), version_id))
    pool.write(folder / name, overwrite=True)
    found = generate(folder / name, version_id)
    for file, text in found.items():
        (folder / file).write_text(text, encoding="utf-8")
    parsed = {file: json.loads(text) for file, text in sorted(found.items())}
    return _plan(name, parsed, {root(str(row["filename"])): row for row in pool})


def make_pool(readings: Iterable[Readings]) -> Any:
    """Make the association pool by the jwst package's own pool maker, from header-only files that are thrown away.

    Returns
    -------
    AssociationPool
        One row per received detector exposure, columns `POOL_COLUMNS`.
    """
    from jwst.associations.mkpool import mkpool

    notes: dict[str, str] = {}
    with TemporaryDirectory(prefix="dmsops-pool-") as place:
        paths = []
        for reading in readings:
            for name, note in _write_headers(reading, Path(place)):
                paths.append(str(Path(place) / name))
                notes[name] = note
        pool = mkpool(paths)
    pool["filename"] = [Path(text).name for text in pool["filename"]]
    return dress(pool, notes)


def dress(pool: Any, notes: dict[str, str]) -> Any:
    """Add to a pool what headers do not hold (note, kind of pointing), and keep the columns of an operations pool.

    Parameters
    ----------
    notes : dict
        DMS note by file name.
    """
    pool["dms_note"] = [notes[name] or "null" for name in pool["filename"]]
    pool["pntgtype"] = ["target_acquisition" if exp_type.upper().endswith(NOT_RESAMPLED) else "science" for exp_type in pool["exp_type"]]
    pool["obs_num"] = list(pool["observtn"])
    pool["expspcin"] = list(pool["act_id"])
    for column in POOL_COLUMNS:
        if column not in pool.colnames:
            pool[column] = ["null"] * len(pool)
    pool.keep_columns(list(POOL_COLUMNS))
    return pool[list(POOL_COLUMNS)]


def _write_headers(reading: Readings, place: Path) -> Iterable[tuple[str, str]]:
    """Write a file without pixels for every received detector exposure; gives its name and DMS note."""
    from stdatamodels.jwst.datamodels import Level1bModel

    visit = reading.visit
    for exposure in visit.exposures:
        for readout in exposure.readouts:
            if (str(exposure.name), readout.detector) not in reading.received:
                continue
            frame = planned_frame(exposure.subarray, readout.detector)
            for part in segments(exposure, reading.segment_bytes):
                with Level1bModel() as model:
                    fill_header(model, visit, exposure, readout, frame, timing(exposure, 1.0), reading.pedigree, part)
                    model.save(place / model.meta.filename)
                    yield model.meta.filename, exposure.dms_note


def planned_frame(subarray: str, detector: str) -> Frame:
    """Give the frame that the plan foresees; the pool needs its aperture only, the geometry comes with the telemetry."""
    part = modes.subarray(subarray, modes.instrument_of(detector))
    return Frame(subarray=subarray, xstart=1, ystart=1, xsize=1, ysize=1, aperture=part.aperture_of(detector))


def generate(pool_file: Path, version_id: str) -> dict[str, str]:
    """Run the jwst package's association rules on a pool, as ``asn_generate`` does: every candidate, and what it discovers.

    Object addresses in the constraints text are taken out: the same pool and stamp give the same bytes.

    Returns
    -------
    dict
        File name to text (JSON) of each association.
    """
    from jwst.associations import AssociationPool
    from jwst.associations.generator.generate_per_candidate import generate_per_candidate

    pool = AssociationPool.read(pool_file)
    pool.meta["pool_file"] = pool_file.name
    found = {}
    for association in generate_per_candidate(pool, None, discover=True, version_id=version_id):
        file, text = association.dump(format="json")
        found[file] = re.sub(r" at 0x[0-9a-f]+", "", text)
    return found


def resampled(row: Mapping[str, Any]) -> bool:
    """Say whether stage 2 also makes an i2d of a pool row: not of wavefront visits, not of target acquisitions."""
    return str(row["exp_type"]).upper().endswith("_IMAGE") and "WFSC" not in str(row["visitype"]).upper()


def is_jitter(row: Mapping[str, Any]) -> bool:
    """Say whether a pool row measures jitter: by its note or, should that be lost, by its subarray in a wavefront visit."""
    note, visit, subarray = (str(row[name]).upper() for name in ("dms_note", "visitype", "subarray"))
    return "LOS_JITTER" in note or ("WFSC" in visit and subarray in JITTER_SUBARRAYS)


def _plan(pool: str, found: dict[str, Any], rows: Mapping[str, Any]) -> Associations:
    problems: list[str] = []
    spawn: list[StepSpec] = []
    makes = Counter(product["name"] for content in found.values() for product in content["products"])
    for file, content in found.items():
        for product in content["products"]:
            wrong = _wrong(file, content["asn_type"], product, makes, rows)
            problems += wrong
            if not wrong:
                spawn += _steps(file, content["asn_type"], product, rows)
    taken = {root(m["expname"]) for content in found.values() for p in content["products"] for m in p["members"]}
    orphans = tuple(sorted(set(rows) - taken))
    return Associations(
        files=(pool, *found),
        spawn=tuple(spawn),
        problems=(*problems, *_alone(found, rows)),
        orphans=orphans,
        counts=dict(Counter(content["asn_type"] for content in found.values())),
    )


def _alone(found: dict[str, Any], rows: Mapping[str, Any]) -> list[str]:
    """Name the exposures of wavefront pairs that no pair has: the rules make no association of one, and say nothing."""
    pairs = [p for content in found.values() if content["asn_type"] == "wfs-image3" for p in content["products"]]
    paired = {root(m["expname"]) for p in pairs for m in p["members"]}
    alone = sorted(n for n, row in rows.items() if str(row["patttype"]).upper() == "WFSC" and not is_jitter(row) and n not in paired)
    return [f"{name}: no association pairs it, the other exposure of its wavefront pair is not there (procedure P13)" for name in alone]


def root(name: str) -> str:
    """Take suffix and extension off an exposure product's file name."""
    return name.rsplit("_", 1)[0]


def _wrong(file: str, kind: str, product: dict[str, Any], makes: Counter[str], rows: Mapping[str, Any]) -> list[str]:
    """Say why a product should not be made (P13); empty when nothing speaks against it."""
    found = []
    science = [m["expname"] for m in product["members"] if m["exptype"] == "science"]
    if kind == "wfs-image3" and len(science) != PAIR:
        found.append(f"{file}: a wavefront pair needs exactly two science members, this association has {len(science)} (procedure P13)")
    if makes[product["name"]] > 1:
        found.append(f"{file}: {makes[product['name']]} associations would make a product called {product['name']} (procedure P13)")
    jitter = sorted(name for name in map(root, science) if name in rows and is_jitter(rows[name])) if kind == "image2" else []
    found += [f"{file}: {name} measures jitter and stops at level 1b, stage 2 is not for it (procedure P13)" for name in jitter]
    return found


def _steps(file: str, kind: str, product: dict[str, Any], rows: Mapping[str, Any]) -> list[StepSpec]:
    wanted = "science" if kind == "wfs-image3" else ""  # jwst never reads the acquisition member: a pair does not wait for it
    members = tuple(m["expname"] for m in product["members"] if not wanted or m["exptype"] == wanted)
    name = product["name"]
    match kind:
        case "image2":
            makes: tuple[str, ...] = (f"{name}_cal.fits",) + ((f"{name}_i2d.fits",) if name in rows and resampled(rows[name]) else ())
        case "wfs-image3":
            makes = (f"{name.format(suffix='wfscmb')}.fits",)
        case "image3":
            makes = (f"{name}_i2d.fits",)
        case _:
            return []
    step = kind.replace("-", "_")
    return [StepSpec(kind=f"processing.{step}", dataset=root(makes[0]), needs=(file, *members), makes=makes, params={"association": file})]
