"""Settings: file and environment, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core import config
from dmsops.core.errors import BadSetting, NotFound, NotSignedIn, Refused
from dmsops.core.people import Role, put_person, put_token
from dmsops.ops import connect, create_site


def site(tmp_path: Path, text: str) -> Path:
    (tmp_path / "site.toml").write_text(text)
    return tmp_path


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = site(tmp_path, "workers = 3\n")
    assert config.load(folder).workers == 3
    monkeypatch.setenv("DMSOPS_WORKERS", "5")
    assert config.load(folder).workers == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [("workers = 0", "field 'workers'"), ("speed = 9", "field 'speed'"), ("mode = 'test'", "field 'mode'"), ("workers = ", "site.toml")],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        config.load(site(tmp_path, text))


def test_every_setting_has_a_sentence() -> None:
    for name, field in config.Settings.model_fields.items():
        assert (field.description or "").endswith("."), name


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = config.load(site(tmp_path, "board_secret = 'hunter2'"))
    assert "hunter2" not in repr(settings) + str(settings.model_dump(mode="json"))


def test_a_folder_with_other_files_does_not_become_a_site(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Refused, match="holds other files"):
        create_site(tmp_path)


def test_making_a_site_twice_changes_nothing(tmp_path: Path) -> None:
    create_site(tmp_path / "s", name="one")
    create_site(tmp_path / "s", name="two")
    assert connect(tmp_path / "s").settings.name == "one"


def test_an_empty_folder_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"site\.toml is missing"):
        connect(tmp_path)


def test_a_database_of_another_schema_is_refused(tmp_path: Path) -> None:
    create_site(tmp_path / "s")
    ops = connect(tmp_path / "s")
    with ops.db.begin() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num='0000'")
    with pytest.raises(BadSetting, match="has schema 0000"):
        connect(tmp_path / "s")


def test_the_real_crds_is_reached_by_settings_alone(tmp_path: Path) -> None:
    local = config.runtime_environment(config.load(site(tmp_path, "")))
    assert local["CRDS_READONLY_CACHE"] == "1"
    assert "HTTPS_PROXY" in local
    text = "crds_server = 'https://jwst-crds.stsci.edu'\ncrds_context = 'jwst_1584.pmap'"
    real = config.runtime_environment(config.load(site(tmp_path, text)))
    assert real["CRDS_SERVER_URL"] == "https://jwst-crds.stsci.edu"
    assert real["CRDS_CONTEXT"] == "jwst_1584.pmap"
    assert real["CRDS_READONLY_CACHE"] == "0"
    assert "HTTPS_PROXY" not in real


def test_who_acts_is_told_by_the_token_and_a_wrong_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = connect(create_site(tmp_path / "site"))
    with opened.db.begin() as c:
        put_person(c, "ann", Role.OPERATOR)
        token = put_token(c, "ann")
    kept = tmp_path / "token"
    kept.write_text(f"{token}\n")
    kept.chmod(0o600)
    assert connect(tmp_path / "site", token_file=kept).operator.name == "ann"
    monkeypatch.setenv("DMSOPS_TOKEN", token)
    assert connect(tmp_path / "site").operator.name == "ann"
    monkeypatch.setenv("DMSOPS_TOKEN", "dmsops_wrong")
    with pytest.raises(NotSignedIn, match="belongs to nobody"):
        connect(tmp_path / "site", token_file=kept)


@pytest.mark.parametrize(
    ("mode", "content", "words"), [(0o644, b"x", "others may read"), (0o600, b"", "is empty"), (0o600, b"\xff", "it is not text")]
)
def test_a_token_file_that_cannot_be_used_is_named(tmp_path: Path, mode: int, content: bytes, words: str) -> None:
    create_site(tmp_path / "site")
    kept = tmp_path / "token"
    kept.write_bytes(content)
    kept.chmod(mode)
    with pytest.raises(BadSetting, match=words):
        connect(tmp_path / "site", token_file=kept)
    with pytest.raises(BadSetting, match="No such file"):
        connect(tmp_path / "site", token_file=tmp_path / "nowhere")
