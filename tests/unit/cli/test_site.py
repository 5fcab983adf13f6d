"""``dmsops site``: made, upgraded and downgraded; previewed, said in words, and there again after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dmsops.core import db
from dmsops.ops import create_site
from tests.commands import Part

call = Part("site").call
OLDER = db.revisions()[-2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return create_site(tmp_path / "site")


def test_a_new_live_site_is_told_that_the_answers_of_wss_are_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "The answers of WSS are simulated"
    assert said in call(tmp_path / "live", "init").stdout
    assert said not in call(tmp_path / "toy", "init", "--mode", "rehearsal").stdout
    monkeypatch.setenv("DMSOPS_WSS_ANSWERS", "team")
    assert said not in call(tmp_path / "team", "init").stdout


def test_a_preview_says_that_nothing_would_be_lost_and_gives_the_hash(site: Path) -> None:
    said = call(site, "downgrade", "--to", OLDER)
    assert said.exit_code == 0, said.output
    assert f"From schema {db.expected_revision()} to {OLDER}" in said.stdout
    assert "Nothing would be lost" in said.stdout
    seen = json.loads(call(site, "downgrade", "--to", OLDER, "--json").stdout)
    assert seen["applied"] is False
    assert seen["plan"]["hash"] in said.stdout


def test_what_would_be_lost_is_shown_by_table(site: Path) -> None:
    engine = db.open_engine(db_url(site))
    with engine.begin() as c:
        c.exec_driver_sql("UPDATE people SET token = 'x'")
    engine.dispose()
    said = call(site, "downgrade", "--to", "0002")
    assert "people" in said.stdout
    assert "tokens; scripts and shared accounts cannot sign in" in said.stdout


def db_url(site: Path) -> str:
    from dmsops.core import config

    return config.load(site).database_url


def test_after_it_every_verb_names_the_way_back_and_upgrade_goes_it(site: Path) -> None:
    seen = json.loads(call(site, "downgrade", "--to", OLDER, "--json").stdout)
    assert call(site, "downgrade", "--to", OLDER, "--apply", seen["plan"]["hash"]).exit_code == 2, "without a reason"
    done = call(site, "downgrade", "--to", OLDER, "--apply", seen["plan"]["hash"], "--reason", "back to the old version")
    assert done.exit_code == 0, done.output
    assert f"Schema is {OLDER}" in done.stdout
    refused = call(site, "show")
    assert refused.exit_code == 2
    assert f"has schema {OLDER}" in refused.stderr
    assert "dmsops site upgrade" in refused.stderr
    again = call(site, "upgrade")
    assert again.exit_code == 0, again.output
    assert call(site, "show").exit_code == 0


@pytest.mark.parametrize("to", ["9999", "base", "-1", "0007; DROP TABLE people"])
def test_a_schema_that_is_none_is_refused_in_words(site: Path, to: str) -> None:
    refused = call(site, "downgrade", "--to", to)
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output
    assert "is no schema older than" in refused.stderr


def test_a_newer_schema_is_refused_by_upgrade_too(site: Path) -> None:
    engine = db.open_engine(db_url(site))
    with engine.begin() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    engine.dispose()
    for words in (["upgrade"], ["show"]):
        refused = call(site, *words)
        assert refused.exit_code == 2, refused.output
        assert "0999, which is newer than" in refused.stderr
