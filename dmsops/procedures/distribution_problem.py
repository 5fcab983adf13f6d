"""What P17 looks at: files given and refused, subscriptions that fail, partners, hand-overs, large requests; and the cases among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.holdings import FILES, RELEASE
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archived_product, observation
from dmsops.core.counting import counted
from dmsops.core.db import mappings
from dmsops.distribution import audit, notice_queries, partners, staging
from dmsops.distribution.access import Rights, rights_word
from dmsops.distribution.notices import Delivery, Standing
from dmsops.distribution.staging_standing import STUCK, standing
from dmsops.flows import partners as seen
from dmsops.wfsc import queries as wavefront

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SHOWN = 40
_MOST = 1000
ACKNOWLEDGED = "acknowledged"
_WORDS = {"being sent": "being placed", "not sent": "not placed yet", "not answered": "WSS has not answered", "refused": "WSS refused it"}


def served(ops: Ops) -> list[Row]:
    """Count the files that are served, by what they are to the public now: ``rights, files, bytes``."""
    word = rights_word(RELEASE, ops.clock.now()).label("rights")
    query = sa.select(word, sa.func.count().label("files"), sa.func.sum(archived_product.c.size).label("bytes"))
    query = query.select_from(FILES).where(observation.c.state == ARCHIVED).group_by(word)
    found = {row["rights"]: (row["files"], int(row["bytes"])) for row in mappings(ops.db, query)}
    counts = [(one.value, *found.get(one.value, (0, 0))) for one in Rights]
    return [{"rights": word, "files": files, "bytes": size} for word, files, size in counts]


def accesses(ops: Ops, hours: float = 24.0) -> Row:
    """Count what was given and refused in the last hours: ``since, granted, denied, bytes``."""
    since = ops.clock.now() - timedelta(hours=hours)
    return {"since": since, audit.GRANTED: 0, audit.DENIED: 0, **audit.counts(ops, since)}


def last_accesses(ops: Ops, verdict: str = "", who: str = "") -> list[Row]:
    """Give the newest 20 accesses, of one verdict or of one account if that is said."""
    return audit.records(ops, verdict=verdict, who=who, limit=20)


def telling(ops: Ops) -> Row:
    """Say how the telling of subscribers stands, in words, for `Run.facts`."""
    found = notice_queries.summary(ops)
    return {
        "subscriptions": _counted(found["subscriptions"]), "that_fail": found["failing"], "deliveries": _counted(found["deliveries"]),
        "oldest_event_that_waits": found["oldest_waiting"], "releases_looked_at_up_to": found["looked_at"],
    }  # fmt: skip


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "none"


def failing(ops: Ops) -> list[Row]:
    """Give the subscriptions that fail or were stopped, those that have failed longest first."""
    return notice_queries.listed(ops, failing=True, limit=SHOWN)


def waiting(ops: Ops) -> list[Row]:
    """Give the first five notices that wait in each failing lane: ``subscription, id, event, observation_id, attempts, next_at, error``."""
    rows = []
    for one in failing(ops):
        lane = notice_queries.deliveries(ops, one["id"], state=Delivery.WAITING, limit=5)
        rows += [{**row, "subscription": one["id"]} for row in lane]
    return rows[:SHOWN]


def partner_rows(ops: Ops) -> list[Row]:
    """Give the partners as `dmsops.flows.partners.states` does, their differences in words."""
    return [{**row, "differences": _counted(row["differences"])} for row in seen.states(ops)]


def refusals(ops: Ops) -> list[Row]:
    """Give what partners told us that they could not take, and nobody closed, told first first."""
    return sorted(partners.refusals(ops, limit=_MOST), key=lambda row: (row["first_at"], row["id"]))


def handovers(ops: Ops) -> list[Row]:
    """Give the hand-overs that the wavefront team has refused or not answered yet, oldest first, with ``minutes`` since they were sent."""
    return [_handover(ops, row) for row in wavefront.handovers(ops) if row["standing"] not in (ACKNOWLEDGED, wavefront.REPLACED)]


def _handover(ops: Ops, row: Row) -> Row:
    since = row["sent_at"] or row["prepared_at"]
    return {
        **row,
        "files": len(row["files"]),
        "since": since,
        "minutes": round((ops.clock.now() - since) / timedelta(minutes=1), 1),
        "why": _why(ops, row),
    }


def _why(ops: Ops, row: Row) -> str:
    if row["standing"] == "waits for the answer":
        return f"WSS has {ops.settings.wss_answer_minutes:g} min to answer"
    said = _WORDS[row["standing"]]
    return f"{said}: {row['reason']}" if row["reason"] else said


def requests(ops: Ops) -> list[Row]:
    """Give the large requests that wait or went wrong, newest first; those that staff ended are settled."""
    rows = staging.requests(ops, limit=_MOST)
    own = [row for row in rows if not row["error"].startswith(staging.BY_STAFF)]
    return [row for row in own if row["state"] == staging.REQUESTED or row["error"] or row["refused"]]


def cases(ops: Ops) -> list[Row]:
    """Give what is wrong, one case a line, oldest first within its kind.

    Returns
    -------
    list of dict
        ``what``, ``whose``, ``since``, ``why``; ``act`` and ``case``: the parameters of a run that deals with it (no act: P17 has none).
    """
    return [*_subscriptions(ops), *_refusals(ops), *_handovers(ops), *_requests(ops)]


def _subscriptions(ops: Ops) -> Iterator[Row]:
    for row in failing(ops):
        act = "resume" if row["state"] == Standing.STOPPED else "retry"
        why = f"{row['state']}, {counted(row['waiting'], 'notice waits', 'notices wait')}: {row['error'] or 'no error is on record'}"
        yield _case("subscription", act, str(row["id"]), row["owner"], row["failing_since"], why)


def _refusals(ops: Ops) -> Iterator[Row]:
    for row in refusals(ops):
        yield _case("partner's refusal", "close-refusal", str(row["id"]), row["partner"], row["first_at"], f"{row['uri']}: {row['reason']}")


def _handovers(ops: Ops) -> Iterator[Row]:
    for row in handovers(ops):
        if row["standing"] in wavefront.NEED_A_PERSON:
            yield _case("hand-over", "resend", row["id"], "WSS", row["since"], row["why"])


def _requests(ops: Ops) -> Iterator[Row]:
    for row in requests(ops):
        lies = row["state"] == staging.REQUESTED
        if lies and standing(row, ops.clock.now()) != STUCK:
            continue
        files, undone = (row["files"], "ready") if lies else (row["refused"], "given")
        why = row["error"] or f"{counted(files, 'file is', 'files are')} not {undone}"
        yield _case("large request", "lay-ready" if lies else "", row["id"], row["owner"], row["made_at"], why)


def _case(what: str, act: str, case: str, whose: str, since: Any, why: str) -> Row:
    return {"what": what, "act": act, "case": case, "whose": whose, "since": since, "why": why}


def first(ops: Ops, act: str) -> str:
    """Give the first case that an act is for; empty when there is none."""
    return next((row["case"] for row in cases(ops) if row["act"] == act), "")
