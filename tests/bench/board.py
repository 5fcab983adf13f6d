"""The workflow board with 100,000 steps in Chromium: first row, a tick, sorting and bytes, against what is promised."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from dashboards.app.hub import Hub
from dashboards.app.owl_view import OwlView
from dmsops.core.people import find
from dmsops.ops import Ops
from dmsops.testing import bigsite
from dmsops.workflow import acts, queries
from dmsops.workflow.choose import Selection
from tests.bench.row import Row
from tests.browser import toy_site
from tests.browser.conftest import ARGUMENTS
from tests.browser.desk import ROOT, address_of

STEPS = 100_000
TIMES = 5
TICKS = 20
FIRST_ROW, TICK, SORTING = 3.0, 0.1, 1.0
SESSION_MB = 4.0
_LONG_TASKS = """window.tasks = [];
new PerformanceObserver((seen) => seen.getEntries().forEach((e) => window.tasks.push(e.duration))).observe({type: 'longtask'})"""
_TOLD_FROM = 50.0
"""The browser tells of tasks longer than so many ms and of no others."""


def rows(place: Path) -> Iterator[Row]:
    """Fill a site, serve it, and look at it as a person does."""
    ops = toy_site.empty(place / "board", mode="rehearsal")
    bigsite.fill(ops, STEPS)
    drawn = _ticks_on_the_server(ops)
    with _server(ops) as (address, process), _chromium() as browser:
        _visit(browser, address).context.close()
        page = _visit(browser, address)
        first = statistics.median(_loaded(page, address) for _ in range(TIMES))
        sorting = statistics.median(
            _sorted(page, ops, *click) for click in (("dataset", ""), ("dataset", "-"), ("since", ""), ("fault", ""))
        )
        _loaded(page, address)
        tasks = _ticks_in_the_browser(page, ops)
        page.context.close()
        size = _session(browser, address, ops)
        peak = psutil.Process(process.pid).memory_info().rss / 1e6
    what = f"workflow board, {STEPS:,} steps"
    yield _row(f"{what}: first row in Chromium, warm, median of {TIMES}", first, FIRST_ROW, peak)
    yield _row(f"{what}: a tick, read and drawn by the server, median of {TICKS}", drawn, TICK, peak)
    yield _row(f"{what}: {TICKS} ticks, longest task in Chromium (0.05: none was longer)", tasks, TICK, peak)
    yield _row(f"{what}: sorting in Chromium, from click to rows, median of 4", sorting, SORTING, peak)
    yield _row(f"{what}: a session with drawer, preview and {TICKS} ticks, nothing cached", size, SESSION_MB, peak, unit="MB")


def _row(what: str, ours: float, limit: float, peak: float, unit: str = "s") -> Row:
    return Row(
        row=what, ours=ours, against=limit, against_what="the limit", ratio=ours / limit, goal="<= 1", met=ours <= limit,
        peak_mb=peak, unit=unit,
    )  # fmt: skip


def _change(ops: Ops, turn: int) -> None:
    """Hold a ready step: counts, rows and the journal change."""
    step = queries.steps(ops, states=("ready",), limit=1)[0]["id"]
    chosen = Selection(steps=(step,))
    acts.act(ops, "hold", chosen, ticket=acts.preview(ops, "hold", chosen).hash, reason=f"tick {turn}")


def _ticks_on_the_server(ops: Ops) -> float:
    """Time what one change costs: the hub reads the site, one board draws; without the wait for the next second."""
    hub = Hub(ops)
    view = OwlView(hub, find(ops.db, "otto"))
    view.open({})
    taken = []
    for turn in range(TICKS):
        _change(ops, turn)
        begun = time.perf_counter()
        view.draw(hub.poll())
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


@contextmanager
def _server(ops: Ops) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "dashboards.serve", "--site", str(ops.settings.site), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield address_of(process), process
        process.terminate()


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "this benchmark needs chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=ARGUMENTS)


def _visit(browser: Any, address: str) -> Any:
    """Open a browser with nothing cached and sign in."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(_LONG_TASKS)
    _sign_in(page, address)
    return page


def _sign_in(page: Any, address: str) -> None:
    page.goto(f"{address}/owl")
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(toy_site.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator(".tabulator-row").first.wait_for()


def _loaded(page: Any, address: str) -> float:
    begun = time.perf_counter()
    page.goto(f"{address}/owl", wait_until="commit")
    page.locator(".tabulator-row").first.wait_for()
    return time.perf_counter() - begun


def _sorted(page: Any, ops: Ops, column: str, direction: str) -> float:
    """Click on a column's title and wait until the row stands first that is first of all steps."""
    wanted = str(queries.steps(ops, sort=direction + column, limit=1)[0]["id"])
    title = page.locator(f'[tabulator-field="{column}"] .tabulator-col-title')
    begun = time.perf_counter()
    title.click()
    first = page.locator(".tabulator-row").first.locator('[tabulator-field="id"]')
    first.get_by_text(wanted, exact=True).wait_for()
    return time.perf_counter() - begun


def _ticks_in_the_browser(page: Any, ops: Ops) -> float:
    """Make changes while the page is open; give the longest time that the page was busy without a pause."""
    page.wait_for_timeout(2000)
    page.evaluate("window.tasks = []")
    for turn in range(TICKS):
        _change(ops, turn)
        page.wait_for_timeout(1000)
    return max(page.evaluate("window.tasks"), default=_TOLD_FROM) / 1000


def _session(browser: Any, address: str, ops: Ops) -> float:
    """Count what a person's first session brings over the wire, in MB: pages, scripts and messages."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    wire = page.context.new_cdp_session(page)
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda seen: sizes.append(seen["encodedDataLength"]))
    wire.on("Network.webSocketFrameReceived", lambda seen: sizes.append(len(seen["response"]["payloadData"])))
    wire.send("Network.enable")
    _sign_in(page, address)
    page.locator('.tabulator-row [tabulator-field="id"]').first.click()
    page.locator(".one .key-rescue").click()
    page.locator(".key-leave button").click()
    for turn in range(TICKS):
        _change(ops, turn)
        page.wait_for_timeout(1000)
    page.context.close()
    return sum(sizes) / 1e6
