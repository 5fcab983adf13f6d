"""The command line: JSON and nothing else, exit codes, errors as sentences, previews before changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dmsops.cli import PARTS, main
from dmsops.ops import Ops, connect, create_site
from dmsops.workflow import queries
from tests.acts import CHAIN, fail, plan, take
from tests.commands import call


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    create_site(tmp_path / "site", step_modules=["tests.toysteps"], preload="tests.toysteps")
    return connect(tmp_path / "site")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_helps(part: str) -> None:
    result = CliRunner().invoke(main, [part, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["site", "show"], ["people", "list"], ["receipt", "list"], ["receipt", "quarantine"], ["receipt", "rerequests"], ["flow", "plan"],
        ["receipt", "gaps"], ["receipt", "remind"], ["receipt", "sweep"], ["receipt", "watch", "--once"],
        ["outbox", "list"], ["outbox", "post"], ["ephemeris", "list"], ["ephemeris", "affected"], ["ephemeris", "refresh"],
        ["engine", "status"], ["workflow", "list"], ["workflow", "steps"], ["workflow", "failures"], ["archive", "summary"],
        ["archive", "observations"], ["wfsc", "clocks"], ["wfsc", "deliveries"], ["journal", "show"], ["journal", "verify"], ["status"],
        ["components"], ["runbook", "list"], ["runbook", "runs"], ["runbook", "verify"], ["fault", "list"], ["testbed", "visits"],
        ["gaps", "list"], ["gaps", "counters", "02726402001"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_looking_verb_answers_on_an_empty_site_in_words_and_in_json(ops: Ops, words: list[str]) -> None:
    said = call(ops, *words)
    assert said.exit_code == 0, said.output
    assert said.stdout.strip()
    result = call(ops, *words, "--json")
    assert result.exit_code == 0, result.output
    json.loads(result.stdout)


def test_no_site_is_said_in_words_with_what_to_do(tmp_path: Path) -> None:
    result = call(tmp_path / "nowhere", "workflow", "list")
    assert result.exit_code == 2
    assert "site.toml is missing" in result.stderr
    assert "dmsops site init" in result.stderr
    assert "Traceback" not in result.output


def test_an_error_in_json_is_one_document(tmp_path: Path) -> None:
    result = call(tmp_path / "nowhere", "workflow", "list", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "not-found"


def test_rescue_previews_first_and_then_takes_the_hash_and_a_reason(ops: Ops) -> None:
    plan(ops, CHAIN[:1])
    fail(ops, take(ops)[0])
    preview = json.loads(call(ops, "workflow", "rescue", "--all-failed", "--json").stdout)
    assert preview["applied"] is False
    assert queries.counts(ops)["failed"] == 1
    ticket = preview["plan"]["hash"]
    assert call(ops, "workflow", "rescue", "--all-failed", "--apply", ticket).exit_code == 2
    done = call(ops, "workflow", "rescue", "--all-failed", "--apply", ticket, "--reason", "mended")
    assert done.exit_code == 0, done.output
    assert queries.counts(ops)["ready"] == 1
    again = call(ops, "workflow", "rescue", "--all-failed", "--apply", ticket, "--reason", "mended")
    assert again.exit_code == 2
    assert "plan.stale" in again.stderr


def test_the_story_of_a_step_names_fault_remedy_and_what_it_waits_for(ops: Ops) -> None:
    plan(ops, CHAIN[:2])
    fail(ops, take(ops)[0])
    told = call(ops, "workflow", "step", "1").stdout
    assert "the toy broke" in told
    assert "mend it (P08)" in told
    assert "a.txt, made by step 1 (toy.write, failed): it does not come until step 1" in call(ops, "workflow", "step", "2").stdout


def test_a_changed_journal_is_found(ops: Ops) -> None:
    with ops.db.begin() as c:
        c.exec_driver_sql("UPDATE journal SET actor='eve' WHERE seq=1")
    result = call(ops, "journal", "verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"whole": False, "broken_at": 1}


def test_adding_people_needs_the_lead(ops: Ops) -> None:
    assert call(ops, "people", "add", "ann", "--role", "operator").exit_code == 0
    with ops.db.begin() as c:
        c.exec_driver_sql("UPDATE people SET role='operator'")
    refused = call(ops, "people", "add", "bob", "--role", "lead")
    assert refused.exit_code == 2
    assert "needs the role lead" in refused.stderr


def test_a_step_runs_by_hand_from_a_spec_file(ops: Ops, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"dataset": "a", "makes": ["a.txt"]}))
    result = call(ops, "step", "run", "toy.write", "--spec", str(spec), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["good"] is True
    spec.write_text("{}")
    assert call(ops, "step", "run", "toy.write", "--spec", str(spec)).exit_code == 2


@pytest.mark.parametrize("words", [["components"], ["runbook", "list"], ["fault", "list"], ["testbed", "visits"]], ids=" ".join)
def test_what_exists_is_listed_without_a_site(tmp_path: Path, words: list[str]) -> None:
    result = call(tmp_path / "nowhere", *words, "--json")
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)) >= 1
