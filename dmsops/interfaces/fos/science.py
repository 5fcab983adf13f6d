"""Reading science recorder files: what arrived of which exposure, and its pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery, BadName
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import Chain, broken, read_chain
from dmsops.interfaces.fos.layout import ExposureHeader, Geometry, Tag, TakenName

MOST_BYTES = 16 * 2**30
"""More than any exposure of one detector that fits the recorder beside others (ours); a larger claim is damage."""
KEYS = ["identification", *Tag._fields]
PLACE = ["kind", "integration", "frame_group", "first_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one file holds of one exposure on one detector.

    ``packets`` counts each packet with pixels once (frames, zero frames, reference output); repeated ones are in
    ``duplicates``, those whose check sum does not agree in ``bad_crc``. ``rows`` and ``complete_frames`` are of frames.
    ``expected`` and ``header`` are None when no exposure header packet arrived.
    """

    exposure: TakenName
    detector: str
    packets: int
    expected: int | None
    duplicates: int
    bad_crc: int
    rows: int
    complete_frames: int
    first_at: datetime
    last_at: datetime
    header: ExposureHeader | None

    @property
    def complete(self) -> bool:
        """Whether every packet that was sent is here."""
        return self.expected is not None and self.packets >= self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class RawExposure:
    """The pixels of one exposure on one detector.

    Attributes
    ----------
    pixels : ndarray of uint16, shape (nints, ngroups, rows, columns)
        Counts as sent; rows that did not arrive are 0.
    filled : ndarray of bool, shape (nints, ngroups, rows)
        Which rows arrived.
    bad_crc : int
        Packets left out because their check sum does not agree.
    zeroframe : ndarray of uint16, shape (nints, rows, columns), or None
        The first read of every integration, with ``zeroframe_filled`` (nints, rows); None when none was sent.
    refout : ndarray of uint16, shape (nints, ngroups, rows, columns / 4), or None
        The reference output, with ``refout_filled`` (nints, ngroups, rows); None when none was sent.
    """

    header: ExposureHeader
    pixels: NDArray[np.uint16]
    filled: NDArray[np.bool_]
    bad_crc: int
    zeroframe: NDArray[np.uint16] | None = None
    zeroframe_filled: NDArray[np.bool_] | None = None
    refout: NDArray[np.uint16] | None = None
    refout_filled: NDArray[np.bool_] | None = None

    @property
    def complete(self) -> bool:
        """Whether every row arrived."""
        return all(mask is None or bool(mask.all()) for mask in (self.filled, self.zeroframe_filled, self.refout_filled))


def scan(path: Path) -> list[Part]:
    """Tell what a science recorder file holds, in the order in which it begins; one pass, nothing kept in memory.

    Raises
    ------
    BadDelivery
        The file is no science recorder file; the message names the byte where it stops being one.
    """
    chain = read_chain(path)
    sound = chain.sound()
    heads = chain.heads(layout.HEAD_DTYPE)
    if not sound.any():
        raise BadDelivery(f"{path.name}: no packet's check sum agrees", file=path.name)
    _check(chain.take(sound), heads[sound])
    keys, index = _exposures(heads[sound])
    bad = _blame(heads, sound, index, len(keys))
    good = chain.take(sound)
    parts = [_part(good.take(index == i), heads[sound][index == i], int(bad[i])) for i in range(len(keys))]
    begins = [int(np.argmax(index == i)) for i in range(len(keys))]
    return [parts[i] for i in np.argsort(begins)]


def read_exposure(paths: Iterable[Path], exposure: TakenName, detector: str) -> RawExposure:
    """Read the pixels of one exposure on one detector out of the files that hold parts of it.

    Packets may come in any order and more than once; those whose check sum does not agree are left out.

    Raises
    ------
    BadDelivery
        A file cannot be followed, no exposure header packet arrived, or a packet contradicts it.
    """
    pieces = [_pieces(path, exposure, detector) for path in paths]
    header = next((h for chain, heads, _ in pieces if (h := _described(chain, heads)) is not None), None)
    if header is None:
        raise BadDelivery(
            f"no exposure header packet of {exposure} {detector} is in the files given", exposure=str(exposure), detector=detector
        )
    planes = _planes(header)
    for chain, heads, _ in pieces:
        _place(chain, heads, planes)
    (pixels, filled), zero, reference = planes[layout.FRAME], planes.get(layout.ZERO_FRAME), planes.get(layout.REFERENCE_OUTPUT)
    return RawExposure(
        header=header,
        pixels=pixels,
        filled=filled,
        bad_crc=sum(bad for _, _, bad in pieces),
        zeroframe=None if zero is None else zero[0][:, 0],
        zeroframe_filled=None if zero is None else zero[1][:, 0],
        refout=None if reference is None else reference[0],
        refout_filled=None if reference is None else reference[1],
    )


