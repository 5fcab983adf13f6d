"""Event logs by the grammar of the onboard scripts: any number of visits, each going as visits go; and what each log says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

START = datetime(2022, 12, 4, 2, 51, 16, 180000, UTC)
OTHERS = {
    "MIR_IMAGE": ("FASTR1", "F770W", "MIRIMAGE"),
    "MIR_MRS": ("SLOWR1", "NONE", "MIRIFU"),
    "NRS_FIXEDSLIT": ("NRSRAPID", "F100LP", "NRSALL"),
    "NRS_WATA": ("NRSRAPID", "CLEAR", "NRS1"),
    "NIS_IMAGE": ("NISRAPID", "F200W", "NIS"),
    "FGS_IMAGE": ("FGSRAPID", "NONE", "GUIDER2"),
}
NIRCAM = {"NRCA3": "F212N/NULL/NULL/NULL", "NRCAALL": "F212N/F356W/NULL/NULL", "NRCALONG": "NULL/F444W/NULL/NULL"}
NOISE = (
    "FGS Guider 1  poor quality centroid data in TRK or FG.",
    "Exposure Aborted by Command",
    "SCS ID 511 reached specified step 255",
    "DAQ tlm slot 2 assigned to NRC",
    "Missing file, can't delete ram:/V02726402001.otm, OPEVSTEXEC continues",
    "(numCols, numRows)                                                     = (9, 9)",
    "VISIT contains the following Parallel IDs",
)
ENDINGS = {
    "ENDED": ("SUCCESSFUL", ""),
    "ENDED, SSR ALMOST FULL": ("UNSUCCESSFUL", "SSR ALMOST FULL"),
    "ENDED, EXCEEDED ALLOWED TIME": ("UNSUCCESSFUL", "EXCEEDED ALLOWED TIME"),
}
FAILURES = (
    "FGS guide star reacquisition failed",
    "FGS loss of ACS Fine Guidance Control, exit FGSGUIDEHEALTH",
    "MIRI target locate failed",
    "NIRSpec TA Roll too big",
    "NRC subsystem unavailable, visit halted",
    "Visit constraint violation",
)


@dataclass(frozen=True)
class Told:
    """What a log says of one visit."""

    visit: str
    status: str
    reason: str
    exposures: tuple[tuple[str, str], ...]
    guiding: str | None = None


@dataclass
class Log:
    """A log in the making: lines, a clock that goes on, what was told."""

    lines: list[str] = field(default_factory=list)
    at: datetime = START
    told: list[Told] = field(default_factory=list)

    def say(self, text: str, after: float = 1.02) -> None:
        self.at += timedelta(milliseconds=round(after * 100) * 10)
        self.lines.append(f"{self.at:%Y-%m-%d %H:%M:%S}.{self.at.microsecond // 10000:02d} \t {text}")

    def written(self, folder: Path) -> Path:
        path = folder / "log.txt"
        path.write_text("\n".join(self.lines) + "\n")
        return path


def skipped(log: Log, visit: str, reason: str) -> None:
    """Write a visit that never began."""
    log.say(f"VISIT {visit} - {reason}, SKIPPED")
    log.told.append(Told(visit, "SKIPPED", reason, ()))


def unguided(log: Log, visit: str) -> None:
    """Write a visit whose guide star was found at no attempt."""
    log.say(f"VISIT {visit} STARTED")
    log.say("FGS fixed target guide star acquisition failed on attempt 2")
    log.say("FGS fixed target guide star acquisition failed on all attempts, exit FGSVERMAIN")
    log.say(f"VISIT {visit} - GUIDE STAR FAILED, SKIPPED")
    log.told.append(Told(visit, "SKIPPED", "GUIDE STAR FAILED", (), "FAILED"))


def located(log: Log, detector: str, flag: str = "SUCCESS") -> None:
    """Write the summary of a target acquisition."""
    log.say("*" * 46)
    log.say("TARGET LOCATE SUMMARY:")
    log.say(f"DETECTOR                    = {detector}")
    log.say("detector coord (colCentroid, rowCentroid)       = (1587.89891, 1409.87847)")
    log.say(f"(convergenceFlag, convergenceThres)        = ({flag}, 0.1000000000)")
    log.say("*" * 46)


@dataclass(frozen=True)
class Taken:
    """One exposure to be written."""

    activity: int
    exp_type: str
    cfg: str
    done: bool
    noise: tuple[str, ...]


def expose(log: Log, visit: str, plan: Taken) -> tuple[str, str]:
    """Write one exposure; gives its name and status."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    activity = digits[plan.activity // 36] + digits[plan.activity % 36]
    token = f"1{activity}001"
    pattern, light, cfg = OTHERS.get(plan.exp_type, ("RAPID", NIRCAM.get(plan.cfg, ""), plan.cfg))
    log.say(f"{token} {plan.exp_type} {pattern} ints=2 grps=4 FULL flt={light}")
    if plan.exp_type.startswith("NRC"):
        pupils = "/".join("NULL" if f == "NULL" else "CLEAR" for f in light.split("/"))
        log.say(f"{token} pupil={pupils} pil=RETRACT/RETRACT fam=NULL/NULL/NULL")
    for text in plan.noise:
        log.say(text)
    if plan.done:
        log.say(f"{token} {plan.exp_type} completed exptime=33.210 pctime=21.470 cfg={cfg}", after=40)
    return f"jw{visit[1:]}_021{activity.lower()}_00001", "completed" if plan.done else "aborted"


