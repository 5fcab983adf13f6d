"""What the HTCondor engine writes and reads, without a pool: DAG, rescue file, submit file, recorded run folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.workflow.engines.htcondor import dag, logs
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.eventlog import read_events

RECORDED = Path(__file__).resolve().parents[2] / "data" / "condor" / "failed"
"""A run on a real pool (23.9.6): six steps, `die_4` failed, `write_5` after it was futile."""
EVENTS = """\
000 (003.000.000) 2026-11-22 10:00:00 Job submitted from host: <127.0.0.1:33303>
    DAG Node: write_1
...
000 (004.000.000) 2026-11-22 10:00:00 Job submitted from host: <127.0.0.1:33303>
    [ DAGNodeName = "die_2"; DAGParentNodeNames = "" ]
...
001 (003.000.000) 2026-11-22 10:00:01 Job executing on host: <127.0.0.1:36961>
...
012 (003.000.000) 2026-11-22 10:00:02 Job was held.
\tvia condor_hold (by user daemon)
\tCode 1 Subcode 0
...
013 (003.000.000) 2026-11-22 10:00:03 Job was released.
\tvia condor_release (by user daemon)
...
005 (003.000.000) 2026-11-22 10:00:04 Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
...
005 (004.000.000) 2026-11-22 10:00:04 Job terminated.
\t(0) Abnormal termination (signal 9)
\t(0) No core file
...
009 (005.000.000) 2026-11-22 10:00:05 Job was aborted.
\tvia condor_rm (by user daemon)
...
"""
"""Events as HTCondor 23.9 writes them; the second names its node as 25 does."""
NODES = [
    Node(step_id=1, kind="processing.detector1", rank=0),
    Node(step_id=2, kind="processing.ON", rank=100),
    Node(step_id=3, kind="a.wfs&c", rank=200, before=frozenset({1, 2})),
]


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Draw the nodes of a batch, many with names that begin like the word DONE."""
    kinds = st.sampled_from(["D", "O", "N", "E", "DONE", "NODE", "part.EDD", "x"]) | st.from_regex(r"[A-Za-z_]{1,9}", fullmatch=True)
    count = draw(st.integers(1, 12))
    ids = draw(st.lists(st.integers(1, 10**9), min_size=count, max_size=count, unique=True))
    return [
        Node(step_id=ids[i], kind=draw(kinds), rank=draw(st.integers(-49, 249)), before=frozenset(draw(st.sets(st.sampled_from(ids[:i])))))
        if i
        else Node(step_id=ids[0], kind=draw(kinds), rank=0)
        for i in range(count)
    ]


def parse(text: str) -> tuple[dict[str, int], set[tuple[int, int]]]:
    """Read a DAG back: node names with their steps, and the edges."""
    steps = {name: int(step) for name, step in re.findall(r'^VARS (\S+) step="(\d+)"$', text, re.MULTILINE)}
    edges = set()
    for parents, child in re.findall(r"^PARENT (.+) CHILD (\S+)$", text, re.MULTILINE):
        edges |= {(steps[parent], steps[child]) for parent in parents.split()}
    return steps, edges


@given(nodes=graphs())
def test_a_dag_reads_back_as_the_batch_that_it_was_written_from(nodes: list[Node]) -> None:
    steps, edges = parse(dag.dag_text(nodes))
    assert sorted(steps.values()) == sorted(n.step_id for n in nodes)
    assert edges == {(before, n.step_id) for n in nodes for before in n.before}


@given(nodes=graphs(), data=st.data())
def test_dag_and_rescue_file_read_back_give_the_steps_to_run_again(nodes: list[Node], data: st.DataObject) -> None:
    again = data.draw(st.sets(st.sampled_from([n.step_id for n in nodes])))
    rescue = dag.rescue_text([n.name for n in nodes if n.step_id not in again])
    steps, _ = parse(dag.dag_text(nodes))
    done = logs.read_done(rescue)
    assert {step for name, step in steps.items() if name not in done} == again


@given(nodes=graphs())
def test_every_node_has_a_name_of_its_own_that_dagman_takes(nodes: list[Node]) -> None:
    names = [n.name for n in nodes]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"\w{1,64}", name, re.ASCII)] == []


def test_a_name_says_the_step_and_is_never_too_long() -> None:
    assert [n.name for n in NODES] == ["detector1_1", "ON_2", "wfs_c_3"]
    assert len(Node(step_id=123456, kind="x" * 100, rank=0).name) == 64


