"""A schema is read by one thread: two at once, in a process that has read none, were told that it is broken."""

from __future__ import annotations

import subprocess
import sys

TOGETHER = """
import threading
from lxml import etree
from dmsops.core.xml_schemas import first_fault
from dmsops.interfaces.fos.osf import SCHEMA

gate, told = threading.Barrier(8), []

def ask():
    gate.wait()
    told.append(first_fault(etree.fromstring("<visit/>"), SCHEMA))

threads = [threading.Thread(target=ask) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(told) == 8 and len(set(told)) == 1 and told[0].startswith("line 1: "), told
"""


def test_threads_that_ask_at_once_in_a_fresh_process_are_all_told_the_same() -> None:
    for _ in range(3):
        ran = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-2000:]
