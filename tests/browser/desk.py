"""The real server in a process of its own, and a person's browser before it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmsops.ops import Ops
from tests.browser import toy_site

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Desk:
    """A person's browser at the boards."""

    page: Any
    address: str
    mistakes: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def note(self) -> None:
        """Note from now on every error of the page or console, and every request off this machine."""
        here = (self.address, self.address.replace("http", "ws"), "data:", "blob:")
        self.page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        self.page.on("console", lambda message: self.mistakes.append(message.text) if message.type == "error" else None)
        self.page.on("request", lambda request: None if request.url.startswith(here) else self.strangers.append(request.url))

    def sign_in(self, name: str, path: str = "/owl", password: str = toy_site.PASSWORD) -> None:
        """Go to a page and through the sign-in before it."""
        self.page.goto(self.address + path)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()


def serve(ops: Ops, *more: str) -> subprocess.Popen[str]:
    """Start the real server on a site; the first line it writes says where it is."""
    command = [sys.executable, "-m", "tests.browser.serve_toy", "--site", str(ops.settings.site), "--port", "0", *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def address_of(server: subprocess.Popen[str]) -> str:
    """Wait until the server says where it is; it says so once."""
    assert server.stdout is not None
    line = server.stdout.readline()
    assert "http://127.0.0.1:" in line, "the server did not start"
    return line.split(": ", 1)[1].split("/ ")[0]
