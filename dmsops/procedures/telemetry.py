"""For scientists: the time that a mnemonic is held of, how products were pointed and what telemetry says beside it; rows, no drawing."""

from __future__ import annotations

from contextlib import redirect_stderr
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.clock import parse_iso, time_of
from dmsops.core.config import enter_runtime
from dmsops.core.errors import BadInput, NotFound
from dmsops.engineering import queries
from dmsops.engineering.rules import moment
from dmsops.workflow import queries as work

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
Numbers = NDArray[np.float64]
QUATERNION = tuple(f"SA_ZATTEST{i}" for i in range(1, 5))
TO_BODY = tuple(f"SA_ZRFGS2J{i}{j}" for i in range(1, 4) for j in range(1, 4))
COMMANDED = ("SA_ZFGGSCMDX", "SA_ZFGGSCMDY")
_KEYWORDS = ("RA_V1", "DEC_V1", "PA_V3")
_VELOCITY = ("JWST_DX", "JWST_DY", "JWST_DZ")
_ARCSEC = 3600.0


def span(ops: Ops, name: str, start: str = "", stop: str = "") -> tuple[datetime, datetime]:
    """Give the time to look at a mnemonic: what is asked for (UTC), else all that is held of it.

    Raises
    ------
    NotFound
        There is no such mnemonic, or nothing of it is held.
    BadInput
        A time cannot be read.
    """
    hours = queries.hourly(ops, name)
    if not hours:
        raise NotFound(f"no sample of {name} is held", remedy="`dmsops engineering mnemonics` says of which there are any (procedure P03).")
    first, last = moment(hours[0]["first_us"]), moment(hours[-1]["last_us"])
    assert first is not None
    assert last is not None
    return time_of(start, "start") if start else first, time_of(stop, "stop") if stop else last


def suspect_times(ops: Ops, name: str) -> list[tuple[datetime, datetime]]:
    """Give the times in which values of a mnemonic are contested, oldest first."""
    wanted = name.upper()
    return sorted((row["first_at"], row["last_at"]) for row in queries.suspect_intervals(ops) if row["name"] == wanted)


def level1b(ops: Ops) -> list[Row]:
    """Give the current level 1b products with what their headers say of telemetry.

    Returns
    -------
    list of dict
        ``name``, ``version``, ``start``, ``end`` (DATE-BEG, DATE-END), ``ENG_QUAL``, ``ENGQLPTG``, ``RA_V1``, ``DEC_V1``, ``PA_V3``
        (degrees), ``JWST_DX``, ``JWST_DY``, ``JWST_DZ`` (km/s); None where a header does not say.
    """
    rows = work.products(ops, text="_uncal.fits")
    return [{"name": row["name"], "version": row["version"], **_header(ops, row["sha256"])} for row in rows]


def _header(ops: Ops, sha256: str) -> Row:
    from astropy.io import fits

    with fits.open(ops.store.path(sha256)) as file:
        primary, science = file[0].header, file["SCI"].header
        times = {name: _time(primary.get(key)) for name, key in (("start", "DATE-BEG"), ("end", "DATE-END"))}
        quality = {key: primary.get(key) for key in ("ENG_QUAL", "ENGQLPTG")}
        return {**times, **quality, **{key: science.get(key) for key in (*_KEYWORDS, *_VELOCITY)}}


def _time(text: str | None) -> datetime | None:
    return parse_iso(text) if text else None


