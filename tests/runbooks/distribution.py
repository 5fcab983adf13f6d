"""Distribution on the frozen site: an exclusive program, accounts, accesses, and one of each thing that can go wrong on the way out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import holdings, proposals
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.core.db import reading
from dmsops.core.errors import DeliveryRefused
from dmsops.core.files import write_json
from dmsops.distribution import accounts, grants, partners, staging, subscriptions
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope
from dmsops.distribution.audit import Access, Recorder
from dmsops.distribution.files import judge
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.distribution.subscriptions import Wish
from dmsops.distribution.tables import staging as staged
from dmsops.flows import telling
from dmsops.interfaces.wss_answers import answer_file
from dmsops.ops import Ops, connect
from dmsops.wfsc.answers import address_of
from dmsops.wfsc.bundle import Bundle
from dmsops.wfsc.deliver import deliver
from tests.archives import wavefront_visit
from tests.runbooks import archive

PROGRAM = "01783"
VISIT = "01783001001"
WHY = "frozen site"
WORDS = {"PROGRAM": PROGRAM, "CATEGORY": "GO", "TITLE": "Clusters in the Large Magellanic Cloud", "PI_NAME": "A. Almeida"}
HOOK = "https://127.0.0.1:8443/told"
ADA = Requester(name="ada", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ, Scope.SUBSCRIBE}), programs=frozenset({PROGRAM}))
CARL = Requester(name="carl", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ}))
ESAC = Requester(name="esac", kind=Kind.PARTNER, scopes=frozenset({Scope.HARVEST}))
REFUSED_BY_PARTNER = "jw02726405001_03104_00001_nrca3"
LOST = "mast:JWST/product/jw01783001001_03104_00009_nrca3_cal.fits"
ADDRESS = "192.0.2.17"


def fill(ops: Ops, folder: Path) -> None:
    """Let accounts in, archive an exclusive visit, tell its subscribers, give files and refuse some, and hand over."""
    outside = connect(
        ops.settings.site, operator=ops.operator, clock=ops.clock, webhook_private=("127.0.0.1",), mail_relay="mail.example.org",
        mail_from="archive@example.org", wss_answers="team", wss_answer_minutes=1e-6,
    )  # fmt: skip
    let_in(ops)
    subscribe(outside)
    products = exclusive(ops, folder / "exclusive")
    telling.tell(ops, send=answers)
    given(ops, products)
    partner(ops)
    large_request(ops, [product_uri(name) for name in products])
    hand_over(outside)
    outside.db.dispose()


def let_in(ops: Ops) -> None:
    """Make the accounts, the PI's and a guest's grant; one guest's has ended."""
    for name, person in (("ada", "A. Almeida"), ("ben", "B. Bauer"), ("carl", "C. Costa")):
        accounts.put(ops, name, "astronomer", display_name=person, email=f"{name}@example.org", reason=WHY)
        accounts.give_token(ops, name, reason=WHY)
    for name, person in (("cadc", "Canadian Astronomy Data Centre"), ("esac", "European Space Astronomy Centre")):
        accounts.put(ops, name, "partner", display_name=person, reason=WHY)
    proposals.put(ops, PROGRAM, exclusive_days=365, title=WORDS["TITLE"], pi_name=WORDS["PI_NAME"], category="GO", reason=WHY)
    grants.grant(ops, "ada", PROGRAM, kind="pi", reason="principal investigator")
    grants.grant(ops, "ben", PROGRAM, until=ops.clock.now() + timedelta(days=90), reason="co-investigator")
    grants.revoke(ops, grants.grant(ops, "carl", PROGRAM, reason="student of the PI"), reason="left the group")


def subscribe(ops: Ops) -> None:
    """Subscribe three people in three ways."""
    for name, channel, address in (("ada", "webhook", HOOK), ("ben", "email", ""), ("carl", "stream", "")):
        wish = Wish(events=("New", "Public"), channel=channel, address=address, program=PROGRAM)
        subscriptions.subscribe_for(ops, name, wish, reason=WHY)


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
    with reading(ops.db) as c:
        held = [found for name in products if (found := holdings.by_name(c, name)) is not None]
    asked = [(ADA, one) for one in held] + [(CARL, held[0]), (ANONYMOUS, held[0]), (ANONYMOUS, held[1])]
    told = [(who, one, judge(who, one, ops.clock.now()).verdict) for who, one in asked]
    Recorder(ops).record(
        *(Access(requester=who, address=ADDRESS, route="download", uri=one.uri, verdict=v, size=one.size) for who, one, v in told)
    )


def partner(ops: Ops) -> None:
    """Let a partner harvest up to the first visit's archiving, and tell what it could not take."""
    until = ops.clock.now() - timedelta(minutes=1)
    Recorder(ops).record(partners.harvested(ESAC, "192.0.2.40", "JWST-REHEARSAL", until, 1200))
    uri = observation_uri("JWST-REHEARSAL", REFUSED_BY_PARTNER)
    partners.tell(ops, ESAC, {uri: "accMetaChecksum is not that of the document"})


def large_request(ops: Ops, uris: Sequence[str]) -> None:
    """Let the PI ask for files of which one is gone when they are laid ready; its number is always the same."""

    def found(wanted: Sequence[str]) -> Any:
        with reading(ops.db) as c:
            return holdings.by_uris(c, wanted)

    made, _ = staging.make(ops, ADA, uris, found)
    with ops.db.begin() as c:
        c.execute(sa.update(staged).where(staged.c.id == made.id).values(id="5" * 32, uris=[*uris, LOST]))
    staging.lay_ready(ops, "5" * 32, found)


def hand_over(ops: Ops) -> None:
    """Hand over two exposures of the archived visit: WSS refuses one, and does not answer the other."""
    visit = wavefront_visit(archive.VISIT)
    for exposure, answered in zip(visit.exposures, (True, False), strict=True):
        name = str(exposure.product("NRCA3", "cal"))
        with reading(ops.db) as c:
            held = holdings.by_name(c, name)
        assert held is not None
        if answered:
            refuse(ops, held.sha256, name)
        with suppress(DeliveryRefused):
            deliver(ops, archive.VISIT, {name: ops.store.path(held.sha256)})


def refuse(ops: Ops, sha256: str, name: str) -> None:
    """Lay down the wavefront team's refusal."""
    now = ops.clock.now()
    bundle = Bundle(visit=archive.VISIT, products={}, sums={name: sha256}, created=now, due=None, operational=False)
    path = answer_file(address_of(ops), bundle.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"delivery_id": bundle.id, "state": "refused", "reasons": ["the second image of the pair is missing"], "files": 1}
    write_json(path, {**said, "at": now.isoformat(), "answered_by": "wavefront team"})