def ordinary(log: Log, visit: str, taken: list[Taken], ending: str, failure: str, *, acquired: bool) -> None:
    """Write a visit that began: guide star, perhaps target acquisition, exposures, perhaps a failure, an end."""
    log.say(f"VISIT {visit} STARTED")
    log.say(f"Script activated: {visit}P0000000001101:FGSMAIN")
    log.say(f"Script terminated: {visit}P0000000001101:FGSMAIN:GS_ACQUIRED")
    log.say(f"Group {visit}:02 started")
    if acquired:
        located(log, "NRCA3_LOS")
        log.say("TA SAM for NRS (x, y) = -0.106834449, 0.300889673")
    exposures = [expose(log, visit, plan) for plan in taken]
    if failure:
        log.say(failure)
    log.say(f"VISIT {visit} {ending}")
    status, reason = ENDINGS[ending]
    if failure or reason:
        status, reason = "UNSUCCESSFUL", failure or reason
    elif any(state == "aborted" for _, state in exposures):
        status, reason = "UNSUCCESSFUL", "an exposure was aborted"
    lost = "guid" in failure.lower()
    log.told.append(Told(visit, status, reason, tuple(exposures), "LOST" if lost else "ACQUIRED"))


taken = st.one_of(
    st.builds(
        Taken, activity=st.integers(1, 1295), exp_type=st.just("NRC_IMAGE"), cfg=st.sampled_from(sorted(NIRCAM)), done=st.booleans(),
        noise=st.lists(st.sampled_from(NOISE), max_size=2).map(tuple),
    ),
    st.builds(
        Taken, activity=st.integers(1, 1295), exp_type=st.sampled_from(sorted(OTHERS)), cfg=st.just(""), done=st.booleans(),
        noise=st.lists(st.sampled_from(NOISE), max_size=2).map(tuple),
    ),
)  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Draw a log of one to four visits, with plan messages and noise between them."""
    log = Log()
    for number in range(draw(st.integers(1, 4))):
        visit = f"V{4556001000 + number + 1:011d}"
        kind = draw(st.sampled_from(["ordinary", "ordinary", "skipped", "unguided"]))
        if kind == "skipped":
            skipped(log, visit, draw(st.sampled_from(["LATEST START TIME PASSED", "CONSTRAINT VIOLATION"])))
        elif kind == "unguided":
            unguided(log, visit)
        else:
            exposures = draw(st.lists(taken, max_size=4, unique_by=lambda t: t.activity))
            ending = draw(st.sampled_from(sorted(ENDINGS)))
            ordinary(log, visit, exposures, ending, draw(st.sampled_from(["", "", *FAILURES])), acquired=draw(st.booleans()))
            if "SSR" in ending:
                log.say("*** PLAN PROCESSING STOPPED, SSR ALMOST FULL ***")
                log.say("*** PLAN PROCESSING STARTED ***", after=3600)
    return log
