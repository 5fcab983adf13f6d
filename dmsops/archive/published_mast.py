"""The catalogue in MAST's words: one row per observation (its plane of the highest calibration level), and its files.

Names, units and vocabulary are those of MAST's portal and of its JWST search (their recorded answers, and the fields that
astroquery.mast reads); where MAST's column has no counterpart here it is there and empty.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from dmsops.archive.holdings import FILES, META_RELEASE, RELEASE
from dmsops.archive.published_columns import PLANES, THERE
from dmsops.archive.tables import archived_product, artifact, observation, plane, proposal
from dmsops.archive.views import Column, View
from dmsops.core.db import utc_text

Rights = Callable[[sa.ColumnElement[Any]], sa.ColumnElement[str]]
"""Gives, of a release, what that is to the public as of the request (the policy is not the archive's)."""
_o, _p, _a, _f = observation.c, plane.c, artifact.c, archived_product.c
_MJD_0 = datetime(1858, 11, 17, tzinfo=UTC)
_LAST_MJD = 2_973_483.0
"""End of the calendar that Python knows, in MJD."""


class MjdTime(TypeDecorator[float]):
    """A column of `UtcTime` seen as MJD (UTC): what is compared with it, and what comes out of it."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Any) -> str | None:
        """Write an MJD as the column has it; beyond the calendar it is its end."""
        if value is None:
            return None
        days = min(max(float(value), -600_000.0), _LAST_MJD)
        return utc_text(_MJD_0 + timedelta(days=days))

    def process_result_value(self, value: str | None, dialect: Any) -> float | None:
        """Read it as MJD."""
        return None if value is None else (datetime.fromisoformat(value) - _MJD_0) / timedelta(days=1)


class ProgramNumber(TypeDecorator[int]):
    """A column of programs (five digits as text) seen as whole numbers, in the same order."""

    impl = sa.String(16)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Any) -> str | None:
        """Write a number as the column has it."""
        return None if value is None else f"{min(max(int(value), 0), 99_999):05d}"

    def process_result_value(self, value: str | None, dialect: Any) -> int | None:
        """Read it as a number; what is none is none."""
        return int(value) if value is not None and value.isdecimal() else None


def mjd(column: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
    """Give a time's column as MJD."""
    return sa.type_coerce(column, MjdTime())


_better = plane.alias("better")
_LEVEL = sa.func.coalesce(_p.calibration_level, -9)
_IS_BEST = ~sa.exists().where(
    _better.c.observation_id == _p.observation_id,
    sa.tuple_(sa.func.coalesce(_better.c.calibration_level, -9), _better.c.product_id) > sa.tuple_(_LEVEL, _p.product_id),
).correlate(plane)  # fmt: skip
_first = archived_product.alias("first")
OBSID = sa.select(sa.func.min(_first.c.id)).where(_first.c.observation_id == _o.id).correlate(observation).scalar_subquery()
"""MAST's integer name of an observation: the number of the first product that it ever had. It stays through every reprocessing."""
_DATA_URL = sa.select(sa.func.min(_a.uri)).where(_a.plane_id == _p.id, _a.product_type == "this").correlate(plane).scalar_subquery()
_JPEG_URL = sa.select(sa.func.min(_a.uri)).where(_a.plane_id == _p.id, _a.product_type == "preview").correlate(plane).scalar_subquery()
_PROGRAM = sa.func.ltrim(_o.proposal_id, "0")
_NOTHING = sa.cast(sa.null(), sa.String())
_TYPE = sa.case((_o.kind == "derived", "D"), else_="S")


def _text(name: str, expression: Any, description: str, ucd: str = "", **more: Any) -> Column:
    return Column(name=name, expression=expression, datatype="char", ucd=ucd, description=description, **more)


def _number(name: str, expression: Any, unit: str, description: str, ucd: str = "", datatype: str = "double") -> Column:
    return Column(name=name, expression=expression, datatype=datatype, unit=unit, ucd=ucd, description=description)


def observations(rights: Rights) -> View:
    """Give MAST's table of observations; ``obs_id`` is unique, ``obsid`` its integer name as text."""
    columns = (
        _text("intentType", _o.intent, "Whether it is science or calibration"),
        _text("obs_collection", _o.collection, "Collection", "meta.id"),
        _text("provenance_name", _p.provenance, "What made the data", "meta.id;meta.software"),
        _text("instrument_name", _o.instrument, "Instrument", "meta.id;instr"),
        _text("project", sa.literal("JWST"), "Project", "meta.id"),
        _text("filters", _p.bandpass, "Filters and other optical elements", "instr.filter"),
        _text("wavelength_region", sa.literal("INFRARED"), "Region of the spectrum", "em"),
        _text("target_name", _o.target, "Target", "meta.id;src"),
        _text("target_classification", _NOTHING, "Class of the target"),
        _text("obs_id", _o.id, "Observation, as the mission names it", "meta.id;meta.main"),
        _number("s_ra", _p.ra, "deg", "Right ascension of the footprint's middle (ICRS)", "pos.eq.ra;meta.main"),
        _number("s_dec", _p.dec, "deg", "Declination of the footprint's middle (ICRS)", "pos.eq.dec;meta.main"),
        _text("dataproduct_type", _p.data_product_type, "Kind of data", "meta.code.class"),
        _text("proposal_pi", proposal.c.pi_name, "Principal investigator", "meta.id.PI"),
        _number("calib_level", _p.calibration_level, "", "Calibration level: 1 raw, 2 calibrated, 3 combined", "meta.code", "int"),
        _number("t_min", _p.time_min, "d", "Begin (MJD, UTC)", "time.start;obs.exposure"),
        _number("t_max", _p.time_max, "d", "End (MJD, UTC)", "time.end;obs.exposure"),
        _number("t_exptime", _p.exposure, "s", "Exposure time", "time.duration;obs.exposure"),
        _number("em_min", _p.em_min * 1e9, "nm", "Shortest wavelength", "em.wl;stat.min"),
        _number("em_max", _p.em_max * 1e9, "nm", "Longest wavelength", "em.wl;stat.max"),
        _text("obs_title", proposal.c.title, "Title of the program", "meta.title"),
        _number("t_obs_release", mjd(_p.data_release), "d", "When the data become public (MJD, UTC)", "time.release"),
        _text("proposal_id", _PROGRAM, "Program, without zeros before it", "meta.id"),
        _text("proposal_type", proposal.c.category, "Kind of program"),
        _text("sequence_number", _NOTHING, "Not used here"),
        _text("s_region", _p.region, "Footprint (STC-S)", "pos.outline;obs.field"),
        _text("jpegURL", _JPEG_URL, "URI of a preview", "meta.ref.uri"),
        _text("dataURL", _DATA_URL, "URI of a file of it", "meta.ref.uri"),
        _text("dataRights", rights(_p.data_release), "Whether the data are public"),
        _text("obsid", sa.cast(OBSID, sa.String()), "Number of the observation here", "meta.record"),
    )  # fmt: skip
    return View(
        name="mast.observations", description="Observations, in the words of MAST's portal", columns=columns, source=PLANES,
        where=(*THERE, _IS_BEST), meta_release=META_RELEASE, program=_o.proposal_id,
    )  # fmt: skip


_SUFFIXES = {
    "uncal": "raw exposure", "rate": "slope image, integrations averaged", "rateints": "slope image of each integration",
    "cal": "calibrated exposure", "calints": "calibrated exposure of each integration", "crf": "calibrated exposure, cosmic rays flagged",
    "i2d": "rectified image", "s2d": "rectified spectrum", "s3d": "rectified cube", "x1d": "extracted spectrum", "dark": "dark",
    "wfscmb": "combined images of a wavefront pair",
}  # fmt: skip
_KIND = sa.case(
    (_a.product_type.in_(("this", "science")), "SCIENCE"), (_a.product_type == "thumbnail", "THUMBNAIL"),
    (_a.product_type.startswith("preview"), "PREVIEW"), (_a.uri.endswith(".json"), "INFO"), else_="AUXILIARY",
)  # fmt: skip
_RECOMMENDED = sa.case(
    (sa.and_(_a.product_type.in_(("this", "science")), _p.calibration_level >= 2, ~_f.suffix.startswith("gs-")),
     "Minimum Recommended Products"), else_=_NOTHING,
)  # fmt: skip
_RECORD = sa.cast(OBSID, sa.String())


def products(rights: Rights) -> View:
    """Give MAST's table of products: every file of an observation, once."""
    suffix = sa.func.upper(_f.suffix)
    columns = (
        _text("obsID", _RECORD, "Number of the observation here", "meta.record"),
        _text("obs_collection", _o.collection, "Collection"),
        _text("dataproduct_type", _p.data_product_type, "Kind of data"),
        _text("obs_id", _o.id, "Observation, as the mission names it"),
        _text("description", sa.case(_SUFFIXES, value=_f.suffix, else_=_f.suffix), "What it is"),
        _text("type", _TYPE, "S of a simple observation, D of one that is made of others"),
        _text("dataURI", _a.uri, "URI that it is downloaded by"),
        _text("productType", _KIND, "SCIENCE, PREVIEW, THUMBNAIL, INFO or AUXILIARY"),
        _text("productGroupDescription", _RECOMMENDED, "Minimum Recommended Products, or empty"),
        _text("productSubGroupDescription", suffix, "Suffix of the file's name"),
        _text("productDocumentationURL", _NOTHING, "Not used here"),
        _text("project", sa.literal("JWST"), "Project"),
        _text("prvversion", _p.software, "Version of the software that made it"),
        _text("productFilename", _f.name, "File name"),
        _number("size", _f.size, "byte", "Size", datatype="long"),
        _text("parent_obsid", _RECORD, "The same as obsID"),
        _text("dataRights", rights(RELEASE), "Whether the file is public"),
        _number("calib_level", _p.calibration_level, "", "Calibration level", datatype="int"),
        _text("filters", _p.bandpass, "Filters and other optical elements"),
        _text("instrument_name", _o.instrument, "Instrument"),
    )
    return View(
        name="mast.products", description="Files of observations, in the words of MAST's portal", columns=columns, source=FILES,
        where=THERE, meta_release=META_RELEASE, program=_o.proposal_id,
    )  # fmt: skip


def numbered(obsids: list[int]) -> sa.ColumnElement[bool]:
    """Give the clause of files whose observation has one of MAST's integer names."""
    mine = sa.select(_first.c.observation_id).where(_first.c.id.in_(obsids))
    return sa.and_(_o.id.in_(mine), OBSID.in_(obsids))


EXACTLY: dict[str, Callable[[list[str]], sa.ColumnElement[bool]]] = {
    "obs_id": _o.id.in_,
    "fileSetName": _o.id.in_,
    "proposal_id": lambda values: _o.proposal_id.in_([value.zfill(5) for value in values]),
    "obsid": lambda values: numbered([int(value) for value in values if value.isdecimal() and len(value) < 18]),
}
"""Columns whose values are looked for as they are, by an index; those of others are compared in capitals or not, as MAST does."""


def filesets(rights: Rights) -> View:
    """Give the table of MAST's JWST search: one row per observation, named as headers name things."""
    columns = (
        _text("fileSetName", _o.id, "Observation, as the mission names it"),
        _number("productLevel", _p.calibration_level, "", "Highest calibration level", datatype="int"),
        _text("targprop", _o.target, "Target, as the proposal names it"),
        _number("targ_ra", _p.ra, "deg", "Right ascension of the footprint's middle"),
        _number("targ_dec", _p.dec, "deg", "Declination of the footprint's middle"),
        _text("instrume", _o.instrument, "Instrument"),
        _text("exp_type", _o.type, "Type of exposure"),
        _text("opticalElements", _p.bandpass, "Filters and other optical elements"),
        _number("expstart", _p.time_min, "d", "Begin (MJD, UTC)"),
        _number("expend", _p.time_max, "d", "End (MJD, UTC)"),
        _number("duration", _p.exposure, "s", "Exposure time"),
        _number("program", sa.type_coerce(_o.proposal_id, ProgramNumber()), "", "Program", datatype="int"),
        _text("title", proposal.c.title, "Title of the program"),
        _text("pi_name", proposal.c.pi_name, "Principal investigator"),
        _text("category", proposal.c.category, "Kind of program"),
        _text("cal_ver", _p.software, "Version of the calibration software"),
        _text("crds_ctx", _p.context, "Context of the reference files"),
        _text("publicReleaseDate", sa.type_coerce(_p.data_release, sa.String()), "When the data become public (UTC)", xtype="timestamp"),
        _number("publicReleaseDate_mjd", mjd(_p.data_release), "d", "When the data become public (MJD, UTC)"),
        _text("access", rights(_p.data_release), "Whether the data are public"),
        _text("s_region", _p.region, "Footprint (STC-S)"),
    )
    return View(
        name="mast.filesets", description="Observations, in the words of MAST's JWST search", columns=columns, source=PLANES,
        where=(*THERE, _IS_BEST), meta_release=META_RELEASE, program=_o.proposal_id,
    )  # fmt: skip
