"""Checks across the parts: carried out, received, foreseen, archived, and covered by engineering.

Each thing that is wrong is found once: a visit of which nothing is in the archive is not also missed exposure by exposure (C42), an
exposure without level 1b not also product by product (C43).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.checks import Sight, listed
from dmsops.archive.describing import collection_of
from dmsops.archive.tables import archived_product
from dmsops.catalogue.describe import observation_id
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core import modes
from dmsops.core.counting import counted, fitting
from dmsops.core.db import reading
from dmsops.core.errors import DmsError
from dmsops.core.names import ExposureProduct
from dmsops.engineering import coverage, suspects
from dmsops.engineering.pointing import pointing_container
from dmsops.engineering.queries import us
from dmsops.engineering.rules import at
from dmsops.engineering.tables import engineering_span
from dmsops.flows import engineering
from dmsops.flows.checks_visits import Standing, standings
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.interfaces.prds import telemetry_database
from dmsops.receipt import reports
from dmsops.receipt.tables import reported_exposure

if TYPE_CHECKING:
    from dmsops.ops import Ops

_ap, _span = archived_product.c, engineering_span.c


def _uncals(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.endswith("_uncal.fits")]


@site_check("C42", "error", "Reconcile the visit (P05), then plan it again and rescue what failed (P08).", source="status file")
def visit_is_archived(ops: Ops, scope: Scope) -> Sight:
    """Find a visit that was carried out and of which nothing is in the archive."""
    for stands in standings(ops, scope):
        if stands.lost:
            usable = counted(stands.usable, "exposure and detector is", "exposures and detectors are")
            its = fitting(stands.usable, "its", "their")
            words = f"nothing; {usable} completed in {stands.report} and {its} packets are here"
            yield None, f"visit:V{stands.visit}", "its exposures in the archive", words


@site_check("C43", "error", "Look where level 1b stands: plan the visit again, or rescue what failed (P08).", source="receipt")
def exposure_is_archived(ops: Ops, scope: Scope) -> Sight:
    """Find an exposure that was received and whose level 1b is not in the archive."""
    for stands in standings(ops, scope):
        for name in [] if stands.lost else _uncals(stands.missing):
            owner = observation_id(name)
            if scope.holds(owner):
                yield owner, product_uri(name), "level 1b in the archive: its packets are here", "none"


@site_check("C04", "error", "Look why it was not made (P19), rescue the step (P08), and ingest it (P15).", source="prediction")
def has_what_was_foreseen(ops: Ops, scope: Scope) -> Sight:
    """Find an observation without a product that was foreseen."""
    for stands in standings(ops, scope):
        without = {observation_id(name) for name in _uncals(stands.missing)}
        lacking: dict[str, list[str]] = defaultdict(list)
        for name in stands.missing:
            if name in stands.begun and observation_id(name) not in without:
                lacking[observation_id(name)].append(name)
        for owner, names in lacking.items():
            if scope.holds(owner):
                yield owner, observation_uri(collection_of(ops), owner), f"{listed(names)}, by its visit's plan", "not in the archive"


@site_check("C44", "error", "Compare the visit's plan and status file with what was made (P19, P05).", source="prediction")
def is_foreseen(ops: Ops, scope: Scope) -> Sight:
    """Find a whole observation that was foreseen and is missing, or a product that nothing foresaw."""
    visits = standings(ops, scope)
    seen = {found[1]: found for stands in visits if not stands.lost for found in (*_observations_missing(stands), *_unforeseen(stands))}
    seen |= {found[1]: found for found in _combined_unforeseen(visits)}
    yield from (found for _, found in sorted(seen.items()) if scope.holds(found[0]))


def _observations_missing(stands: Standing) -> Iterator[tuple[str, str, str, str]]:
    for name in stands.missing:
        if not ExposureProduct.matches(name) and name not in stands.begun:
            yield observation_id(name), product_uri(name), "combined from what was taken, by the visit's plan", "not in the archive"


def _unforeseen(stands: Standing) -> Iterator[tuple[str, str, str, str]]:
    for name in stands.unforeseen:
        yield observation_id(name), product_uri(name), "nothing of this name", f"in the archive; plan and {stands.report} do not foresee it"


def _combined_unforeseen(visits: list[Standing]) -> Iterator[tuple[str, str, str, str]]:
    """Find what observations were combined into and none of their visits foresees."""
    together: dict[str, list[Standing]] = defaultdict(list)
    for stands in visits:
        together[stands.visit[:8]].append(stands)
    for mine in together.values():
        if not all(stands.whole for stands in mine):
            continue
        for name in sorted(mine[0].combined.difference(*(stands.possible for stands in mine))):
            words = "in the archive; the visits' plans and status files do not foresee it"
            yield observation_id(name), product_uri(name), "nothing of this name", words


@site_check(
    "C46", "warning", "Look at the gap or the contested samples (P03, P14), then point the products again (P12).", source="engineering"
)
def is_covered_by_engineering(ops: Ops, scope: Scope) -> Sight:
    """Find an archived exposure whose time has no pointing telemetry, or contested telemetry."""
    if engineering.open_ingests(ops):
        return
    container = pointing_container()
    mnemonics = [telemetry_database().by_name(name) for name in POINTING_MNEMONICS]
    edge = coverage.limit_us(ops, mnemonics[0].period_seconds)
    with reading(ops.db) as c:
        taken = _taken_and_archived(c, scope)
        spans = c.execute(
            sa.select(_span.first_us, _span.last_us).where(_span.container == container).order_by(_span.first_us)
        ).all()  # fmt: skip
        contested = suspects.touching(c, min((a for _, a, _ in taken), default=0), max((b for *_, b in taken), default=0))
    waived = [(g["first_us"], g["last_us"]) for g in coverage.gaps(ops) if g["decision"] == "waived"]
    ours = {m.number: m.name for m in mnemonics}
    spoilt = [(row["first_us"], row["last_us"], ours[row["number"]]) for row in contested if row["number"] in ours]
    starts = [row.first_us for row in spans]
    for exposure, first, last in taken:
        uri = observation_uri(collection_of(ops), exposure)
        names = sorted({name for a, b, name in spoilt if a <= last and b >= first})
        if not _covered(spans, starts, first, last, edge) and not any(a <= last and b >= first for a, b in waived):
            yield None, uri, f"pointing telemetry from {at(first)} to {at(last)}", "a time without samples in it"
        elif names:
            yield None, uri, "pointing telemetry that nothing contradicts", f"contested: {listed(names)}"


def _covered(spans: Any, starts: list[int], first: int, last: int, edge: int) -> bool:
    """Say whether one span holds a time, as far as the distance of two samples lets us know."""
    place = bisect_right(starts, first + edge) - 1
    return place >= 0 and bool(spans[place].last_us + edge >= last)


def _taken_and_archived(c: sa.Connection, scope: Scope) -> list[tuple[str, int, int]]:
    """Give exposures that saw the sky, are completed, and are in the archive: name, start and end in microseconds."""
    rows = [
        (name, row)
        for exposures in reports.exposures(c, reported_exposure, reports.current_reports(c).values()).values()
        for name, row in exposures.items()
        if row["status"] == "completed" and name.startswith(scope.prefix) and _sees_the_sky(row["exp_type"])
    ]
    there = {
        str(ExposureProduct.parse(name).exposure)
        for name in c.execute(sa.select(_ap.name).where(_ap.current, _ap.suffix == "uncal")).scalars()
        if ExposureProduct.matches(name)
    }
    return [(name, us(row["start"]), us(row["end"])) for name, row in rows if name in there]


def _sees_the_sky(exp_type: str) -> bool:
    try:
        return not modes.exposure_type(exp_type).internal
    except DmsError:
        return True
