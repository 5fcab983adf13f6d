"""Distribution at work on a made-up site: people who are let in, subscribe and ask for files, and the wavefront team that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from dmsops.archive import holdings, proposals
from dmsops.core.db import reading
from dmsops.core.files import write_json
from dmsops.distribution import accounts, grants, subscriptions
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.audit import Access, Recorder
from dmsops.distribution.files import judge
from dmsops.distribution.subscriptions import Wish
from dmsops.interfaces.wss_answers import answer_file
from dmsops.ops import Ops
from dmsops.wfsc.answers import address_of
from dmsops.wfsc.bundle import Bundle
from tests import ending

PROGRAM = "01783"
TITLE, PI_NAME = "Clusters in the Large Magellanic Cloud", "A. Almeida"
ADA = Requester(name="ada", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ, Scope.SUBSCRIBE}), programs=frozenset({PROGRAM}))
CARL = Requester(name="carl", kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ}))
ESAC = Requester(name="esac", kind=Kind.PARTNER, scopes=frozenset({Scope.HARVEST}))
OUTSIDE: dict[str, Any] = {
    "webhook_private": ("127.0.0.1",), "mail_relay": "mail.example.org", "mail_from": "archive@example.org", "wss_answers": "team",
    "wss_answer_minutes": 1e-6,
}  # fmt: skip
"""Settings of a site that reaches receivers and the wavefront team, who does not keep it waiting."""
REASON = "the second image of the pair is missing"
"""Why the wavefront team refuses a hand-over."""


def let_in(ops: Ops, *, carl: str = "C. Costa", label: str = "", reason: str) -> None:
    """Make the accounts and tokens, an exclusive program, its PI's and a guest's grant; one guest's has ended."""
    for name, person in (("ada", PI_NAME), ("ben", "B. Bauer"), ("carl", carl)):
        accounts.put(ops, name, "astronomer", display_name=person, email=f"{name}@example.org", reason=reason)
        accounts.give_token(ops, name, reason=reason, label=label)
    for name, centre in (("cadc", "Canadian Astronomy Data Centre"), ("esac", "European Space Astronomy Centre")):
        accounts.put(ops, name, "partner", display_name=centre, reason=reason)
    proposals.put(ops, PROGRAM, exclusive_days=365, title=TITLE, pi_name=PI_NAME, category="GO", reason=reason)
    grants.grant(ops, "ada", PROGRAM, kind="pi", reason="principal investigator")
    grants.grant(ops, "ben", PROGRAM, until=ops.clock.now() + timedelta(days=90), reason="co-investigator")
    ending.end_grant(ops, grants.grant(ops, "carl", PROGRAM, reason="student of the PI"), reason="left the group")


def subscribe(ops: Ops, hook: str, *, program: str = "", reason: str) -> None:
    """Subscribe three people in three ways; ``hook`` is the address that the webhook goes to."""
    for name, channel, address in (("ada", "webhook", hook), ("ben", "email", ""), ("carl", "stream", "")):
        wish = Wish(events=("New", "Public"), channel=channel, address=address, program=program)
        subscriptions.subscribe_for(ops, name, wish, reason=reason)


def held(ops: Ops, names: Iterable[str]) -> list[Any]:
    """Find products in the archive by their names."""
    with reading(ops.db) as c:
        return [found for name in names if (found := holdings.by_name(c, name)) is not None]


def by_uris(ops: Ops) -> Callable[[Sequence[str]], Any]:
    """Give what finds products in the archive by their URIs, as a staged request asks for it."""

    def found(wanted: Sequence[str]) -> Any:
        with reading(ops.db) as c:
            return holdings.by_uris(c, wanted)

    return found


def ask_for(ops: Ops, asked: Iterable[tuple[Requester, Any]]) -> None:
    """Write down who asked for which product, and whether they had it."""
    told = [(who, one, judge(who, one, ops.clock.now()).verdict) for who, one in asked]
    Recorder(ops).record(
        *(Access(requester=who, address="192.0.2.17", route="download", uri=one.uri, verdict=v, size=one.size) for who, one, v in told)
    )


def answer(ops: Ops, visit: str, name: str, sha256: str, state: str) -> None:
    """Lay down the wavefront team's answer to a hand-over of one product."""
    now = ops.clock.now()
    bundle = Bundle(visit=visit, products={}, sums={name: sha256}, created=now, due=None, operational=False)
    path = answer_file(address_of(ops), bundle.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"delivery_id": bundle.id, "state": state, "reasons": [REASON] if state == "refused" else [], "files": 1}
    write_json(path, {**said, "at": now.isoformat(), "answered_by": "wavefront team"})
