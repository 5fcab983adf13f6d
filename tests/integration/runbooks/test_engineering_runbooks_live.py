"""P03 and P14 do what they say: on the frozen site, in real kernels, dry and live."""

from __future__ import annotations

from pathlib import Path

import nbformat
import sqlalchemy as sa
from nbclient import NotebookClient

from dmsops.core.people import Person, Role, put_person
from dmsops.engineering import queries
from dmsops.engineering.tables import engineering_hour
from dmsops.ops import Ops
from dmsops.procedures import duplicates, engineering, inbox, record, telemetry
from dmsops.procedures.engine import kernel_options
from dmsops.procedures.run import run
from dmsops.workflow import queries as work
from tests.commands import Part
from tests.runbooks.content import content
from tests.runbooks.make_site import take_telemetry

command = Part("engineering").data
TRENDS = Path(__file__).resolve().parents[3] / "notebooks" / "engineering_trends.ipynb"
GAP = "2022-12-04T02:57:52Z"
REAL_TIME = "C0000_2022338025620_001.out"


def refused(ops: Ops) -> int:
    return engineering.refused(ops)[0]["id"]


def test_dry_runs_change_nothing_whatever_they_look_at(frozen):
    before = content(frozen)
    wanted = [
        ("P03", {}),
        ("P03", {"act": "discard", "file": refused(frozen)}),
        ("P03", {"act": "ask", "gap": GAP}),
        ("P14", {}),
        ("P14", {"keep": REAL_TIME, "mnemonics": ["sa_zattest1"]}),
        ("P14", {"act": "remake"}),
        ("P14", {"act": "recount"}),
    ]
    for procedure, given in wanted:
        ended = run(frozen, procedure, given)
        assert (ended.outcome, ended.error) == ("completed", None), given
        assert content(frozen) == before, given


def test_p03_receives_plans_and_follows_the_files_to_their_counts(frozen):
    ended = run(frozen, "P03", dry_run=False, reason="routine")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert inbox.waiting(frozen) == []
    names = ["E0000_2022338030217_002.out", "E0000_2022338030217_902.out"]
    assert record.step_result(frozen, ended.id, "receive")["planned"] == names
    take_telemetry(frozen)
    rows = {row["name"]: row for row in engineering.files(frozen)}
    assert [rows[name]["state"] for name in names] == ["ingested", "refused"]
    good = rows[names[0]]
    assert (good["new"], good["damaged"]) == (good["samples"], 1)
    assert queries.summary(frozen)["samples"] == good["new"] + rows["E0000_2022338025546_001.out"]["new"]


def test_p03_asks_for_a_gap_and_waives_it(frozen):
    for act, decision in (("ask", "asked"), ("waive", "waived")):
        ticket = engineering.order(frozen, act=act, gap=GAP).ticket
        ended = run(frozen, "P03", {"act": act, "gap": GAP, "ticket": ticket}, dry_run=False, reason="agreed with FOS")
        assert (ended.outcome, ended.error) == ("completed", None)
        assert [row["decision"] for row in queries.gaps(frozen)] == [decision]
    assert len(list((frozen.settings.folder("outbox") / "fos").glob("engineering_request_*.json"))) == 1
    assert inbox.waiting(frozen), "a run about a gap receives nothing"


def test_p03_takes_a_refused_file_after_all_and_plans_its_ingest_again(frozen):
    number = refused(frozen)
    given = {"act": "accept", "file": number, "ticket": engineering.order(frozen, act="accept", file=number).ticket}
    ended = run(frozen, "P03", given, dry_run=False, reason="a rehearsal with the simulator")
    assert (ended.outcome, ended.error) == ("completed", None)
    name = "E0000_2022338025546_901.out"
    assert record.step_result(frozen, ended.id, "accept")["planned"] == [name]
    take_telemetry(frozen)
    row = next(r for r in queries.files(frozen) if r["name"] == name)
    assert (row["state"], row["new"], row["exact"] + row["conflict"]) == ("ingested", 0, row["samples"])


def test_p03_stops_an_operator_who_takes_a_refused_file(frozen):
    with frozen.db.begin() as c:
        put_person(c, "olga", Role.OPERATOR)
    number = refused(frozen)
    given = {"act": "accept", "file": number, "ticket": engineering.order(frozen, act="accept", file=number).ticket}
    ended = run(frozen.as_person(Person("olga", Role.OPERATOR)), "P03", given, dry_run=False, reason="why not")
    assert ended.outcome == "failed"
    assert "a lead takes a refused file" in ended.error
    assert refused(frozen) == number


