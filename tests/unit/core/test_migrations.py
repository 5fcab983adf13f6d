"""Migrations: a new database and the tables in the code are the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from dmsops.core.db import MIGRATIONS, check_revision, expected_revision, open_engine, upgrade
from dmsops.migrations.tables import whole_metadata


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(("plane_sky", "plane_span"))  # the R*trees beside `plane`: no metadata knows them


def test_the_newest_revision_equals_the_tables(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    engine = open_engine(url)
    check_revision(engine)
    with engine.connect() as c:
        assert compare_metadata(MigrationContext.configure(c, opts={"include_name": _is_ours}), whole_metadata()) == []


def test_a_table_that_no_revision_makes_would_be_found(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    with open_engine(url).begin() as c:
        c.execute(sa.text("DROP TABLE journal"))
        differences = compare_metadata(MigrationContext.configure(c), whole_metadata())
    assert ("add_table", "journal") in [(d[0], d[1].name) for d in differences if isinstance(d, tuple)]


def test_upgrading_twice_changes_nothing(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    upgrade(url)


def test_the_revision_that_is_expected_is_alembics_newest() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == expected_revision()
