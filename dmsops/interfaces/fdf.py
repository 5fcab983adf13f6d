"""Flight dynamics (FDF): where the observatory is, as CCSDS Orbit Ephemeris Messages (502.0-B, key-value form).

File name: ``JWST_P_20221203_20221206.OEM`` (P predicted, D definitive). Centre Earth, frame EME2000, time system
UTC, one state vector a minute: as the products' headers show of the real ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery, BadInput, BadName
from dmsops.core.files import write_bytes
from dmsops.core.names import EphemerisName

EphemerisKind = Literal["Predicted", "Definitive"]
FRAME, CENTER = "EME2000", "Earth"
OBJECT_NAME, OBJECT_ID = "JWST", "2021-130A"
KINDS: dict[str, EphemerisKind] = {"P": "Predicted", "D": "Definitive"}
"""What the letter in a file's name says."""
SAME_SECONDS = 1e-4
"""Times closer than this are one time: a day number (MJD) holds no more than microseconds."""
LINES_LIMIT = 50_000
"""Lines of a message that are read: 34 days at one vector a minute, some 20 s of reading (ours)."""
LINE_LIMIT = 254
"""Characters of a line, as the standard has it (502.0-B, key-value form)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ephemeris:
    """Positions and velocities of the observatory.

    Attributes
    ----------
    times : ndarray of datetime64[ms], shape (N,)
        UTC, rising.
    positions : ndarray of float64, shape (N, 3)
        km from the centre.
    velocities : ndarray of float64, shape (N, 3)
        km/s.
    created : datetime, optional
        When the sender wrote it (CREATION_DATE), UTC; None when it does not say so in a way that can be read.
    """

    kind: EphemerisKind
    times: NDArray[np.datetime64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    frame: str = FRAME
    center: str = CENTER
    created: datetime | None = None


def kind_of_name(name: str) -> EphemerisKind:
    """Tell from a file's name whether it is predicted or definitive; raises `BadName`."""
    return KINDS[EphemerisName.parse(name).kind]


def ephemeris_name(ephemeris: Ephemeris) -> EphemerisName:
    """Name an ephemeris file by its kind and the days that it covers."""
    first, last = (str(t.astype("datetime64[D]")).replace("-", "") for t in (ephemeris.times[0], ephemeris.times[-1]))
    return EphemerisName(ephemeris.kind[0], first, last)


def write_oem(ephemeris: Ephemeris, folder: Path, *, created: datetime | None = None) -> Path:
    """Write an ephemeris as an OEM file.

    Parameters
    ----------
    created : datetime, optional
        Time of writing (UTC); the ephemeris's own, or its first time, when left out.

    Raises
    ------
    BadInput
        Times, positions and velocities do not belong together, or times do not rise.
    """
    from ccsds_ndm.ndm_io import NDMFileFormats, NdmIo

    problem = _problem(ephemeris)
    if problem:
        raise BadInput(f"an ephemeris cannot be written: {problem}", field="ephemeris")
    stamps = [_stamp(t) for t in ephemeris.times]
    text = NdmIo().to_string(_message(ephemeris, stamps, created or ephemeris.created), NDMFileFormats.KVN)
    path = folder / str(ephemeris_name(ephemeris))
    write_bytes(path, text.encode("ascii"))
    return path


def _message(ephemeris: Ephemeris, stamps: list[str], created: datetime | None) -> Any:
    from ccsds_ndm.models.ndmxml2 import ndmxml_2_0_0_common_2_0 as common
    from ccsds_ndm.models.ndmxml2 import ndmxml_2_0_0_master_2_0 as master
    from ccsds_ndm.models.ndmxml2 import ndmxml_2_0_0_oem_2_0 as oem

    metadata = oem.OemMetadata(
        object_name=OBJECT_NAME,
        object_id=OBJECT_ID,
        center_name=ephemeris.center,
        ref_frame=ephemeris.frame,
        time_system="UTC",
        start_time=stamps[0],
        stop_time=stamps[-1],
    )
    place, speed = common.PositionType, common.VelocityType
    vectors = [
        common.StateVectorAccType(
            epoch=stamp,
            **{axis: place(value=km) for axis, km in zip(("x", "y", "z"), p, strict=True)},
            **{axis: speed(value=kms) for axis, kms in zip(("x_dot", "y_dot", "z_dot"), v, strict=True)},
        )
        for stamp, p, v in zip(stamps, ephemeris.positions.tolist(), ephemeris.velocities.tolist(), strict=True)
    ]
    segment = oem.OemSegment(metadata=metadata, data=oem.OemData(comment=[f"{ephemeris.kind} ephemeris"], state_vector=vectors))
    when = stamps[0] if created is None else created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000")
    header = common.NdmHeader(creation_date=when, originator="FDF")
    return master.Oem(header=header, body=oem.OemBody(segment=[segment]))


def _stamp(when: np.datetime64) -> str:
    return str(when.astype("datetime64[ms]"))


def _problem(ephemeris: Ephemeris) -> str:
    count = len(ephemeris.times)
    if count < 2:
        return "it has fewer than two state vectors"
    if ephemeris.positions.shape != (count, 3) or ephemeris.velocities.shape != (count, 3):
        return "times, positions and velocities differ in number"
    if not (np.isfinite(ephemeris.positions).all() and np.isfinite(ephemeris.velocities).all()):
        return "a position or a velocity is not a finite number"
    if not (np.diff(ephemeris.times) > np.timedelta64(0, "ms")).all():
        return "its times do not rise"
    return ""


