"""The local CRDS cache: complete, found by the real CRDS client without a server, made whole or not at all."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dmsops.core.config import runtime_environment
from dmsops.testbed.crds_context import CONTEXT, REFERENCE_TYPES
from dmsops.testbed.detector import maps_of
from dmsops.testbed.nircam import MODEL
from dmsops.testbed.references import RECIPE, build, read_recipe

ASK = """
import json, sys, crds
header = json.loads(sys.argv[1])
found = crds.getreferences(header, reftypes=json.loads(sys.argv[2]), observatory="jwst")
print(json.dumps(found))
"""
PIXEL_TYPES = ["mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise", "flat"]


def best(settings, kinds, **changes):
    """Ask the CRDS client, in a process of its own, for the best references of an exposure."""
    header = {
        "META.INSTRUMENT.NAME": "NIRCAM",
        "META.INSTRUMENT.DETECTOR": "NRCA3",
        "META.SUBARRAY.NAME": "SUB320",
        "META.EXPOSURE.TYPE": "NRC_IMAGE",
        "META.VISIT.TYPE": "PRIME_WFSC_SENSING_ONLY",
        "META.OBSERVATION.DATE": "2022-12-04",
        "META.OBSERVATION.TIME": "03:53:25",
    } | changes
    environment = {"PATH": "/usr/bin", **runtime_environment(settings)}
    command = [sys.executable, "-c", ASK, json.dumps(header), json.dumps(kinds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_client_finds_every_reference_and_every_file_is_there(settings, cache):
    found = best(settings, [*PIXEL_TYPES, "distortion", "photom", "pars-image2pipeline"])
    for kind, path in found.items():
        assert path.startswith(str(cache)), kind
        assert (cache / path).is_file(), kind


def test_target_acquisition_has_references_of_its_own(settings, cache):
    small, acquisition = (best(settings, PIXEL_TYPES, **{"META.SUBARRAY.NAME": name}) for name in ("SUB320", "SUB64FP1A"))
    assert all(small[kind] != acquisition[kind] for kind in PIXEL_TYPES)


def test_only_wavefront_visits_skip_the_resampled_image(settings, cache):
    kind = ["pars-image2pipeline"]
    acquisition = best(settings, kind, **{"META.EXPOSURE.TYPE": "NRC_TACQ"})
    ordinary = best(settings, kind, **{"META.VISIT.TYPE": "PRIME_TARGETED_FIXED"})
    assert acquisition["pars-image2pipeline"].endswith(".asdf")
    assert "NOT FOUND" in ordinary["pars-image2pipeline"]


def test_what_we_do_not_make_is_not_applicable_rather_than_unknown(settings, cache):
    assert set(best(settings, ["area", "ipc", "sirskernel"]).values()) == {"NOT FOUND n/a"}


def test_the_files_state_what_the_simulated_detector_does(settings, cache):
    from astropy.io import fits

    found = best(settings, PIXEL_TYPES)
    truth = maps_of("NRCA3", "SUB320")
    assert np.array_equal(fits.getdata(found["superbias"]), truth.bias)
    assert np.array_equal(fits.getdata(found["flat"]), truth.flat)
    assert set(np.unique(fits.getdata(found["gain"]))) == {np.float32(MODEL.gain)}
    assert fits.getdata(found["saturation"]).max() == pytest.approx(MODEL.saturation)
    bits = fits.getdata(found["mask"], "DQ")
    assert np.array_equal((bits & 2) > 0, truth.dead)
    assert np.array_equal((bits & 8) > 0, truth.reference)
    header = fits.getheader(found["superbias"])
    assert (header["SUBSTRT1"], header["SUBSTRT2"], header["PEDIGREE"]) == (1, 1729, "SIMULATION")


def test_the_types_are_those_of_the_installed_jwst():
    listing = """
import jwst.step, jwst.pipeline
found = set()
for step in [*vars(jwst.step).values(), *(getattr(jwst.pipeline, n) for n in jwst.pipeline.__all__)]:
    if isinstance(step, type) and hasattr(step, "reference_file_types"):
        found |= set(step.reference_file_types) if isinstance(step.reference_file_types, (list, tuple)) else set()
        found.add(step.get_config_reftype())
print(" ".join(sorted(found)))
"""
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=240)
    assert set(done.stdout.splitlines()[-1].split()) == set(REFERENCE_TYPES)


def test_a_cache_that_has_all_is_kept_as_it_is(settings, cache):
    context = cache / "mappings" / "jwst" / CONTEXT
    before = (context.stat().st_ino, (cache / RECIPE).stat().st_mtime_ns)
    reports = []
    assert build(settings, ("small",), lambda *report: reports.append(report)) == cache
    assert ((context.stat().st_ino, (cache / RECIPE).stat().st_mtime_ns), reports) == (before, [])


def test_what_a_killed_build_left_is_put_right(settings, cache):
    old = cache.with_name(f".{cache.name}.old")
    unfinished = cache.parent / f".{cache.name}-abc.building"
    unfinished.mkdir()
    cache.rename(old)  # killed between the two renames of a swap
    assert build(settings, ("small",)) == cache
    assert read_recipe(cache) is not None
    assert not old.exists()
    assert not unfinished.exists()


def test_a_cache_made_in_another_way_is_made_anew_and_keeps_its_sets(settings, tmp_path, cache):
    other = settings.model_copy(update={"crds_path": tmp_path / "crds"})
    shutil.copytree(cache, tmp_path / "crds")
    recipe = json.loads((tmp_path / "crds" / RECIPE).read_text())
    (tmp_path / "crds" / RECIPE).write_text(json.dumps({**recipe, "fingerprint": "made another way"}))
    reports = []
    build(other, ("small-b",), lambda done, total, what: reports.append((done, total, what)))
    made = read_recipe(tmp_path / "crds")
    assert made.sets == ("small", "small-b")
    assert made.fingerprint == recipe["fingerprint"]
    assert [done for done, _, _ in reports] == list(range(1, 14))
    assert {total for _, total, _ in reports} == {13}
    acquisition = best(other, ["gain"], **{"META.INSTRUMENT.DETECTOR": "NRCB4", "META.SUBARRAY.NAME": "SUB64FP1B"})
    assert acquisition["gain"].endswith(".fits")
