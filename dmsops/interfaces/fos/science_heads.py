"""What science packets say of themselves: whether they are of our layout, whose they are, and what the exposure header says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadName
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import Chain, broken
from dmsops.interfaces.fos.coverage import WORDS, sent_of
from dmsops.interfaces.fos.layout import ExposureHeader, Geometry, Tag, TakenName

MOST_BYTES = 16 * 2**30
"""More than any exposure of one detector that fits the recorder beside others (ours); a larger claim is damage."""
_TAG = list(Tag._fields)
_WHO = slice(16, 32)
"""The bytes of a packet that name its exposure."""
_OF_PIXELS = np.isin(np.arange(1 << 8), layout.PIXELS)
_KNOWN = np.isin(np.arange(1 << 11), list(layout.DETECTOR_OF))
_GUIDERS = np.isin(np.arange(1 << 11), layout.GUIDERS)
"""By kind and by application id: asked of every packet, so looked up."""


def check_layout(chain: Chain, heads: NDArray[np.void]) -> None:
    """Refuse a packet whose check sum agrees but which is not of this layout."""
    kind = heads["kind"]
    pixels, described = _OF_PIXELS[kind], kind == layout.EXPOSURE
    payload = chain.ends - chain.starts - layout.HEAD.size - layout.CHECK.size
    rows, columns, first = (heads[name].astype(np.int64) for name in ("rows", "frame_columns", "first_row"))
    most = np.maximum(layout.MAX_PIXEL_BYTES // np.maximum(2 * columns, 1), 1)
    cut = (first % most == 0) & (rows == np.minimum(most, heads["frame_rows"] - first))
    fits = pixels & (rows > 0) & cut & (columns > 0) & (payload == 2 * rows * columns) & (heads["integration"] > 0)
    fits &= (heads["frame_group"] > 0) ^ (kind == layout.ZERO_FRAME)
    fits |= described & (payload == layout.DESCRIPTION.size)
    timed = (heads["millisecond"] < 86_401_000) & (heads["microsecond"] < 1000)
    known = _KNOWN[heads["identification"] & 0x7FF]
    right = (heads["version"] == layout.LAYOUT_VERSION) & fits & _named(heads) & timed & known
    if not right.all():
        raise broken(chain.path, chain.starts[int(np.argmin(right))], "the science header is not of the known layout")


def _named(heads: NDArray[np.void]) -> NDArray[np.bool_]:
    """Say which packets name an exposure, or a guide-star function of a guider."""
    group, sequence, activity, number = (heads[field] for field in Tag._fields[1:])
    exposure = (group < 100) & (sequence > 0) & (sequence < 6) & (activity < 36**2) & (number < 10**5)
    guide = (group > 0) & (group <= len(layout.GUIDE_FUNCTIONS)) & (sequence == 0) & (activity == 0)
    guide &= (group > 1) | ((number > 0) & (number < 100))
    guide &= _GUIDERS[heads["identification"] & 0x7FF]
    return np.asarray((heads["visit"] < 10**11) & (exposure | guide))


def exposures(heads: NDArray[np.void]) -> tuple[NDArray[np.int64], int]:
    """Give each exposure and detector a number, in the order in which they begin.

    Returns
    -------
    index : ndarray of int64, shape (packets,)
        For each packet the number of its exposure and detector.
    count : int
        How many there are.
    """
    who = heads.view(np.uint8).reshape(len(heads), -1)[:, _WHO].copy().view(np.uint64)
    apid = (heads["identification"] & 0x7FF).astype(np.int64)
    if (who == who[0]).all() and (apid == apid[0]).all():
        return np.zeros(len(heads), dtype=np.int64), 1
    code = _codes(who[:, 0]) * (len(heads) + 1) + _codes(who[:, 1])
    code = _codes(code) * 0x800 + apid
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[index.reshape(-1)], len(first)


def _codes(values: NDArray[np.uint64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Give distinct values numbers; quick where all are the same."""
    if (values == values[0]).all():
        return np.zeros(len(values), dtype=np.int64)
    return np.unique(values, return_inverse=True)[1].astype(np.int64).reshape(-1)


def name_of_head(head: np.void) -> TakenName:
    """Give the exposure or guide-star function that a packet belongs to."""
    return layout.name_of(Tag(*head[_TAG].item()))


def described(chain: Chain, heads: NDArray[np.void]) -> ExposureHeader | None:
    """Read the exposure header among the packets of one exposure on one detector; None when there is none.

    Raises
    ------
    BadDelivery
        It cannot be used, or two do not say the same; the message names the byte.
    """
    found: ExposureHeader | None = None
    for i in np.flatnonzero(heads["kind"] == layout.EXPOSURE):
        start = int(chain.starts[i])
        body = bytes(chain.content[start + layout.HEAD.size : int(chain.ends[i]) - layout.CHECK.size])
        try:
            header = _exposure_header(heads[i], body)
        except (BadName, UnicodeDecodeError, OverflowError, ValueError) as error:
            raise broken(chain.path, start, f"the exposure header packet cannot be used: {error}") from None
        if found is not None and found != header:
            raise broken(chain.path, start, "the exposure header packet says other things than the one before it")
        found = header
    return found


def _exposure_header(head: np.void, body: bytes) -> ExposureHeader:
    numbers = layout.DESCRIPTION.unpack(body)
    readpatt, subarray, light, pupil = (word.rstrip(b"\0").decode("ascii") for word in numbers[14:])
    nints, ngroups, nframes, groupgap, xstart, ystart, xsize, ysize, packets, zero_packets, reference_packets = numbers[:11]
    if min(nints, ngroups, nframes, xstart, ystart, xsize, ysize) < 1:
        raise ValueError("a count, a corner or a size is zero")
    header = ExposureHeader(
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
    _check_counts(header)
    return header


def _check_counts(header: ExposureHeader) -> None:
    """Refuse an exposure header whose counts of packets are not those of its frames."""
    if header.reference_packets and header.geometry.xsize % layout.OUTPUTS:
        raise ValueError("there is no reference output of such a number of columns")
    sent = sent_of(header)
    if 2 * sum(s.nints * s.groups * s.rows * s.columns for s in sent.values()) > MOST_BYTES:
        raise ValueError("it claims more pixels than the recorder holds")
    counted = {"frame": header.packets, "zero frame": header.zero_packets, "reference output": header.reference_packets}
    if any(s.packets != counted[kind] for kind, s in sent.items()):
        raise ValueError("its numbers of packets are not those of its frames")


def check_fits(chain: Chain, heads: NDArray[np.void], header: ExposureHeader | None) -> None:
    """Refuse a packet with pixels that contradicts the exposure header or, without one, the packets before it.

    The packets are of one exposure on one detector.
    """
    sent = None if header is None else sent_of(header)
    for kind, word in WORDS.items():
        mine = heads["kind"] == kind
        if not mine.any():
            continue
        ours = heads[mine]
        if sent is None:
            right = (ours["frame_rows"] == ours["frame_rows"][0]) & (ours["frame_columns"] == ours["frame_columns"][0])
            says = "other packets of its exposure say"
        elif word not in sent:
            right, says = np.zeros(len(ours), dtype=bool), "the exposure header packet says"
        else:
            s = sent[word]
            right = (ours["integration"] <= s.nints) & (np.maximum(ours["frame_group"], 1) <= s.groups)
            right &= (ours["frame_rows"] == s.rows) & (ours["frame_columns"] == s.columns)
            says = "the exposure header packet says"
        if not right.all():
            raise broken(chain.path, chain.starts[mine][int(np.argmin(right))], f"the {word} does not fit what {says}")
