"""F24: predicted ephemerides are left in products; found, refreshed, archived again; the pixels are what they were."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from dmsops.archive import queries as archived
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import Refused, StalePlan
from dmsops.flows import ephemeris
from dmsops.interfaces.fdf import read_oem, write_oem
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.receipt import accept
from dmsops.testbed import orbit
from dmsops.workflow import engines, queries
from tests.integration.flows.conftest import VISIT, Flown, further

KINDS = ("uncal", "rate", "rateints", "cal")


@pytest.fixture(scope="module")
def refreshed(flown: Flown, tmp_path_factory: pytest.TempPathFactory):
    """Receive the definitive ephemeris and refresh; keep what stood in the archive before."""
    ops = flown.ops
    before = {r["name"]: r for r in archived.products(ops)}
    seen = {"before": before, "affected_early": ephemeris.affected(ops), "flown": flown}
    strict = replace(ops, settings=ops.settings.model_copy(update={"ephemeris_stale_days": 1e-9}))
    seen["stale"] = [r["name"] for r in ephemeris.stale(strict)]
    accept(ops, further(flown.flight))
    seen["affected"] = ephemeris.affected(ops)
    seen["plan"] = plan = ephemeris.preview(ops)
    seen["nothing_yet"] = {r["name"]: r["version"] for r in archived.products(ops)}
    ephemeris.refresh(ops, ticket=plan.hash, reason="the definitive ephemeris has come")
    seen["tally"] = engines.run(ops)
    seen["after"] = {r["name"]: r for r in archived.products(ops)}
    return seen


def opened(ops, row):
    return fits.open(ops.store.path(row["sha256"]))


def test_nothing_is_affected_before_a_definitive_ephemeris_has_come(refreshed):
    assert refreshed["affected_early"] == []


def test_all_archived_products_with_a_predicted_ephemeris_are_found(refreshed):
    found = refreshed["affected"]
    assert {r["name"] for r in found} == set(refreshed["before"])
    assert {(r["eph_type"], r["ephemeris"][:7], r["use"][:7]) for r in found} == {("Predicted", "JWST_P_", "JWST_D_")}


def test_a_preview_changes_nothing(refreshed):
    assert set(refreshed["nothing_yet"].values()) == {1}
    assert refreshed["plan"].untouched == ()
    assert {item.how for item in refreshed["plan"].observations} == {"keywords"}


def test_everything_is_version_two_and_definitive(refreshed):
    ops, after = refreshed["flown"].ops, refreshed["after"]
    assert refreshed["tally"].failed == 0
    assert set(after) == set(refreshed["before"])
    assert {r["version"] for r in after.values()} == {2}
    for row in after.values():
        with opened(ops, row) as file:
            assert file["SCI"].header["EPH_TYPE"] == "Definitive", row["name"]
    assert ephemeris.affected(ops) == []


def test_no_pixel_has_changed(refreshed):
    ops = refreshed["flown"].ops
    for name, row in refreshed["after"].items():
        with opened(ops, refreshed["before"][name]) as old, opened(ops, row) as new:
            assert [h.name for h in old] == [h.name for h in new]
            for a, b in zip(old, new, strict=True):
                if isinstance(a, fits.ImageHDU):
                    assert a.data.dtype == b.data.dtype
                    assert a.data.tobytes() == b.data.tobytes(), (name, a.name)


def test_values_are_those_of_a_product_made_with_the_definitive_ephemeris_from_the_start(refreshed, fresh):
    ops = refreshed["flown"].ops
    found = {}
    for name, row in refreshed["after"].items():
        with opened(ops, row) as new, fits.open(fresh[name]) as other:
            assert [h.name for h in new] == [h.name for h in other]
            found |= {(name, a.name): d for a, b in zip(new, other, strict=True) if (d := differences(a, b))}
    assert found == {}


def differences(a, b):
    """Give the keywords and columns of two extensions that differ by more than 1e-9 (of the value, where it is larger than 1)."""
    if a.name == "ASDF":  # its length; what is in it is compared below, through the WCS
        return {}
    skipped = {"DATE", "CHECKSUM", "DATASUM", "OSF_FILE", "ASNTABLE", "COMMENT", "HISTORY", "PRD_VER"}
    found = {k: (a.header[k], b.header.get(k)) for k in a.header if k and k not in skipped and not alike(a.header[k], b.header.get(k))}
    found |= {k: (None, b.header[k]) for k in b.header if k and k not in skipped and k not in a.header}
    if isinstance(a, fits.BinTableHDU):
        for column in a.columns.names:
            x, y = a.data[column], b.data[column]
            same = np.allclose(x, y, rtol=0, atol=1e-9) if x.dtype.kind in "fi" else (x == y).all()
            if not same:
                found[column] = (x, y)
    return found


def test_the_wcs_inside_is_that_of_a_product_made_with_the_definitive_ephemeris_from_the_start(refreshed, fresh, tmp_path):
    from stdatamodels.jwst import datamodels

    ops, before = refreshed["flown"].ops, refreshed["before"]
    for name, row in refreshed["after"].items():
        if not name.endswith("_cal.fits"):
            continue
        sky = {}
        for word, path in (("old", ops.store.path(before[name]["sha256"])), ("new", ops.store.path(row["sha256"])), ("fresh", fresh[name])):
            link = tmp_path / f"{word}_{name}"
            link.symlink_to(path)
            with datamodels.open(link) as model:
                sky[word] = np.array(model.meta.wcs(*np.mgrid[0:320:40, 0:320:40], with_bounding_box=False))
        assert np.array_equal(sky["new"], sky["fresh"])
        assert 0 < np.abs(sky["new"] - sky["old"]).max() < 1e-11


def alike(x, y):
    if isinstance(x, str) and x.startswith("POLYGON"):
        return np.allclose([float(n) for n in x.split()[2:]], [float(n) for n in str(y).split()[2:]], rtol=0, atol=2e-9)
    if isinstance(x, float) and isinstance(y, float | int):
        return abs(x - y) <= 1e-9 * max(1.0, abs(x))
    return x == y


@pytest.fixture(scope="module")
def fresh(refreshed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make every product with the definitive ephemeris from the start, on a second site."""
    from dmsops.core.people import Person, Role
    from dmsops.flows import science
    from dmsops.ops import connect, create_site

    flown = refreshed["flown"]
    site = create_site(
        tmp_path_factory.mktemp("fresh") / "site", lead="lead", name="refresh", mode="rehearsal",
        crds_path=str(flown.ops.settings.crds_cache),
    )  # fmt: skip
    ops = connect(site, operator=Person("lead", Role.LEAD))
    accept(ops, flown.flight.delivery)
    accept(ops, further(flown.flight))
    science.plan_visit(ops, VISIT)
    assert engines.run(ops).failed == 0
    ops.db.dispose()
    return {r["name"]: ops.store.path(r["sha256"]) for r in archived.products(ops)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_pipelines_own_reader_opens_a_refreshed_product(refreshed, kind, tmp_path):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst import datamodels

    ops = refreshed["flown"].ops
    name, row = next((n, r) for n, r in refreshed["after"].items() if n.endswith(f"_{kind}.fits"))
    link = tmp_path / name
    link.symlink_to(ops.store.path(row["sha256"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        with datamodels.open(link) as model, fits.open(link) as file:
            model.validate()
            assert model.meta.filename == name
            assert model.meta.ephemeris.type == "Definitive"
            assert file["SCI"].header["JWST_DX"] == model.meta.ephemeris.velocity_x_bary
            assert b"Ephemeris keywords made anew from JWST_D_" in file["ASDF"].data.tobytes()
            if kind == "cal":
                assert model.meta.wcs.available_frames[-1] == "world"


def test_each_observation_switched_at_once_and_its_description_is_sound(refreshed):
    ops = refreshed["flown"].ops
    events = archived.unsent(ops)
    for row in archived.observations(ops):
        assert (row["version"], row["state"]) == (2, "archived")
        mine = [r for r in refreshed["after"].values() if r["observation_id"] == row["id"]]
        told = [e for e in events if e["observation_id"] == row["id"]]
        assert [e["event"] for e in told] == ["observation.ingested", "observation.superseded"]
        assert told[1]["facts"]["products"] == sorted(r["name"] for r in mine)
    assert archived.caom_summary(ops)["invalid"] == 0


def test_what_was_done_is_in_the_journal(refreshed):
    ops = refreshed["flown"].ops
    with reading(ops.db) as c:
        assert journal.verify(c) is None
        lines = c.execute(journal.journal.select().where(journal.journal.c.event == "refresh.planned")).all()
    assert {line.target for line in lines} == {r["observation_id"] for r in refreshed["affected"]}
    assert {line.reason for line in lines} == {"the definitive ephemeris has come"}


def test_the_same_ticket_again_is_stale_and_nothing_is_left_to_do(refreshed):
    ops = refreshed["flown"].ops
    with pytest.raises(StalePlan):
        ephemeris.refresh(ops, ticket=refreshed["plan"].hash, reason="again")
    with pytest.raises(Refused, match="no product"):
        ephemeris.refresh(ops, ticket=ephemeris.preview(ops).hash, reason="again")


def test_planning_the_visit_again_makes_no_new_level_1b(refreshed):
    from dmsops.flows import science

    ops = refreshed["flown"].ops
    steps = len(queries.steps(ops))
    science.plan_visit(ops, VISIT)
    assert len(queries.steps(ops)) == steps


@pytest.fixture(scope="module")
def combined_again(refreshed, tmp_path_factory: pytest.TempPathFactory):
    """Receive the definitive ephemeris once more with other bytes, and refresh with a limit that nothing keeps."""
    flown = refreshed["flown"]
    ops = replace(flown.ops, settings=flown.ops.settings.model_copy(update={"refresh_pixels": 1e-12}))
    (old,) = further(flown.flight).glob("*.OEM")
    folder = tmp_path_factory.mktemp("corrected")
    when = datetime(2023, 1, 1, tzinfo=UTC)
    write_oem(replace(orbit.corrected(read_oem(old), np.random.default_rng(5), km=0.4, km_s=1e-6), created=when), folder)
    write_manifest(folder, delivery_id="corrected", sender="OTB", sequence=9_999_999, created=when)
    accept(ops, folder)
    seen = {"affected": ephemeris.affected(ops), "plan": (plan := ephemeris.preview(ops))}
    ephemeris.refresh(ops, ticket=plan.hash, reason="corrected")
    seen["tally"] = engines.run(flown.ops)
    seen["after"] = {r["name"]: r for r in archived.products(ops)}
    return seen


def test_a_superseded_definitive_ephemeris_is_refreshed_too(refreshed, combined_again):
    assert {r["name"] for r in combined_again["affected"]} == set(refreshed["after"])
    assert {r["eph_type"] for r in combined_again["affected"]} == {"Definitive"}
    assert combined_again["tally"].failed == 0
    assert {r["version"] for r in combined_again["after"].values()} == {3}
    assert ephemeris.affected(refreshed["flown"].ops) == []


def test_a_combined_image_that_moves_too_far_is_combined_again_from_its_refreshed_members(refreshed, combined_again):
    ops = refreshed["flown"].ops
    hows = {item.observation_id: item.how for item in combined_again["plan"].observations}
    assert sorted(hows.values()) == ["combined again", "keywords", "keywords"]
    (name,) = (n for n in combined_again["after"] if "wfscmb" in n)
    (row,) = (r for r in queries.products(ops) if r["name"] == name)
    assert row["origin"] == "processing.wfs_image3"
    with opened(ops, combined_again["after"][name]) as new, opened(ops, refreshed["after"][name]) as old:
        assert new["SCI"].header["JWST_X"] != old["SCI"].header["JWST_X"]
        assert new["SCI"].data.tobytes() == old["SCI"].data.tobytes()


def test_products_with_a_prediction_for_too_long_are_on_the_standing_list_until_they_are_refreshed(refreshed):
    ops = refreshed["flown"].ops
    assert ephemeris.stale(ops) == []
    assert set(refreshed["stale"]) == set(refreshed["before"])
    strict = replace(ops, settings=ops.settings.model_copy(update={"ephemeris_stale_days": 1e-9}))
    assert ephemeris.stale(strict) == []
