"""A person decides about refused files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dmsops.core.errors import BadInput, BadTransition, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.engineering import decide, queries
from dmsops.engineering.ingest import ingest
from dmsops.engineering.states import EngineeringState
from tests.engineering_files import FLOATS, named, seconds, take


@pytest.fixture
def refused(ops):
    return take(ops, [*seconds(0, 5), (FLOATS[0], 1_000, 1.0)])


def act(ops, file, verb):
    seen = decide.preview(ops, file, verb)
    return decide.decide(ops, file, verb, ticket=seen.hash, reason="looked at")


def test_an_accepted_file_is_taken_without_its_impossible_samples(ops, refused):
    act(ops, refused.id, "accept")
    (row,) = queries.files(ops)
    assert row["state"] == EngineeringState.WAITING
    got = ingest(ops, name=named(1), sha256=row["sha256"])
    assert (got.state, got.new, got.impossible, got.samples) == (EngineeringState.INGESTED, 5, 1, 6)


def test_who_accepts_a_file_of_the_future_too_early_is_told_what_would_stay_out(ops):
    got = take(ops, seconds(8 * 3600, 8 * 3600 + 5))
    assert got.reason.startswith("it ends in the future")
    words = "its last sample is of 2022-12-04T12:00:04.000Z, which is still to come: to have all of it, wait until then"
    assert decide.preview(ops, got.id, "accept").words.endswith(words)
    assert words not in decide.preview(ops, got.id, "discard").words
    ops.clock.advance(timedelta(hours=4))
    assert words not in decide.preview(ops, got.id, "accept").words


def test_a_discarded_file_stays_out_and_can_be_taken_back(ops, refused):
    act(ops, refused.id, "discard")
    (row,) = queries.files(ops)
    assert ingest(ops, name=named(1), sha256=row["sha256"]).state is EngineeringState.DISCARDED
    act(ops, refused.id, "accept")
    assert ingest(ops, name=named(1), sha256=row["sha256"]).new == 5


def test_what_does_not_apply_is_refused_in_words(ops, refused):
    with pytest.raises(NotFound, match="no engineering file 99"):
        decide.preview(ops, 99, "accept")
    with pytest.raises(BadInput, match="'eat' is no decision"):
        decide.preview(ops, refused.id, "eat")
    with pytest.raises(NotAllowed):
        decide.decide(ops.as_person(Person("op", Role.OPERATOR)), refused.id, "accept", ticket="x", reason="y")
    with pytest.raises(StalePlan):
        decide.decide(ops, refused.id, "accept", ticket="x", reason="y")
    good = take(ops, seconds(10, 12), named(2))
    with pytest.raises(BadTransition):
        decide.preview(ops, good.id, "discard")
