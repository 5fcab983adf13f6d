"""Folders that survive."""

from __future__ import annotations

from pathlib import Path

from dmsops.core.files import make_folders
from tests.failpoints import watched


def test_folders_of_one_parent_are_made_with_one_sync_of_their_names(tmp_path: Path) -> None:
    parent = tmp_path / "objects"
    parent.mkdir()
    (parent / "ab").mkdir()
    with watched() as calls:
        make_folders(parent, ["ab", "cd", "ef"])
    assert sorted(p.name for p in parent.iterdir()) == ["ab", "cd", "ef"]
    assert (calls.made.count("mkdir"), calls.made.count("fsync")) == (2, 1)
    with watched() as calls:
        make_folders(parent, ["ab", "cd", "ef"])
    assert (calls.made.count("mkdir"), calls.made.count("fsync")) == (0, 0)


def test_a_missing_parent_is_made_too(tmp_path: Path) -> None:
    make_folders(tmp_path / "store" / "objects", ["ab"])
    assert (tmp_path / "store" / "objects" / "ab").is_dir()
