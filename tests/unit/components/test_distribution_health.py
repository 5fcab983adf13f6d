"""Distribution says how it is."""

from __future__ import annotations

from dmsops.components import health
from dmsops.distribution import partners, subscription_acts
from dmsops.flows import telling
from dmsops.ops import Ops
from tests.browser import distribution_site as site_of
from tests.browser import toy_site


def _health(ops: Ops) -> tuple[str, int, str]:
    (found,) = [h for h in health(ops) if h.component.id == "C13"]
    return found.state, found.waiting, found.sentence


def test_what_waits_for_a_person_is_counted_with_its_procedure(tmp_path):
    ops = site_of.copied(tmp_path / "site")
    today = "Accesses since midnight UTC: 4 given, 6 refused."
    said = "subscriptions that nobody tells (run `dmsops notify run`, procedure P17): 1; things refused by partners (procedure P17): 2"
    assert _health(ops) == ("attention", 4, f"Subscriptions not getting through (procedure P17): 1; {said}. {today}")
    telling.tell(ops, send=site_of.answers)
    ids = [row["id"] for row in partners.refusals(ops)]
    partners.close(ops, ids, ticket=partners.preview_close(ops, ids).hash, reason="they have it")
    assert _health(ops)[:2] == ("attention", 1)
    subscription_acts.apply(ops, "pause", [1], ticket=subscription_acts.preview(ops, "pause", [1]).hash, reason="its owner asked")
    assert _health(ops) == ("good", 0, today)
    ops.db.dispose()


def test_an_empty_site_is_well(tmp_path):
    ops = toy_site.empty(tmp_path / "site")
    assert _health(ops) == ("good", 0, "Accesses since midnight UTC: 0 given, 0 refused.")
    ops.db.dispose()
