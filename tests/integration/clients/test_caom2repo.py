"""CADC's own client of such feeds, unmodified (caom2repo 1.6.4), finds the feed by its capabilities, lists it and reads from it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.integration.partners.sites import ROOT, Changing, archive, ours
from tests.serving import served


def test_cadcs_own_client_lists_and_reads(require: Callable[[str], Path], tmp_path: Path) -> None:
    clients = require("caom2repo")
    with archive(tmp_path / "site") as ops, served(ops) as address:
        changing = Changing(ops, tmp_path / "made", random.Random(1))
        for n in (1, 2, 3):
            changing.put(n, "cal")
            ops.clock.advance(timedelta(minutes=1))
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(clients)}
        words = [sys.executable, str(Path(__file__).with_name("caom2repo_reads.py")), address, "JWST"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        names = [ROOT.format(n) for n in (1, 2, 3)]
        assert (found["listed"], found["following"]) == (names[:2], names[1:])
        assert (found["read"], found["sum"]) == (names[0], ours(ops)[names[0]])
