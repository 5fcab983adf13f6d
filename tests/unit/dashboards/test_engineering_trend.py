"""The trend of the engineering board: what is read for a time, what is drawn, and what is said beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from bokeh.document import Document
from hypothesis import given
from hypothesis import strategies as st

from dashboards.app.engineering_course import bands, broken, course, height
from dashboards.app.engineering_view import EngineeringView
from dmsops.interfaces.prds import Limits
from dmsops.ops import Ops
from tests.browser import engineering_site as site_of
from tests.engineering_files import T0, named, take
from tests.unit.dashboards.boards import drawn_again, opened

FOUR = datetime(2022, 12, 4, 4, tzinfo=UTC)
LIMITS = Limits(red_low=0.0, yellow_low=10.0, yellow_high=90.0, red_high=100.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Ops]:
    ops = site_of.full(tmp_path_factory.mktemp("trend") / "site")
    yield ops
    ops.db.dispose()


@pytest.fixture
def board(site: Ops) -> Callable[..., EngineeringView]:
    def open_(**address: str) -> EngineeringView:
        view = opened(EngineeringView, site, **{"view": "trend", **address})
        arrive(view)
        return view

    return open_


def arrive(view: EngineeringView) -> None:
    """Let what was asked for arrive, as the page's next tick does."""
    if view.trend.wanted is not None:
        view.trend.show(view.trend.read(view.trend.wanted))


def drawn(view: EngineeringView, name: str, source: str) -> dict[str, list]:
    return {key: list(column) for key, column in view.trend.plots[name].sources[source].data.items()}


def minutes(first: float, last: float) -> tuple[datetime, datetime]:
    return FOUR + timedelta(minutes=first), FOUR + timedelta(minutes=last)


def test_more_samples_than_points_become_a_band_and_its_mean(site):
    found = course(site, site_of.ATTITUDE, *minutes(0, 10), points=100)
    assert not found.single
    assert 90 <= len(found.left) <= 101
    assert found.inside == 601
    assert (found.low < found.mean)[:-1].all()
    assert (found.mean < found.high)[:-1].all()
    assert found.samples[-1] == 1, "the end of the time is a point of its own"


def test_a_zoom_shows_single_samples_with_their_own_times(site):
    found = course(site, site_of.ATTITUDE, *minutes(5, 6), points=100)
    assert found.single
    assert found.inside == 61
    assert found.left.tolist() == [T0 / 1e3 + 1e3 * s for s in range(299, 362)]
    assert found.mean.tolist() == [float(s) for s in range(299, 362)]


def test_the_line_is_broken_where_samples_are_missing(site):
    found = course(site, site_of.ATTITUDE, *minutes(24.5, 26), points=900)
    (gap,) = np.flatnonzero(np.isnan(found.line))
    assert [(t - T0 / 1e3) / 1e3 for t in found.line_at[[gap - 1, gap + 1]]] == [1499, 1520]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 50))
def test_a_line_is_broken_at_every_longer_step_and_nowhere_else(steps, longest):
    at = np.cumsum(np.array([0, *steps], float))
    times, values = broken(at, at * 2, longest)
    assert np.isnan(values).sum() == sum(s > longest for s in steps)
    assert times[~np.isnan(values)].tolist() == at.tolist()


def test_states_have_no_mean_and_steps_with_words(board):
    view = board(names=site_of.WHEEL, span="hour")
    assert not drawn(view, site_of.WHEEL, "line")["x"]
    assert len(drawn(view, site_of.WHEEL, "points")["low"]) > 500
    labels = view.trend.plots[site_of.WHEEL].figure.yaxis[0].major_label_overrides
    assert labels[1] == "OPEN"
    view.trend.look_at(*minutes(4, 6))
    arrive(view)
    assert set(drawn(view, site_of.WHEEL, "dots")["word"]) == {"OPEN", "FILTER1"}


