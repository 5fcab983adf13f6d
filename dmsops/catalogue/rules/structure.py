"""Rules of structure: the schema, planes, artifacts, members, levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, file_name, is_derived, planes, uri, word
from dmsops.catalogue.xml import schema_fault, to_xml
from dmsops.core.errors import DmsError

_SCIENCE = {"this", "science"}
_PICTURES = {"preview", "preview-image", "preview-plot", "thumbnail"}


@rule("C01", "error", "Describe the observation again from its products (P16).", source="schema", fix="describe")
def follows_the_schema(case: Case) -> Iterator[Seen]:
    """Find a document that does not follow the CAOM 2.4 schema."""
    try:
        fault = schema_fault(case.document if case.document is not None else to_xml(case.observation))
    except (TypeError, ValueError, AttributeError) as error:
        fault = f"cannot be written: {error}"
    if fault is not None:
        yield uri(case.observation), "a document that follows CAOM-2.4.xsd", fault


@rule("C02", "error", "Ingest the observation's products again (P15).", source="products", fix="describe")
def has_planes(case: Case) -> Iterator[Seen]:
    """Find an observation without a plane."""
    if not case.observation.planes:
        yield uri(case.observation), "at least one plane", "none"


@rule("C03", "error", "Ingest the observation's products again (P15).", source="products", fix="describe")
def planes_have_artifacts(case: Case) -> Iterator[Seen]:
    """Find a plane without an artifact."""
    for plane in planes(case.observation):
        if not plane.artifacts:
            yield uri(case.observation, plane), "at least one artifact", "none"


@rule("C05", "error", "Look why the science product is missing; ingest waits for it (P15).", source="products", fix="describe")
def has_a_science_artifact(case: Case) -> Iterator[Seen]:
    """Find a plane without a science artifact, or whose only one is a picture by its name."""
    for plane in planes(case.observation):
        kinds = sorted(word(a.product_type) for a in plane.artifacts.values())
        if kinds and not _SCIENCE & set(kinds):
            yield uri(case.observation, plane), "an artifact of type 'this'", ", ".join(kinds)


@rule("C06", "error", "Keep one of them: describe the observation again from its products (P16).", source="catalogue", fix="describe")
def is_there_once(case: Case) -> Iterator[Seen]:
    """Find an artifact that is there twice."""
    counted = Counter(str(a.uri).lower() for _, a in artifacts(case.observation))
    for address, count in sorted(counted.items()):
        if count > 1:
            yield address, "one artifact of this name", f"{count} in the planes of {case.observation.observation_id}"


@rule("C08", "error", "Name the members in the association and ingest again (P13, P15).", source="associations", fix="describe")
def derived_has_members(case: Case) -> Iterator[Seen]:
    """Find a combined observation that names no members, or members that are not its inputs."""
    if not is_derived(case.observation):
        return
    members = {m.uri for m in case.observation.members or ()}
    if not members:
        yield uri(case.observation), "the observations it was combined from", "none"
        return
    for plane in planes(case.observation):
        inputs = {i.uri.rpartition("/")[0] for i in plane.provenance.inputs} if plane.provenance else set()
        odd = sorted(members ^ inputs)
        if odd:
            yield uri(case.observation, plane), f"the {len(members)} members as inputs of its plane", f"differs in {', '.join(odd[:3])}"


@rule("C10", "error", "Describe the observation again from its products (P16).", source="file names", fix="describe")
def levels_fit(case: Case) -> Iterator[Seen]:
    """Find an algorithm or a calibration level that does not fit the products' suffixes."""
    observation = case.observation
    algorithm = observation.algorithm.name if observation.algorithm else "none"
    if (algorithm == "exposure") is is_derived(observation):
        yield uri(observation), "'exposure' for a single exposure, another for a combined one", algorithm
    if is_derived(observation) is not _combined_name(observation.observation_id):
        yield uri(observation), "a combined observation by its id" if not is_derived(observation) else "an exposure by its id", algorithm
    for plane in planes(observation):
        yield from _level(observation, plane)


def _combined_name(identity: str) -> bool:
    return "-" in identity.split("_", maxsplit=1)[0]


def _level(observation: Any, plane: Any) -> Iterator[Seen]:
    from dmsops.catalogue.describe import level_of

    wanted = set()
    for artifact in plane.artifacts.values():
        try:
            wanted.add(level_of(file_name(artifact)))
        except DmsError:  # C20 names it
            continue
    found = plane.calibration_level.value if plane.calibration_level is not None else None
    if found is None or (wanted and wanted != {found}) or plane.product_id != f"level{found}":
        levels = " and ".join(map(str, sorted(wanted))) or "its products'"
        yield uri(observation, plane), f"calibration level {levels}", f"{found} in plane {plane.product_id}"


@rule("C38", "warning", "Make the picture, or the product that it shows, again (P08, P15).", source="products")
def pictures_have_products(case: Case) -> Iterator[Seen]:
    """Find a preview without its product, or a thumbnail without its preview."""
    for plane in planes(case.observation):
        kinds = {word(a.product_type) for a in plane.artifacts.values()}
        if "thumbnail" in kinds and not kinds & (_PICTURES - {"thumbnail"}):
            yield uri(case.observation, plane), "a preview beside the thumbnail", "none"
        roots = {file_name(a).rpartition(".")[0] for a in plane.artifacts.values() if word(a.product_type) in _SCIENCE}
        for artifact in plane.artifacts.values():
            if word(artifact.product_type) in _PICTURES and not _shows(file_name(artifact), roots):
                yield artifact.uri, "the product that it shows, in the same plane", "none"


def _shows(name: str, roots: set[str]) -> bool:
    mine = name.rpartition(".")[0].removesuffix("_thumb")
    return not roots or mine in roots
