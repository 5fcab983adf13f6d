"""Event logs of flown visits: real ones, made-up ones, and damaged ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core import modes
from dmsops.core.errors import BadVisit
from dmsops.core.names import ExposureName
from dmsops.core.records import Dither, Exposure, GuideStar, MirrorMove, Readout, Visit
from dmsops.testbed.osslog import UNSAID, read_log

START = datetime(2022, 12, 4, 2, 51, 16, 180000, UTC)
VISIT = "V04556001001"
PAIRS = {"NRCA3": "F212N/NULL/NULL/NULL", "NRCAALL": "F212N/F356W/NULL/NULL", "NRCB4": "NULL/NULL/F187N/NULL"}
PAIRS |= {"NRCBALL": "NULL/NULL/F200W/F277W", "NRCALL": "F212N/F356W/WLP4/F322W2", "NRCALONG": "NULL/F444W/NULL/NULL"}
NOISE = (
    "FGS Guider 1  poor quality centroid data in TRK or FG.",
    "Exposure Aborted by Command",
    "**********************************************",
    "SCS ID 511 reached specified step 255",
    "DAQ tlm slot 2 assigned to NRC",
    "Configured NIRCam subarray FULL",
    "TA SAM (x, y) = -0.0119608742, 0.0197077842",
    "102001 words that belong to nobody",
    "(numCols, numRows)                                                     = (9, 9)",
)


@dataclass
class Log:
    """A log in the making: lines, and a clock that goes on."""

    lines: list[str] = field(default_factory=list)
    at: datetime = START

    def say(self, text: str, after: float = 1.02) -> datetime:
        self.at += timedelta(milliseconds=round(after * 100) * 10)
        self.lines.append(f"{self.at:%Y-%m-%d %H:%M:%S}.{self.at.microsecond // 10000:02d} \t {text}")
        return self.at

    def written(self, folder: Path, visit: str = VISIT) -> Path:
        head = f"VISIT {visit} START FOUND at {START:%Y-%m-%dT%H:%M:%S}.180"
        tail = f"VISIT {visit} END FOUND at {self.at:%Y-%m-%dT%H:%M:%S}.{self.at.microsecond // 1000:03d}"
        path = folder / f"{visit}.txt"
        path.write_text("\n".join([head, *self.lines, tail]) + "\n")
        return path

    def exposure(
        self, token: str, cfg: str = "NRCA3", *, done: bool = True, pupils: str = "", words: str = "RAPID ints=2 grps=4 FULL"
    ) -> datetime:
        flt = PAIRS[cfg]
        began = self.say(f"{token} NRC_IMAGE {words} flt={flt}")
        pupils = pupils or "/".join("NULL" if f == "NULL" else "CLEAR" for f in flt.split("/"))
        self.say(f"{token} pupil={pupils} pil=RETRACT/RETRACT fam=NULL/NULL/NULL")
        if done:
            self.say(f"{token} NRC_IMAGE completed exptime=96.631 pctime=85.894 cfg={cfg}", after=120)
        return began


def opened(group: str = "03") -> Log:
    log = Log()
    log.say("FGSMAIN ACT 02 achieved closed-loop fine guidance control")
    log.say(f"Group {VISIT}:{group} started")
    return log


def ended(log: Log, how: str = "ENDED") -> Log:
    log.say(f"VISIT {VISIT} {how}")
    return log


# The real log.


@pytest.fixture(scope="module")
def flown(shared_data) -> Visit:
    return read_log(shared_data / "oss_logs" / "V02726402001.txt")


def test_the_real_log_gives_its_six_exposures(flown):
    assert [str(e.name)[14:] for e in flown.exposures] == [
        "02102_00001", "03102_00001", "03104_00001", "03104_00002", "03105_00001", "03105_00002",
    ]  # fmt: skip
    assert sum(len(e.readouts) for e in flown.exposures) == 22


def test_the_real_log_gives_times_as_they_stand_in_it(flown):
    assert flown.start == datetime(2022, 12, 4, 2, 51, 16, 183000, UTC)
    assert flown.end == datetime(2022, 12, 4, 4, 7, 4, 786000, UTC)
    image = flown.exposures[2]
    assert image.start == datetime(2022, 12, 4, 3, 53, 25, 580000, UTC)
    assert image.end - image.start == timedelta(seconds=96.631)
    assert (image.exposure_seconds, image.photon_seconds) == (96.631, 85.894)


def test_the_real_log_is_a_sensing_visit_that_went_well(flown):
    assert (flown.visit_type, flown.status, flown.end_reason) == ("PRIME_WFSC_SENSING_ONLY", "SUCCESSFUL", "")
    assert flown.is_wavefront
    assert flown.moves == ()
    assert (flown.guide_star.guider, flown.guide_star.x, flown.guide_star.y) == (1, 36.741, 12.536)


def test_the_real_log_tells_acquisition_jitter_and_pairs_apart(flown):
    acquisition, jitter, *images = flown.exposures
    assert (acquisition.exp_type, acquisition.subarray, acquisition.dither) == ("NRC_TACQ", "SUB64FP1A", Dither())
    assert (jitter.dms_note, jitter.nints, jitter.ngroups, jitter.dither.pattern) == ("WFSC_LOS_JITTER", 750, 72, "NONE")
    assert [(i.dither.pattern, i.dither.index, i.dither.total) for i in images] == [("WFSC", 1, 2), ("WFSC", 2, 2)] * 2
    assert [i.dither.x for i in images] == [0.0, -0.159957425, -0.159957425, 0.0]


def test_the_real_log_gives_every_detector_its_light(flown):
    image = flown.exposures[4]
    assert [(r.detector, r.filter, r.pupil) for r in image.readouts] == [
        *((f"NRCA{i}", "F212N", "WLP8") for i in (1, 2, 3, 4)),
        ("NRCALONG", "F356W", "CLEAR"),
    ]


def test_frame_times_agree_with_the_real_log(flown):
    for exposure in flown.exposures:
        photons = exposure.nints * exposure.ngroups * modes.frame_seconds(exposure.subarray)
        assert photons == pytest.approx(exposure.photon_seconds, abs=6e-4)


# How visits may go.


def test_activities_go_up_to_base_36(tmp_path):
    log = opened("12")
    log.exposure("10I001", "NRCB4")
    visit = read_log(ended(log).written(tmp_path))
    assert visit.exposures[0].name == ExposureName.parse("jw04556001001_1210i_00001")


def test_a_skipped_visit_has_no_exposures(tmp_path):
    log = Log()
    log.say("FGS1 acquisition failed on all attempts")
    log.say(f"VISIT {VISIT} - guide star acquisition failed - SKIPPED")
    visit = read_log(log.written(tmp_path))
    assert (visit.status, visit.end_reason) == ("SKIPPED", "guide star acquisition failed")
    assert (visit.exposures, visit.guide_star) == ((), None)


@pytest.mark.parametrize("reason", ["SSR ALMOST FULL", "EXCEEDED ALLOWED TIME"])
def test_a_visit_that_ended_early_says_why_and_keeps_what_there_is(tmp_path, reason):
    log = opened()
    log.exposure("104001", "NRCAALL")
    began = log.exposure("104002", "NRCAALL", done=False)
    log.say("FGS Guider 1  poor quality centroid data in TRK or FG.", after=20)
    visit = read_log(ended(log, f"ENDED, {reason}").written(tmp_path))
    assert (visit.status, visit.end_reason) == ("UNSUCCESSFUL", reason)
    assert [e.status for e in visit.exposures] == ["completed", "aborted"]
    aborted = visit.exposures[1]
    assert len(aborted.readouts) == 5
    assert aborted.start == began
    assert aborted.end - aborted.start == timedelta(seconds=1.02 + 20 + 1.02)
    assert aborted.end == aborted.start + timedelta(seconds=aborted.exposure_seconds)


def test_a_failed_acquisition_makes_the_visit_unsuccessful(tmp_path):
    log = opened("02")
    log.exposure("102001")
    log.say("NRC target locate failed")
    log.say(f"Script terminated: {VISIT}P0000000002102:NRCTAMAIN:ERROR")
    visit = read_log(ended(log).written(tmp_path))
    assert (visit.status, visit.end_reason) == ("UNSUCCESSFUL", "NRC target locate failed")
    assert visit.exposures[0].status == "completed"


def test_an_exposure_whose_script_ends_before_it_is_completed_was_aborted(tmp_path):
    log = opened()
    log.exposure("104001", "NRCBALL", done=False)
    left = log.say(f"Script terminated: {VISIT}P0000000003104:NRCMAIN:ERROR", after=30)
    log.exposure("105001", "NRCBALL")
    visit = read_log(ended(log).written(tmp_path))
    assert [e.status for e in visit.exposures] == ["aborted", "completed"]
    assert visit.exposures[0].end == left
    assert visit.status == "UNSUCCESSFUL"


def test_an_aborted_exposure_lasts_no_longer_than_it_was_planned(tmp_path):
    log = opened()
    log.exposure("104001", "NRCA3", done=False)
    log.exposure("105001", "NRCA3", done=False)
    log.say("SCS ID 511 reached specified step 255", after=3000)
    visit = read_log(ended(log).written(tmp_path))
    assert visit.exposures[1].exposure_seconds == pytest.approx(8 * 10.73677, abs=1e-3)


def test_an_aborted_exposure_on_a_focus_subarray_is_of_its_one_detector(tmp_path):
    log = opened()
    log.exposure("104001", "NRCB4", done=False, words="RAPID ints=1 grps=3 SUB64FP1B")
    visit = read_log(ended(log).written(tmp_path))
    assert [r.detector for r in visit.exposures[0].readouts] == ["NRCB4"]


def test_mirror_moves_make_it_a_control_visit(tmp_path):
    log = opened()
    log.exposure("104001", "NRCAALL", pupils="WLM8/CLEAR/NULL/NULL")
    log.say(f"Script activated: {VISIT}P0000000003105:SCWFCMAIN")
    log.say(f"WFC initiating group 1 from file ram:/{VISIT}.w")
    at = log.say(f"WFC group 1 from file ram:/{VISIT}.w has completed", after=300)
    log.exposure("106001", "NRCAALL", pupils="WLM8/CLEAR/NULL/NULL")
    visit = read_log(ended(log).written(tmp_path))
    assert visit.visit_type == "PRIME_WFSC_SENSING_CONTROL"
    assert visit.moves == (MirrorMove(at=at, group=1),)
    assert visit.exposures[0].end < at < visit.exposures[1].start


def test_a_visit_without_lens_and_mirror_scripts_is_an_ordinary_one(tmp_path):
    log = opened()
    log.exposure("104001", "NRCALONG", words="DEEP8 ints=1 grps=7 FULL")
    visit = read_log(ended(log).written(tmp_path))
    assert (visit.visit_type, visit.template, visit.priority) == ("PRIME_TARGETED_FIXED", "NIRCam Imaging", "STANDARD")
    assert (visit.exposures[0].nframes, visit.exposures[0].groupgap) == (8, 12)


def test_a_log_that_stops_is_of_an_unsuccessful_visit(tmp_path):
    log = opened()
    log.exposure("104001")
    path = log.written(tmp_path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    visit = read_log(path)
    assert (visit.status, visit.end) == ("UNSUCCESSFUL", log.at)


# What cannot be flown.


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("104001 MIR_IMAGE FASTR1 ints=0 grps=5 FULL flt=F770W", "at least one integration"),
        ("104001 XYZ_IMAGE FASTR1 ints=1 grps=5 FULL flt=F770W", "this message about an exposure cannot be read"),
        (f"VISIT {VISIT} WENT AWAY", "this message about a visit or the plan cannot be read"),
        ("*** PLAN PROCESSING WENT AWAY ***", "this message about a visit or the plan cannot be read"),
        ("Dither SAM (x, y) = 1e99, 0.0", "the number 1e99 cannot be"),
        ("104001 NRC_IMAGE RAPID ints=two grps=4 FULL flt=F212N/NULL/NULL/NULL", "this message about an exposure cannot be read"),
        ("104001 NRC_IMAGE RAPID ints=0 grps=4 FULL flt=F212N/NULL/NULL/NULL", "at least one integration"),
        ("104001 NRC_IMAGE RAPID ints=1 grps=4 FULL flt=F212N/NULL", "four each"),
        ("104001 NRC_IMAGE RAPID ints=1 grps=4 FULL flt=NULL/NULL/NULL/NULL", "no detector has a filter"),
        ("104001 NRC_IMAGE RAPID ints=1 grps=4 FULL flt=F999N/NULL/NULL/NULL", "filter F999N and pupil CLEAR"),
        ("104001 NRC_IMAGE SLOW ints=1 grps=4 FULL flt=F212N/NULL/NULL/NULL", "'SLOW' is no readout pattern"),
        ("104001 NRC_IMAGE RAPID ints=1 grps=4 SUB9 flt=F212N/NULL/NULL/NULL", "'SUB9' is no subarray"),
        ("104001 pupil=CLEAR/NULL/NULL/NULL", "no start of this exposure"),
        ("104001 NRC_IMAGE completed exptime=1.0 pctime=1.0 cfg=NRCA3", "no start of this exposure"),
        ("Group V99999001001:04 started", "another visit"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_text(tmp_path, line, said):
    log = opened()
    log.say(line)
    path = ended(log).written(tmp_path)
    with pytest.raises(BadVisit, match=said) as caught:
        read_log(path)
    assert f"{VISIT}.txt: line 4: " in caught.value.message
    assert line in caught.value.message
    assert caught.value.facts["line"] == 4


def test_an_exposure_outside_any_group_is_refused(tmp_path):
    log = Log()
    log.exposure("104001")
    with pytest.raises(BadVisit, match=r"line 2: .*outside any group"):
        read_log(ended(log).written(tmp_path))


def test_an_exposure_that_starts_twice_is_refused(tmp_path):
    log = opened()
    log.exposure("104001")
    log.exposure("104001")
    with pytest.raises(BadVisit, match=r"line 7: this exposure has started before"):
        read_log(ended(log).written(tmp_path))


def test_an_exposure_completed_before_it_can_have_ended_is_refused(tmp_path):
    log = opened()
    log.exposure("104001", done=False)
    log.say("104001 NRC_IMAGE completed exptime=96.631 pctime=85.894 cfg=NRCA3")
    with pytest.raises(BadVisit, match=r"line 6: the exposure would have ended after this message"):
        read_log(ended(log).written(tmp_path))


def test_an_unknown_configuration_is_refused(tmp_path):
    log = opened()
    log.exposure("104001", done=False)
    log.say("104001 NRC_IMAGE completed exptime=96.631 pctime=85.894 cfg=NRCC9", after=200)
    with pytest.raises(BadVisit, match="'NRCC9' is no detector configuration"):
        read_log(ended(log).written(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"hello\n",
        b"\xff\xfe\x00",
        b"2022-13-04 00:00:00.00 \t VISIT V04556001001 ENDED\n",
        b"2022-12-04 00:00:00.00 \t nothing\n",
    ],
)
def test_what_is_no_log_is_refused(tmp_path, content):
    path = tmp_path / "log.txt"
    path.write_bytes(content)
    with pytest.raises(BadVisit, match=r"log\.txt: "):
        read_log(path)


def test_a_log_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadVisit, match="cannot be read as text"):
        read_log(tmp_path / "none.txt")


# Any visit: what is written as a log is read as the same visit.


@dataclass(frozen=True)
class Planned:
    activity: int
    count: int
    cfg: str
    readpatt: str
    nints: int
    ngroups: int
    lens: str
    dithers: tuple[tuple[float, float], ...]
    move: bool
    noise: tuple[str, ...]


planned = st.builds(
    Planned,
    activity=st.integers(0, 36 * 36 - 1),
    count=st.integers(1, 3),
    cfg=st.sampled_from(sorted(PAIRS)),
    readpatt=st.sampled_from(["RAPID", "BRIGHT2", "SHALLOW4", "MEDIUM8", "DEEP2"]),
    nints=st.integers(1, 800),
    ngroups=st.integers(1, 100),
    lens=st.sampled_from(["CLEAR", "WLM8", "WLP8"]),
    dithers=st.tuples(*[st.tuples(*[st.decimals(-5, 5, places=9).map(float)] * 2)] * 2),
    move=st.booleans(),
    noise=st.lists(st.sampled_from(NOISE), max_size=3).map(tuple),
)


def letters(activity: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[activity // 36] + digits[activity % 36]


def noisy(log: Log, plan: Planned) -> None:
    for text in plan.noise:
        log.say(text)


@settings(max_examples=120)
@given(plans=st.lists(planned, max_size=5, unique_by=lambda p: p.activity), group=st.integers(1, 99), sequence=st.integers(1, 5))
def test_what_is_written_as_a_log_is_read_as_the_same_visit(tmp_path_factory, plans, group, sequence):
    log = opened(f"{group:02d}")
    log.say("From guiding: guider 2, X ideal -36.7410000 Y ideal 12.5360000")
    x = y = 0.0
    wavefront = any(p.move or "WLP4" in PAIRS[p.cfg] or (p.lens != "CLEAR" and "F" in PAIRS[p.cfg]) for p in plans)
    exposures, moves = [], []
    for plan in plans:
        lights = PAIRS[plan.cfg].split("/")
        pupils = [
            "NULL" if light == "NULL" else "CLEAR" if i % 2 and plan.cfg != "NRCALONG" else plan.lens for i, light in enumerate(lights)
        ]
        pattern = modes.readout_pattern(plan.readpatt)
        for number in range(1, plan.count + 1):
            if number > 1:
                dx, dy = plan.dithers[number - 2]
                log.say(f"Dither SAM (x, y) = {dx:.9f}, {dy:.9f}")
                x, y = round(x + dx, 12), round(y + dy, 12)
            token = f"{sequence}{letters(plan.activity)}{number:03d}"
            began = log.say(f"{token} NRC_IMAGE {plan.readpatt} ints={plan.nints} grps={plan.ngroups} FULL flt={'/'.join(lights)}")
            log.say(f"{token} pupil={'/'.join(pupils)} pil=RETRACT/RETRACT fam=NULL/NULL/NULL")
            noisy(log, plan)
            log.say(f"{token} NRC_IMAGE completed exptime=33.210 pctime=21.470 cfg={plan.cfg}", after=40)
            channel = {d: 2 * (d[3] == "B") + d.endswith("LONG") for d in modes.detectors_of(plan.cfg)}
            exposures.append(
                Exposure(
                    name=ExposureName.parse(f"jw04556001001_{group:02d}{sequence}{letters(plan.activity).lower()}_{number:05d}"),
                    exp_type="NRC_IMAGE",
                    readouts=tuple(Readout(detector=d, filter=lights[c], pupil=pupils[c]) for d, c in channel.items()),
                    readpatt=plan.readpatt,
                    nints=plan.nints,
                    ngroups=plan.ngroups,
                    nframes=pattern.nframes,
                    groupgap=pattern.groupgap,
                    start=began,
                    end=began + timedelta(seconds=33.21),
                    exposure_seconds=33.21,
                    photon_seconds=21.47,
                    dither=Dither(pattern="WFSC" if wavefront and plan.count > 1 else "NONE", index=number, total=plan.count, x=x, y=y),
                )
            )
        if plan.move:
            log.say(f"Script activated: {VISIT}P0000000003199:SCWFCMAIN")
            moves.append(MirrorMove(at=log.say(f"WFC group 1 from file ram:/{VISIT}.w has completed"), group=1))
    visit = read_log(ended(log).written(tmp_path_factory.mktemp("log")))
    assert visit.exposures == tuple(exposures)
    assert visit.moves == tuple(moves)
    assert visit.is_wavefront == wavefront
    assert visit.guide_star == GuideStar(guider=2, x=-36.741, y=12.536)
    assert (visit.start, visit.end, visit.status, visit.target) == (START, log.at, "SUCCESSFUL", UNSAID.target)
