"""The description's own sums are the library's, to the last bit."""

from __future__ import annotations

from itertools import islice

import caom2
from caom2.checksum import get_acc_meta_checksum, get_meta_checksum

from dmsops.catalogue.checksums import sums, write_sums
from dmsops.catalogue.library import quiet_library
from dmsops.testing.axes import chunk_with
from dmsops.testing.changes import artifact
from dmsops.testing.observations import clean


def test_every_sum_of_every_entity_is_the_librarys() -> None:
    for observation in islice(clean(60), 40, 60):
        part = caom2.Part("0")
        part.chunks.append(chunk_with())
        artifact(observation).parts.add(part)
        with quiet_library():
            write_sums(observation)
            seen = list(sums(observation))
            for entity, own, whole in seen:
                assert get_meta_checksum(entity).uri == entity.meta_checksum.uri == f"md5:{own.hex()}"
                assert get_acc_meta_checksum(entity).uri == entity.acc_meta_checksum.uri == f"md5:{whole.hex()}"
        assert len(seen) == 1 + sum(1 + len(p.artifacts) for p in observation.planes.values()) + 2