def compare(ops: Ops, name: str) -> list[Row]:
    """Put the pointing in a level 1b header beside the one that the attitude telemetry of its exposure gives.

    The telemetry's is the mean attitude of the exposure, turned into the V frame with the pipeline's own matrices
    (JWST-STScI-003222, equations 12 to 37), the aberration by the header's velocity taken out.

    Returns
    -------
    list of dict
        ``quantity``, ``header`` and ``telemetry`` (degrees), ``arcsec`` between them (on the sky), one for each of RA_V1, DEC_V1, PA_V3.

    Raises
    ------
    NotFound
        There is no such product, or no attitude telemetry of its time.
    BadInput
        Its header does not say when or where.
    """
    row = next((r for r in level1b(ops) if r["name"] == name), None)
    if row is None:
        raise NotFound(f"there is no level 1b product '{name}'", remedy="`dmsops workflow steps` lists what was made (procedure P07).")
    lacking = [key for key in ("start", "end", *_KEYWORDS, *_VELOCITY) if row[key] is None]
    if lacking:
        raise BadInput(f"the header of {name} does not say {', '.join(lacking)}", field=lacking[0])
    telemetry = (_means(ops, names, row) for names in (QUATERNION, TO_BODY, COMMANDED))
    found = pointing(ops, *telemetry, velocity=np.array([row[key] for key in _VELOCITY]))
    shrink = float(np.cos(np.radians(row["DEC_V1"])))
    return [
        {"quantity": key, "header": row[key], "telemetry": value, "arcsec": _apart(value, row[key], shrink if key == "RA_V1" else 1.0)}
        for key, value in zip(_KEYWORDS, found, strict=True)
    ]


def _apart(one: float, other: float, scale: float) -> float:
    return round(((one - other + 180.0) % 360.0 - 180.0) * _ARCSEC * scale, 3)


def _means(ops: Ops, names: tuple[str, ...], row: Row) -> Numbers:
    samples = [queries.samples(ops, name, row["start"], row["end"]).value for name in names]
    if not all(map(len, samples)):
        raise NotFound(f"there is no attitude telemetry in the time of {row['name']}", remedy="See the gaps (procedure P03).")
    return np.array([values.mean() for values in samples])


def pointing(ops: Ops, quaternion: Numbers, to_body: Numbers, commanded: Numbers, *, velocity: Numbers) -> tuple[float, float, float]:
    """Give where an attitude looks: right ascension and declination of V1, position angle of V3 there (degrees).

    Parameters
    ----------
    quaternion : (4,) float64
        From the sky to the spacecraft's J frame, scalar last (SA_ZATTEST1 to 4).
    to_body : (9,) float64
        From guider 1 to the J frame, row by row (SA_ZRFGS2J11 to 33).
    commanded : (2,) float64
        Where the guide star is to be on guider 1, arcsec (SA_ZFGGSCMDX, SA_ZFGGSCMDY).
    velocity : (3,) float64
        Of the observatory, barycentric, km/s.
    """
    enter_runtime(ops.settings)
    with redirect_stderr(StringIO()):  # pysiaf says, at import, that it could not ask the network for a newer edition
        from jwst.lib import set_telescope_pointing as pipeline
        from jwst.lib.siafdb import SiafDb

        guider = pipeline.calc_v2siaf_matrix(SiafDb().get_wcs("FGS1_FULL_OSS"))
        sky_to_guider = pipeline.calc_j2fgs1_matrix(to_body) @ pipeline.calc_eci2j_matrix(quaternion / np.linalg.norm(quaternion))
        to_star = pipeline.calc_m_fgsx2gs(commanded)
        aberration = pipeline.calc_gs2gsapp(to_star @ sky_to_guider, velocity)
    return angles(guider.T @ to_star.T @ aberration @ to_star @ sky_to_guider)


def angles(attitude: Numbers) -> tuple[float, float, float]:
    """Give right ascension and declination of V1 and the position angle of V3 (degrees) of a matrix from the sky to V, shape (3, 3)."""
    first, third = attitude[0], attitude[2]
    ra, dec = np.arctan2(first[1], first[0]), np.arcsin(np.clip(first[2], -1.0, 1.0))
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    turned = np.arctan2(third @ east, third @ north)
    return float(np.degrees(ra) % 360.0), float(np.degrees(dec)), float(np.degrees(turned) % 360.0)
