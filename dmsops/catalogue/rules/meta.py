"""Rules of metadata: proposal, instrument, intent, target, provenance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.coverage import sees_the_sky
from dmsops.catalogue.makers import PRODUCER, PROJECT, maker_of
from dmsops.catalogue.naming import program_of
from dmsops.catalogue.planes import best_of, kind_of
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, file_name, is_derived, keywords, planes, uri, word
from dmsops.core import modes
from dmsops.core.errors import BadVisit, DmsError

_PIPE = "|"


@rule("C35", "error", "Describe it again; correct the header where that is wrong (P16, P12).", source="observation id", fix="describe")
def has_its_proposal(case: Case) -> Iterator[Seen]:
    """Find an observation without its proposal, or with another than its id says."""
    observation, wanted = case.observation, program_of(case.observation.observation_id)
    proposal = observation.proposal
    if proposal is None or proposal.id != wanted:
        yield uri(observation), f"proposal {wanted}", "none" if proposal is None else proposal.id
        return
    lacking = [words for name, words in (("pi_name", "principal investigator"), ("title", "title")) if not getattr(proposal, name)]
    if lacking:
        yield uri(observation), "principal investigator and title", f"no {' and no '.join(lacking)}"


@rule("C36", "error", "Describe the observation again from its products (P16).", source="vocabulary", fix="describe")
def has_its_instrument(case: Case) -> Iterator[Seen]:
    """Find an instrument, telescope or word of its optics that is outside the vocabulary."""
    observation = case.observation
    name = observation.instrument.name if observation.instrument else "none"
    if name not in modes.instruments():
        yield uri(observation), f"an instrument: {', '.join(modes.instruments())}", name
    elif _instrument_by_id(observation.observation_id) not in (None, name):
        yield uri(observation), f"the instrument of its id, {_instrument_by_id(observation.observation_id)}", name
    if observation.telescope is None or observation.telescope.name != "JWST":
        yield uri(observation), "telescope JWST", observation.telescope.name if observation.telescope else "none"
    for where, words in _keyword_sets(observation):
        odd = sorted(w for w in words if _PIPE in w or not w.strip())
        if odd:
            yield where, f"keywords without '{_PIPE}'", ", ".join(odd)


def _instrument_by_id(identity: str) -> str | None:
    """Give the instrument that the end of an exposure's id names; None for other ids."""
    match = re.fullmatch(r"jw\d{11}_\d{5}_\d{5}_([a-z0-9]+)(?:-seg\d{3})?", identity)
    try:
        return modes.instrument_of(match[1].upper()) if match else None
    except BadVisit:
        return None


def _keyword_sets(observation: Any) -> Iterator[tuple[str, set[str]]]:
    for part in (observation.proposal, observation.target, observation.telescope, observation.instrument):
        if part is not None:
            yield uri(observation), set(part.keywords)
    for plane in planes(observation):
        if plane.provenance is not None:
            yield uri(observation, plane), set(plane.provenance.keywords)


def _fits_instrument(observation: Any) -> bool:
    try:
        return bool(modes.instrument_of(observation.type) == observation.instrument.name)
    except BadVisit:
        return False


@rule("C39", "error", "Describe the observation again from its products (P16).", source="header", fix="describe")
def has_its_kind(case: Case) -> Iterator[Seen]:
    """Find an observation without intent, type or target, or a plane without a data product type."""
    observation = case.observation
    if observation.intent is None:
        yield uri(observation), "intent science or calibration", "none"
    if not observation.type:
        yield uri(observation), "an exposure type", "none"
    if sees_the_sky(observation.type) and (observation.target is None or not observation.target.name):
        yield uri(observation), "a target", "none"
    elif observation.type and observation.instrument is not None and not _fits_instrument(observation):
        yield uri(observation), f"an exposure type of {observation.instrument.name}", observation.type
    for plane in planes(observation):
        wanted, found = _kind(observation, plane), word(plane.data_product_type)
        if found != wanted:
            yield uri(observation, plane), f"data product type '{wanted}'", found


def _kind(observation: Any, plane: Any) -> str:
    names = [(other is plane, name) for other, artifact in artifacts(observation) if (name := file_name(artifact)).endswith(".fits")]
    mine = [name for here, name in names if here] or [name for _, name in names]
    try:
        return kind_of(best_of(mine), observation.type) if mine else "image"
    except DmsError:
        return "image"  # a name that is no product's is told by its own check


def _made_by(made: Any) -> str:
    return f"{made.name}, project {made.project}, producer {made.producer}"


@rule("C40", "error", "Make all products with one version (P11), then ingest again (P15).", source="header", fix="describe")
def has_one_provenance(case: Case) -> Iterator[Seen]:
    """Find a plane without provenance, or whose products were made by different versions."""
    for plane in planes(case.observation):
        made = plane.provenance
        if made is None:
            yield uri(case.observation, plane), "provenance: software, version, when", "none"
            continue
        wanted = (("name", "software"), ("version", "version"), ("last_executed", "time"))
        lacking = [words for name, words in wanted if not getattr(made, name)]
        if lacking:
            yield uri(case.observation, plane), "software, version and time of its making", f"no {' and no '.join(lacking)}"
        elif (made.project, made.producer) != (PROJECT, PRODUCER) or made.name != maker_of(plane.product_id):
            yield uri(case.observation, plane), f"{maker_of(plane.product_id)}, project {PROJECT}, producer {PRODUCER}", _made_by(made)
        mixed = {name: value for name, value in keywords(made).items() if name.startswith("MIXED_")}
        for name, value in sorted(mixed.items()):
            yield uri(case.observation, plane), f"one {name.removeprefix('MIXED_')} in all products of a plane", value
        if not is_derived(case.observation) and made.inputs:
            yield uri(case.observation, plane), "no inputs of a single exposure", f"{len(made.inputs)} inputs"
