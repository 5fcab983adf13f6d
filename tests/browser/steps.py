"""What the tests of the boards do again and again in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.journal import journal
from dmsops.ops import Ops
from dmsops.workflow import queries
from tests.browser import toy_site
from tests.browser.desk import Desk, address_of, serve

sync_api = pytest.importorskip("playwright.sync_api")
sync_api.expect.set_options(timeout=30_000)
expect = sync_api.expect


def row(desk: Any, step_id: int) -> Any:
    """Find a step's row on the page."""
    return desk.page.locator(".tabulator-row").filter(has=desk.page.locator('[tabulator-field="id"]', has_text=re.compile(f"^{step_id}$")))


def listed(desk: Any, key: object) -> Any:
    """Find a row of a board of lists on the page."""
    return desk.page.locator(f'tr.row[data-pick="open {key}"]')


def said(desk: Any) -> Any:
    """Find the line that says what came of a deed."""
    return desk.page.locator("#said")


def tab(desk: Any, name: str) -> None:
    """Go to a list by a click."""
    desk.page.get_by_role("tab", name=name).click()


def fits(page: Any) -> None:
    """Wait until the page is no wider than the screen."""
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


def on_a_narrow_screen(desk_of: Callable[..., Desk], path: str) -> Desk:
    """Open a list at a path on the screen of a phone: it is shown, and no wider than the screen."""
    desk = desk_of(width=390, height=844)
    desk.sign_in("vera", path)
    expect(desk.page.locator("tr.row").first).to_be_visible()
    fits(desk.page)
    return desk


@contextmanager
def empty_site(browser: Any, folder: Path, path: str) -> Iterator[Any]:
    """Serve a site that has people and nothing else, and give its page at a path, where its lead is signed in."""
    ops = toy_site.empty(folder)
    with serve(ops) as process:
        try:
            desk = Desk(browser.new_page(), address_of(process))
            desk.sign_in("lena", path)
            yield desk.page
            desk.page.close()
        finally:  # also when a test fails, as the process is waited for
            process.terminate()
    ops.db.dispose()


def journalled(ops: Ops, event: str, target: str) -> list[tuple[str, str | None]]:
    """Give who did it and why."""
    with reading(ops.db) as c:
        lines = c.execute(sa.select(journal.c.actor, journal.c.reason).where(journal.c.event == event, journal.c.target == target))
        return [(line.actor, line.reason) for line in lines]


def in_state(ops: Ops, *states: str, **wanted: Any) -> list[int]:
    """Give the numbers of the steps in these states, as the library has them now."""
    return [r["id"] for r in queries.steps(ops, states=states, limit=100_000, **wanted)]


def look_for(desk: Any, text: str, rows: int) -> None:
    """Filter with the keyboard."""
    expect(desk.page.locator(".tabulator-row").first).to_be_visible()
    desk.page.keyboard.press("/")
    desk.page.keyboard.type(text)
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator(".tabulator-row")).to_have_count(rows)
    desk.page.keyboard.press("Escape")


def confirm(desk: Any, reason: str, count: int | None = None) -> None:
    """Give the reason and the count in the open preview, and do it."""
    button = desk.page.locator(".key-confirm button")
    expect(button).to_be_disabled()
    desk.page.locator(".key-reason input").fill(reason)
    if count is not None:
        expect(desk.page.get_by_text(f"Type {count} to confirm.")).to_be_visible()
        desk.page.locator(".key-count input").fill(str(count))
    expect(button).to_be_enabled()
    button.click()
