"""``dmsops doctor``: findings are shown with their evidence, and what a person says of them goes by the preview's hash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dmsops.archive.findings import Facts, record
from dmsops.catalogue.registry import Finding, Scope
from dmsops.core.errors import BadInput, BadTransition, NotFound, StalePlan
from dmsops.core.people import Role, put_person, system_user
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.commands import Part

_PART = Part("doctor")
call, data = _PART.call, _PART.data


def finding(check: str, number: int, severity: Any = "error") -> Finding:
    one = f"jw0272640500{number}_03104_00001_nrca3"
    return Finding(
        check=check, title="a date that is too early", severity=severity, uri=f"caom:JWST/{one}/level2", expected="after 2022-12-04",
        observed="2022-12-01", source="header", remedy="Describe it again (P16).", fix="describe", observation_id=one,
    )  # fmt: skip


@pytest.fixture
def ops(tmp_path) -> Iterator[Ops]:
    """A site with an audit that found two errors and a warning; the user is an operator."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    found = [finding("C22", 1), finding("C22", 2), finding("C38", 1, "warning")]
    facts = Facts(
        kind="doctor", scope=Scope(), started_at=opened.clock.now(), checks=("C22", "C38"), looked_at=2, counts={"C22": 2, "C38": 1}
    )
    with opened.db.begin() as c:
        put_person(c, system_user(), Role.OPERATOR)
        record(c, opened, facts, found)
    yield opened
    opened.db.dispose()


def test_findings_are_listed_errors_first_and_filtered(ops):
    assert [row["severity"] for row in data(ops, "findings")] == ["error", "error", "warning"]
    assert [row["check"] for row in data(ops, "findings", "--severity", "warning")] == ["C38"]
    assert len(data(ops, "findings", "--prefix", "jw02726405001")) == 2
    said = call(ops, "findings").stdout
    assert "2022-12-01" in said
    assert "after 2022-12-04" in said
    assert "No finding." in call(ops, "findings", "--text", "nothing of the kind").stdout


def test_a_finding_is_shown_with_its_evidence_and_what_to_do(ops):
    number = str(data(ops, "findings")[0]["id"])
    said = call(ops, "show", number).stdout
    for words in ("Seen: 2022-12-01", "source: header", "What to do: Describe it again (P16).", "Repair: describe"):
        assert words in said
    assert call(ops, "show", "77").exit_code == NotFound.exit_code


def test_a_finding_is_waived_by_the_previews_hash_and_reopened(ops):
    number = str(data(ops, "findings")[0]["id"])
    seen = data(ops, "waive", number)
    assert seen["applied"] is False
    assert seen["plan"]["hash"] in call(ops, "waive", number).stdout
    assert call(ops, "waive", number, "--apply", "0" * 16, "--reason", "x").exit_code == StalePlan.exit_code
    assert "needs a reason" in call(ops, "waive", number, "--yes").stderr
    assert data(ops, "waive", number, "--apply", seen["plan"]["hash"], "--reason", "the PI confirms")["applied"] is True
    assert len(data(ops, "findings")) == 2
    assert "the PI confirms" in call(ops, "show", number).stdout
    assert call(ops, "waive", number).exit_code == BadTransition.exit_code
    assert data(ops, "reopen", number, "--yes", "--reason", "it does not")["applied"] is True
    assert len(data(ops, "findings")) == 3


def test_a_waiver_may_have_an_end_which_is_seen_first(ops):
    number = str(data(ops, "findings")[0]["id"])
    ending = (number, "--until", "2999-01-01")
    assert "until 2999-01-01 00:00Z" in call(ops, "waive", *ending).stdout
    assert data(ops, "waive", *ending, "--yes", "--reason", "the next pipeline mends it")["applied"] is True
    assert "Waived until 2999-01-01 00:00:00Z" in call(ops, "show", number).stdout
    refused = call(ops, "waive", number, "--until", "soon")
    assert (refused.exit_code, "field 'until'" in refused.stderr) == (BadInput.exit_code, True)


def test_several_findings_are_acknowledged_together(ops):
    numbers = [str(row["id"]) for row in data(ops, "findings")]
    assert data(ops, "acknowledge", *numbers, "--yes", "--reason", "the team looks")["applied"] is True
    assert {row["state"] for row in data(ops, "findings")} == {"acknowledged"}


def test_audits_are_shown_with_what_they_opened(ops):
    (row,) = data(ops, "trend")
    assert (row["kind"], row["looked_at"], row["opened"], row["closed"]) == ("doctor", 2, 3, 0)
    assert "No audit" in call(ops, "trend", "--kind", "fixity").stdout