_NOTHING, _NO_ROWS = np.zeros((0, 0, 0, 0), dtype=np.uint16), np.zeros((0, 0, 0), dtype=bool)
Planes = dict[int, tuple[NDArray[np.uint16], NDArray[np.bool_]]]
"""By kind of packet: pixels (nints, groups, rows, columns) and which rows are filled (nints, groups, rows)."""


def _planes(header: ExposureHeader) -> Planes:
    nints, ngroups, rows, columns = header.nints, header.ngroups, header.geometry.ysize, header.geometry.xsize
    shapes = {layout.FRAME: (nints, ngroups, rows, columns)}
    if header.zero_packets:
        shapes[layout.ZERO_FRAME] = (nints, 1, rows, columns)
    if header.reference_packets:
        shapes[layout.REFERENCE_OUTPUT] = (nints, ngroups, rows, columns // layout.OUTPUTS)
    if 2 * sum(int(np.prod(shape, dtype=object)) for shape in shapes.values()) > MOST_BYTES:
        raise BadDelivery(
            f"{header.exposure} {header.detector}: the exposure header claims more pixels than the recorder holds",
            exposure=str(header.exposure),
        )
    return {kind: (np.zeros(shape, dtype=np.uint16), np.zeros(shape[:3], dtype=bool)) for kind, shape in shapes.items()}


def _pieces(path: Path, exposure: TakenName, detector: str) -> tuple[Chain, NDArray[np.void], int]:
    chain = read_chain(path)
    heads = chain.heads(layout.HEAD_DTYPE)
    wanted = (heads["identification"] & 0x7FF) == layout.APIDS.get(detector, -1)
    for field, value in layout.tag_of(exposure)._asdict().items():
        wanted &= heads[field] == value
    chain, heads = chain.take(wanted), heads[wanted]
    sound = chain.sound()
    _check(chain.take(sound), heads[sound])
    return chain.take(sound), heads[sound], int((~sound).sum())


def _check(chain: Chain, heads: NDArray[np.void]) -> None:
    """Refuse a packet whose check sum agrees but which is not of this layout."""
    pixels, described, kind = np.isin(heads["kind"], layout.PIXELS), heads["kind"] == layout.EXPOSURE, heads["kind"]
    payload = chain.ends - chain.starts - layout.HEAD.size - layout.CHECK.size
    rows, columns = heads["rows"].astype(np.int64), heads["frame_columns"].astype(np.int64)
    inside = heads["first_row"] + rows <= heads["frame_rows"]
    fits = pixels & (rows > 0) & inside & (columns > 0) & (payload == 2 * rows * columns) & (heads["integration"] > 0)
    fits &= (heads["frame_group"] > 0) ^ (kind == layout.ZERO_FRAME)
    fits |= described & (payload == layout.DESCRIPTION.size)
    timed = (heads["millisecond"] < 86_401_000) & (heads["microsecond"] < 1000)
    known = np.isin(heads["identification"] & 0x7FF, list(layout.DETECTOR_OF))
    right = (heads["version"] == layout.LAYOUT_VERSION) & fits & _named(heads) & timed & known
    if not right.all():
        raise broken(chain.path, chain.starts[int(np.argmin(right))], "the science header is not of the known layout")


def _named(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say which packets name an exposure, or a guide-star function of a guider."""
    group, sequence, activity, number = (heads[field] for field in Tag._fields[1:])
    exposure = (group < 100) & (sequence > 0) & (sequence < 6) & (activity < 36**2) & (number < 10**5)
    guide = (group > 0) & (group <= len(layout.GUIDE_FUNCTIONS)) & (sequence == 0) & (activity == 0)
    guide &= (group > 1) | ((number > 0) & (number < 100))
    guide &= np.isin(heads["identification"] & 0x7FF, layout.GUIDERS)
    return np.asarray((heads["visit"] < 10**11) & (exposure | guide))


def _exposures(heads: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    keys, index = np.unique(_fields(heads, KEYS), return_inverse=True)
    return keys, index.astype(np.int64).reshape(-1)


def _fields(heads: NDArray[np.void], names: list[str]) -> NDArray[np.void]:
    plain = np.dtype([(name, np.int64) for name in names])
    chosen = np.empty(len(heads), dtype=plain)
    for name in names:
        chosen[name] = heads[name]
    return chosen


def _blame(heads: NDArray[np.void], sound: NDArray[np.bool_], index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Count damaged packets per exposure: each goes to the sound packet before it, as its own header may lie."""
    before = np.cumsum(sound)[~sound] - 1
    return np.bincount(index[np.maximum(before, 0)], minlength=count)


def _part(chain: Chain, heads: NDArray[np.void], bad: int) -> Part:
    header = _described(chain, heads)
    sent = heads[heads["kind"] != layout.EXPOSURE]
    _, kept = np.unique(_fields(sent, PLACE), return_index=True)
    once = sent[kept[sent["kind"][kept] == layout.FRAME]]
    names, rows = np.unique(_fields(once, PLACE[:3]), return_inverse=True)
    arrived = np.bincount(rows.reshape(-1), weights=once["rows"], minlength=len(names))
    times = _fields(heads, ["day", "millisecond", "microsecond"])
    times.sort()
    return Part(
        exposure=name_of_head(heads[0]),
        detector=layout.DETECTOR_OF[int(heads[0]["identification"]) & 0x7FF],
        packets=len(kept),
        expected=None if header is None else header.all_packets,
        duplicates=len(sent) - len(kept),
        bad_crc=bad,
        rows=int(once["rows"].sum()),
        complete_frames=int((arrived >= once["frame_rows"].max(initial=1)).sum()),
        first_at=layout.from_cds(*times[0].tolist()),
        last_at=layout.from_cds(*times[-1].tolist()),
        header=header,
    )


def name_of_head(head: np.void) -> TakenName:
    """Give the exposure that a packet belongs to."""
    return layout.name_of(Tag(*(int(head[field]) for field in Tag._fields)))


def _described(chain: Chain, heads: NDArray[np.void]) -> ExposureHeader | None:
    for i in np.flatnonzero(heads["kind"] == layout.EXPOSURE):
        start = int(chain.starts[i])
        try:
            return _exposure_header(heads[i], bytes(chain.content[start + layout.HEAD.size : int(chain.ends[i]) - layout.CHECK.size]))
        except (BadName, UnicodeDecodeError, OverflowError, ValueError) as error:
            raise broken(chain.path, start, f"the exposure header packet cannot be used: {error}") from None
    return None


def _exposure_header(head: np.void, body: bytes) -> ExposureHeader:
    numbers = layout.DESCRIPTION.unpack(body)
    readpatt, subarray, light, pupil = (word.rstrip(b"\0").decode("ascii") for word in numbers[14:])
    nints, ngroups, nframes, groupgap, xstart, ystart, xsize, ysize, packets, zero_packets, reference_packets = numbers[:11]
    if min(nints, ngroups, nframes, xstart, ystart, xsize, ysize) < 1:
        raise ValueError("a count, a corner or a size is zero")
    return ExposureHeader(
        exposure=name_of_head(head),
        detector=layout.DETECTOR_OF[int(head["identification"]) & 0x7FF],
        nints=nints,
        ngroups=ngroups,
        nframes=nframes,
        groupgap=groupgap,
        geometry=Geometry(xstart, ystart, xsize, ysize),
        packets=packets,
        zero_packets=zero_packets,
        reference_packets=reference_packets,
        start=layout.from_cds(*numbers[11:14]),
        readpatt=readpatt,
        subarray=subarray,
        filter=light,
        pupil=pupil,
    )


def _place(chain: Chain, heads: NDArray[np.void], planes: Planes) -> None:
    for start, head in zip(chain.starts.tolist(), heads.tolist(), strict=True):
        kind = head[7]
        if kind == layout.EXPOSURE:
            continue
        integration, group, _, first, rows, frame_rows, columns = head[13:]
        pixels, filled = planes.get(kind, (_NOTHING, _NO_ROWS))
        if integration > pixels.shape[0] or max(group, 1) > pixels.shape[1] or (frame_rows, columns) != pixels.shape[2:]:
            raise broken(chain.path, start, "the frame does not fit what the exposure header packet says")
        data = start + layout.HEAD.size
        block = chain.content[data : data + 2 * rows * columns].view(">u2").reshape(rows, columns)
        pixels[integration - 1, max(group, 1) - 1, first : first + rows] = block
        filled[integration - 1, max(group, 1) - 1, first : first + rows] = True
