"""What goes wrong underneath is said in words: bytes that are no partition, a file system that refuses."""

from __future__ import annotations

import errno
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from dmsops.core.errors import DmsError, Failed, NotFound, StoreDamaged
from dmsops.engineering import partitions, queries
from dmsops.engineering.ingest import ingest
from dmsops.engineering.pointing import around
from dmsops.engineering.trend import trend
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, named, put, seconds, take
from tests.failpoints import fails_with, watched

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))


def first_partition(ops):
    with ops.db.connect() as c:
        return ops.store.path(partitions.current(c)[0].sha256)


@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_partition_whose_bytes_were_lost_is_named_as_trouble_of_the_store(ops, keep):
    take(ops, seconds(0, 2000))
    place = first_partition(ops)
    place.chmod(0o644)
    place.write_bytes(place.read_bytes()[:keep])
    for read in (queries.samples, trend):
        with pytest.raises(Failed, match="engineering database cannot be read"):
            read(ops, FLOATS[0], *ALL)


def test_a_changed_byte_of_samples_is_never_given_as_a_sample(ops):
    take(ops, seconds(0, 2000))
    place = first_partition(ops)
    place.chmod(0o644)
    values = pq.read_metadata(place).row_group(0).column(2)
    sound, begin = place.read_bytes(), values.dictionary_page_offset
    for at in range(begin + 60, begin + values.total_compressed_size, 97):
        place.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        for read in (lambda: queries.samples(ops, FLOATS[0], *ALL), lambda: around(ops, *ALL, 0.0)):
            with pytest.raises(StoreDamaged, match="a partition of the engineering database cannot be read"):
                read()


def test_a_file_system_that_refuses_to_read_is_not_taken_for_damage(ops, monkeypatch):
    def refused(*_given, **_options):
        raise OSError(errno.EIO, "Input/output error")

    take(ops, seconds(0, 20))
    monkeypatch.setattr(pq, "ParquetFile", refused)
    with pytest.raises(Failed, match=r"cannot be read now: .*Input/output error") as caught:
        queries.samples(ops, FLOATS[0], *ALL)
    assert not isinstance(caught.value, StoreDamaged)


def test_a_partition_that_is_gone_is_not_found(ops):
    take(ops, seconds(0, 20))
    first_partition(ops).unlink()
    with pytest.raises(NotFound, match="the store has no object"):
        queries.samples(ops, FLOATS[0], *ALL)


def struck(ops, sha256, at, number):
    """Ingest while one file-system call fails; gives the error in words, and sees that it left nothing."""
    if queries.summary(ops)["samples"]:
        return None
    try:
        with watched(at, fails_with(number)):
            ingest(ops, name=named(1), sha256=sha256)
    except DmsError as error:
        found = error
    else:
        return None
    assert queries.summary(ops)["samples"] == 0
    return found


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_file_system_that_refuses_is_said_and_nothing_is_held(ops, number):
    sha256 = put(ops, seconds(0, 20))
    refused = [struck(ops, sha256, at, number) for at in range(1, 60, 3)]
    assert any(refused)
    assert ingest(ops, name=named(1), sha256=sha256).samples == 20
    assert queries.summary(ops)["samples"] == 20
