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

from dmsops.archive import proposals
from dmsops.catalogue.naming import observation_uri, product_uri
from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import DeliveryRefused
from dmsops.core.people import Person, Role
from dmsops.distribution import partners, staging
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Rights, Verdict
from dmsops.distribution.audit import Access, Recorder
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.distribution.tables import access_record
from dmsops.distribution.tables import staging as staged
from dmsops.flows import telling
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.wfsc import queries as handed
from dmsops.wfsc.deliver import deliver
from tests.browser.archive_site import take
from tests.browser.toy_site import enrol
from tests.distributing import ADA, CARL, ESAC, OUTSIDE, PROGRAM, answer, ask_for, by_uris, held, let_in, subscribe

NOW = START + timedelta(hours=30)
OTHER = "02107"
EXCLUSIVE = [f"jw{PROGRAM}001001_03104_0000{n}_nrca3" for n in (1, 2, 3)]
"""Observations of a program that has a year of exclusive access."""
VISIT = "02726402001"
SCRIPT = "far <b> away"
WHY = "for the test"


def full(folder: Path, **settings: Any) -> Ops:
    """A site with hand-overs, subscriptions, partners, accesses, staged requests, programs and accounts, well and not well."""
    create_site(folder, lead="lena", mode="rehearsal", name="string seven", stand_at=NOW.isoformat(), **settings)
    then = connect(folder, operator=Person("toy", Role.LEAD), clock=SimulatedClock(NOW - timedelta(hours=3)), **OUTSIDE)
    enrol(then)
    let_in(then, carl=SCRIPT, label="laptop", reason=WHY)
    proposals.put(then, OTHER, exclusive_days=0, title="A public survey", pi_name="B. Bauer", reason=WHY)
    subscribe(then, "http://127.0.0.1:8443/told", reason=WHY)
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
    asked_for = held(ops, (f"{name}_cal.fits" for name in EXCLUSIVE))
    ask_for(ops, [(who, one) for who in (ADA, CARL, ANONYMOUS) for one in asked_for])


def _harvested(ops: Ops) -> None:
    """Let a partner harvest some, and tell what it could not take."""
    Recorder(ops).record(partners.harvested(ESAC, "192.0.2.40", "JWST-REHEARSAL", ops.clock.now() - timedelta(seconds=25), 1200))
    partners.tell(ops, ESAC, {observation_uri("JWST-REHEARSAL", name): f"accMetaChecksum is wrong: {SCRIPT}" for name in EXCLUSIVE[:2]})


def _laid(ops: Ops) -> None:
    """Let the PI ask for files twice: once they are there, once they are gone when they are laid ready."""
    found = by_uris(ops)
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
            answer(ops, VISIT, name, sha256, state)
        with suppress(DeliveryRefused):
            deliver(ops, VISIT, {name: path})
        ops.clock.sleep(60)


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
