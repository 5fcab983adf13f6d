"""The wavefront clock on the board: what is used, expected and allowed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboards.app import clock_bar
from dmsops.wfsc.clock import start_clock, stop_clock
from tests.browser import toy_site


@pytest.fixture
def ticking(full):
    """A site whose visit was received 34 minutes ago."""
    with full.db.begin() as c:
        start_clock(c, full, toy_site.VISIT, full.clock.now() - timedelta(minutes=34))
    return full


def test_without_a_clock_the_bar_says_so(full):
    assert clock_bar.nearest(clock_bar.read(full)) == {"text": "no wavefront clock", "level": ""}
    assert clock_bar.draw(clock_bar.read(full)) == ""


def test_a_running_clock_shows_used_expected_limit_and_last_useful_rescue(ticking):
    (clock,) = clock_bar.read(ticking)
    assert clock.forecast.blocked
    assert clock.forecast.p50 < clock.forecast.p90 < clock.due
    html = clock_bar.draw([clock])
    for word in (
        "at risk: 56 min left; step 2 stands in the way",
        "used 34 min 00 s",
        "finish expected",
        "a rescue helps until",
        'class="limit"',
        'class="finish"',
    ):
        assert word in html


@pytest.mark.parametrize(("minutes", "level"), [(0, "soon"), (55, "soon"), (57, "late")])
def test_the_top_bar_warns_before_it_is_late(ticking, minutes, level):
    ticking.clock.advance(timedelta(minutes=minutes))
    assert clock_bar.nearest(clock_bar.read(ticking))["level"] == level
    assert clock_bar.draw(clock_bar.read(ticking))


def test_a_stopped_clock_is_history(ticking):
    with ticking.db.begin() as c:
        stop_clock(c, ticking, toy_site.VISIT, ticking.clock.now())
    assert "met: took 34 min" in clock_bar.draw(clock_bar.read(ticking))


def test_the_board_draws_the_clock(ticking, open_board):
    view = open_board(ticking)
    assert "V02726402001" in view.clock.html
    assert view.frame.wire.beat["deadline"]["text"].startswith("V02726402001 at risk: 56 min left; step 2 stands in the way")
