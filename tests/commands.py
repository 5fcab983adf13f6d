"""Commands given as an operator gives them: by words, on a site (opened, or its folder)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from dmsops.cli import main
from dmsops.ops import Ops


def call(site: Ops | Path, *words: str, token: str = "") -> Result:
    """Give a command, as whom the token belongs to, and give whatever comes of it."""
    folder = site if isinstance(site, Path) else site.settings.site
    env = {"DMSOPS_TOKEN": token} if token else {}
    return CliRunner(env=env).invoke(main, [*words, "--site", str(folder)])


@dataclass(frozen=True)
class Part:
    """The verbs of one part: ``Part("archive").text(ops, "summary")`` is ``dmsops archive summary``."""

    name: str

    def call(self, site: Ops | Path, *words: str, token: str = "") -> Result:
        """Give a command of this part."""
        return call(site, self.name, *words, token=token)

    def data(self, site: Ops | Path, *words: str, code: int = 0, token: str = "") -> Any:
        """Give a command that ends with this code, and what it prints for machines."""
        done = self.call(site, *words, "--json", token=token)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def text(self, site: Ops | Path, *words: str, token: str = "") -> str:
        """Give a command that works, and what it prints for people."""
        done = self.call(site, *words, token=token)
        assert done.exit_code == 0, done.output
        return done.stdout
