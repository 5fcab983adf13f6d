"""``jwst``: the tables of ESA's JWST archive (eJWST), as its users and ``astroquery.esa.jwst`` ask for them.

Names and columns are those that the client asks for; their meaning is ESA's documentation's, or ours where it has none. Identifiers are
texts of ours where ESA has numbers made for its database.
"""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.archive.holdings import META_RELEASE
from dmsops.archive.published_columns import (
    ARTIFACTS,
    MEMBERS,
    OBSERVATIONS,
    PLANES,
    THERE,
    a,
    file_name,
    flag,
    highest_level,
    keyed,
    m,
    members_of,
    number,
    o,
    p,
    plane_id,
    proposed,
    shown,
    text,
    time,
    whole,
)
from dmsops.archive.views import NOW, Column, View

_PUBLIC = sa.and_(p.data_release.is_not(None), p.data_release <= NOW)
_TARGET = (
    number("target_ra", o.target_ra, "Right ascension of the target.", unit="deg", ucd="pos.eq.ra", principal=True),
    number("target_dec", o.target_dec, "Declination of the target.", unit="deg", ucd="pos.eq.dec", principal=True),
)
_OBSERVED: tuple[Column, ...] = (
    text("observationid", o.id, "Identifier of the observation.", indexed=True, principal=True),
    text("obsid", o.id, "Identifier of the observation, for joins.", indexed=True),
    keyed("observationuri", "observation", (o.collection, o.id), "URI of the observation.", prefix="caom:"),
    text("collection", o.collection, "Name of the collection."),
    text("instrument_name", o.instrument, "Instrument.", principal=True),
    text("intent", o.intent, "science or calibration."),
    text("type", o.type, "Type of the exposure."),
    text("algorithm_name", o.algorithm, "Algorithm that made it."),
    text("proposal_id", o.proposal_id, "Program.", indexed=True, principal=True),
    text("proposal_pi", proposed.pi_name, "Principal investigator.", unicode=True),
    text("proposal_title", proposed.title, "Title of the program.", unicode=True),
    text("target_name", o.target, "Target.", indexed=True, principal=True, unicode=True),
    text("members", members_of(), "URIs of the observations it was combined from."),
    time("lastmodified", o.changed_at, "When it was last changed."),
)
_PLANE: tuple[Column, ...] = (
    plane_id("planeid"),
    text("productid", p.product_id, "Name of the plane in its observation."),
    whole("calibrationlevel", p.calibration_level, "Calibration level.", principal=True),
    whole("max_cal_level", highest_level(), "Highest calibration level of the observation."),
    text("dataproducttype", p.data_product_type, "Kind of data.", principal=True),
    flag("public", _PUBLIC, "Whether the data are everybody's now: true or false.", principal=True),
    time("metarelease", p.meta_release, "When the description is everybody's."),
    time("datarelease", p.data_release, "When the data are everybody's.", indexed=True),
    text("energy_bandpassname", p.bandpass, "Filter.", principal=True),
    number("energy_bounds_lower", p.em_min, "Shortest wavelength.", unit="m", indexed=True),
    number("energy_bounds_upper", p.em_max, "Longest wavelength.", unit="m"),
    number("time_bounds_lower", p.time_min, "Begin, MJD (UTC).", unit="d", indexed=True),
    number("time_bounds_upper", p.time_max, "End, MJD (UTC).", unit="d"),
    number("time_exposure", p.exposure, "Exposure time.", unit="s"),
    text(
        "position_bounds_center", sa.case((p.ra.is_not(None), sa.cast(p.ra, sa.String()) + " " + sa.cast(p.dec, sa.String()))),
        "Middle of the footprint: right ascension and declination, degrees (ICRS).", principal=True,
    ),
    text("position_bounds_spoly", p.region, "Footprint on the sky (ICRS).", xtype="adql:REGION", principal=True),
    number("position_center_ra", p.ra, "Right ascension of the middle of the footprint.", unit="deg", ucd="pos.eq.ra", indexed=True),
    number("position_center_dec", p.dec, "Declination of the middle of the footprint.", unit="deg", ucd="pos.eq.dec", indexed=True),
    text("provenance_name", p.provenance, "What made it."),
    text("provenance_version", p.software, "Its version."),
)  # fmt: skip


def _of_planes(name: str, description: str, columns: tuple[Column, ...]) -> View:
    return View(
        name=name, description=description, columns=columns, source=PLANES, where=THERE, meta_release=META_RELEASE, program=o.proposal_id
    )


MAIN = _of_planes("jwst.main", "Observations and planes together: one row for each plane.", (*_OBSERVED, *_PLANE, *_TARGET))
ARCHIVE = _of_planes("jwst.archive", "The same rows as jwst.main.", (*_OBSERVED, *_PLANE, *_TARGET))
PLANE = _of_planes("jwst.plane", "Planes.", (text("obsid", p.observation_id, "Identifier of the observation.", indexed=True), *_PLANE))
OBSERVATION = View(
    name="jwst.observation",
    description="Observations.",
    columns=(
        *_OBSERVED,
        number("targetposition_coordinates_cval1", o.target_ra, "Right ascension of the target.", unit="deg", ucd="pos.eq.ra"),
        number("targetposition_coordinates_cval2", o.target_dec, "Declination of the target.", unit="deg", ucd="pos.eq.dec"),
        time("metarelease", o.meta_release, "When the description is everybody's."),
        text("metachecksum", o.meta_checksum, "Sum of its own description."),
        text("accmetachecksum", o.checksum, "Sum of the whole description."),
    ),
    source=OBSERVATIONS,
    where=THERE,
    meta_release=o.meta_release,
    program=o.proposal_id,
)
ARTIFACT = View(
    name="jwst.artifact",
    description="Files of planes.",
    columns=(
        text("artifactid", a.uri, "Identifier of the file: its URI.", indexed=True, principal=True),
        plane_id("planeid"),
        text("obsid", p.observation_id, "Identifier of the observation.", indexed=True),
        text("uri", a.uri, "URI of the file.", indexed=True, principal=True),
        file_name("filename", "Name of the file.", principal=True),
        text("contenttype", a.content_type, "Type of the content.", principal=True),
        whole("contentlength", a.content_length, "Size.", datatype="long", unit="byte", principal=True),
        text("contentchecksum", a.content_checksum, "Sum of the content."),
        text(
            "producttype",
            sa.case((a.product_type == "this", "science"), else_=a.product_type),
            "science, preview, auxiliary, ...",
            principal=True,
        ),
        text("releasetype", a.release_type, "data or meta: which release it follows."),
    ),
    source=ARTIFACTS,
    where=THERE,
    meta_release=META_RELEASE,
    program=o.proposal_id,
)
MEMBER = View(
    name="jwst.observationmember",
    description="Which observations a combined one was made from.",
    columns=(
        text("parentid", m.observation_id, "Identifier of the combined observation.", indexed=True, principal=True),
        text("memberid", m.member, "URI of a member.", principal=True),
    ),
    source=MEMBERS,
    where=(*THERE, shown(m.member, of_plane=False)),
    meta_release=o.meta_release,
    program=o.proposal_id,
)