def read_oem(path: Path) -> Ephemeris:
    """Read an OEM file (key-value form, one object, any number of segments in order of time).

    Raises
    ------
    BadDelivery
        The name or the text is no ephemeris, frame, centre or time system are not those of the observatory, or
        times do not rise; the message names the file.
    """
    name = path.name
    try:
        kind = kind_of_name(name)
    except BadName as bad:
        raise BadDelivery(f"{name}: {bad.message}", file=name) from None
    message = _message_in(path)
    segments: list[Any] = list(message.body.segment)
    if not segments:
        raise BadDelivery(f"{name}: holds no segment", file=name)
    for segment in segments:
        _check_metadata(name, segment.metadata)
    try:
        vectors = [v for segment in segments for v in segment.data.state_vector]
        times = np.array([_utc(v.epoch) for v in vectors], dtype="datetime64[ms]")
        positions = np.array([(v.x.value, v.y.value, v.z.value) for v in vectors], dtype=np.float64)
        velocities = np.array([(v.x_dot.value, v.y_dot.value, v.z_dot.value) for v in vectors], dtype=np.float64)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDelivery(f"{name}: a state vector cannot be read: {error}", file=name) from None
    created = _created(message)
    ephemeris = Ephemeris(kind=kind, times=times, positions=positions, velocities=velocities, created=created)
    problem = _problem(ephemeris)
    if problem:
        raise BadDelivery(f"{name}: {problem}", file=name)
    return ephemeris


def _utc(epoch: str) -> np.datetime64:
    """Read an epoch: calendar date and time, UTC, without an offset (CCSDS 502.0-B-3, 7.5.10)."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,18})?Z?", epoch) is None:
        raise ValueError(f"the epoch '{epoch}' is no calendar date and time")
    return np.datetime64(epoch.removesuffix("Z"), "ms")


def _created(message: Any) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(message.header.creation_date))
    except (ValueError, AttributeError):
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _text_of(path: Path) -> str:
    """Give a message's text; one that would take the reader long is refused before it is read."""
    name, too_long = path.name, f"longer than {LINES_LIMIT} lines of {LINE_LIMIT} characters"
    try:
        if path.stat().st_size > LINES_LIMIT * LINE_LIMIT:
            raise BadDelivery(f"{name}: is {too_long}", file=name)
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDelivery(f"{name}: cannot be read as text: {error}", file=name) from None
    if not text.lstrip().startswith("CCSDS_OEM_VERS"):
        raise BadDelivery(f"{name}: does not begin with CCSDS_OEM_VERS", file=name)
    lines = text.splitlines()
    if len(lines) > LINES_LIMIT or any(len(line) > LINE_LIMIT for line in lines):
        raise BadDelivery(f"{name}: is {too_long}", file=name)
    return text


def _message_in(path: Path) -> Any:
    from ccsds_ndm.ndm_io import NdmIo

    text = _text_of(path)
    try:
        message = NdmIo().from_string(text)
        message.body.segment  # noqa: B018 - another kind of message has none
    except Exception as error:  # noqa: BLE001 - the library lets anything through that its parts raise on damaged text
        raise BadDelivery(f"{path.name}: is no Orbit Ephemeris Message: {error}", file=path.name) from None
    return message


def _check_metadata(name: str, metadata: Any) -> None:
    wanted = {"ref_frame": FRAME, "center_name": CENTER, "time_system": "UTC"}
    for field, value in wanted.items():
        found = str(getattr(metadata, field, None))
        if found.upper() != value.upper():
            raise BadDelivery(f"{name}: field '{field.upper()}' is {found}, not {value}", file=name, field=field)


def interpolate(
    seconds: NDArray[np.float64], positions: NDArray[np.float64], velocities: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give position and velocity between state vectors by the cubic that has their positions and velocities (Hermite's).

    At a vector's own time the vector itself is given. Over a step h the cubic is off by at most h^4/384 times the
    fourth derivative of the position: about L2 that is below a millimetre for an hour.

    Parameters
    ----------
    seconds : ndarray, shape (N,)
        Times of the vectors, rising, from any zero.
    positions, velocities : ndarray, shape (N, 3)
        km and km/s.
    at : ndarray, shape (M,)
        Times wanted, none outside the vectors'.

    Returns
    -------
    positions, velocities : ndarray, shape (M, 3)
    """
    left = np.clip(np.searchsorted(seconds, at, side="right") - 1, 0, len(seconds) - 2)
    step = (seconds[left + 1] - seconds[left])[:, None]
    s = ((at - seconds[left])[:, None]) / step
    p0, p1, v0, v1 = positions[left], positions[left + 1], velocities[left] * step, velocities[left + 1] * step
    place = p0 + s * (v0 + s * (3 * (p1 - p0) - 2 * v0 - v1 + s * (2 * (p0 - p1) + v0 + v1)))
    speed = (v0 + s * (2 * (3 * (p1 - p0) - 2 * v0 - v1) + 3 * s * (2 * (p0 - p1) + v0 + v1))) / step
    nearest = np.where(s[:, 0] < 0.5, left, left + 1)
    exact = np.abs(at - seconds[nearest]) < SAME_SECONDS
    place[exact], speed[exact] = positions[nearest[exact]], velocities[nearest[exact]]
    return place, speed
