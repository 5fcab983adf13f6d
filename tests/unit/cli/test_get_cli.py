"""``dmsops get`` as a person gives it, against a site that is served."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dmsops.cli import main
from tests.offered import EXCLUSIVE, OPEN, RESTRICTED, SUFFIXES, offered_site, uri
from tests.serving import served


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    offered = offered_site(tmp_path_factory.mktemp("get") / "site")
    with served(offered.ops) as base:
        yield offered, base
    offered.ops.db.dispose()


@pytest.fixture(autouse=True)
def _nobody_is_signed_in(monkeypatch):
    for name in ("DMSOPS_ARCHIVE_TOKEN", "MAST_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def get(there, folder, *words, code=0):
    done = CliRunner().invoke(main, ["get", "--server", there[1], "--into", str(folder), *words])
    assert done.exit_code == code, done.output
    return done


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_public_files_of_a_program_are_fetched(there, tmp_path):
    done = get(there, tmp_path, "--program", "2726", "--suffix", "cal")
    assert files(tmp_path) == {f"{root}_cal.fits": there[0].files[f"{root}_cal.fits"] for root in OPEN}
    assert f"{len(OPEN)} files: {len(OPEN)} fetched" in done.output
    assert f"{len(OPEN)} here already" in get(there, tmp_path, "--program", "2726", "--suffix", "cal").output


def test_what_may_not_be_had_is_told_for_each_file_and_the_command_fails(there, tmp_path):
    done = get(there, tmp_path, uri(OPEN[0]), uri(EXCLUSIVE), f"{RESTRICTED}_cal.fits", code=1)
    assert {*files(tmp_path)} == {f"{OPEN[0]}_cal.fits"}
    assert "exclusive access of program 01234" in done.output
    assert "1 fetched, 2 FAILED" in done.output
    assert "P18" in done.output


@pytest.mark.parametrize("where", ["DMSOPS_ARCHIVE_TOKEN", "MAST_API_TOKEN", "file"])
def test_the_token_comes_from_the_environment_or_a_file(there, tmp_path, monkeypatch, where):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(there[0].tokens.pi + "\n")
    if where != "file":
        monkeypatch.setenv(where, there[0].tokens.pi)
    words = ["--token-file", str(path)] if where == "file" else []
    done = get(there, tmp_path / "files", "--observation", EXCLUSIVE, *words)
    assert {*files(tmp_path / "files")} == {f"{EXCLUSIVE}_{suffix}.fits" for suffix in SUFFIXES}
    assert there[0].tokens.pi not in done.output


def test_a_file_with_a_token_that_others_may_read_is_refused(there, tmp_path):
    path = tmp_path / "token"
    path.write_text(there[0].tokens.pi)
    path.chmod(0o644)
    assert "others may read" in get(there, tmp_path, uri(OPEN[0]), "--token-file", str(path), code=2).output


def test_many_files_are_laid_ready_first(there, tmp_path, monkeypatch):
    monkeypatch.setenv("MAST_API_TOKEN", there[0].tokens.pi)
    done = get(there, tmp_path, "--observation", EXCLUSIVE, "--observation", OPEN[0], "--stage")
    assert len(files(tmp_path)) == 2 * len(SUFFIXES)
    assert "6 fetched" in done.output


def test_the_answer_in_json_names_every_file(there, tmp_path):
    told = json.loads(get(there, tmp_path, uri(OPEN[0]), "--json").stdout)
    assert [(row["name"], row["state"], row["size"]) for row in told] == [(f"{OPEN[0]}_cal.fits", "got", 25920)]


@pytest.mark.parametrize("words", [[], ["--program", "1", "x"], ["x", "--suffix", "cal"], ["--staged", "1", "--observation", "x"]])
def test_what_to_fetch_is_said_in_one_way(there, tmp_path, words):
    get(there, tmp_path, *words, code=2)


@pytest.mark.parametrize(("words", "said"), [
    (["--program", "77"], "no files of program 77"), (["mast:JWST/product/.."], "cannot be the name of a file"),
    (["--staged", "x"], "needs a token"), (["--program", "\ud800"], "no text has"),
])  # fmt: skip
def test_what_cannot_be_fetched_is_said_in_words(there, tmp_path, words, said):
    assert said in get(there, tmp_path, *words, code=2).output


def test_a_site_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("dmsops.distribution.client_asking.TRIES", 1)
    monkeypatch.setattr("dmsops.distribution.client_asking.LONGEST_WAIT", 0.0)
    done = CliRunner().invoke(main, ["get", "--server", "http://127.0.0.1:9", "--program", "1"])
    assert done.exit_code == 1
    assert "does not answer" in done.output
    assert "P17" in done.output