def test_p14_lets_the_real_time_values_stand_and_counts_again(frozen):
    seen = duplicates.scope(frozen)
    intervals = duplicates.suspects(frozen, seen)
    before = duplicates.statistics(frozen, seen, intervals)
    ticket = duplicates.order(frozen, seen, keep="C").ticket
    ended = run(frozen, "P14", {"keep": "C", "ticket": ticket}, dry_run=False, reason="ENG trusts the real-time stream here")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert record.step_result(frozen, ended.id, "resolve")["result"] == "3 intervals settled, 17 samples have another value"
    after = duplicates.statistics(frozen, seen, intervals)
    assert [row["samples"] for row in after] == [row["samples"] for row in before]
    assert all(a["mean"] != b["mean"] for a, b in zip(after, before, strict=True))
    assert duplicates.suspects(frozen, seen) == []


def test_p14_makes_science_again_that_used_other_values(frozen):
    seen = duplicates.scope(frozen)
    steps = [row["step"] for row in duplicates.affected(frozen) if row["stale"]]
    assert len(steps) == 2
    ticket = duplicates.order(frozen, seen, act="remake").ticket
    ended = run(frozen, "P14", {"act": "remake", "ticket": ticket}, dry_run=False, reason="settled with ENG")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert {work.step_row(frozen, step)["state"] for step in steps} == {"ready"}


def test_p14_counts_hours_again_that_were_counted_by_other_limits(frozen):
    seen = duplicates.scope(frozen)
    names = [row["name"] for row in duplicates.by_mnemonic(frozen, seen)]
    right = [queries.hourly(frozen, name) for name in names]
    with frozen.db.begin() as c:
        c.execute(sa.update(engineering_hour).values(red=99))
    assert [queries.hourly(frozen, name) for name in names] != right
    ticket = duplicates.order(frozen, seen, act="recount").ticket
    ended = run(frozen, "P14", {"act": "recount", "ticket": ticket}, dry_run=False, reason="limits have changed")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert "counted again" in record.step_result(frozen, ended.id, "recount")["result"]
    hours = {row["at"] for rows in right for row in rows if seen.start <= row["at"] <= seen.stop}
    assert hours
    now = [queries.hourly(frozen, name, seen.start, seen.stop) for name in names]
    assert now == [[row for row in rows if row["at"] in hours] for rows in right]


def test_p14_does_nothing_with_a_ticket_that_is_void(frozen):
    ended = run(frozen, "P14", {"keep": "C", "ticket": "0" * 16}, dry_run=False, reason="hurry")
    assert ended.outcome == "failed"
    assert "has changed since the dry run" in ended.error
    assert len(queries.suspect_intervals(frozen)) == 3


def test_the_command_line_finds_what_is_affected_and_makes_it_again_by_the_plans_hash(frozen):
    rows = command(frozen, "affected", "--visit", "V02726402001")
    steps = [str(row["step"]) for row in rows if row["stale"]]
    assert len(steps) == 2
    assert command(frozen, "affected", "--visit", "02726403001") == []
    seen = command(frozen, "remake", *steps)
    assert (seen["applied"], work.step_row(frozen, int(steps[0]))["state"]) == (False, "done")
    done = command(frozen, "remake", *steps, "--apply", seen["plan"]["hash"], "--reason", "settled with ENG")
    assert (done["applied"], work.step_row(frozen, int(steps[0]))["state"]) == (True, "ready")


def test_the_header_of_a_product_agrees_with_the_telemetry_of_its_time(frozen):
    products = telemetry.level1b(frozen)
    assert [row["ENG_QUAL"] for row in products] == ["OK"] * 4
    assert all(abs(row["arcsec"]) < 0.02 for row in telemetry.compare(frozen, products[0]["name"]))


def test_the_trend_is_drawn_without_an_error(frozen):
    book = nbformat.read(TRENDS, as_version=4)
    around = {"resources": {"metadata": {"path": str(TRENDS.parent)}}, **kernel_options({"DMSOPS_SITE": str(frozen.settings.site)})}
    NotebookClient(book, kernel_name="python3", timeout=120, **around).execute()
    (drawn,) = (cell.outputs for cell in book.cells if cell.id == "trend")
    assert [o for o in drawn if o.output_type == "error" or o.get("name") == "stderr"] == []
    assert any("application/vnd.holoviews_exec.v0+json" in o.get("data", {}) for o in drawn)
