"""``ivoa.obscore``: the IVOA's core model of observations, ObsCore 1.1 (units, UCDs and utypes are its tables 1 to 5 and its annex)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from dmsops.archive.holdings import META_RELEASE
from dmsops.archive.published_columns import (
    BASE,
    PLANES,
    THERE,
    keyed,
    number,
    o,
    p,
    proposed,
    size_of_plane,
    text,
    time,
    whole,
)
from dmsops.archive.views import NOW, Column, View

AUTHORITY = "ivo://dmsops/archive?"
"""What the identifiers of published data begin with (ours: the site has no entry in the IVOA's registry)."""
DATALINK = "application/x-votable+xml;content=datalink"
LINKS = "/datalink/links?ID="


def _model(column: Column, utype: str, *, optional: bool = False) -> Column:
    """Give the same column with its place in the model."""
    return replace(column, utype=f"obscore:{utype}", std=True, principal=column.principal or not optional)


def _link() -> Any:
    """Write the address of a plane's links; identifiers of ours need no escapes but of the slash."""
    return BASE + (LINKS + quote(AUTHORITY, safe="")) + p.observation_id + "%2F" + p.product_id


def _rights() -> Any:
    return sa.case((p.data_release.is_(None), "secure"), (p.data_release <= NOW, "public"), else_="proprietary")


_DID = keyed(
    "obs_publisher_did", "plane", (p.observation_id, p.product_id), "Identifier of the dataset as we publish it.",
    prefix=AUTHORITY, ucd="meta.ref.ivoid",
)  # fmt: skip
_COLUMNS = (
    _model(
        text("dataproduct_type", p.data_product_type, "Kind of data: image, cube, spectrum, ...", ucd="meta.code.class"),
        "ObsDataset.dataProductType",
    ),
    _model(
        whole("calib_level", sa.func.coalesce(p.calibration_level, 0), "Calibration level: 0 to 4.", ucd="meta.code;obs.calib"),
        "ObsDataset.calibLevel",
    ),
    _model(text("obs_collection", o.collection, "Name of the collection.", ucd="meta.id"), "DataID.collection"),
    _model(text("obs_id", p.observation_id, "Identifier of the observation.", ucd="meta.id", indexed=True), "DataID.observationID"),
    _model(_DID, "Curation.publisherDID"),
    _model(text("access_url", _link(), "Address of the dataset's links.", ucd="meta.ref.url"), "Access.reference"),
    _model(text("access_format", DATALINK, "What is found at access_url.", ucd="meta.code.mime"), "Access.format"),
    _model(
        whole(
            "access_estsize", size_of_plane() // 1024, "Size of the dataset's files together.", datatype="long", unit="kbyte",
            ucd="phys.size;meta.file",
        ),
        "Access.size",
    ),
    _model(text("target_name", o.target, "Name of what was looked at.", ucd="meta.id;src", indexed=True, unicode=True), "Target.name"),
    _model(
        number("s_ra", p.ra, "Right ascension of the middle of the footprint (ICRS).", unit="deg", ucd="pos.eq.ra", indexed=True),
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C1",
    ),
    _model(
        number("s_dec", p.dec, "Declination of the middle of the footprint (ICRS).", unit="deg", ucd="pos.eq.dec", indexed=True),
        "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2.C2",
    ),
    _model(
        number("s_fov", p.radius * 2, "Diameter of a circle round the footprint.", unit="deg", ucd="phys.angSize;instr.fov"),
        "Char.SpatialAxis.Coverage.Bounds.Extent.diameter",
    ),
    _model(
        text("s_region", p.region, "Footprint on the sky (ICRS).", unit="", ucd="pos.outline;obs.field", xtype="adql:REGION"),
        "Char.SpatialAxis.Coverage.Support.Area",
    ),
    _model(whole("s_xel1", None, "Pixels along the first axis.", datatype="long", ucd="meta.number"), "Char.SpatialAxis.numBins1"),
    _model(whole("s_xel2", None, "Pixels along the second axis.", datatype="long", ucd="meta.number"), "Char.SpatialAxis.numBins2"),
    _model(
        number("s_resolution", None, "Resolution on the sky.", unit="arcsec", ucd="pos.angResolution"),
        "Char.SpatialAxis.Resolution.Refval.value",
    ),
    _model(
        number("t_min", p.time_min, "Begin of the exposure, MJD (UTC).", unit="d", ucd="time.start;obs.exposure", indexed=True),
        "Char.TimeAxis.Coverage.Bounds.Limits.StartTime",
    ),
    _model(
        number("t_max", p.time_max, "End of the exposure, MJD (UTC).", unit="d", ucd="time.end;obs.exposure"),
        "Char.TimeAxis.Coverage.Bounds.Limits.StopTime",
    ),
    _model(
        number("t_exptime", p.exposure, "Exposure time.", unit="s", ucd="time.duration;obs.exposure"),
        "Char.TimeAxis.Coverage.Support.Extent",
    ),
    _model(number("t_resolution", None, "Resolution in time.", unit="s", ucd="time.resolution"), "Char.TimeAxis.Resolution.Refval.value"),
    _model(whole("t_xel", None, "Samples in time.", datatype="long", ucd="meta.number"), "Char.TimeAxis.numBins"),
    _model(
        number("em_min", p.em_min, "Shortest wavelength.", unit="m", ucd="em.wl;stat.min", indexed=True),
        "Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit",
    ),
    _model(
        number("em_max", p.em_max, "Longest wavelength.", unit="m", ucd="em.wl;stat.max"),
        "Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit",
    ),
    _model(
        number("em_res_power", None, "Resolving power.", ucd="spect.resolution"),
        "Char.SpectralAxis.Resolution.ResolPower.refVal",
    ),
    _model(whole("em_xel", None, "Samples in wavelength.", datatype="long", ucd="meta.number"), "Char.SpectralAxis.numBins"),
    _model(
        text("o_ucd", sa.case((p.calibration_level >= 2, "phot.flux.density"), else_="phot.count"), "What was measured.", ucd="meta.ucd"),
        "Char.ObservableAxis.ucd",
    ),
    _model(text("pol_states", None, "Polarisation states.", ucd="meta.code;phys.polarization"), "Char.PolarizationAxis.stateList"),
    _model(whole("pol_xel", None, "Number of polarisation states.", datatype="long", ucd="meta.number"), "Char.PolarizationAxis.numBins"),
    _model(text("facility_name", "JWST", "Name of the observatory.", ucd="meta.id;instr.tel"), "Provenance.ObsConfig.Facility.name"),
    _model(text("instrument_name", o.instrument, "Name of the instrument.", ucd="meta.id;instr"), "Provenance.ObsConfig.Instrument.name"),
    _model(
        text("obs_title", proposed.title, "Title of the program.", ucd="meta.title;obs", unicode=True), "DataID.title", optional=True
    ),
    _model(
        text("obs_creator_name", proposed.pi_name, "Principal investigator.", ucd="meta.id", unicode=True), "DataID.creator", optional=True
    ),
    _model(
        time("obs_release_date", p.data_release, "When the data are everybody's.", ucd="time.release"), "Curation.releaseDate",
        optional=True,
    ),
    _model(text("data_rights", _rights(), "Public, proprietary or secure, now.", ucd="meta.code"), "Curation.rights", optional=True),
    _model(
        text("proposal_id", o.proposal_id, "Program.", ucd="meta.id;obs.proposal", indexed=True), "Provenance.Proposal.identifier",
        optional=True,
    ),
    _model(text("em_band", p.bandpass, "Filter.", ucd="instr.bandpass"), "Char.SpectralAxis.Coverage.Location.bandpass", optional=True),
)  # fmt: skip
OBSCORE = View(
    name="ivoa.obscore", description="ObsCore 1.1: one row for each plane of an archived observation.", utype="ivo://ivoa.net/std/obscore#table-1.1",
    columns=_COLUMNS, source=PLANES, where=THERE, meta_release=META_RELEASE, program=o.proposal_id,
)  # fmt: skip
