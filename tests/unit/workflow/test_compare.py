"""What changed between two attempts, and what was made from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.errors import NotFound
from dmsops.ops import Ops
from dmsops.workflow import compare, lease, lineage, rescue
from dmsops.workflow.lease import Ending
from dmsops.workflow.steps import StepSpec
from tests.acts import CHAIN, fail, finish, plan, take

IMAGE = [StepSpec(kind="toy.write", dataset="image", makes=("image.fits",), params={"threshold": 4})]


def image(ops: Ops, item: lease.Claim, value: float, uses: tuple[str, ...] = ()) -> None:
    path = ops.settings.folder("work") / "image.fits"
    data = np.zeros((4, 4), dtype=np.float32)
    data[1, 2] = value
    fits.PrimaryHDU(data).writeto(path, overwrite=True)
    with ops.db.begin() as c:
        lease.finish(c, ops, "me", item, Ending(products=(("image.fits", ops.store.put(path), path.stat().st_size),), uses=uses))


def log(ops: Ops, step: int, attempt: int, text: str) -> None:
    path: Path = ops.settings.folder("logs") / "steps" / f"{step:06d}" / f"{attempt}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run_again(ops: Ops, **given) -> None:
    ticket = rescue.plan(ops, [1], **given).hash
    rescue.rescue(ops, steps=[1], reason="again", ticket=ticket, **given)


def test_a_rescue_with_changes_is_told_by_part_and_to_the_pixel(ops: Ops) -> None:
    plan(ops, IMAGE)
    image(ops, take(ops)[0], 1.0)
    log(ops, 1, 1, "2022-12-04 04:00:01,5 - jump - threshold 4\nthe same\n")
    run_again(ops, remake=True, changes={"threshold": 5})
    image(ops, take(ops)[0], 2.0)
    log(ops, 1, 2, "2022-12-05 09:00:01,5 - jump - threshold 5\nthe same\n")
    found = compare.attempts(ops, 1)
    assert (found.before, found.after) == (1, 2)
    changed = {(c.part, c.name): (c.before, c.after) for c in found.changes}
    assert changed.pop(("parameter", "threshold")) == ("4", "5")
    assert list(changed) == [("product", "image.fits")]
    assert set(found.same) == {"input", "software", "resource", "outcome"}
    assert "Data differs at [3, 2]" in found.fits["image.fits"]
    assert "1.0" in found.fits["image.fits"]
    assert "2.0" in found.fits["image.fits"]
    assert [line for line in found.log if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-… - jump - threshold 4",
        "+… - jump - threshold 5",
    ]


def test_a_failure_is_held_against_what_came_after_it(ops: Ops) -> None:
    plan(ops, IMAGE)
    fail(ops, take(ops)[0])
    run_again(ops)
    image(ops, take(ops)[0], 1.0)
    changed = {c.name: (c.before, c.after) for c in compare.attempts(ops, 1).changes}
    assert changed["outcome"] == ("failed", "done")
    assert changed["fault"] == ("the toy broke", None)
    assert changed["image.fits"][0] is None
    assert compare.attempts(ops, 1, 1, 1).changes == ()


@pytest.mark.parametrize(("step", "numbers", "words"), [(1, (), "no attempt 0"), (1, (1, 9), "no attempt 9"), (7, (), "no step 7")])
def test_what_is_not_there_is_said(ops: Ops, step: int, numbers: tuple[int, ...], words: str) -> None:
    plan(ops, IMAGE)
    take(ops)
    with pytest.raises(NotFound, match=words):
        compare.attempts(ops, step, *numbers)


def test_lineage_gives_everything_made_from_a_file_and_by_which_way(ops: Ops) -> None:
    plan(ops, CHAIN)
    for _ in CHAIN:
        finish(ops, take(ops)[0])
    found = lineage.derived(ops, ["a.txt"])
    assert list(found.steps) == [2, 3]
    assert (found.makers, found.products, found.unknown) == ((1,), ("b.txt", "c.txt"), ())
    assert found.chain(3) == ("step 3 (toy.write c) uses a.txt",)
    assert lineage.derived(ops, ["b.txt"]).chain(3) == ("step 3 (toy.write c) uses b.txt",)


def test_lineage_starts_at_a_reference_and_names_what_nobody_knows(ops: Ops) -> None:
    plan(ops, [*IMAGE, StepSpec(kind="toy.write", dataset="next", needs=("image.fits",), makes=("next.txt",))])
    image(ops, take(ops)[0], 1.0, uses=("jwst_nircam_dark_0001.fits",))
    found = lineage.derived(ops, ["jwst_nircam_dark_0001.fits", "never.fits"])
    assert found.unknown == ("never.fits",)
    assert found.chain(2) == (
        "step 1 (toy.write image) uses jwst_nircam_dark_0001.fits",
        "step 2 (toy.write next) uses image.fits of step 1",
    )