@given(st.floats(-200, 200), st.floats(0.1, 400))
def test_bands_are_what_is_outside_limits_and_nothing_inside(bottom, size):
    top = bottom + size
    found = bands(LIMITS, bottom, top)
    for value in np.linspace(bottom, top, 50)[1:-1]:
        colour = next((c for c, parts in found.items() if any(low < value < high for low, high in parts)), "")
        outside = "red" if not 0 <= value <= 100 else "yellow" if not 10 <= value <= 90 else ""
        assert colour == outside or min(abs(value - edge) for edge in (0, 10, 90, 100)) < 1e-9


def test_limits_are_in_the_picture_unless_they_are_far_away(site):
    near = course(site, site_of.TEMPERATURE, *minutes(0, 39), points=900)
    bottom, top = height(near)
    assert bottom < 33.5
    assert top > 42.5
    flat = course(site, site_of.ATTITUDE, *minutes(1, 2), points=900)
    bottom, top = height(flat)
    assert (bottom < 60, top > 120) == (True, True)


def test_gaps_and_contested_times_are_hatched_and_said(board):
    view = board(names=site_of.ATTITUDE, span="hour")
    assert [(b - a) / 1e3 for a, b in zip(*drawn(view, site_of.ATTITUDE, "gaps").values(), strict=True)] == [21.0]
    assert len(drawn(view, site_of.ATTITUDE, "suspects")["x0"]) == 1
    words = view.trend.words[site_of.ATTITUDE].html
    assert "hatched /, no samples (1):" in words
    assert "hatched x, contested (1):" in words
    view._pick("story conflicts 1")
    assert (view.address.shown, view.frame.wire.drawer) == ("conflicts", True)


def test_doubtful_times_that_the_picture_cannot_tell_apart_are_hatched_as_one(board):
    view = board(names=site_of.ATTITUDE, span="hour")
    rows = [{"first_us": T0 + s * 1_000_000, "last_us": T0 + s * 1_000_000} for s in (0, 5, 10, 100)]
    assert [((a - T0 / 1e3) / 1e3, (b - T0 / 1e3) / 1e3) for a, b in view.trend._hatched(rows)] == [(0, 10), (100, 100)]


def test_the_buttons_and_the_address_say_the_same_time(board):
    view = board(names=f"{site_of.ATTITUDE},{site_of.LOAD}")
    newest = view.seen.mnemonic(site_of.ATTITUDE)["latest_at"]
    assert (view.trend.wanted.start, view.trend.wanted.stop) == (newest - timedelta(days=1), newest)
    view._pick("span hour")
    assert view.trend.wanted.start == newest - timedelta(hours=1)
    assert "span=hour" in view.address.query
    view._pick("span all")
    assert view.trend.wanted.start == FOUR
    view._pick("move in")
    assert view.address.between == (view.trend.wanted.start, view.trend.wanted.stop)
    length = view.trend.wanted.stop - view.trend.wanted.start
    view._pick("move on")
    assert view.trend.wanted.stop - view.trend.wanted.start == length
    pasted = board(**dict(part.split("=") for part in view.address.query.replace("%3A", ":").replace("%2C", ",").split("&")))
    assert pasted.trend.wanted == view.trend.wanted


def test_a_zoom_with_the_mouse_asks_for_that_time(board):
    view = board(names=site_of.ATTITUDE, span="hour")
    before = view.trend.courses[site_of.ATTITUDE]
    view.trend._x.update(start=(T0 + 60e6) / 1e3, end=(T0 + 90e6) / 1e3)
    view.trend._settled()
    arrive(view)
    assert view.address.start == "2022-12-04T04:01:00.000000Z"
    assert not before.single
    assert view.trend.courses[site_of.ATTITUDE].inside == 31


def test_mnemonics_are_added_from_the_filter_and_taken_out(board):
    view = board(text="zatt")
    assert f'data-pick="add {site_of.ATTITUDE}"' in view.trend.controls.html
    view._pick(f"add {site_of.ATTITUDE}")
    view._pick(f"add {site_of.WHEEL}")
    assert view.address.plotted == (site_of.ATTITUDE, site_of.WHEEL)
    assert list(view.trend.plots) == [site_of.ATTITUDE, site_of.WHEEL]
    view._pick(f"drop {site_of.ATTITUDE}")
    assert list(view.trend.plots) == [site_of.WHEEL]


