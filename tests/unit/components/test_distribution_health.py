"""Distribution says how it is."""

from __future__ import annotations

from dmsops.components import health
from dmsops.distribution import partners, staging, subscription_acts
from dmsops.flows import telling
from dmsops.ops import Ops
from dmsops.wfsc import queries as wavefront
from dmsops.wfsc import resend
from tests.browser import distribution_site as site_of
from tests.browser import toy_site


def _health(ops: Ops) -> tuple[str, int, str]:
    (found,) = [h for h in health(ops) if h.component.id == "C13"]
    return found.state, found.waiting, found.sentence


SAID = (
    "Hand-overs to WSS refused, not answered or not sent (procedure P17): 2",
    "subscriptions not getting through (procedure P17): 1",
    "subscriptions that nobody tells (run `dmsops notify run`, procedure P17): 1",
    "things refused by partners (procedure P17): 2",
    "large requests of which nothing could be laid ready (procedure P16): 1",
)


def test_what_waits_for_a_person_is_counted_with_its_procedure(tmp_path):
    ops = site_of.copied(tmp_path / "site")
    today = "Accesses since midnight UTC: 4 given, 6 refused."
    assert _health(ops) == ("attention", 7, f"{'; '.join(SAID)}. {today}")
    telling.tell(ops, send=site_of.answers)
    ids = [row["id"] for row in partners.refusals(ops)]
    partners.close(ops, ids, ticket=partners.preview_close(ops, ids).hash, reason="they have it")
    assert _health(ops)[:2] == ("attention", 4)
    subscription_acts.apply(ops, "pause", [1], ticket=subscription_acts.preview(ops, "pause", [1]).hash, reason="its owner asked")
    assert _health(ops)[:2] == ("attention", 3)
    for row in wavefront.handovers(ops):
        if row["standing"] in wavefront.NEED_A_PERSON:
            resend.resend(ops, row["id"], ticket=resend.preview(ops, row["id"]).hash, reason="WSS asked for it")
    assert _health(ops)[:2] == ("attention", 1)
    (failed,) = [row for row in staging.requests(ops) if row["error"]]
    staging.end(ops, site_of.ADA, failed["id"])
    assert _health(ops) == ("good", 0, today)
    ops.db.dispose()


def test_an_empty_site_is_well(tmp_path):
    ops = toy_site.empty(tmp_path / "site")
    assert _health(ops) == ("good", 0, "Accesses since midnight UTC: 0 given, 0 refused.")
    ops.db.dispose()
