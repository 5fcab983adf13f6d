"""Zero frames, reference outputs and guide-star functions: what is sent beside the frames of an exposure comes back too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, BadName
from dmsops.core.names import GuideStarName
from dmsops.core.records import Readout
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter, TakenName, read_exposure, scan

FULL = Geometry(1, 1, 64, 1032)
GUIDED = GuideStarName.parse("jw04556001001_gs-fg_2024060040644")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A guide-star function, as the recorder sees it."""

    name: TakenName
    nints: int = 4
    ngroups: int = 1
    nframes: int = 1
    groupgap: int = 0
    readpatt: str = "FGS"
    subarray: str = "8X8"
    start: datetime = datetime(2024, 2, 29, 4, 6, 40, tzinfo=UTC)


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 65536, shape).astype(np.uint16)


def recorded(path: Path, exposure, *, lose: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write frames, zero frames and reference outputs of an exposure's first detector; perhaps without one packet."""
    readout, at = exposure.readouts[0], exposure.start
    frames, zero, reference = drawn(2, 3, 1032, 64), drawn(2, 1032, 64), drawn(2, 3, 1032, 16)
    with RecorderWriter(path) as recorder:
        recorder.exposure_header(exposure, readout, FULL, at, zero_frames=True, reference_outputs=True)
        for i in (1, 2):
            recorder.zero_frame(exposure, readout, FULL, i, zero[i - 1], at)
            for g in (1, 2, 3):
                recorder.frame(exposure, readout, FULL, i, g, frames[i - 1, g - 1], at)
                recorder.reference_output(exposure, readout, FULL, i, g, reference[i - 1, g - 1], at)
    if lose is not None:
        chain = read_chain(path)
        content = path.read_bytes()
        path.write_bytes(content[: chain.starts[lose]] + content[chain.ends[lose] :])
    return frames, zero, reference


def test_zero_frames_and_reference_outputs_come_back_with_the_frames(tmp_path, exposure):
    frames, zero, reference = recorded(tmp_path / "s.out", exposure)
    raw = read_exposure([tmp_path / "s.out"], exposure.name, "NRCA3")
    assert raw.complete
    np.testing.assert_array_equal(raw.pixels, frames)
    np.testing.assert_array_equal(raw.zeroframe, zero)
    np.testing.assert_array_equal(raw.refout, reference)


def test_the_exposure_header_says_how_many_packets_of_each_kind_were_sent(tmp_path, exposure):
    recorded(tmp_path / "s.out", exposure)
    (part,) = scan(tmp_path / "s.out")
    assert (part.header.packets, part.header.zero_packets, part.header.reference_packets) == (6 * 3, 2 * 3, 6)
    assert (part.packets, part.expected, part.duplicates, part.complete) == (30, 30, 0, True)
    assert (part.rows, part.complete_frames) == (6 * 1032, 6)


@pytest.mark.parametrize(("lose", "mask"), [(1, "zeroframe_filled"), (4, "filled"), (7, "refout_filled")])
def test_a_lost_packet_of_any_kind_is_missed(tmp_path, exposure, lose, mask):
    recorded(tmp_path / "s.out", exposure, lose=lose)
    raw = read_exposure([tmp_path / "s.out"], exposure.name, "NRCA3")
    assert not raw.complete
    assert {name: bool(getattr(raw, name).all()) for name in ("zeroframe_filled", "filled", "refout_filled")}[mask] is False
    (part,) = scan(tmp_path / "s.out")
    assert (part.packets, part.expected, part.complete) == (29, 30, False)


def test_what_was_not_sent_is_not_there(tmp_path, exposure):
    with RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], Geometry(1, 1, 8, 8), exposure.start)
    raw = read_exposure([tmp_path / "s.out"], exposure.name, "NRCA3")
    assert (raw.zeroframe, raw.zeroframe_filled, raw.refout, raw.refout_filled) == (None, None, None, None)


def test_columns_that_do_not_go_into_the_outputs_have_no_reference_output(tmp_path, exposure):
    with pytest.raises(BadInput, match="9 columns do not go into 4 outputs"), RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], Geometry(1, 1, 9, 8), exposure.start, reference_outputs=True)


def test_a_guide_star_function_is_recorded_and_read_beside_an_exposure(tmp_path, exposure):
    function, guider = Function(name=GUIDED), Readout(detector="GUIDER2", filter="", pupil="")
    box, pixels = Geometry(1000, 1000, 8, 8), drawn(4, 1, 8, 8)
    with RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.exposure_header(function, guider, box, function.start)
        recorder.exposure_header(replace(exposure, nints=1, ngroups=1), exposure.readouts[0], box, exposure.start)
        for i in (1, 2, 3, 4):
            recorder.frame(function, guider, box, i, 1, pixels[i - 1, 0], function.start)
    assert [(p.exposure, p.detector, p.packets) for p in scan(tmp_path / "s.out")] == [(GUIDED, "GUIDER2", 4), (exposure.name, "NRCA3", 0)]
    raw = read_exposure([tmp_path / "s.out"], GUIDED, "GUIDER2")
    assert (raw.header.exposure, raw.header.subarray, raw.header.filter) == (GUIDED, "8X8", "")
    np.testing.assert_array_equal(raw.pixels, pixels)


@given(
    visit=st.integers(0, 10**11 - 1),
    function=st.sampled_from(layout.GUIDE_FUNCTIONS[1:]),
    end=st.datetimes(datetime(1958, 1, 1), datetime(2094, 1, 1)),  # noqa: DTZ001 - bounds are naive by hypothesis' rule
)
def test_a_guide_star_name_survives_as_numbers(visit, function, end):
    for text in (f"{function}_{end:%Y%j%H%M%S}", f"gs-id_{end.second + 1}"):
        name = GuideStarName.parse(f"jw{visit:011d}_{text}")
        assert layout.name_of(layout.tag_of(name)) == name


@pytest.mark.parametrize("stamp", ["1957365235959", "2094200000000", "2023366000000", "9999366000000", "0000001000000", "2024000000000"])
def test_a_guide_star_name_with_a_time_that_no_packet_holds_is_refused(stamp):
    with pytest.raises(BadName, match="none between 1958 and 2094"):
        layout.tag_of(GuideStarName.parse(f"jw04556001001_gs-fg_{stamp}"))
