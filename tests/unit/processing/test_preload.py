"""The fork server's module leaves the pipelines in memory and the loggers where they can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import logging, sys
from pathlib import Path
from dmsops.core.config import Settings, enter_runtime
enter_runtime(Settings(site=Path(sys.argv[1])))
import dmsops.processing.preload
import gc
logging.getLogger("CRDS").error("a reference is missing")
print(gc.get_freeze_count() > 100_000, "jwst.pipeline" in sys.modules)
"""


def test_preloading_is_silent_and_crds_is_still_heard(tmp_path):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout == "True True\n"
    assert done.stderr.count("\n") == 1
    assert "a reference is missing" in done.stderr
