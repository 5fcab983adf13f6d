"""A delivery's files in batches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from dmsops.ops import Ops
from dmsops.receipt import accept, batches
from dmsops.testing.deliveries import delivered_names


def test_small_files_are_stored_and_read_batch_after_batch(ops: Ops, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def told(word: str, call: Any) -> Any:
        def telling(*given: Any) -> Any:
            done.append(word)
            return call(*given)

        return telling

    monkeypatch.setattr(batches, "_FILES", 1)
    monkeypatch.setattr(batches, "_store", told("store", batches._store))
    monkeypatch.setattr(batches, "_content", told("read", batches._content))
    receipt = accept(ops, folder)
    assert done == ["store", "read"] * len(receipt.files)
    assert len(receipt.files) == len(delivered_names(folder))


def test_of_large_files_the_next_batch_is_stored_while_one_is_read(ops: Ops, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = delivered_names(folder)
    (folder / names[-1]).unlink()
    stored, second = [], threading.Event()
    store, content = batches._store, batches._content

    def storing(*given: Any) -> Any:
        stored.append(given)
        if len(stored) > 1:
            second.set()
        return store(*given)

    def reading(*given: Any) -> Any:
        assert second.wait(30)
        return content(*given)

    monkeypatch.setattr(batches, "_FILES", 1)
    monkeypatch.setattr(batches, "_SMALL", 0)
    monkeypatch.setattr(batches, "_store", storing)
    monkeypatch.setattr(batches, "_content", reading)
    receipt = accept(ops, folder)
    assert [f.name for f in receipt.quarantined] == [names[-1]]
    assert len(receipt.released) == len(names) - 1
