"""``caom2``: the archive's own model (CAOM 2.4), under the names that CADC's TAP service gives it."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.archive.holdings import META_RELEASE
from dmsops.archive.published_columns import (
    ARTIFACTS,
    OBSERVATIONS,
    PLANES,
    THERE,
    a,
    inputs_of,
    keyed,
    members_of,
    number,
    o,
    p,
    plane_id,
    proposed,
    text,
    time,
    whole,
)
from dmsops.archive.views import View

_ID = "Identifier of the observation."


OBSERVATION = View(
    name="caom2.Observation",
    description="Archived observations.",
    columns=(
        keyed(
            "observationURI", "observation", (o.collection, o.id), "URI of the observation.", prefix="caom:", utype="caom2:Observation.uri"
        ),
        text("obsID", o.id, _ID, indexed=True, principal=True, utype="caom2:Observation.id"),
        text("collection", o.collection, "Name of the collection.", utype="caom2:Observation.collection", principal=True),
        text("observationID", o.id, _ID, indexed=True, principal=True, utype="caom2:Observation.observationID"),
        text("typeCode", sa.case((o.kind == "derived", "D"), else_="S"), "S: simple, D: derived."),
        text("algorithm_name", o.algorithm, "Algorithm that made it.", utype="caom2:Observation.algorithm.name"),
        text("type", o.type, "Type of the exposure.", utype="caom2:Observation.type"),
        text("intent", o.intent, "science or calibration.", utype="caom2:Observation.intent", principal=True),
        time("metaRelease", o.meta_release, "When the description is everybody's.", utype="caom2:Observation.metaRelease"),
        text("proposal_id", o.proposal_id, "Program.", indexed=True, principal=True, utype="caom2:Observation.proposal.id"),
        text("proposal_pi", proposed.pi_name, "Principal investigator.", unicode=True, utype="caom2:Observation.proposal.pi"),
        text("proposal_project", o.collection, "Project.", utype="caom2:Observation.proposal.project"),
        text("proposal_title", proposed.title, "Title of the program.", unicode=True, utype="caom2:Observation.proposal.title"),
        text("target_name", o.target, "Target.", indexed=True, principal=True, unicode=True, utype="caom2:Observation.target.name"),
        text("targetPosition_coordsys", sa.case((o.target_ra.is_not(None), "ICRS")), "Frame of the target's place."),
        number("targetPosition_coordinates_cval1", o.target_ra, "Right ascension of the target.", unit="deg", ucd="pos.eq.ra"),
        number("targetPosition_coordinates_cval2", o.target_dec, "Declination of the target.", unit="deg", ucd="pos.eq.dec"),
        text("telescope_name", "JWST", "Telescope.", utype="caom2:Observation.telescope.name"),
        text("instrument_name", o.instrument, "Instrument.", principal=True, utype="caom2:Observation.instrument.name"),
        text("members", members_of(), "URIs of the observations it was combined from.", utype="caom2:DerivedObservation.members"),
        time("lastModified", o.changed_at, "When it was last changed.", utype="caom2:Observation.lastModified"),
        time(
            "maxLastModified", o.changed_at, "When it, or what belongs to it, was last changed.", utype="caom2:Observation.maxLastModified"
        ),
        text("metaChecksum", o.meta_checksum, "Sum of its own description.", utype="caom2:Observation.metaChecksum"),
        text("accMetaChecksum", o.checksum, "Sum of the whole description.", utype="caom2:Observation.accMetaChecksum"),
    ),
    source=OBSERVATIONS,
    where=THERE,
    meta_release=o.meta_release,
    program=o.proposal_id,
)
PLANE = View(
    name="caom2.Plane",
    description="Planes: the data of an observation at one calibration level.",
    columns=(
        plane_id("planeID", principal=True, utype="caom2:Plane.id"),
        text("obsID", p.observation_id, _ID, indexed=True, principal=True, utype="caom2:Observation.id"),
        keyed(
            "planeURI",
            "plane uri",
            (o.collection, p.observation_id, p.product_id),
            "URI of the plane.",
            prefix="caom:",
            utype="caom2:Plane.uri",
        ),
        text("productID", p.product_id, "Name of the plane in its observation.", principal=True, utype="caom2:Plane.productID"),
        time("metaRelease", p.meta_release, "When the description is everybody's.", utype="caom2:Plane.metaRelease"),
        time(
            "dataRelease", p.data_release, "When the data are everybody's.", indexed=True, principal=True, utype="caom2:Plane.dataRelease"
        ),
        text("dataProductType", p.data_product_type, "Kind of data.", principal=True, utype="caom2:Plane.dataProductType"),
        whole("calibrationLevel", p.calibration_level, "Calibration level.", principal=True, utype="caom2:Plane.calibrationLevel"),
        text("provenance_name", p.provenance, "What made it.", utype="caom2:Plane.provenance.name"),
        text("provenance_version", p.software, "Its version.", utype="caom2:Plane.provenance.version"),
        text("provenance_context", p.context, "Calibration context of the reference data (ours).", utype="caom2:Plane.provenance.keywords"),
        time("provenance_lastExecuted", p.executed_at, "When it was made.", utype="caom2:Plane.provenance.lastExecuted"),
        text("provenance_inputs", inputs_of(), "URIs of the planes it was made from.", utype="caom2:Plane.provenance.inputs"),
        text("position_bounds", p.region, "Footprint on the sky (ICRS).", xtype="adql:REGION", utype="caom2:Plane.position.bounds"),
        number("position_center_ra", p.ra, "Right ascension of its middle.", unit="deg", ucd="pos.eq.ra", indexed=True),
        number("position_center_dec", p.dec, "Declination of its middle.", unit="deg", ucd="pos.eq.dec", indexed=True),
        number("position_radius", p.radius, "Radius of a circle round it.", unit="deg", ucd="phys.angSize"),
        number("energy_bounds_lower", p.em_min, "Shortest wavelength.", unit="m", indexed=True, utype="caom2:Plane.energy.bounds.lower"),
        number("energy_bounds_upper", p.em_max, "Longest wavelength.", unit="m", utype="caom2:Plane.energy.bounds.upper"),
        text("energy_bandpassName", p.bandpass, "Filter.", principal=True, utype="caom2:Plane.energy.bandpassName"),
        number("time_bounds_lower", p.time_min, "Begin, MJD (UTC).", unit="d", indexed=True, utype="caom2:Plane.time.bounds.lower"),
        number("time_bounds_upper", p.time_max, "End, MJD (UTC).", unit="d", utype="caom2:Plane.time.bounds.upper"),
        number("time_exposure", p.exposure, "Exposure time.", unit="s", principal=True, utype="caom2:Plane.time.exposure"),
        text("metaChecksum", p.meta_checksum, "Sum of its own description.", utype="caom2:Plane.metaChecksum"),
    ),
    source=PLANES,
    where=THERE,
    meta_release=META_RELEASE,
    program=o.proposal_id,
)
ARTIFACT = View(
    name="caom2.Artifact",
    description="Artifacts: the files of a plane.",
    columns=(
        text("artifactID", a.uri, "Identifier of the artifact: its URI.", indexed=True, principal=True, utype="caom2:Artifact.id"),
        plane_id("planeID", principal=True, utype="caom2:Plane.id"),
        text("uri", a.uri, "URI of the file.", indexed=True, principal=True, utype="caom2:Artifact.uri"),
        text("productType", a.product_type, "this, preview, auxiliary, ...", principal=True, utype="caom2:Artifact.productType"),
        text("releaseType", a.release_type, "data or meta: which release it follows.", utype="caom2:Artifact.releaseType"),
        text("contentType", a.content_type, "Type of the content.", principal=True, utype="caom2:Artifact.contentType"),
        whole(
            "contentLength", a.content_length, "Size.", datatype="long", unit="byte", principal=True, utype="caom2:Artifact.contentLength"
        ),
        text("contentChecksum", a.content_checksum, "Sum of the content.", utype="caom2:Artifact.contentChecksum"),
        time("contentRelease", a.content_release, "Its own release, where it has one.", utype="caom2:Artifact.contentRelease"),
        text("metaChecksum", a.meta_checksum, "Sum of its description.", utype="caom2:Artifact.metaChecksum"),
    ),
    source=ARTIFACTS,
    where=THERE,
    meta_release=META_RELEASE,
    program=o.proposal_id,
)