def test_nonsense_in_the_address_draws_nothing_and_says_so(board):
    view = board(names="<b>,NO_SUCH", start="yesterday", stop="2022")
    assert view.trend.wanted is None
    assert "&lt;B&gt;, NO_SUCH" in view.trend.controls.html
    assert board(names=site_of.LOAD, start="2022-12-05", stop="2022-12-04").address.between is None


def test_a_time_without_samples_says_so(board):
    view = board(names=site_of.ATTITUDE, start="2022-12-04T02:00:00Z", stop="2022-12-04T02:10:00Z")
    assert "No sample is of this time." in view.trend.words[site_of.ATTITUDE].html


def test_all_that_is_held_begins_earlier_when_samples_come_late(tmp_path):
    ops = site_of.full(tmp_path / "site")
    view = opened(EngineeringView, ops, view="trend", names=site_of.ATTITUDE, span="all")
    assert view.trend.wanted.start == FOUR
    take(ops, site_of.attitude(-7200, -7100), named(8))
    drawn_again(view)
    assert view.trend.wanted.start == FOUR - timedelta(hours=2)
    ops.db.dispose()


def test_samples_without_a_number_are_told_and_not_drawn(tmp_path):
    ops = site_of.full(tmp_path / "site")
    nan = float("nan")
    odd = [("SA_ZATTEST2", T0 + s * 1_000_000, nan) for s in range(3)]
    take(ops, [*odd, ("SA_ZATTEST3", T0, 1.0), ("SA_ZATTEST3", T0 + 1_000_000, nan)], named(8))
    told = {"SA_ZATTEST2": "No sample of this time has a number.", "SA_ZATTEST3": "1 sample, each drawn. 1 sample without a number."}
    for name, words in told.items():
        view = opened(EngineeringView, ops, view="trend", names=name, span="hour")
        arrive(view)
        assert words in view.trend.words[name].html
    view = opened(EngineeringView, ops, view="trend", names="SA_ZATTEST2", span="week")
    arrive(view)
    assert "No sample with a number is of this time." in view.trend.words["SA_ZATTEST2"].html
    ops.db.dispose()


def test_a_page_that_is_closed_leaves_the_time_axis_of_others_as_it_was(board):
    first, second = (Document(), board(names=site_of.WHEEL).trend.plots[site_of.WHEEL].figure)
    first.add_root(board(names=site_of.WHEEL).trend.plots[site_of.WHEEL].figure)
    first.models.destroy()
    assert second.xaxis[0].formatter.minutes == "%H:%M"


def test_what_was_asked_for_before_something_else_is_not_drawn(board):
    class Done:
        def exception(self):
            return None

        def result(self):
            raise AssertionError("it is not looked at")

    view = board(names=site_of.ATTITUDE, span="hour")
    old = view.trend.wanted
    view._pick("span day")
    view.trend._arrived(old, Done())
    assert not view.frame.wire.said


def test_samples_that_cannot_be_read_are_said_and_the_old_ones_are_called_old(board):
    class Broke:
        def exception(self):
            return OSError()

        def result(self):
            raise OSError("no such partition")

    view = board(names=site_of.ATTITUDE, span="hour")
    view.trend._arrived(view.trend.wanted, Broke())
    assert "could not be read: what is drawn is old" in view.trend.words[site_of.ATTITUDE].html
    assert view.frame.wire.said["level"] == "refused"


def test_new_samples_are_asked_for_when_the_database_changes(tmp_path):
    ops = site_of.full(tmp_path / "site")
    view = opened(EngineeringView, ops, view="trend", names=site_of.ATTITUDE, span="hour")
    before = view.trend.wanted
    take(ops, site_of.attitude(2400, 2460), named(8))
    drawn_again(view)
    assert view.trend.wanted.stop == before.stop + timedelta(seconds=60)
    ops.db.dispose()
