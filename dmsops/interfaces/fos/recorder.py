"""Writing science recorder files: the test bed's side of the link (layout ours, see `layout`)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput
from dmsops.core.files import whole_file
from dmsops.core.records import Ramps, Readout
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.layout import Geometry, TakenName


class Recorded(Ramps, Protocol):
    """What the recorder must know of what it records: an `Exposure`, or a guide-star function."""

    @property
    def name(self) -> TakenName:
        """Its name."""

    @property
    def readpatt(self) -> str:
        """Readout pattern."""

    @property
    def subarray(self) -> str:
        """Subarray."""


class RecorderWriter:
    """One science recorder file, written packet by packet; appears under its name when the block ends well.

    Parameters
    ----------
    path : Path
        The file to write (``S0000_....out``).
    counters : dict, optional
        Sequence count of the next packet by APID; changed in place, so that counts go on in the next file.
    """

    def __init__(self, path: Path, counters: dict[int, int] | None = None) -> None:
        self._path = path
        self._counters = {} if counters is None else counters
        self._open = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open the file under a temporary name."""
        self._file = self._open.enter_context(whole_file(self._path))
        return self

    def __exit__(self, *exception: object) -> None:
        """Sync and rename, or leave nothing after an error."""
        self._open.__exit__(*exception)  # type: ignore[arg-type]
        self._file = None

    def exposure_header(
        self,
        exposure: Recorded,
        readout: Readout,
        geometry: Geometry,
        at: datetime,
        *,
        zero_frames: bool = False,
        reference_outputs: bool = False,
    ) -> None:
        """Write the packet that describes an exposure on one detector; once before its frames and once after them.

        Parameters
        ----------
        zero_frames : bool
            One zero frame is sent of every integration.
        reference_outputs : bool
            The reference output is sent with every frame.
        """
        frames, rows = exposure.nints * exposure.ngroups, geometry.ysize
        whole = layout.packets_per_frame(rows, geometry.xsize)
        reference = layout.packets_per_frame(rows, _reference_columns(geometry)) if reference_outputs else 0
        body = layout.DESCRIPTION.pack(
            exposure.nints,
            exposure.ngroups,
            exposure.nframes,
            exposure.groupgap,
            geometry.xstart,
            geometry.ystart,
            geometry.xsize,
            geometry.ysize,
            frames * whole,
            exposure.nints * whole if zero_frames else 0,
            frames * reference,
            *layout.cds(exposure.start),
            *(_ascii(text, size) for text, size in _words(exposure, readout)),
        )
        place = (0, 0, 0, 0, 0, geometry.ysize, geometry.xsize)
        self._packet(exposure, readout, at, (layout.EXPOSURE, layout.WHOLE), place, memoryview(body))

    def frame(
        self,
        exposure: Recorded,
        readout: Readout,
        geometry: Geometry,
        integration: int,
        group: int,
        pixels: NDArray[np.uint16],
        at: datetime,
    ) -> None:
        """Write one group's frame, cut into packets of whole rows.

        Parameters
        ----------
        integration, group : int
            Counted from 1, as in the headers of the products.
        pixels : ndarray of uint16, shape (rows, columns)
            The frame in science orientation.
        at : datetime
            When the frame was read, UTC.

        Raises
        ------
        BadInput
            The frame has another shape than the geometry says, or is not 16 bit unsigned.
        """
        self._rows(exposure, readout, (layout.FRAME, integration, group), (geometry.ysize, geometry.xsize), pixels, at)

    def zero_frame(
        self, exposure: Recorded, readout: Readout, geometry: Geometry, integration: int, pixels: NDArray[np.uint16], at: datetime
    ) -> None:
        """Write the first read of an integration (NIRCam, where frames are averaged into groups), shape (rows, columns); as `frame`."""
        self._rows(exposure, readout, (layout.ZERO_FRAME, integration, 0), (geometry.ysize, geometry.xsize), pixels, at)

    def reference_output(
        self,
        exposure: Recorded,
        readout: Readout,
        geometry: Geometry,
        integration: int,
        group: int,
        pixels: NDArray[np.uint16],
        at: datetime,
    ) -> None:
        """Write what the reference output gave beside a frame (MIRI), shape (rows, columns / 4); as `frame`."""
        shape = (geometry.ysize, _reference_columns(geometry))
        self._rows(exposure, readout, (layout.REFERENCE_OUTPUT, integration, group), shape, pixels, at)

    def _rows(
        self,
        exposure: Recorded,
        readout: Readout,
        what: tuple[int, int, int],
        shape: tuple[int, int],
        pixels: NDArray[np.uint16],
        at: datetime,
    ) -> None:
        rows, columns = shape
        if pixels.shape != shape or pixels.dtype != np.uint16:
            raise BadInput(f"a frame of {exposure.name} {readout.detector} must be uint16 of {rows} x {columns}", field="pixels")
        sent = memoryview(pixels.astype(">u2").tobytes())
        kind, integration, group = what
        for first, count, flag in _cuts(rows, layout.rows_per_packet(columns)):
            place = (integration, group, 1, first, count, rows, columns)
            payload = sent[first * columns * 2 : (first + count) * columns * 2]
            self._packet(exposure, readout, at, (kind, flag), place, payload)

    def _packet(
        self,
        exposure: Recorded,
        readout: Readout,
        at: datetime,
        kind: tuple[int, int],
        place: tuple[int, ...],
        payload: memoryview,
    ) -> None:
        if self._file is None:
            raise BadInput(f"{self._path.name} is not open for writing", file=self._path.name)
        apid = layout.APIDS[readout.detector]
        count = self._counters.get(apid, 0)
        self._counters[apid] = (count + 1) % layout.COUNTER_WRAP
        identification = (1 << 11) | apid
        length = layout.HEAD.size - layout.PRIMARY.size + len(payload) + layout.CHECK.size - 1
        tag = layout.tag_of(exposure.name)
        primary = (identification, (kind[1] << 14) | count, length)
        head = layout.HEAD.pack(*primary, *layout.cds(at), layout.LAYOUT_VERSION, kind[0], *tag, *place)
        check = zlib.crc32(payload, zlib.crc32(head))
        self._file.writelines((head, payload, layout.CHECK.pack(check)))


def _words(exposure: Recorded, readout: Readout) -> tuple[tuple[str, int], ...]:
    return (exposure.readpatt, 16), (exposure.subarray, 24), (readout.filter, 16), (readout.pupil, 16)


def _reference_columns(geometry: Geometry) -> int:
    if geometry.xsize % layout.OUTPUTS:
        raise BadInput(f"{geometry.xsize} columns do not go into {layout.OUTPUTS} outputs: there is no reference output", field="geometry")
    return geometry.xsize // layout.OUTPUTS


def _ascii(text: str, size: int) -> bytes:
    if len(text) > size or not text.isascii():
        raise BadInput(f"'{text}' does not fit {size} ASCII characters of an exposure header packet", field="exposure")
    return text.encode()


def _cuts(rows: int, most: int) -> Iterator[tuple[int, int, int]]:
    for first in range(0, rows, most):
        count = min(most, rows - first)
        starts, ends = first == 0, first + count == rows
        flag = layout.WHOLE if starts and ends else layout.FIRST if starts else layout.LAST if ends else layout.CONTINUATION
        yield first, count, flag
