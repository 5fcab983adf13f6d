"""Rules of access: when data become public, and who may see them before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from dmsops.catalogue.access import exclusive_days_of, read_group
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, is_derived, planes, uri, word
from dmsops.core.clock import iso

_MJD_0 = datetime(1858, 11, 17)  # noqa: DTZ001 - the library's times say UTC by saying nothing
_PICTURES = {"preview", "preview-image", "preview-plot", "thumbnail"}


def _shown(when: datetime | None) -> str:
    return "none" if when is None else iso(when.replace(tzinfo=UTC))


@rule(
    "C21",
    "error",
    "Describe the observation again from its products (P16, P18).",
    source="archive",
    fix="describe",
)
def has_a_release(case: Case) -> Iterator[Seen]:
    """Find a plane without the days on which data and metadata become public."""
    for plane in planes(case.observation):
        if plane.data_release is None or plane.meta_release is None:
            lacking = "data" if plane.data_release is None else "metadata"
            yield uri(case.observation, plane), "release dates of data and metadata", f"none of its {lacking}"
    if case.observation.meta_release is None:
        yield uri(case.observation), "a release date of its metadata", "none"


@rule("C22", "error", "Describe it again; look at the exposure's times (P16, P05).", source="exposure", fix="describe")
def is_not_public_too_early(case: Case) -> Iterator[Seen]:
    """Find data that are public before their metadata, or before the exposure has ended."""
    for plane in planes(case.observation):
        if plane.data_release is None:
            continue
        if plane.meta_release is not None and plane.data_release < plane.meta_release:
            yield uri(case.observation, plane), f"not before its metadata, {_shown(plane.meta_release)}", _shown(plane.data_release)
        elif (end := _end(plane)) is not None and plane.data_release < end:
            yield uri(case.observation, plane), f"not before the exposure ended, {_shown(end)}", _shown(plane.data_release)


def _end(plane: Any) -> datetime | None:
    bounds: Any = plane.time.bounds if plane.time is not None else None
    in_range = bounds is not None and 0 < bounds.upper < 100_000
    return _MJD_0 + timedelta(days=bounds.upper) if in_range else None


@rule("C23", "error", "Describe the observation again from its products (P16).", source="siblings", fix="describe")
def releases_agree(case: Case) -> Iterator[Seen]:
    """Find planes or artifacts of one observation that become public on different days."""
    found = planes(case.observation)
    for name, words in (("data_release", "data"), ("meta_release", "metadata")):
        days = sorted({getattr(p, name) for p in found if getattr(p, name) is not None})
        if len(days) > 1:
            yield uri(case.observation), f"one release of its {words}", " and ".join(map(_shown, days))
    metas = {p.meta_release for p in found} - {None}
    if len(metas) == 1 and case.observation.meta_release is not None and case.observation.meta_release not in metas:
        yield uri(case.observation), f"its planes' metadata release, {_shown(metas.pop())}", _shown(case.observation.meta_release)
    for plane, artifact in artifacts(case.observation):
        if artifact.content_release is not None and artifact.content_release != plane.data_release:
            yield artifact.uri, f"its plane's release, {_shown(plane.data_release)}", _shown(artifact.content_release)


@rule("C24", "error", "Describe it again, or correct the program's exclusive access (P16, P18).", source="proposal", fix="describe")
def follows_exclusive_access(case: Case) -> Iterator[Seen]:
    """Find data whose release is not that of their proposal's exclusive access."""
    days = _days(case)
    if case.archived_at is None or days is None:
        return
    wanted = (case.archived_at.astimezone(UTC) + timedelta(days=days)).replace(tzinfo=None)
    for plane in planes(case.observation):
        if plane.data_release is None:
            continue
        apart = (plane.data_release - wanted).total_seconds()
        if apart < -1 or (apart > 1 and not is_derived(case.observation)):
            yield uri(case.observation, plane), f"{_shown(wanted)}, {days} days after it was archived", _shown(plane.data_release)


def _days(case: Case) -> int | None:
    """Give the days that the program chose, else those of its category as the description has it."""
    if case.exclusive_days is not None:
        return case.exclusive_days
    words = case.observation.proposal.keywords if case.observation.proposal else ()
    category = next((w.partition("=")[2] for w in words if w.startswith("CATEGORY=")), None)
    return None if category is None else exclusive_days_of(category)


@rule("C25", "error", "Describe the observation again from its products (P16).", source="proposal", fix="describe")
def names_its_readers(case: Case) -> Iterator[Seen]:
    """Find data under exclusive access that do not name their program's group, or name another's."""
    proposal = case.observation.proposal
    if proposal is None:
        return
    wanted = {read_group(case.observation.collection, proposal.id)}
    for plane in planes(case.observation):
        held = plane.data_release is not None and plane.meta_release is not None and plane.data_release > plane.meta_release
        found = set(plane.data_read_groups or ())
        if found != (wanted if held else set()):
            yield uri(case.observation, plane), ", ".join(wanted) if held else "no group: it is public", ", ".join(sorted(found)) or "none"


@rule("C26", "error", "Describe the observation again from its products (P16).", source="access", fix="describe")
def pictures_are_held(case: Case) -> Iterator[Seen]:
    """Find an artifact that is released with the metadata while its data are held."""
    for _, artifact in artifacts(case.observation):
        if word(artifact.release_type) != "data":
            kind = "a picture of held data" if word(artifact.product_type) in _PICTURES else word(artifact.product_type)
            yield artifact.uri, "release type 'data'", f"release type '{word(artifact.release_type)}' of {kind}"
