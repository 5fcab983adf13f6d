"""A small site on which distribution has something of everything: for the distribution board, which only draws and calls verbs."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import holdings, proposals
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import DeliveryRefused
from dmsops.core.files import write_json
from dmsops.core.people import Person, Role
from dmsops.distribution import accounts, grants, partners, staging, subscriptions
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Rights, Scope, Verdict
from dmsops.distribution.audit import Access, Recorder
from dmsops.distribution.files import judge
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.distribution.subscriptions import Wish
from dmsops.distribution.tables import access_record
from dmsops.distribution.tables import staging as staged
from dmsops.flows import telling
from dmsops.interfaces.wss_answers import answer_file
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.wfsc import queries as handed
from dmsops.wfsc.answers import address_of
from dmsops.wfsc.bundle import Bundle
from dmsops.wfsc.deliver import deliver
from tests.browser.archive_site import take
from tests.browser.toy_site import enrol

NOW = START + timedelta(hours=30)
PROGRAM, OTHER = "01783", "02107"
EXCLUSIVE = [f"jw{PROGRAM}001001_03104_0000{n}_nrca3" for n in (1, 2, 3)]
"""Observations of a program that has a year of exclusive access."""
VISIT = "02726402001"
SCRIPT = "far <b> away"
REASON = "the second image of the pair is missing"
ADA = Requester(name="ada", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ, Scope.SUBSCRIBE}), programs=frozenset({PROGRAM}))
CARL = Requester(name="carl", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ}))
ESAC = Requester(name="esac", kind=Kind.PARTNER, scopes=frozenset({Scope.HARVEST}))
WHY = "for the test"


def full(folder: Path, **settings: Any) -> Ops:
    """A site with hand-overs, subscriptions, partners, accesses, staged requests, programs and accounts, well and not well."""
    create_site(folder, lead="lena", mode="rehearsal", name="string seven", stand_at=NOW.isoformat(), **settings)
    then = connect(
        folder, operator=Person("toy", Role.LEAD), clock=SimulatedClock(NOW - timedelta(hours=3)), wss_answers="team",
        wss_answer_minutes=1e-6, webhook_private=("127.0.0.1",), mail_relay="mail.example.org", mail_from="archive@example.org",
    )  # fmt: skip
    enrol(then)
    let_in(then)
    subscribe(then)
    _archived(then, folder / "given")
    telling.tell(then, send=answers)
    _given(then)
    _harvested(then)
    _laid(then)
    _handed_over(then, folder / "given")
    then.db.dispose()
    return connect(folder, operator=Person("toy", Role.LEAD))


def copied(folder: Path) -> Ops:
    """A copy of the site that `full` makes, which is made once per process."""
    shutil.copytree(_template(), folder)
    return connect(folder, operator=Person("toy", Role.LEAD))


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dmsops-distribution-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    full(folder / "site").db.dispose()
    return folder / "site"


def let_in(ops: Ops) -> None:
    """Make the accounts, tokens and grants."""
    for name, person in (("ada", "A. Almeida"), ("ben", "B. Bauer"), ("carl", SCRIPT)):
        accounts.put(ops, name, "astronomer", display_name=person, email=f"{name}@example.org", reason=WHY)
        accounts.give_token(ops, name, reason=WHY, label="laptop")
    for name in ("cadc", "esac"):
        accounts.put(ops, name, "partner", display_name=f"Data centre {name}", reason=WHY)
    proposals.put(ops, PROGRAM, exclusive_days=365, title="Clusters in the Large Magellanic Cloud", pi_name="A. Almeida", reason=WHY)
    proposals.put(ops, OTHER, exclusive_days=0, title="A public survey", pi_name="B. Bauer", reason=WHY)
    grants.grant(ops, "ada", PROGRAM, kind="pi", reason="principal investigator")
    grants.grant(ops, "ben", PROGRAM, until=NOW + timedelta(days=90), reason="co-investigator")
    grants.revoke(ops, grants.grant(ops, "carl", PROGRAM, reason="student of the PI"), reason="left the group")


def subscribe(ops: Ops) -> None:
    """Subscribe three people in three ways."""
    for name, channel, address in (("ada", "webhook", "http://127.0.0.1:8443/told"), ("ben", "email", ""), ("carl", "stream", "")):
        subscriptions.subscribe_for(ops, name, Wish(events=("New", "Public"), channel=channel, address=address), reason=WHY)


def answers(_: Ops, one: Any, told: Sequence[Any]) -> Outcome:
    """Answer for the receivers: the webhook does not listen, the mail server takes everything."""
    return Outcome(Result.LATER, "nobody listens there") if one.channel == "webhook" else Outcome(Result.DONE)


def _archived(ops: Ops, folder: Path) -> None:
    for identity in EXCLUSIVE:
        take(ops, folder, [f"{identity}_cal.fits"], PROGRAM=PROGRAM, CATEGORY="GO")
        ops.clock.sleep(10)
    take(ops, folder, [f"jw{OTHER}001001_03104_00001_nrca3_cal.fits"], PROGRAM=OTHER, CATEGORY="GO")


def _given(ops: Ops) -> None:
    """Write down who asked for files: the PI had them, others did not."""
    with reading(ops.db) as c:
        held = [found for name in EXCLUSIVE if (found := holdings.by_name(c, f"{name}_cal.fits")) is not None]
    told = [(who, one, judge(who, one, ops.clock.now()).verdict) for who in (ADA, CARL, ANONYMOUS) for one in held]
    Recorder(ops).record(
        *(Access(requester=who, address="192.0.2.17", route="download", uri=one.uri, verdict=v, size=one.size) for who, one, v in told)
    )


def _harvested(ops: Ops) -> None:
    """Let a partner harvest some, and tell what it could not take."""
    Recorder(ops).record(partners.harvested(ESAC, "192.0.2.40", "JWST-REHEARSAL", ops.clock.now() - timedelta(seconds=25), 1200))
    partners.tell(ops, ESAC, {observation_uri("JWST-REHEARSAL", name): f"accMetaChecksum is wrong: {SCRIPT}" for name in EXCLUSIVE[:2]})


def _laid(ops: Ops) -> None:
    """Let the PI ask for files twice: once they are there, once they are gone when they are laid ready."""

    def found(wanted: Sequence[str]) -> Any:
        with reading(ops.db) as c:
            return holdings.by_uris(c, wanted)

    uris = [product_uri(f"{name}_cal.fits") for name in EXCLUSIVE]
    made, _ = staging.make(ops, ADA, uris, found)
    staging.lay_ready(ops, made.id, found)
    lost, _ = staging.make(ops, ADA, uris[:1], found)
    with ops.db.begin() as c:
        c.execute(sa.update(staged).where(staged.c.id == lost.id).values(uris=[product_uri("gone_cal.fits")]))
    staging.lay_ready(ops, lost.id, found)


def _handed_over(ops: Ops, folder: Path) -> None:
    """Hand over three times: WSS refuses one, takes one, and does not answer the last."""
    for number, state in enumerate(("refused", "accepted", "")):
        name = f"jw{VISIT}_0310{number}_00001_nrca3_cal.fits"
        path = write_product(folder / name)
        sha256 = ops.store.put(path)
        if state:
            _answer(ops, name, sha256, state)
        with suppress(DeliveryRefused):
            deliver(ops, VISIT, {name: path})
        ops.clock.sleep(60)


def _answer(ops: Ops, name: str, sha256: str, state: str) -> None:
    bundle = Bundle(visit=VISIT, products={}, sums={name: sha256}, created=ops.clock.now(), due=None, operational=False)
    path = answer_file(address_of(ops), bundle.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"delivery_id": bundle.id, "state": state, "reasons": [REASON] if state == "refused" else [], "files": 1}
    write_json(path, {**said, "at": ops.clock.now().isoformat(), "answered_by": "wavefront team"})


def handover(ops: Ops, state: str) -> str:
    """Give the hand-over in a state."""
    return next(str(row["id"]) for row in handed.deliveries(ops) if row["state"] == state)


def many(ops: Ops, count: int, who: str = "mona") -> None:
    """Let somebody ask for very many files: every tenth one is refused."""
    row = Access(
        requester=Requester(name=who, kind=Kind.ASTRONOMER), address="192.0.2.99", route="download", uri="", size=1000,
        verdict=Verdict(allowed=True, rights=Rights.PUBLIC, why="public"),
    ).row(NOW - timedelta(minutes=5))  # fmt: skip
    denied = {"verdict": "denied", "why": "exclusive access of program 09999: it becomes public at 2023-12-04", "size": None}
    rows = [
        {**row, "uri": product_uri(f"jw09999001001_03104_{n:05d}_nrcb1_cal.fits"), **(denied if n % 10 == 0 else {})} for n in range(count)
    ]
    with ops.db.begin() as c:
        c.execute(sa.insert(access_record), rows)
