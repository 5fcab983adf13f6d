"""The description's own sums are the library's, to the last bit."""

from __future__ import annotations

import copy
from itertools import islice
from typing import Any

import caom2
import pytest
from caom2.checksum import get_acc_meta_checksum, get_meta_checksum

from dmsops.catalogue.checksums import sums, write_sums
from dmsops.testing.axes import chunk_with
from dmsops.testing.changes import artifact
from dmsops.testing.mutations import MUTATIONS, Mutation
from dmsops.testing.observations import clean


def test_every_sum_of_every_entity_is_the_librarys() -> None:
    for observation in islice(clean(60), 40, 60):
        part = caom2.Part("0")
        part.chunks.append(chunk_with())
        artifact(observation).parts.add(part)
        write_sums(observation)
        seen = list(sums(observation))
        for entity, own, whole in seen:
            assert get_meta_checksum(entity).uri == entity.meta_checksum.uri == f"md5:{own.hex()}"
            assert get_acc_meta_checksum(entity).uri == entity.acc_meta_checksum.uri == f"md5:{whole.hex()}"
        artifacts = [a for p in observation.planes.values() for a in p.artifacts.values()]
        parts = [part for a in artifacts for part in a.parts.values()]
        assert len(parts) == len(artifacts) + 1
        assert len(seen) == 1 + len(observation.planes) + len(artifacts) + len(parts) + sum(len(part.chunks) for part in parts)


def said(work: Any) -> Any:
    """Give what work comes to: its result, or the name of its refusal."""
    try:
        return work()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error).__name__


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    several = list(clean(60))
    return {
        "exposure": next(o for o in several if len(o.planes) == 2),
        "combined": next(o for o in several if hasattr(o, "members")),
    }


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.name for m in MUTATIONS])
def test_what_is_wrong_is_summed_or_refused_as_the_library_does(sound: dict[str, Any], mutation: Mutation) -> None:
    observation = copy.deepcopy(sound[mutation.on])
    mutation.change(observation)
    wanted = said(lambda: (get_meta_checksum(observation).uri, get_acc_meta_checksum(observation).uri))
    found = said(lambda: [(f"md5:{own.hex()}", f"md5:{whole.hex()}") for _, own, whole in sums(observation)][-1])
    assert found == wanted


def test_a_field_that_only_an_object_has_is_summed_too(sound: dict[str, Any]) -> None:
    observation = copy.deepcopy(sound["exposure"])
    before = list(sums(observation))[-1][1]
    observation.proposal.remark = "only here"
    assert list(sums(observation))[-1][1] != before
    assert f"md5:{list(sums(observation))[-1][1].hex()}" == get_meta_checksum(observation).uri
