"""A real server on a site with toy steps, and a real browser that notes every page error and every request."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dmsops.ops import Ops
from dmsops.testing import bigsite
from tests.browser import toy_site
from tests.browser.desk import Desk, address_of, serve

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 30_000
"""How long a loaded machine may take; nothing waits this long when all is well."""


@pytest.fixture(scope="module")
def browser(require: Callable[[str], Path]) -> Iterator[Any]:
    """The machine's own browser, without a window; gone before other tests run, because Playwright keeps an event loop running."""
    program = require("chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(program), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """The site that the boards show: a rehearsal with steps in every state."""
    ops = toy_site.full(tmp_path_factory.mktemp("boards") / "site", mode="rehearsal", name="string one")
    yield ops
    ops.db.dispose()


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """A site with a hundred thousand steps, made once: its tests take different steps."""
    ops = toy_site.empty(tmp_path_factory.mktemp("big") / "site", mode="rehearsal", name="string two")
    bigsite.fill(ops)
    yield ops
    ops.db.dispose()


@pytest.fixture(scope="module")
def server(shown: Ops, require: Callable[[str], Path]) -> Iterator[subprocess.Popen[str]]:
    """The real server, in a process of its own."""
    require("chromium")
    with serve(shown) as process:
        yield process
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def address(server: subprocess.Popen[str]) -> str:
    """Where the server is."""
    return address_of(server)


@pytest.fixture
def desk_of(browser: Any, address: str) -> Iterator[Callable[..., Desk]]:
    """Open a fresh browser window; at the end no error of the page or console, and no request off this machine, may have been seen."""
    desks: list[Desk] = []

    def open_(width: int = 1440, height: int = 900) -> Desk:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(PATIENCE_MS)
        desk = Desk(context.new_page(), address)
        desk.note()
        desks.append(desk)
        return desk

    yield open_
    for desk in desks:
        desk.page.context.close()
        assert not desk.mistakes
        assert not desk.strangers
