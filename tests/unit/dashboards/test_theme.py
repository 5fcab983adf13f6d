"""Marks, colours and times: readable in both themes, unmistakable without colour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.app import strip, theme
from dmsops.workflow.states import FUTILE, StepState

NOW = datetime(2022, 12, 4, 3, 56, 10, tzinfo=UTC)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("name", ["ink", "soft", "alert", "active", "good", "next", "amber"])
def test_every_colour_reads_on_every_ground(colours, name):
    assert contrast(colours[name], colours["ground"]) >= 4.5
    assert contrast(colours[name], colours["sheet"]) >= 4.5


def test_white_reads_on_the_pressing_colour():
    assert contrast("#ffffff", theme.DARK["press"]) >= 4.5


def test_every_state_has_its_own_shape():
    assert set(theme.MARKS) == {*StepState, FUTILE}
    assert len({m.shape for m in theme.MARKS.values()}) == len({m.svg for m in theme.MARKS.values()}) == len(theme.MARKS)
    assert [s for s, m in theme.MARKS.items() if m.colour == "alert"] == [StepState.FAILED]


def test_every_mark_is_drawn_in_a_colour_of_both_themes():
    colours = {m.colour for m in theme.MARKS.values()}
    assert colours <= set(theme.DARK)
    for sheet in ("fragment", "table"):
        assert all(f".{colour} svg" in theme.css(sheet) for colour in colours)


def test_the_strip_knows_every_state():
    assert set(strip.WORST_FIRST) == set(StepState)


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (timedelta(seconds=8), "<1 min · 03:56:02Z"),
        (timedelta(minutes=14), "14 min · 03:42:10Z"),
        (timedelta(hours=3, minutes=5), "3 h 05 min · 00:51:10Z"),
        (timedelta(days=2), "2 d · 2022-12-02 03:56:10Z"),
        (timedelta(seconds=-30), "ahead · 03:56:40Z"),
    ],
)
def test_times_are_age_and_utc(gone, words):
    assert theme.age(NOW - gone, NOW) == words


def test_no_time_is_a_dash():
    assert theme.age(None, NOW) == "—"


@pytest.mark.parametrize(
    ("seconds", "words"), [(9, "9 s"), (69, "1 min 09 s"), (5400, "1 h 30 min 00 s"), (-61, "-1 min 01 s"), (90000, "1 d 01 h 00 min")]
)
def test_durations_are_to_the_second(seconds, words):
    assert theme.duration(seconds) == words


@given(st.sampled_from([*StepState, FUTILE]), st.text())
def test_a_mark_never_lets_text_become_markup(state, text):
    drawn = theme.mark(state, text)
    assert drawn.count("<span") == 1
    assert drawn.endswith("</span>")
