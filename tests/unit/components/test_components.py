"""The 14 components: the file says what the code is."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

from dmsops.components import Component, components, health
from dmsops.migrations.tables import whole_metadata
from dmsops.ops import Ops

NEIGHBOURS = {"FOS", "PPS", "WSS", "PRDS", "OSS", "FDF", "ESA and CADC data centres", "JWST users"}


def test_there_are_fourteen_and_each_is_named_once() -> None:
    found = components()
    assert [c.id for c in found] == [f"C{n:02d}" for n in range(1, 15)]
    assert len({c.name for c in found}) == 14


@pytest.mark.parametrize("component", components(), ids=lambda c: c.id)
def test_modules_verbs_tables_and_neighbours_exist(component: Component) -> None:
    for module in component.modules:
        assert importlib.util.find_spec(module) is not None, module
    for verb in component.verbs:
        module, name = verb.split(":")
        assert callable(getattr(importlib.import_module(module), name))
    assert set(component.tables) <= set(whole_metadata().tables)
    assert set(component.neighbours) <= NEIGHBOURS


def test_every_table_belongs_to_one_component() -> None:
    owned = [t for c in components() for t in c.tables]
    assert sorted(owned) == sorted(whole_metadata().tables)


def test_every_component_says_how_it_is_on_an_empty_site(ops: Ops) -> None:
    found = health(ops)
    assert len(found) == 14
    assert {h.state for h in found} <= {"good", "attention", "not built"}
    assert all(h.sentence.endswith(".") for h in found)
