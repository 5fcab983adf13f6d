"""An operator's terminal on one site, for tests of the whole house."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmsops.ops import Ops, connect
from dmsops.workflow import queries


@dataclass(frozen=True)
class Desk:
    """An operator's terminal on one site."""

    site: Path
    crds: Path
    more: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "dmsops", *words, "--site", str(self.site)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DMSOPS_CRDS_PATH": str(self.crds), **self.more}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, env=self.environment, check=False)

    def json(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return json.loads(done.stdout)

    def open(self) -> Ops:
        return connect(self.site, crds_path=self.crds)

    def versions(self) -> dict[str, int]:
        """Give every product with its version."""
        return {row["name"]: row["version"] for row in queries.products(self.open())}
