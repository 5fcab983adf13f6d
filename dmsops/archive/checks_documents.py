"""Documents of observations held against the rules: read from the store, one after another, in a process of the doctor's.

A document that is not there, has other bytes, or cannot be read is itself found; the rules then see nothing of its observation.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dmsops.archive import checks_storage
from dmsops.catalogue import rules
from dmsops.catalogue.library import quiet_library
from dmsops.catalogue.registry import RULES, Case, Finding, Rule
from dmsops.catalogue.xml import from_xml
from dmsops.core.errors import DmsError

assert rules.MODULES
assert checks_storage.is_in_the_store  # C11 and C14 are there
LONGEST = 16 << 20
"""Bytes of a document that are read; the largest of ours have some 100 kB."""
SCHEMA, MISSING, DAMAGED = "C01", "C11", "C14"
EVERY = "*"
BROKEN = "Open an anomaly with procedure P21: the check itself is at fault, what it looks for may be there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One observation as the catalogue has it: where its document lies (``path`` empty: nowhere), and what its rules go by."""

    id: str
    uri: str
    path: str
    sha256: str | None
    archived_at: datetime | None
    exclusive_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found in documents, and what could not be looked at: check (``*``: all) and observation."""

    findings: tuple[Finding, ...]
    blind: tuple[tuple[str, str], ...]


def of_documents(wanted: frozenset[str]) -> list[Rule]:
    """Give the wanted rules of one observation in the order of their numbers; that of the schema is asked by reading."""
    return [r for _, r in sorted(RULES.items()) if r.case is not None and r.id in wanted and r.id != SCHEMA]


def could_not_run(made: Rule, observation_id: str | None, error: Exception) -> Finding:
    """Give what stands for a check that broke: it is not silent, and not a finding of what it looks for."""
    why = error.message if isinstance(error, DmsError) else f"{type(error).__name__}: {error}"
    uri = f"check:{made.id}" + (f"/{observation_id}" if observation_id else "")
    found = made.finding(observation_id, uri, "an answer", f"check {made.id} could not run: {why}"[:500])
    return replace(found, source="doctor", remedy=BROKEN, fix="")


@quiet_library()
def judge(written: Sequence[Written], wanted: frozenset[str]) -> Judged:
    """Read documents and run the wanted rules on each."""
    checks, findings, blind = of_documents(wanted), [], []
    for one in written:
        found, unseen = _judge(one, checks)
        findings += found
        blind += [(check, one.id) for check in unseen]
    return Judged(findings=tuple(findings), blind=tuple(blind))


def _judge(one: Written, checks: Sequence[Rule]) -> tuple[list[Finding], list[str]]:
    try:
        document = _bytes(one)
    except OSError:
        seen = "the store does not have it" if one.sha256 else "the catalogue names none"
        return [RULES[MISSING].finding(one.id, one.uri, "its document in the store", seen)], [EVERY]
    found = hashlib.sha256(document).hexdigest()
    if found != one.sha256:
        return [RULES[DAMAGED].finding(one.id, one.uri, f"a document with sha256 {one.sha256}", found)], [EVERY]
    try:
        observation = from_xml(document, source=f"{one.id}_caom.xml")
    except DmsError as error:
        return [RULES[SCHEMA].finding(one.id, one.uri, "a document that follows CAOM-2.4.xsd", error.message)], [EVERY]
    if observation.observation_id != one.id:
        seen = f"it describes {observation.observation_id}"
        return [RULES[SCHEMA].finding(one.id, one.uri, f"a document of {one.id}", seen)], [EVERY]
    case = Case(observation=observation, document=document, archived_at=one.archived_at, exclusive_days=one.exclusive_days)
    return _run(case, checks)


def _bytes(one: Written) -> bytes:
    if not one.path:
        raise FileNotFoundError(one.id)
    with open(os.fspath(one.path), "rb") as file:  # noqa: PTH123  a thousand of them a second
        return file.read(LONGEST)


def _run(case: Case, checks: Sequence[Rule]) -> tuple[list[Finding], list[str]]:
    mine, found, unseen = case.observation.observation_id, [], []
    for made in checks:
        try:
            found += list(_seen(made, case))
        except Exception as error:  # noqa: BLE001  a rule that breaks must not hide what the others see
            found.append(could_not_run(made, mine, error))
            unseen.append(made.id)
    return found, unseen


def _seen(made: Rule, case: Case) -> Iterator[Finding]:
    assert made.case is not None
    function: Any = made.case
    for uri, expected, observed in function(case):
        yield made.finding(case.observation.observation_id, uri, expected, observed)
