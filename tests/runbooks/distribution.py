"""Distribution on the frozen site: an exclusive program, accounts, accesses, and one of each thing that can go wrong on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.core.errors import DeliveryRefused
from dmsops.distribution import partners, staging
from dmsops.distribution.access import ANONYMOUS
from dmsops.distribution.audit import Recorder
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.distribution.tables import staging as staged
from dmsops.flows import telling
from dmsops.ops import Ops, connect
from dmsops.wfsc.deliver import deliver
from tests.archives import wavefront_visit
from tests.distributing import ADA, CARL, ESAC, OUTSIDE, PI_NAME, PROGRAM, TITLE, answer, ask_for, by_uris, held, let_in, subscribe
from tests.runbooks import archive

VISIT = "01783001001"
WHY = "frozen site"
WORDS = {"PROGRAM": PROGRAM, "CATEGORY": "GO", "TITLE": TITLE, "PI_NAME": PI_NAME}
HOOK = "https://127.0.0.1:8443/told"
REFUSED_BY_PARTNER = "jw02726405001_03104_00001_nrca3"
LOST = "mast:JWST/product/jw01783001001_03104_00009_nrca3_cal.fits"


def fill(ops: Ops, folder: Path) -> None:
    """Let accounts in, archive an exclusive visit, tell its subscribers, give files and refuse some, and hand over."""
    outside = connect(ops.settings.site, operator=ops.operator, clock=ops.clock, **OUTSIDE)
    let_in(ops, reason=WHY)
    subscribe(outside, HOOK, program=PROGRAM, reason=WHY)
    products = exclusive(ops, folder / "exclusive")
    telling.tell(ops, send=answers)
    given(ops, products)
    partner(ops)
    large_request(ops, [product_uri(name) for name in products])
    hand_over(outside)
    outside.db.dispose()


def answers(_ops: Ops, one: Any, _told: Sequence[Any]) -> Outcome:
    """Answer for the receivers: the webhook is gone, the mail server takes nothing."""
    gone = one.channel == "webhook"
    return Outcome(Result.GONE, "it answered 410 Gone") if gone else Outcome(Result.LATER, "the mail server is busy (421)")


def exclusive(ops: Ops, folder: Path) -> list[str]:
    """Archive two exposures, ten seconds apart, and what they were combined into; gives the products."""
    visit = wavefront_visit(VISIT)
    names = [str(e.product("NRCA3", "cal")) for e in visit.exposures]
    for name in names:
        archive.offer(ops, visit, folder, [name], **WORDS)
        ops.clock.advance(timedelta(seconds=10))  # type: ignore[attr-defined]
    whole = next(str(product) for product in archive.combined(visit) if "nrca3" in str(product))
    archive.offer(ops, visit, folder, [whole], members=names, **WORDS)
    return [*names, whole]


def given(ops: Ops, products: Sequence[str]) -> None:
    """Write down who asked for the exclusive files: the PI had them all, others none."""
    asked_for = held(ops, products)
    ask_for(ops, [*((ADA, one) for one in asked_for), (CARL, asked_for[0]), *((ANONYMOUS, one) for one in asked_for[:2])])


def partner(ops: Ops) -> None:
    """Let a partner harvest up to the first visit's archiving, and tell what it could not take."""
    until = ops.clock.now() - timedelta(minutes=1)
    Recorder(ops).record(partners.harvested(ESAC, "192.0.2.40", "JWST-REHEARSAL", until, 1200))
    uri = observation_uri("JWST-REHEARSAL", REFUSED_BY_PARTNER)
    partners.tell(ops, ESAC, {uri: "accMetaChecksum is not that of the document"})


def large_request(ops: Ops, uris: Sequence[str]) -> None:
    """Let the PI ask for files of which one is gone when they are laid ready; its number is always the same."""
    found = by_uris(ops)
    made, _ = staging.make(ops, ADA, uris, found)
    with ops.db.begin() as c:
        c.execute(sa.update(staged).where(staged.c.id == made.id).values(id="5" * 32, uris=[*uris, LOST]))
    staging.lay_ready(ops, "5" * 32, found)


def hand_over(ops: Ops) -> None:
    """Hand over two exposures of the archived visit: WSS refuses one, and does not answer the other."""
    visit = wavefront_visit(archive.VISIT)
    for exposure, answered in zip(visit.exposures, (True, False), strict=True):
        name = str(exposure.product("NRCA3", "cal"))
        (product,) = held(ops, [name])
        if answered:
            answer(ops, archive.VISIT, name, product.sha256, "refused")
        with suppress(DeliveryRefused):
            deliver(ops, archive.VISIT, {name: ops.store.path(product.sha256)})
