"""A reason and a ticket that still holds: what every act asks for."""

import pytest

from dmsops.core.errors import BadInput, StalePlan
from dmsops.core.tickets import need_reason, need_ticket, ticket_of


def test_the_same_facts_give_the_same_ticket_in_any_order():
    assert ticket_of({"a": 1, "b": (2, 3)}) == ticket_of({"b": [2, 3], "a": 1})
    assert ticket_of({"a": 1}) != ticket_of({"a": 2})


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_act_without_a_reason_is_refused_and_named(reason):
    with pytest.raises(BadInput, match="'visit ask' needs a reason"):
        need_reason("visit ask", reason)
    need_reason("visit ask", "it is late")


def test_a_ticket_that_no_longer_holds_says_what_changed_and_what_to_do():
    with pytest.raises(StalePlan, match="it has moved") as caught:
        need_ticket("old", "new", "it has moved", remedy="Look again (procedure P05).")
    assert (caught.value.remedy, caught.value.facts) == ("Look again (procedure P05).", {"seen": "old", "now": "new"})
    need_ticket("new", "new", "it has moved")
