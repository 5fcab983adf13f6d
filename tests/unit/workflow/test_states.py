"""States: every one has a sentence, every refusal tells its story."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadTransition
from dmsops.workflow.states import GOOD, SENTENCES, TRANSITIONS, StepState, target


def test_every_state_has_a_sentence() -> None:
    assert set(SENTENCES) == set(StepState)
    assert all(text.endswith(".") for text in SENTENCES.values())


@given(st.sampled_from(sorted(TRANSITIONS)), st.sampled_from(list(StepState)))
def test_a_verb_leads_where_its_row_says_or_is_refused_in_words(verb: str, state: StepState) -> None:
    sources, to = TRANSITIONS[verb]
    if state in sources:
        assert target(verb, state, "7") == to
    else:
        with pytest.raises(BadTransition, match=f"it is {state.value}"):
            target(verb, state, "7")


def test_every_state_can_be_left_or_is_good() -> None:
    left = {s for sources, _ in TRANSITIONS.values() for s in sources}
    assert set(StepState) - left <= GOOD


def test_every_state_can_be_reached() -> None:
    assert {to for _, to in TRANSITIONS.values()} | {StepState.WAITING} == set(StepState)
