"""The event log of flown visits becomes visits that the test bed can fly again.

An exposure starts at the time of its start message; its end is start + exptime (exptime counts resets, pctime the
time that photons were collected), which must not lie after the message that says it is completed. An exposure without
that message was aborted: it ends where the next exposure or the end of its script stands in the log.

What a log does not say (target, template, title, investigator, position angle, the guide star's brightness) is `UNSAID`: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dmsops.core import modes
from dmsops.core.errors import BadName, BadVisit
from dmsops.core.records import JITTER_NOTE, Dither, Exposure, ExposureStatus, GuideStar, Readout, Target, Visit, VisitStatus
from dmsops.testbed import ossothers
from dmsops.testbed.osslines import bad_line, number_of
from dmsops.testbed.ossreading import Draft, Reading, readings

LENS_PUPILS, LENS_FILTERS = {"WLM8", "WLP8"}, {"WLP4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaid:
    """What no event log says of a visit, and what is taken for it (ours).

    The target stands where the observatory may point in December 2022, at the roll that it would have there; its
    magnitude gives the counts that the log of V02726402001 reports from target acquisition.
    """

    template: str = "NIRCam Imaging"
    wavefront_template: str = "WFSC NIRCam Fine Phasing"
    title: str = "Rehearsal of a flown visit (simulated)"
    category: str = "CAL"
    pi_name: str = "DMSOps test bed"
    target: Target = field(default_factory=lambda: Target(name="REHEARSAL-STAR-1", ra=140.213, dec=21.45, magnitude=10.1))
    position_angle: float = 285.17
    guide_star: GuideStar = field(default_factory=GuideStar)


UNSAID = Unsaid()


def read_log(path: Path, unsaid: Unsaid = UNSAID) -> Visit:
    """Read the event log of one visit.

    Parameters
    ----------
    unsaid : Unsaid
        What to take for what a log does not say.

    Raises
    ------
    BadVisit
        The log cannot be read, holds no visit or more than one, or its messages contradict each other; the message
        names file, line and text.
    """
    found = readings(path)
    if len(found) > 1:
        others = ", ".join(r.visit.v for r in found if r.visit is not None)
        raise BadVisit(f"{path.name}: holds {len(found)} visits where one is wanted: {others}", file=path.name)
    return _visit(found[0], unsaid)


def read_logs(path: Path, unsaid: Unsaid = UNSAID) -> tuple[Visit, ...]:
    """Read an event log of several visits, in the order in which they began; raises as `read_log`."""
    return tuple(_visit(reading, unsaid) for reading in readings(path))


def _visit(reading: Reading, unsaid: Unsaid) -> Visit:
    assert reading.visit is not None
    assert reading.first is not None
    assert reading.last is not None
    wavefront = reading.wavefront_scripts or any(_through_lens(d) for d in reading.drafts)
    totals: dict[str, int] = {}
    for draft in reading.drafts:
        totals[draft.name.obs_id] = max(totals.get(draft.name.obs_id, 0), draft.name.number)
    exposures = tuple(_exposure(reading.file, d, wavefront=wavefront, total=totals[d.name.obs_id]) for d in reading.drafts)
    status, reason = _outcome(reading, exposures)
    return Visit(
        id=reading.visit,
        visit_type=_visit_type(reading, wavefront=wavefront),
        template=unsaid.wavefront_template if wavefront else unsaid.template,
        title=unsaid.title,
        category=unsaid.category,
        pi_name=unsaid.pi_name,
        priority="HIGH" if wavefront else "STANDARD",
        start=reading.start or reading.first,
        end=reading.end or reading.last,
        target=unsaid.target,
        position_angle=unsaid.position_angle,
        guide_star=_guide_star(reading, unsaid.guide_star),
        exposures=exposures,
        moves=tuple(reading.moves),
        status=status,
        end_reason=reason,
        guiding=reading.guiding,
        acquisitions=tuple(reading.acquisitions),
    )


def _through_lens(draft: Draft) -> bool:
    if not draft.start.words["type"].startswith("NRC_"):
        return False
    pupils = set() if draft.pupils is None else set(draft.pupils.words["pupils"].split("/"))
    return bool(pupils & LENS_PUPILS or set(draft.start.words["filters"].split("/")) & LENS_FILTERS)


def _visit_type(reading: Reading, *, wavefront: bool) -> str:
    if reading.real_time:
        return "GENERIC"
    if not wavefront:
        return "PRIME_TARGETED_MOVING" if reading.moving_target else "PRIME_TARGETED_FIXED"
    return "PRIME_WFSC_SENSING_CONTROL" if reading.moving or reading.moves else "PRIME_WFSC_SENSING_ONLY"


def _outcome(reading: Reading, exposures: tuple[Exposure, ...]) -> tuple[VisitStatus, str]:
    if reading.status == "SKIPPED":
        return "SKIPPED", reading.reason
    reason = reading.failure or reading.reason or reading.stopped
    if not reason and reading.status is None:
        reason = "the log does not say how the visit ended"
    if not reason and any(e.status == "aborted" for e in exposures):
        reason = "an exposure was aborted"
    return ("UNSUCCESSFUL", reason) if reason else ("SUCCESSFUL", "")


def _guide_star(reading: Reading, unsaid: GuideStar) -> GuideStar | None:
    if reading.guide is None:
        held = reading.guiding is not None and reading.guiding.outcome != "FAILED"
        return unsaid if held else None
    guider, x, y = reading.guide
    return GuideStar(guider=guider, x=x, y=y, magnitude=unsaid.magnitude, catalogue_id=unsaid.catalogue_id, ra=unsaid.ra, dec=unsaid.dec)


def _exposure(file: str, draft: Draft, *, wavefront: bool, total: int) -> Exposure:
    words = draft.start.words
    nircam = words["type"].startswith("NRC_")
    try:
        pattern = modes.readout_pattern(words["readpatt"]) if nircam else ossothers.readout_pattern(words["readpatt"])
        readouts = _readouts(draft) if nircam else ossothers.readouts(draft)
    except (BadVisit, BadName) as bad:
        raise bad_line(file, draft.start, bad.message) from None
    if min(int(words["ints"]), int(words["groups"])) < 1:
        raise bad_line(file, draft.start, "an exposure has at least one integration and one group")
    elapsed, photons = _seconds(file, draft, pattern)
    jitter = wavefront and words["type"] == "NRC_IMAGE" and words["subarray"].startswith("SUB8FP1")
    paired = wavefront and total > 1 and words["type"] == "NRC_IMAGE" and not jitter
    dither = Dither(pattern="WFSC" if paired else "NONE", index=draft.name.number, total=total, x=draft.offset[0], y=draft.offset[1])
    status: ExposureStatus = "aborted" if draft.completed is None else "completed"
    return Exposure(
        name=draft.name,
        exp_type=words["type"],
        readouts=readouts,
        readpatt=pattern.name,
        nints=int(words["ints"]),
        ngroups=int(words["groups"]),
        nframes=pattern.nframes,
        groupgap=pattern.groupgap,
        subarray=words["subarray"],
        start=draft.start.at,
        end=draft.start.at + timedelta(seconds=elapsed),
        exposure_seconds=elapsed,
        photon_seconds=photons,
        dither=dither,
        dms_note=JITTER_NOTE if jitter else "",
        status=status,
    )


def _seconds(file: str, draft: Draft, pattern: modes.ReadoutPattern) -> tuple[float, float]:
    """Give exptime and pctime; an aborted exposure exposed until it was left, at most as long as planned."""
    if draft.completed is not None:
        elapsed, photons = (number_of(file, draft.completed, word) for word in ("exptime", "pctime"))
        if draft.start.at + timedelta(seconds=elapsed) > draft.completed.at:
            raise bad_line(file, draft.completed, "the exposure would have ended after this message")
        return elapsed, photons
    words, left = draft.start.words, draft.left or draft.start.at
    if not words["type"].startswith("NRC_"):
        elapsed = round((left - draft.start.at).total_seconds(), 3)
        return elapsed, elapsed
    frames = int(words["groups"]) * (pattern.nframes + pattern.groupgap) - pattern.groupgap
    planned = int(words["ints"]) * frames * modes.frame_seconds(words["subarray"])
    elapsed = round(min((left - draft.start.at).total_seconds(), planned), 3)
    return elapsed, elapsed


def _readouts(draft: Draft) -> tuple[Readout, ...]:
    filters = draft.start.words["filters"].split("/")
    pupils = ["CLEAR"] * 4 if draft.pupils is None else draft.pupils.words["pupils"].split("/")
    if len(filters) != 4 or len(pupils) != 4 or (draft.pupils is None and draft.completed is not None):
        raise BadVisit("filters and pupils are four each: A short, A long, B short, B long")
    lit = [i for i, light in enumerate(filters) if light != "NULL"]
    if draft.completed is None:
        detectors = _lit_detectors(draft.start.words["subarray"], lit)
    else:
        detectors = modes.detectors_of(draft.completed.words["cfg"])
    if not detectors:
        raise BadVisit("no detector has a filter")
    for detector in detectors:
        light, pupil = filters[_channel(detector)], pupils[_channel(detector)]
        if not modes.knows_optics(light, pupil):
            raise BadVisit(f"detector {detector} would see through filter {light} and pupil {pupil}, which is no pair of NIRCam")
    return tuple(Readout(detector=d, filter=filters[_channel(d)], pupil=pupils[_channel(d)]) for d in detectors)


def _lit_detectors(subarray: str, lit: list[int]) -> tuple[str, ...]:
    """Say which detectors an exposure without a configuration was read from: all of the channels that have a filter."""
    of_subarray = modes.subarray(subarray).detectors or modes.detectors_of("NRCALL")
    return tuple(d for d in of_subarray if _channel(d) in lit)


def _channel(detector: str) -> int:
    """Give a detector's place in ``A short/A long/B short/B long``."""
    return 2 * (detector[3] == "B") + detector.endswith("LONG")
