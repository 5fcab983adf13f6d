"""The picture of one mnemonic: lowest to highest as a band, the mean or the samples as a line, limits as bands, doubts hatched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, FixedTicker, HoverTool, Range1d
from bokeh.models.annotations import Title
from bokeh.plotting import figure

from dashboards.app.engineering_course import bands, height

if TYPE_CHECKING:
    from dashboards.app.engineering_course import Course

HEIGHT = 210
WORDS = 12
"""As many states are written on the axis."""
_COLUMNS = {
    "points": ("left", "right", "low", "high", "mean", "n"),
    "line": ("x", "y"),
    "dots": ("x", "y", "word"),
    "yellow": ("y0", "y1"),
    "red": ("y0", "y1"),
    "gaps": ("x0", "x1"),
    "suspects": ("x0", "x1"),
}


class Plot:
    """One mnemonic's picture; all plots of a page share one range of time.

    Parameters
    ----------
    name : str
        The mnemonic, for its title.
    x_range : Range1d
        Milliseconds since 1970 UTC.
    colours : mapping of str to str
        Of the theme.
    """

    def __init__(self, name: str, x_range: Range1d, colours: Mapping[str, str], *, held: bool) -> None:
        self.sources = {key: ColumnDataSource({column: [] for column in columns}) for key, columns in _COLUMNS.items()}
        self._title = Title(text=name)
        self.figure = figure(
            title=self._title, x_range=x_range, y_range=Range1d(start=0, end=1), x_axis_type="datetime",
            height=HEIGHT, sizing_mode="stretch_width",
            tools="xbox_zoom,xpan,xwheel_zoom", active_drag="xbox_zoom", active_scroll=None, toolbar_location="right", min_border_left=64,
            background_fill_color=None, border_fill_color=None, name=f"plot {name}",
        )  # fmt: skip
        self.figure.toolbar.logo = None
        self.figure.xaxis.formatter = _times()
        self._draw(held=held)
        self.paint(colours)

    def _draw(self, *, held: bool) -> None:
        f, s = self.figure, self.sources
        line: dict[str, Any] = {"source": s["line"], "line_width": 1.4}
        self._marks: dict[str, Any] = {
            "red": f.hstrip("y0", "y1", source=s["red"], fill_alpha=0.28, line_color=None, level="underlay"),
            "yellow": f.hstrip("y0", "y1", source=s["yellow"], fill_alpha=0.16, line_color=None, level="underlay"),
            "gaps": f.vstrip("x0", "x1", source=s["gaps"], fill_alpha=0.0, hatch_pattern="/", hatch_alpha=0.6, hatch_scale=9),
            "suspects": f.vstrip("x0", "x1", source=s["suspects"], fill_alpha=0.1, hatch_pattern="x", hatch_alpha=0.8, hatch_scale=9),
            "points": f.quad("left", "right", "high", "low", source=s["points"], fill_alpha=0.35, line_alpha=0.5, line_width=1),
            "line": f.step("x", "y", mode="after", **line) if held else f.line("x", "y", **line),
            "dots": f.scatter("x", "y", source=s["dots"], size=5, marker="circle"),
        }
        time = "%Y-%m-%d %H:%M:%S.%3N"
        f.add_tools(
            HoverTool(
                renderers=[self._marks["points"]], mode="vline", point_policy="snap_to_data", formatters={"@left": "datetime"},
                tooltips=[("from", f"@left{{{time}}}Z"), ("lowest", "@low"), ("mean", "@mean"), ("highest", "@high"), ("samples", "@n")],
            ),
            HoverTool(
                renderers=[self._marks["dots"]], formatters={"@x": "datetime"}, tooltips=[("at", f"@x{{{time}}}Z"), ("value", "@word")]
            ),
        )  # fmt: skip

    def paint(self, colours: Mapping[str, str]) -> None:
        """Take the theme's colours."""
        f = self.figure
        own = {"red": "alert", "yellow": "amber", "gaps": "soft", "suspects": "amber", "points": "active", "line": "ink", "dots": "active"}
        for key, colour in own.items():
            self._marks[key].glyph.update(**_painted(key, colours[colour]))
        for axis in (*f.xaxis, *f.yaxis):
            axis.update(
                axis_label_text_color=colours["soft"], major_label_text_color=colours["soft"], axis_line_color=colours["line"],
                major_tick_line_color=colours["line"], minor_tick_line_color=None,
            )  # fmt: skip
        self._title.text_color = colours["ink"]
        f.outline_line_color = colours["line"]
        f.grid.grid_line_color = colours["line"]
        f.grid.grid_line_alpha = 0.4

    def show(self, found: Course, gaps: Iterable[tuple[float, float]], suspects: Iterable[tuple[float, float]]) -> None:
        """Draw a course, and times (milliseconds) that are hatched."""
        bottom, top = height(found)
        self.figure.y_range.update(start=bottom, end=top)
        self._name_states(found)
        outside = bands(found.mnemonic.limits, bottom, top)
        every = slice(0, 0) if found.single else slice(None)
        data: dict[str, tuple[Any, ...]] = {
            "points": tuple(a[every] for a in (found.left, found.right, found.low, found.high, found.mean, found.samples)),
            "line": (found.line_at, found.line),
            "dots": (found.left, found.mean, _words(found)) if found.single else ((), (), ()),
            "yellow": _pairs(outside["yellow"]),
            "red": _pairs(outside["red"]),
            "gaps": _pairs(gaps),
            "suspects": _pairs(suspects),
        }
        for key, columns in data.items():
            self.sources[key].data = {name: np.asarray(column) for name, column in zip(_COLUMNS[key], columns, strict=True)}

    def _name_states(self, found: Course) -> None:
        states = found.mnemonic.states
        axis = self.figure.yaxis[0]
        axis.axis_label = found.mnemonic.unit
        if states:  # a state has no height: its outline is all that is seen of it
            self._marks["points"].glyph.update(line_alpha=1.0, line_width=2)
            seen = np.unique(np.concatenate([found.low, found.high])).tolist() if len(found.low) else []
            axis.ticker = FixedTicker(ticks=seen[:WORDS])
            axis.major_label_overrides = {v: states.get(int(v), f"{v:g}") for v in seen}


def _times() -> DatetimeTickFormatter:
    """Say how times are written: made for each picture, as a page that is closed empties what it showed."""
    return DatetimeTickFormatter(
        milliseconds="%H:%M:%S.%3N", seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%m-%d %H:%M",
        days="%m-%d", months="%Y-%m", years="%Y",
    )  # fmt: skip


def _painted(key: str, colour: str) -> dict[str, Any]:
    if key == "line":
        return {"line_color": colour}
    if key in ("gaps", "suspects"):
        return {"hatch_color": colour, "fill_color": colour, "line_color": colour}
    return {"fill_color": colour} if key in ("red", "yellow") else {"fill_color": colour, "line_color": colour}


def _words(found: Course) -> list[str]:
    """Write the value of each sample: a state by its word."""
    states, unit = found.mnemonic.states, found.mnemonic.unit
    return [states.get(int(v), f"{v:g}") if states else f"{v:.8g} {unit}" for v in found.mean.tolist()]


def _pairs(spans: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    listed = list(spans)
    return [a for a, _ in listed], [b for _, b in listed]
