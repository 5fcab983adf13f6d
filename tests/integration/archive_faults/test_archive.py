"""F35 to F37: the checks find them and say what was expected and seen, with the procedure."""

from __future__ import annotations

import importlib

import pytest
import sqlalchemy as sa

from dmsops.archive import partners
from dmsops.archive.tables import archived_product
from dmsops.catalogue.registry import RULES, Finding, Scope
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.ops import Ops
from dmsops.testbed.faults import strike
from dmsops.testbed.faults.archive import PARTNER

FAULTS = {
    "F35": ("C41", "checks_versions", "P15"),
    "F36": ("C11", "checks_storage", "P16"),
    "F36D": ("C14", "checks_storage", "P16"),
    "F36R": ("C45", "checks_versions", "P16"),
    "F37": ("C48", "checks_sync", "P16"),
}
"""Fault to the check that finds it, its module, and the procedure that it names."""


def found(ops: Ops, fault: str) -> list[Finding]:
    """Look with the check that is to find a fault."""
    check, module, _ = FAULTS[fault]
    importlib.import_module(f"dmsops.archive.{module}")
    look = RULES[check].site
    assert look is not None
    return [RULES[check].finding(*seen) for seen in look(ops, Scope(deep=True))]


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_found_where_it_was_done_and_nowhere_else(archive: Ops, fault: str) -> None:
    if fault.startswith("F36") and fault != "F36R":
        pytest.importorskip("dmsops.archive.checks_storage")
    assert found(archive, fault) == []
    (words,) = strike(archive, [fault])
    assert words.startswith(f"{fault}: ")
    (one,) = found(archive, fault)
    assert one.observation_id is not None
    assert one.observation_id in words
    assert FAULTS[fault][2] in one.remedy
    assert one.expected
    assert one.observed


def test_the_same_seed_strikes_the_same_place_and_another_one_elsewhere(archive: Ops) -> None:
    said = {strike(archive, ["F37"], seed)[0] for seed in (1, 1, 2, 3, 4, 5)}
    assert 1 < len(said) <= 3
    assert strike(archive, ["F37"], 1) == strike(archive, ["F37"], 1)


def test_the_partners_inventory_is_the_whole_one_without_one_observation(archive: Ops) -> None:
    whole = partners.inventory(archive)
    (words,) = strike(archive, ["F37"])
    (path,) = partners.partner_files(archive)
    lines = set(whole.splitlines()) - set(path.read_bytes().splitlines())
    assert len(lines) == 1
    assert words.split()[-1] in lines.pop().decode()
    assert path.stem == PARTNER


def test_a_partner_that_harvests_everything_makes_the_finding_go(archive: Ops) -> None:
    strike(archive, ["F37"])
    (path,) = partners.partner_files(archive)
    path.write_bytes(partners.inventory(archive))
    assert found(archive, "F37") == []


def test_a_fault_that_finds_nothing_to_act_on_says_so(ops: Ops) -> None:
    for fault in ("F35", "F36", "F36D", "F36R", "F37"):
        with pytest.raises(BadInput, match=r"holds no product|finds no observation"):
            strike(ops, [fault])


def test_a_stale_product_keeps_its_bytes(archive: Ops) -> None:
    strike(archive, ["F35"])
    with reading(archive.db) as c:
        sums = list(c.execute(sa.select(archived_product.c.sha256)).scalars())
    for sha256 in sums:
        archive.store.verify(sha256)
