"""F32 to F34: ingest keeps such products out, says why in words with P15, and takes them when they are made again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dmsops.archive import errors, queries
from dmsops.catalogue import from_xml
from dmsops.catalogue.polygon import fault_of
from dmsops.core.errors import BadInput, GateFailed, Refused
from dmsops.ops import Ops
from dmsops.testbed.faults import inject, strike
from tests.integration.archive_faults.given import ROOTS, made, taken

FAULTS = {
    "F32": ("is_valid_fails", r"nan|number|S_REGION|polygon"),
    "F32Z": ("is_valid_fails", r"area|sides|polygon"),
    "F33": ("no_asdf", r"has no ASDF extension"),
    "F34": ("is_valid_fails", r"C05 .*science artifact.*: preview"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_product_is_kept_out_said_in_words_and_taken_when_it_is_made_again(ops: Ops, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "products"
    made(folder)
    (words,) = inject(folder, [fault], stage="products")
    assert words.startswith(f"{fault}: ")
    kind, pattern = FAULTS[fault]
    with pytest.raises((GateFailed, BadInput)) as refused:
        taken(ops, sorted(folder.iterdir()))
    assert "P15" in refused.value.remedy
    (row,) = errors.listed(ops)
    assert (row["observation_id"], row["times"]) == (ROOTS[0], 1)
    assert row["kind"] in {kind, "preview_only"}
    assert re.search(pattern, row["message"]), row["message"]
    assert queries.observations(ops) == []
    assert taken(ops, made(tmp_path / "again")).version == 1
    assert errors.listed(ops) == []
    assert [row["state"] for row in errors.listed(ops, states=())] == ["fixed"]


def test_a_footprint_that_goes_the_wrong_way_round_is_turned_on_its_way_in(ops: Ops, tmp_path: Path) -> None:
    folder = tmp_path / "products"
    made(folder)
    (words,) = inject(folder, ["F32C"], stage="products")
    assert words.startswith("F32C: S_REGION of ")
    done = taken(ops, sorted(folder.iterdir()))
    (plane,) = [p for p in from_xml(done.xml, source="x").planes.values() if p.product_id == "level2"]
    corners = [(point.cval1, point.cval2) for point in plane.position.bounds.points]
    assert fault_of(corners) is None
    assert fault_of(corners[::-1]) == "runs clockwise as seen from the origin"
    assert errors.listed(ops) == []


def test_an_archived_observation_stays_as_it_was_when_a_worse_one_comes(ops: Ops, tmp_path: Path) -> None:
    taken(ops, made(tmp_path / "good"))
    folder = tmp_path / "bad"
    made(folder, value=5.0)
    inject(folder, ["F32Z"], stage="products")
    with pytest.raises(GateFailed):
        taken(ops, sorted(folder.iterdir()))
    (row,) = queries.observations(ops)
    assert row["version"] == 1


def test_only_a_rehearsals_archive_is_struck(ops: Ops) -> None:
    live = replace(ops, settings=ops.settings.model_copy(update={"mode": "live"}))
    with pytest.raises(Refused, match="rehearsal sites only"):
        strike(live, ["F36"])
    with pytest.raises(BadInput, match="holds no product"):
        strike(ops, ["F36"])
