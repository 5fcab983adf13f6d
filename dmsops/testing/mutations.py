"""Defects of one observation's description: each changes a sound one (caom2), and names the check that must find it.

The first 51 are those that our sheet of catalogue defects lists as what the public validators were tried on; the rest are further ways
in which a check can be needed. A mutation leaves the description's own sums to the caller: recomputed, it is what a wrong program
would have written.
"""

from __future__ import annotations

from dataclasses import dataclass

from dmsops.testing import changes as to


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One defect: what it is, the check that must find it, what it does; ``also`` may see it by another side.

    ``on`` says what it is tried on: an ``exposure`` (planes level1 and level2) or a ``combined`` one.
    """

    name: str
    check: str
    change: to.Change
    also: frozenset[str] = frozenset()
    on: str = "exposure"


def _of(*checks: str) -> frozenset[str]:
    return frozenset(checks)


def _m(name: str, check: str, change: to.Change, also: frozenset[str] = frozenset(), on: str = "exposure") -> Mutation:
    return Mutation(name=name, check=check, change=change, also=also, on=on)


MUTATIONS: tuple[Mutation, ...] = (
    _m("no planes", "C02", lambda o: o.planes.clear()),
    _m("a plane without artifacts", "C03", lambda o: to.plane(o).artifacts.clear()),
    _m("no science artifact", "C05", to.product_type("AUXILIARY")),
    _m("a preview called the science product", "C37", to.picture_as_science),
    _m("the same URI in two planes", "C06", to.again_in_level1, _of("C10")),
    _m("no checksum", "C16", to.put(to.artifact, "content_checksum", None)),
    _m("a checksum of the wrong length", "C16", to.checksum("sha256:00")),
    _m("a checksum of an unknown algorithm", "C16", to.checksum("crc:00")),
    _m("no length", "C18", to.put(to.artifact, "content_length", None)),
    _m("length zero", "C18", to.put(to.artifact, "content_length", 0)),
    _m("no content type", "C15", to.put(to.artifact, "content_type", None)),
    _m("no release of data", "C21", to.put(to.plane, "data_release", None), _of("C25")),
    _m("data public before their metadata", "C22", to.release("data_release", -100), _of("C23", "C24", "C25")),
    _m("data public before the exposure ended", "C22", to.before_the_end, _of("C24", "C25")),
    _m("planes with different releases", "C23", to.release("data_release", 3), _of("C24", "C25")),
    _m("a preview instead of the science product", "C05", to.product_type("PREVIEW"), _of("C38")),
    _m("a URI that names another observation", "C20", to.renamed(lambda u: u.replace("00001", "00002"))),
    _m("a space in a URI", "C20", to.renamed(lambda u: u.replace("_cal", " cal"))),
    _m("another scheme", "C20", to.renamed(lambda u: u.replace("mast:JWST", "cadc:JWST"))),
    _m("a footprint far from its sibling", "C30", to.moved(1.0), _of("C28", "C53")),
    _m("no position", "C27", to.put(to.plane, "position", None)),
    _m("no time", "C33", to.put(to.plane, "time", None), _of("C53")),
    _m("energy in micrometres", "C32", to.energy(2.109, 2.134), _of("C53")),
    _m("Julian dates for modified ones", "C33", to.time(2459917.6, 2459917.7), _of("C53")),
    _m("a reversed time interval", "C33", to.time(59917.2, 59917.1), _of("C01", "C53")),
    _m("a bad axis of right ascension", "C34", to.chunk(ctype1="XX---TAN")),
    _m("a bad axis of wavelength", "C34", to.chunk(energy="XXXX")),
    _m("a singular CD matrix", "C34", to.chunk(cd=(1e-5, 1e-5, 1e-5, 1e-5))),
    _m("a time axis in furlongs", "C34", to.chunk(time_unit="furlong")),
    _m("more axes than are explained", "C34", to.chunk(naxis=5)),
    _m("no proposal", "C35", to.proposal(None), _of("C25")),
    _m("a proposal that disagrees with the id", "C35", to.proposal("01067"), _of("C25")),
    _m("no instrument", "C36", to.put(to.itself, "instrument", None), _of("C32")),
    _m("no target", "C39", to.put(to.itself, "target", None)),
    _m("no provenance", "C40", to.put(to.plane, "provenance", None)),
    _m("an input of a single exposure", "C40", to.input_of_an_exposure),
    _m("an older version of the software is not named", "C40", to.provenance("version", None)),
    _m("a wrong calibration level", "C10", to.level(3)),
    _m("no calibration level", "C10", to.level(None)),
    _m("no intent", "C39", to.put(to.itself, "intent", None)),
    _m("no data product type", "C39", to.put(to.plane, "data_product_type", None)),
    _m("a stale sum", "C47", to.stale),
    _m("a combined one without members", "C08", to.no_members, on="combined"),
    _m("a combined one with a member that is no input", "C08", to.other_member, on="combined"),
    _m("a combined one with the algorithm of an exposure", "C10", to.algorithm("exposure"), _of("C01"), on="combined"),
    _m("a polygon of two points", "C28", to.points(lambda points: points.__delitem__(slice(2, None))), _of("C01")),
    _m("a clockwise polygon", "C28", to.points(lambda points: points.reverse())),
    _m("a polygon that crosses itself", "C28", to.points(to.crossed)),
    _m("a right ascension of 480 degrees", "C29", to.first("cval1", 480.0), _of("C53")),
    _m("a declination of -160 degrees", "C29", to.first("cval2", -160.0), _of("C53")),
    _m("a keyword with a pipe", "C36", to.keyword),
    # Further ways in which a check is needed.
    _m("a footprint drawn otherwise than by its points", "C28", lambda o: setattr(to.bounds(o).samples.vertices[-1], "cval1", 80.02)),
    _m("samples of another time", "C33", lambda o: setattr(to.plane(o).time.bounds.samples[0], "_upper", 59920.0)),
    _m("samples of another band", "C32", lambda o: setattr(to.plane(o).energy.bounds.samples[0], "_upper", 3e-6)),
    _m("a band named by another filter", "C32", lambda o: setattr(to.plane(o).energy, "bandpass_name", "F070W"), _of("C53")),
    _m("a target in another frame", "C29", lambda o: setattr(o.target_position, "coordsys", "FK4")),
    _m("another producer", "C40", lambda o: setattr(to.plane(o).provenance, "producer", "SOMEBODY")),
    _m("another instrument's exposure type", "C39", lambda o: setattr(o, "type", "MIR_IMAGE")),
    _m("a cube that is an image", "C39", to.product_kind("CUBE")),
    _m("a document that leaves the schema", "C01", lambda o: setattr(to.artifact(o), "_content_length", "many"), _of("C18", "C47")),
    _m("data held longer than the program chose", "C24", lambda o: [to.release("data_release", 30, level=n)(o) for n in (1, 2)]),
    _m("another program's group", "C25", to.other_group),
    _m("metadata's release for held data", "C26", to.meta_released),
    _m("a target outside of the sky", "C29", lambda o: setattr(o.target_position.coordinates, "cval2", 95.0)),
    _m("a planned pointing", "C31", lambda o: to.plane(o).provenance.keywords.add("ENGQLPTG=PLANNED")),
    _m("another filter's band", "C32", to.energy(3.5e-6, 4.0e-6), _of("C53")),
    _m("no band of a known filter", "C32", to.put(to.plane, "energy", None), _of("C53")),
    _m("an exposure longer than its span", "C33", lambda o: setattr(to.plane(o).time, "exposure", 1e6), _of("C53")),
    _m("planes of one exposure at different times", "C33", to.time(59920.1, 59920.2), _of("C53")),
    _m("an instrument outside the vocabulary", "C36", lambda o: setattr(o.instrument, "_name", "MIRI/IMAGE"), _of("C32", "C39")),
    _m("another instrument than the id's", "C36", lambda o: setattr(o.instrument, "_name", "MIRI"), _of("C32", "C39")),
    _m("no telescope", "C36", to.put(to.itself, "telescope", None)),
    _m("no exposure type", "C39", to.put(to.itself, "type", None)),
    _m("no title and no investigator", "C35", to.nobody),
    _m("products of two versions in one plane", "C40", lambda o: to.plane(o).provenance.keywords.add("MIXED_CAL_VER=3.0.0 and 3.0.1")),
    _m("a thumbnail without its preview", "C38", to.picture(thumbnail=True)),
    _m("a deprecated product type", "C37", to.product_type("SCIENCE")),
    _m("an image that lies elsewhere", "C53", lambda o: setattr(to.image(o).position.axis.function.ref_coord.coord1, "val", 80.005)),
    _m("an image in the primary part", "C34", to.in_part("0")),
    _m("an image in another frame", "C34", lambda o: setattr(to.image(o).position, "coordsys", "FK5")),
    _m("an axis of time that begins nowhere", "C34", lambda o: setattr(to.image(o).time.axis.range.start, "pix", 1.0)),
    _m("rows before columns", "C34", to.turned),
    _m("an image of another size than its sibling", "C53", lambda o: setattr(to.image(o).position.axis.function.dimension, "naxis1", 5)),
    _m("an image of larger pixels", "C53", lambda o: setattr(to.image(o).position.axis.function, "cd22", 6e-3)),
    _m("an image of another time", "C53", lambda o: setattr(to.image(o).time.axis.range.end, "val", 59917.3)),
    _m("an image exposed for longer", "C53", lambda o: setattr(to.image(o).time, "exposure", 31.0)),
    _m("an image in another time system", "C53", lambda o: setattr(to.image(o).time, "timesys", "TDB")),
    _m("an image in another light", "C53", lambda o: setattr(to.image(o).energy.axis.range.start, "val", 1e-6)),
    _m("an image through another filter", "C53", lambda o: setattr(to.image(o).energy, "bandpass_name", "F070W")),
    _m("a sum of a plane that is not its own", "C47", lambda o: setattr(to.plane(o), "_meta_checksum", o.meta_checksum)),
)
"""In this order; the first 51 are the list's."""
FROM_THE_LIST = 51
