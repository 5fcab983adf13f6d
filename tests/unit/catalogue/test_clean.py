"""No rule finds anything in what is sound, and what is sound is of every kind."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from dmsops.catalogue import check, from_xml, to_xml
from dmsops.catalogue.compare import differences
from dmsops.catalogue.registry import Case
from dmsops.testing.observations import clean


def test_a_thousand_sound_observations_have_no_finding() -> None:
    counted: Counter[str] = Counter()
    names = set()
    for observation in clean(1000):
        counted[f"{observation.instrument.name} {observation.type} {type(observation).__name__}"] += 1
        names.add(observation.observation_id)
        assert check(Case(observation=observation, document=to_xml(observation))) == ()
    assert len(names) == 1000
    assert len(counted) == 6


def test_they_differ_from_each_other_and_survive_the_round_trip() -> None:
    for one, other in pairwise(clean(20)):
        assert differences(one, other)
        assert differences(one, from_xml(to_xml(one))) == ()
