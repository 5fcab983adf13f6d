"""Runbooks are run in real kernels, and what is kept of them is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest

from dmsops.core.errors import BadInput, NotAllowed
from dmsops.core.people import Person, Role
from dmsops.ops import connect
from dmsops.procedures import record
from dmsops.procedures.run import run
from tests.waiting import until

OPEN = """
from dmsops.procedures import book
run = book.open('P77', site=site, dry_run=dry_run, reason=reason, count=count, program=program)
run"""


def notebook_of(ops, run_record):
    return json.loads((ops.settings.folder("runs") / run_record.notebook).read_text())


def cells(ops, run_record):
    return {c["id"]: c["metadata"]["papermill"]["status"] for c in notebook_of(ops, run_record)["cells"] if c["id"].startswith("cell-")}


def outputs(ops, run_record):
    return "".join(
        "".join(o.get("text", o.get("data", {}).get("text/plain", "")) or o.get("traceback", ""))
        for c in notebook_of(ops, run_record)["cells"]
        for o in c.get("outputs", [])
    )


@pytest.fixture
def books(write_runbook, schema):
    for name in ("visit", "steps", "limit", "mode"):
        del schema["properties"][name]
    schema["properties"]["count"] = {"type": "integer", "default": 1, "description": "n"}
    lines = "\n".join(f"{name} = {s['default']!r}" for name, s in schema["properties"].items())

    def write(*sources):
        return write_runbook(*sources, parameters=lines).parent

    return write


def test_a_dry_run_is_recorded_under_the_operators_name_and_keeps_typed_parameters(ops, books):
    events = []
    ended = run(
        ops,
        "P77",
        {"program": "01089"},
        folder=books(OPEN, "run.gate()", "print(repr(program), count + 1)", "run.close()"),
        progress=events.append,
    )
    assert (ended.outcome, ended.operator, ended.error) == ("completed", "lead", None)
    shown = outputs(ops, ended)
    assert "'01089' 2" in shown
    assert "run 1 by lead" in shown
    assert "Nothing was changed" in shown
    assert [(e.what, e.index, e.total) for e in events[:2]] == [("started", 1, 5), ("ended", 1, 5)]
    assert record.verify(ops) == []


STEP = "from dmsops.procedures import record as r\ndone = run.step('first', lambda ops: {'n': count})\ndone"


def test_a_live_run_needs_a_reason_and_the_role(ops, books):
    folder = books(OPEN)
    with pytest.raises(BadInput, match="reason"):
        run(ops, "P77", dry_run=False, folder=folder)
    with pytest.raises(NotAllowed):
        run(ops.as_person(Person("guest", Role.VIEWER)), "P77", dry_run=False, reason="r", folder=folder)


def test_steps_happen_in_a_live_run_only(ops, books):
    folder = books(OPEN, STEP, "run.close()")
    dry = run(ops, "P77", folder=folder)
    live = run(ops, "P77", dry_run=False, reason="needed", folder=folder)
    assert "{'n': 1}" not in outputs(ops, dry)
    assert "{'n': 1}" in outputs(ops, live)
    assert record.step_result(ops, live.id, "first") == {"n": 1}


def test_a_failed_run_keeps_its_place_and_resumes_without_doing_a_step_again(ops, books, tmp_path):
    flag = tmp_path / "mended"
    broken = f"from pathlib import Path\nassert Path({str(flag)!r}).exists(), 'not mended'"
    again = f"run.step('once', lambda ops: {{'lines': Path({str(tmp_path / 'ledger')!r}).open('a').write('x')}})"
    folder = books(OPEN, "from pathlib import Path\n" + again, broken, "run.close()")
    first = run(ops, "P77", dry_run=False, reason="r", folder=folder)
    assert (first.outcome, first.error) == ("failed", "AssertionError: not mended")
    assert cells(ops, first) == {"cell-0": "completed", "cell-1": "completed", "cell-2": "failed", "cell-3": "not-run"}
    flag.touch()
    second = run(ops, "P77", dry_run=False, reason="r", folder=folder, resumes=first.id)
    assert second.outcome == "completed"
    assert (tmp_path / "ledger").read_text() == "x"
    assert record.verify(ops) == []


def test_an_operator_reads_a_sentence_and_a_remedy_not_a_traceback(ops, books):
    ended = run(ops, "P77", folder=books(OPEN, "from dmsops.workflow import queries\nqueries.step_row(run.ops, 99)"))
    assert ended.outcome == "failed"
    shown = outputs(ops, ended)
    assert "there is no step 99 on this site." in shown
    assert "What to do:" in shown
    assert "line" not in shown.split("What to do:")[0].split("there is no step")[1]


def test_a_failed_check_closes_the_gate_of_a_live_run(ops, books):
    folder = books(OPEN, "run.check('the disk is there', False)\nrun.checks", "run.gate()", "run.close()")
    assert run(ops, "P77", folder=folder).outcome == "completed"
    ended = run(ops, "P77", dry_run=False, reason="r", folder=folder)
    assert ended.outcome == "failed"
    assert "the disk is there" in ended.error


def test_a_cell_that_takes_too_long_is_interrupted_and_the_rest_is_not_run(ops, books):
    ended = run(ops, "P77", folder=books("1", "import time\ntime.sleep(60)", "1"), cell_timeout=4)
    assert ended.outcome == "interrupted"
    assert cells(ops, ended) == {"cell-0": "completed", "cell-1": "interrupted", "cell-2": "not-run"}


def test_a_kernel_that_dies_is_told_as_it_is(ops, books):
    ended = run(ops, "P77", folder=books("1", "import os\nos.kill(os.getpid(), 9)", "1"))
    assert (ended.outcome, ended.error) == ("interrupted", "the kernel died")
    assert cells(ops, ended) == {"cell-0": "completed", "cell-1": "interrupted", "cell-2": "not-run"}


RUNNER = """
    import signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background switches it off
    from pathlib import Path
    from dmsops import connect
    from dmsops.core.people import Person, Role
    from dmsops.procedures.run import run
    ops = connect(sys.argv[1], operator=Person("lead", Role.LEAD))
    print(run(ops, "P77", folder=Path(sys.argv[2])).outcome)
"""


def started(site, folder, pid_file):
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(RUNNER), str(site), str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        return child, int(until(lambda: pid_file.exists() and pid_file.read_text()))
    except BaseException:
        child.kill()
        raise


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_says_interrupted_and_leaves_no_kernel(ops, site, books, tmp_path, number):
    pid_file = tmp_path / "pid"
    folder = books(f"import os, time\nfrom pathlib import Path\nPath({str(pid_file)!r}).write_text(str(os.getpid()))\ntime.sleep(60)", "1")
    child, kernel = started(site, folder, pid_file)
    child.send_signal(number)
    assert child.communicate(timeout=180)[0].strip() == "interrupted"
    ended = record.get(ops, 1)
    assert cells(ops, ended) == {"cell-0": "interrupted", "cell-1": "not-run"}
    until(lambda: not psutil.pid_exists(kernel))


def test_a_run_killed_with_9_is_lost_and_its_half_notebook_is_kept(ops, site, books, tmp_path):
    pid_file = tmp_path / "pid"
    folder = books(f"import os, time\nfrom pathlib import Path\nPath({str(pid_file)!r}).write_text(str(os.getpid()))\ntime.sleep(60)", "1")
    child, _ = started(site, folder, pid_file)
    child.kill()
    child.wait()
    child.stdout.close()
    assert record.close_lost(connect(site, operator=ops.operator)) == [1]
    ended = record.get(ops, 1)
    assert ended.outcome == "lost"
    assert ended.notebook is not None
