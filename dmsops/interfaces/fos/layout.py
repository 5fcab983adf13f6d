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

from dmsops.core.names import DETECTORS, ExposureName, VisitId

SCIENCE_APID = 0x200
APIDS = {name.upper(): SCIENCE_APID + index for index, name in enumerate(DETECTORS)}
"""Application id of each detector's packets."""
POINTING_APID = 0x0A0
"""Application id of the pointing telemetry."""
DETECTOR_OF = {apid: name for name, apid in APIDS.items()}

LAYOUT_VERSION = 1
FRAME, EXPOSURE = 1, 2
"""Kinds of science packet: rows of a frame, and the exposure header."""

FIRST, CONTINUATION, LAST, WHOLE = 0b01, 0b00, 0b10, 0b11
"""Sequence flags: where a packet stands in its frame."""
COUNTER_WRAP = 1 << 14
MAX_PIXEL_BYTES = 65_000
EPOCH = datetime(1958, 1, 1, tzinfo=UTC)

PRIMARY = struct.Struct(">HHH")
TIME = struct.Struct(">HIH")
HEAD = struct.Struct(">HHH HIH BBQBBHI IHHHHHH")
"""Primary header, time and science header of one packet."""
DESCRIPTION = struct.Struct(">IHHHHHHHI HIH 16s24s16s16s")
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

    ``packets`` is the number of frame packets that the recorder sent; ``start`` is UTC.
    """

    exposure: ExposureName
    detector: str
    nints: int
    ngroups: int
    nframes: int
    groupgap: int
    geometry: Geometry
    packets: int
    start: datetime
    readpatt: str
    subarray: str
    filter: str
    pupil: str


class Tag(NamedTuple):
    """The numbers that name an exposure inside a packet."""

    visit: int
    group: int
    sequence: int
    activity: int
    number: int


def tag_of(name: ExposureName) -> Tag:
    """Write an exposure's name as numbers (the activity is base 36)."""
    return Tag(int(str(name.visit)), int(name.group), int(name.sequence), int(name.activity, 36), name.number)


def name_of(tag: Tag) -> ExposureName:
    """Read an exposure's name from the numbers of a packet; raises `BadName` when they make no name."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    activity = digits[tag.activity // 36] + digits[tag.activity % 36]
    visit = VisitId.parse(f"{tag.visit:011d}")
    return ExposureName(visit, f"{tag.group:02d}", str(tag.sequence), activity, tag.number)


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


def packets_per_frame(geometry: Geometry) -> int:
    """Say into how many packets a frame is cut."""
    return -(-geometry.ysize // rows_per_packet(geometry.xsize))
