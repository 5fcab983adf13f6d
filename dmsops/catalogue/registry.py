"""Checks of the catalogue: what a check is, what it finds, and the one list of them.

The numbers follow our list of CAOM defects (docs/reference/caom-rules). A *rule* looks at one observation's description; a *site
check* looks at the whole site (catalogue, store, other parts). Both give where, what was expected and what was seen; the
registry adds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Severity = Literal["error", "warning"]
"""An error keeps an observation out of the archive; a warning does not."""
Fix = Literal["", "describe", "rows", "bytes", "retire", "announce"]
"""What `dmsops.flows.repairs` can do by itself: describe the observation again from its products, write its rows again from its
document, bring bytes back from another copy, take a stale product out of the current set, announce it again to harvesters.
Empty: a person acts, by the procedure that the remedy names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: which check, where, what was expected, what was seen, what to do, and whether we can do it.

    ``source`` names where the expected value comes from: ``schema``, ``header``, ``store``, ``prediction``, ``status file``...
    """

    check: str
    title: str
    severity: Severity
    uri: str
    expected: str
    observed: str
    source: str
    remedy: str
    fix: Fix = ""
    observation_id: str | None = None

    def __str__(self) -> str:
        return f"{self.check} {self.title}: {self.uri}: {self.observed}, expected {self.expected}"


Seen = tuple[str, str, str]
"""URI, what was expected, what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One observation as a rule sees it.

    Attributes
    ----------
    observation : caom2.Observation
        Its description.
    document : bytes or None
        Its XML as it lies in the store; None before it is ingested.
    archived_at : datetime or None
        When its first product came into the archive (exclusive access counts from then); None where not known.
    exclusive_days : int or None
        Days of exclusive access of its proposal; None where not known.
    """

    observation: Any
    document: bytes | None = None
    archived_at: datetime | None = None
    exclusive_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a site check looks at: observations whose id begins so; ``deep`` also reads bytes (sums, FITS, headers)."""

    prefix: str = ""
    deep: bool = False

    def holds(self, observation_id: str) -> bool:
        """Say whether an observation is in it."""
        return observation_id.startswith(self.prefix)


RuleFunction = Callable[[Case], Iterator[Seen]]
SiteFunction = Callable[[Any, Scope], Iterator[tuple[str | None, str, str, str]]]
"""Takes ``ops`` and the scope; gives observation id (or None), URI, expected, seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A registered check; its title is what its function's docstring says it finds.

    ``case`` looks at one observation, ``site`` at all; a check may have both sides, under one title.
    """

    id: str
    title: str
    severity: Severity
    source: str
    remedy: str
    fix: Fix
    case: RuleFunction | None = None
    site: SiteFunction | None = None
    deep: bool = False

    def finding(self, observation_id: str | None, uri: str, expected: str, observed: str) -> Finding:
        """Make a finding of what its function saw."""
        return Finding(
            check=self.id, title=self.title, severity=self.severity, uri=uri, expected=expected, observed=observed,
            source=self.source, remedy=self.remedy, fix=self.fix, observation_id=observation_id,
        )  # fmt: skip


RULES: dict[str, Rule] = {}
"""Every check by its number, once its module is imported."""


def rule(identity: str, severity: Severity, remedy: str, *, source: str, fix: Fix = "") -> Callable[[RuleFunction], RuleFunction]:
    """Register a check of one observation under its number.

    Raises
    ------
    ValueError
        The number is taken by another check of one observation, or by one with another title.
    """

    def register(function: RuleFunction) -> RuleFunction:
        _add(Rule(id=identity, title=_title(function), severity=severity, source=source, remedy=remedy, fix=fix, case=function))
        return function

    return register


def site_check(
    identity: str, severity: Severity, remedy: str, *, source: str, fix: Fix = "", deep: bool = False
) -> Callable[[SiteFunction], SiteFunction]:
    """Register a check of the whole site under its number; a ``deep`` one runs only where the scope asks for it.

    Raises
    ------
    ValueError
        The number is taken by another check of the site, or by one with another title.
    """

    def register(function: SiteFunction) -> SiteFunction:
        made = Rule(id=identity, title=_title(function), severity=severity, source=source, remedy=remedy, fix=fix, site=function, deep=deep)
        _add(made)
        return function

    return register


def _title(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().splitlines()[0].rstrip(".").removeprefix("Find ")


def _add(made: Rule) -> None:
    there = RULES.get(made.id)
    if there is None:
        RULES[made.id] = made
        return
    if (there.case and made.case) or (there.site and made.site) or there.title != made.title:
        msg = f"check {made.id} is there twice"
        raise ValueError(msg)
    RULES[made.id] = replace(there, case=there.case or made.case, site=there.site or made.site)