def test_what_is_urgent_here_is_urgent_in_the_pool() -> None:
    assert [line for line in dag.dag_text(NODES).splitlines() if line.startswith("PRIORITY")] == [
        "PRIORITY detector1_1 0",
        "PRIORITY ON_2 -100",
        "PRIORITY wfs_c_3 -200",
    ]


def test_words_of_a_submit_file_survive_blanks_and_quotes() -> None:
    text = dag.submit_text(argv=["/py", "a b", 'say "x"', "it's", ""], environment={"HOME": "/my home"}, attributes={"DmsBatch": "3"})
    assert "arguments = \"'a b' 'say \"\"x\"\"' 'it''s' ''\"" in text
    assert "environment = \"'HOME=/my home'\"" in text
    assert "My.DmsBatch = 3" in text


def test_a_recorded_job_state_log_tells_how_each_node_went() -> None:
    content = (RECORDED / dag.JOBSTATE).read_bytes()
    events, size = logs.read_jobstate(content)
    assert size == len(content)
    assert (events[0].event, events[-1].event, events[-1].exit_code) == ("DAGMAN_STARTED", "DAGMAN_FINISHED", 1)
    ends = {e.node: (logs.MOVES[e.event], e.exit_code) for e in events if logs.MOVES.get(e.event) in logs.FINAL}
    assert ends == dict.fromkeys(("write_1", "spawn_6", "write_2", "write_3"), ("done", 0)) | {"die_4": ("failed", 1)}
    assert {e.cluster for e in events if e.node == "die_4" and e.event == "EXECUTE"} == {3}


@given(cut=st.integers(0, 900))
def test_a_log_read_in_two_pieces_tells_the_same(cut: int) -> None:
    content = (RECORDED / dag.JOBSTATE).read_bytes()
    first, size = logs.read_jobstate(content[:cut])
    second, _ = logs.read_jobstate(content[size:])
    assert first + second == logs.read_jobstate(content)[0]


def test_a_damaged_line_is_passed_over() -> None:
    content = b"\x00\xff\n12 a\n1 INTERNAL *** DAGMAN_FINISHED x ***\nabc d e f\n5 n SUBMIT - - - 1\nhalf"
    events, size = logs.read_jobstate(content)
    assert [(e.event, e.cluster, e.exit_code) for e in events] == [("DAGMAN_FINISHED", None, None), ("SUBMIT", None, None)]
    assert content[size:] == b"half"


def test_a_recorded_status_file_tells_what_is_futile() -> None:
    found = logs.read_status((RECORDED / dag.STATUS).read_text())
    assert found["write_5"][0] == "futile"
    assert found["die_4"] == ("failed", "Job proc (3.0.0) failed with status 1")
    assert {name for name, (status, _) in found.items() if status == "done"} == {"write_1", "write_2", "write_3", "spawn_6"}


def test_a_node_that_was_cut_short_with_its_dagman_has_not_failed() -> None:
    text = (RECORDED / dag.STATUS).read_text().replace("Job proc (3.0.0) failed with status 1", "Was STATUS_SUBMITTED")
    assert logs.read_status(text)["die_4"] == ("submitted", "Was STATUS_SUBMITTED")


def test_a_recorded_rescue_file_of_dagman_s_own_is_read_too() -> None:
    done = logs.read_done((RECORDED / dag.RESCUE).read_text())
    assert done == {"write_1", "write_2", "write_3", "spawn_6"}


@pytest.mark.parametrize("text", ["", "[ Type = ", "\x00"])
def test_a_status_file_that_is_being_written_tells_nothing(text: str) -> None:
    assert logs.read_status(text) == {}


def test_a_recorded_event_log_tells_why_jobs_were_held_and_removed_and_how_they_ended() -> None:
    content = EVENTS.encode()
    events, size = read_events(content + b"000 (009.000.000) half an ev")
    assert size == len(content)
    assert [(e.cluster, e.what, e.node, e.words) for e in events] == [
        (3, "submitted", "write_1", "DAG Node: write_1"),
        (4, "submitted", "die_2", '[ DAGNodeName = "die_2"; DAGParentNodeNames = "" ]'),
        (3, "held", "", "via condor_hold (by user daemon)"),
        (3, "released", "", "via condor_release (by user daemon)"),
        (3, "done", "", "exit 0"),
        (4, "failed", "", "signal 9"),
        (5, "removed", "", "via condor_rm (by user daemon)"),
    ]


@given(cut=st.integers(0, 2000))
def test_an_event_log_read_in_two_pieces_tells_the_same(cut: int) -> None:
    content = EVENTS.encode()
    first, size = read_events(content[:cut])
    second, _ = read_events(content[size:])
    assert first + second == read_events(content)[0]
