"""Bit layout of our recorder packets (ours; docs/reference/packets.md), in CCSDS space packets.

Sources: primary header CCSDS 133.0-B-2 section 4.1; time CCSDS 301.0-B-4 section 3.3 (day segmented, CDS).
What follows the time is a reconstruction: the observatory's science packets are not published.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from dmsops.core.errors import BadName
from dmsops.core.names import DETECTORS, ExposureName, GuideStarName, VisitId

SCIENCE_APID = 0x200
APIDS = {name.upper(): SCIENCE_APID + index for index, name in enumerate(DETECTORS)}
"""Application id of each detector's packets."""
GUIDERS = (APIDS["GUIDER1"], APIDS["GUIDER2"])
POINTING_APID = 0x0A0
"""Application id of the pointing telemetry."""
DETECTOR_OF = {apid: name for name, apid in APIDS.items()}

LAYOUT_VERSION = 2
FRAME, EXPOSURE, ZERO_FRAME, REFERENCE_OUTPUT = 1, 2, 3, 4
"""Kinds of science packet: rows of a frame, the exposure header, rows of an integration's first read, rows of the reference output."""
PIXELS = (FRAME, ZERO_FRAME, REFERENCE_OUTPUT)
OUTPUTS = 4
"""A detector's outputs share its columns; the reference output has the columns of one of them (MIRI)."""
GUIDE_FUNCTIONS = ("gs-id", "gs-acq1", "gs-acq2", "gs-track", "gs-fg")
"""Guide-star functions by their number in a packet, from 1."""

FIRST, CONTINUATION, LAST, WHOLE = 0b01, 0b00, 0b10, 0b11
"""Sequence flags: where a packet stands in its frame."""
COUNTER_WRAP = 1 << 14
MAX_PIXEL_BYTES = 65_000
EPOCH = datetime(1958, 1, 1, tzinfo=UTC)

PRIMARY = struct.Struct(">HHH")
TIME = struct.Struct(">HIH")
HEAD = struct.Struct(">HHH HIH BBQBBHI IHHHHHH")
"""Primary header, time and science header of one packet."""
DESCRIPTION = struct.Struct(">IHHHHHHHIII HIH 16s24s16s16s")
"""Body of an exposure header packet."""
CHECK = struct.Struct(">I")

HEAD_DTYPE = np.dtype(
    [
        ("identification", ">u2"),
        ("sequencing", ">u2"),
        ("length", ">u2"),
        ("day", ">u2"),
        ("millisecond", ">u4"),
        ("microsecond", ">u2"),
        ("version", "u1"),
        ("kind", "u1"),
        ("visit", ">u8"),
        ("group", "u1"),
        ("sequence", "u1"),
        ("activity", ">u2"),
        ("number", ">u4"),
        ("integration", ">u4"),
        ("frame_group", ">u2"),
        ("frame", ">u2"),
        ("first_row", ">u2"),
        ("rows", ">u2"),
        ("frame_rows", ">u2"),
        ("frame_columns", ">u2"),
    ]
)
"""The same bytes as `HEAD`, for reading many at once."""


TakenName = ExposureName | GuideStarName
"""What science packets may be of."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the pixels lie on the detector: 1-based corner and size, science frame (as SUBSTRT, SUBSIZE)."""

    xstart: int
    ystart: int
    xsize: int
    ysize: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureHeader:
    """What an exposure header packet says of one exposure on one detector.

    ``packets``, ``zero_packets`` and ``reference_packets`` are the numbers of packets that the recorder sent of frames,
    of zero frames and of the reference output (0: the exposure has none); ``start`` is UTC.
    """

    exposure: TakenName
    detector: str
    nints: int
    ngroups: int
    nframes: int
    groupgap: int
    geometry: Geometry
    packets: int
    zero_packets: int
    reference_packets: int
    start: datetime
    readpatt: str
    subarray: str
    filter: str
    pupil: str

    @property
    def all_packets(self) -> int:
        """How many packets with pixels, of all kinds, the recorder sent."""
        return self.packets + self.zero_packets + self.reference_packets


class Tag(NamedTuple):
    """The numbers that name an exposure or a guide-star function inside a packet."""

    visit: int
    group: int
    sequence: int
    activity: int
    number: int


def tag_of(name: TakenName) -> Tag:
    """Write a name as numbers.

    The activity is base 36. A guide-star function has sequence 0, its own number as group, and as number its attempt
    (identification) or the seconds from 1958-01-01 to its end.

    Raises
    ------
    BadName
        A guide-star function's stamp is no time that 32 bits can hold.
    """
    if isinstance(name, GuideStarName):
        return Tag(int(str(name.visit)), GUIDE_FUNCTIONS.index(name.function) + 1, 0, 0, _stamp_number(name))
    return Tag(int(str(name.visit)), int(name.group), int(name.sequence), int(name.activity, 36), name.number)


def name_of(tag: Tag) -> TakenName:
    """Read a name from the numbers of a packet; raises `BadName` when they make no name."""
    visit = VisitId.parse(f"{tag.visit:011d}")
    if tag.sequence == 0:
        return _guide_star_name(visit, tag)
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    activity = digits[tag.activity // 36] + digits[tag.activity % 36]
    return ExposureName(visit, f"{tag.group:02d}", str(tag.sequence), activity, tag.number)


def _stamp_number(name: GuideStarName) -> int:
    if name.function == GUIDE_FUNCTIONS[0]:
        return int(name.stamp)
    year, day = int(name.stamp[:4]), int(name.stamp[4:7])
    hour, minute, second = (int(name.stamp[i : i + 2]) for i in (7, 9, 11))
    end = datetime(min(max(year, 1), 9998), 1, 1, hour, minute, second, tzinfo=UTC) + timedelta(days=day - 1)
    seconds = int((end - EPOCH).total_seconds())
    if end.year != year or not 0 <= seconds < 1 << 32:
        raise BadName(f"'{name}': the time in it is none between 1958 and 2094", name=str(name))
    return seconds


def _guide_star_name(visit: VisitId, tag: Tag) -> GuideStarName:
    if not 1 <= tag.group <= len(GUIDE_FUNCTIONS) or tag.activity:
        raise BadName(f"visit group {tag.group}, activity {tag.activity} of sequence 0 name no guide-star function")
    function = GUIDE_FUNCTIONS[tag.group - 1]
    ended = EPOCH + timedelta(seconds=tag.number)
    return GuideStarName(visit, function, str(tag.number) if tag.group == 1 else ended.strftime("%Y%j%H%M%S"))


def cds(when: datetime) -> tuple[int, int, int]:
    """Give a time as CDS fields: days since 1958-01-01, milliseconds of the day, microseconds of the millisecond."""
    since = when.astimezone(UTC) - EPOCH
    return since.days, since.seconds * 1000 + since.microseconds // 1000, since.microseconds % 1000


def from_cds(day: int, millisecond: int, microsecond: int) -> datetime:
    """Read CDS fields as a UTC time."""
    return EPOCH + timedelta(days=day, milliseconds=millisecond, microseconds=microsecond)


def rows_per_packet(columns: int) -> int:
    """Say how many whole rows of a frame go into one packet."""
    return max(1, MAX_PIXEL_BYTES // (2 * columns))


def packets_per_frame(rows: int, columns: int) -> int:
    """Say into how many packets a frame is cut."""
    return -(-rows // rows_per_packet(columns))
