"""Local copies: bounded, and never one that was just given."""

from __future__ import annotations

import os

import pytest

from dmsops.storage.cached import Cached


@pytest.fixture
def copies(tmp_path):
    return Cached(tmp_path / "cache", limit=100, kept_seconds=3600)


def keep(copies, number, *, given=False):
    name = f"{number:064x}"
    source = copies.folder.parent / name
    source.write_bytes(b"x" * 40)
    copies.keep(str(source), name, given=given)
    source.unlink()
    return name


def there(copies):
    return sorted(int(p.parent.name + p.name, 16) for p in copies.folder.glob("??/*"))


def test_what_was_put_and_never_given_goes_when_there_is_too_much(copies):
    for number in range(5):
        keep(copies, number)
    assert len(there(copies)) == 2


def test_what_was_given_lately_stays_even_beyond_the_bound(copies):
    given = [keep(copies, number, given=True) for number in range(5)]
    keep(copies, 9)
    assert there(copies) == [0, 1, 2, 3, 4]
    assert all(copies.given(name) for name in given)


def test_of_those_given_long_ago_the_oldest_goes_first(copies):
    names = [keep(copies, number, given=True) for number in range(2)]
    for name, when in zip(names, (2_000_000, 1_000_000), strict=True):
        os.utime(copies.given(name), (when, when))
    keep(copies, 2, given=True)
    assert there(copies) == [0, 2]


def test_a_copy_that_is_given_meanwhile_is_left(copies, monkeypatch):
    old = keep(copies, 0)
    listed = copies._copies

    def given_while_listed():
        found = list(listed())
        copies.given(old)
        return iter(found)

    monkeypatch.setattr(copies, "_copies", given_while_listed)
    for number in (1, 2, 3):
        keep(copies, number)
    assert 0 in there(copies)
