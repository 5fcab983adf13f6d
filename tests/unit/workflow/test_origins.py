"""Which received file a product was made with: followed through versions and members, to the nearest one on every way."""

from __future__ import annotations

from dmsops.ops import Ops
from dmsops.workflow import blackboard, lineage
from dmsops.workflow.steps import StepSpec


def made(ops: Ops, name: str, *needs: str, sha256: str = "") -> None:
    """Publish a product as a step of its own makes it, from the versions that are current now."""
    with ops.db.begin() as c:
        spec = StepSpec(kind="toy.write", dataset=name, needs=needs, makes=(name,), params={"sha256": sha256})
        (step_id,) = blackboard.submit(c, ops, "SCIENCE", "v", [spec])
        blackboard.publish(c, ops, name, sha256 or name, 1, origin="toy.write", step_id=step_id)


def received(ops: Ops, name: str, sha256: str) -> None:
    with ops.db.begin() as c:
        blackboard.publish(c, ops, name, sha256, 1, origin="receipt")


def origins(ops: Ops, name: str) -> set[tuple[str, str]]:
    found = lineage.origins(ops, [name], lambda n: n.endswith(".OEM"))
    return {(o.name, o.sha256) for o in found.get(name, ())}


def test_the_nearest_wanted_file_is_found_through_what_lies_between(ops: Ops) -> None:
    received(ops, "P.OEM", "p1")
    received(ops, "raw", "r1")
    made(ops, "uncal", "raw", "P.OEM")
    made(ops, "rate", "uncal")
    made(ops, "cal", "rate", "asn")
    assert origins(ops, "cal") == {("P.OEM", "p1")}
    assert origins(ops, "raw") == set()


def test_a_product_keeps_the_version_that_it_was_made_with(ops: Ops) -> None:
    received(ops, "P.OEM", "p1")
    made(ops, "uncal", "P.OEM")
    made(ops, "rate", "uncal")
    received(ops, "P.OEM", "p2")
    assert origins(ops, "rate") == {("P.OEM", "p1")}
    made(ops, "uncal", "P.OEM", sha256="again")
    assert origins(ops, "uncal") == {("P.OEM", "p2")}
    assert origins(ops, "rate") == {("P.OEM", "p1")}


def test_members_of_different_origin_are_all_said_however_long_their_ways(ops: Ops) -> None:
    received(ops, "P.OEM", "p1")
    received(ops, "D.OEM", "d1")
    made(ops, "uncal", "P.OEM")
    made(ops, "cal1", "uncal")
    made(ops, "cal2", "D.OEM")
    made(ops, "pair", "cal1", "cal2")
    assert origins(ops, "pair") == {("P.OEM", "p1"), ("D.OEM", "d1")}


def test_a_product_made_anew_in_place_has_the_new_origin_and_what_was_made_before_keeps_the_old(ops: Ops) -> None:
    received(ops, "P.OEM", "p1")
    made(ops, "uncal", "P.OEM")
    made(ops, "rate", "uncal")
    received(ops, "D.OEM", "d1")
    made(ops, "uncal", "D.OEM", sha256="refreshed")
    assert origins(ops, "uncal") == {("D.OEM", "d1")}
    assert origins(ops, "rate") == {("P.OEM", "p1")}
