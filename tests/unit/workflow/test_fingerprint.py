"""A fingerprint names the place that matters: ours or jwst's, never numpy's, and never a line number."""

from __future__ import annotations

import sysconfig
from traceback import FrameSummary

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.workflow.fingerprint import LENGTH, fingerprint, where

SITE = "/opt/env/lib/python3.12/site-packages"
STDLIB = sysconfig.get_paths()["stdlib"]
STEP = FrameSummary("/srv/dmsops/dmsops/processing/steps.py", 122, "detector1")


def frame(path: str, name: str, line: int = 7) -> FrameSummary:
    return FrameSummary(path, line, name)


@pytest.mark.parametrize(
    ("deeper", "place"),
    [
        ([], "dmsops.processing.steps:detector1"),
        ([frame(f"{SITE}/jwst/jump/jump.py", "find_jumps"), frame(f"{SITE}/numpy/lib/shape.py", "reshape")], "jwst.jump.jump:find_jumps"),
        ([frame(f"{SITE}/stcal/ramp_fitting/ramp_fit.py", "fit")], "stcal.ramp_fitting.ramp_fit:fit"),
        ([frame(f"{SITE}/crds/core/heavy_client.py", "getreferences")], "dmsops.processing.steps:detector1"),
        ([frame(f"{STDLIB}/pathlib.py", "open")], "dmsops.processing.steps:detector1"),
        ([frame("/home/somebody/steps/mine.py", "measure")], "mine:measure"),
        ([frame("<string>", "__init__")], "dmsops.processing.steps:detector1"),
    ],
)  # fmt: skip
def test_the_deepest_frame_that_matters_is_named(deeper: list[FrameSummary], place: str) -> None:
    assert where([STEP, *deeper]) == place


def test_when_no_frame_matters_the_deepest_stands() -> None:
    assert where([frame(f"{SITE}/numpy/core.py", "dot")]) == "numpy.core:dot"
    assert where([]) == "nowhere"


def raised(text: str) -> BaseException:
    try:
        int(text)
    except ValueError as error:
        return error
    raise AssertionError


@given(st.text(alphabet="abc", min_size=1))
def test_the_values_in_a_message_are_not_in_the_fingerprint(text: str) -> None:
    assert fingerprint("toy.write", raised(text)) == "toy.write | ValueError | test_fingerprint:raised"


def test_a_long_one_fits_its_column() -> None:
    assert len(fingerprint("k" * 300, raised("x"))) == LENGTH
