"""Checks of an observation's description: one function per rule, each with severity and remedy.

The numbers follow our list of CAOM defects (docs/reference/caom-rules); a rule gives what it expected and
what it saw, and the registry adds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dmsops.catalogue.coverage import sees_the_sky
from dmsops.catalogue.library import quiet_library
from dmsops.catalogue.polygon import fault_of
from dmsops.catalogue.xml import schema_fault, to_xml
from dmsops.core.errors import DmsError

if TYPE_CHECKING:
    from caom2 import Observation

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with an observation: which rule, where, what was expected, what was seen, what to do."""

    check: str
    title: str
    severity: Severity
    uri: str
    expected: str
    observed: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.check} {self.title}: {self.uri}: {self.observed}, expected {self.expected}"


Seen = tuple[str, str, str]
"""URI, what was expected, what was seen."""
RuleFunction = Callable[[Any], Iterator[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A registered check; its title is what its function's docstring says it finds."""

    id: str
    title: str
    severity: Severity
    remedy: str
    function: RuleFunction


RULES: dict[str, Rule] = {}


def rule(identity: str, severity: Severity, remedy: str) -> Callable[[RuleFunction], RuleFunction]:
    """Register a check under its number."""

    def register(function: RuleFunction) -> RuleFunction:
        title = (function.__doc__ or "").strip().splitlines()[0].rstrip(".").removeprefix("Find ")
        RULES[identity] = Rule(id=identity, title=title, severity=severity, remedy=remedy, function=function)
        return function

    return register


@quiet_library()
def check(observation: Observation) -> tuple[Finding, ...]:
    """Run every rule on an observation, in the order of their numbers; an empty answer means that it is sound."""
    return tuple(
        Finding(check=r.id, title=r.title, severity=r.severity, uri=uri, expected=expected, observed=observed, remedy=r.remedy)
        for r in sorted(RULES.values(), key=lambda r: r.id)
        for uri, expected, observed in r.function(observation)
    )


def _uri(observation: Any, plane: Any = None) -> str:
    root = f"caom:{observation.collection}/{observation.observation_id}"
    return root if plane is None else f"{root}/{plane.product_id}"


def _artifacts(observation: Any) -> Iterator[tuple[Any, Any]]:
    for plane in observation.planes.values():
        for artifact in plane.artifacts.values():
            yield plane, artifact


@rule("C01", "error", "Describe the observation again from its products (P15).")
def follows_the_schema(observation: Any) -> Iterator[Seen]:
    """Find a document that does not follow the CAOM 2.4 schema."""
    fault = schema_fault(to_xml(observation))
    if fault is not None:
        yield _uri(observation), "a document that follows CAOM-2.4.xsd", fault


@rule("C02", "error", "Ingest the observation's products again (P15).")
def has_planes(observation: Any) -> Iterator[Seen]:
    """Find an observation without a plane."""
    if not observation.planes:
        yield _uri(observation), "at least one plane", "none"


@rule("C05", "error", "Look why the science product is missing; ingest waits for it (P15).")
def has_a_science_artifact(observation: Any) -> Iterator[Seen]:
    """Find a plane without a science artifact."""
    for plane in observation.planes.values():
        kinds = sorted(a.product_type.value for a in plane.artifacts.values())
        if not {"this", "science"} & set(kinds):
            yield _uri(observation, plane), "an artifact of type 'this'", ", ".join(kinds) or "no artifact"


@rule("C08", "error", "Name the members in the association and ingest again (P13, P15).")
def derived_has_members(observation: Any) -> Iterator[Seen]:
    """Find a combined observation that names no members."""
    members = getattr(observation, "members", None)
    if members is not None and not members:
        yield _uri(observation), "the observations it was combined from", "none"


@rule("C16", "error", "Compute the sums again from the store (P16).")
def has_checksums(observation: Any) -> Iterator[Seen]:
    """Find an artifact without a usable checksum."""
    for _, artifact in _artifacts(observation):
        found = artifact.content_checksum.uri if artifact.content_checksum else "none"
        if re.fullmatch(r"sha256:[0-9a-f]{64}", found) is None:
            yield artifact.uri, "sha256: and 64 hexadecimal digits", found


@rule("C18", "error", "Make the product again (P08).")
def has_bytes(observation: Any) -> Iterator[Seen]:
    """Find an artifact that is empty."""
    for _, artifact in _artifacts(observation):
        if not artifact.content_length:
            yield artifact.uri, "a length above 0", str(artifact.content_length)


@rule("C20", "error", "Ingest the product under its own observation (P15).")
def is_named_right(observation: Any) -> Iterator[Seen]:
    """Find an artifact whose URI does not follow the naming rules or names another observation."""
    from dmsops.catalogue.describe import observation_id

    for _, artifact in _artifacts(observation):
        scheme, _, name = artifact.uri.rpartition("/")
        try:
            owner = observation_id(name)
        except DmsError:
            owner = "no product name"
        if scheme != "mast:JWST/product" or owner != observation.observation_id:
            yield artifact.uri, f"mast:JWST/product/ and a product of {observation.observation_id}", owner


@rule("C27", "error", "Set the pointing (P12), make the product again, and ingest it again (P15).")
def has_a_footprint(observation: Any) -> Iterator[Seen]:
    """Find a plane without a footprint on the sky, of an exposure that saw the sky."""
    if not sees_the_sky(observation.type):
        return
    for plane in observation.planes.values():
        if plane.position is None or plane.position.bounds is None:
            yield _uri(observation, plane), "a polygon from S_REGION", "no position"


@rule("C28", "error", "Correct the footprint from the WCS and ingest again (P16).")
def has_a_sound_polygon(observation: Any) -> Iterator[Seen]:
    """Find a footprint that is not a sound polygon."""
    for plane in observation.planes.values():
        points = getattr(getattr(plane.position, "bounds", None), "points", None)
        fault = fault_of([(p.cval1, p.cval2) for p in points]) if points is not None else None
        if fault is not None:
            yield _uri(observation, plane), "a simple polygon, counter-clockwise, with area", fault


@rule("C33", "error", "Look at the exposure's times in its header and in the status file (P05).")
def has_a_time(observation: Any) -> Iterator[Seen]:
    """Find a plane without a time, or whose exposure is longer than its span."""
    for plane in observation.planes.values():
        if plane.time is None or plane.time.bounds is None:
            yield _uri(observation, plane), "start and end (EXPSTART, EXPEND)", "no time"
            continue
        span = (plane.time.bounds.upper - plane.time.bounds.lower) * 86400.0
        if plane.time.exposure is not None and plane.time.exposure > span + 1.0:
            yield _uri(observation, plane), f"at most the span of {span:.1f} s", f"an exposure of {plane.time.exposure:.1f} s"
