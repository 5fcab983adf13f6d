"""Alembic's entry: runs the revisions on the database that `dmsops.core.db.upgrade` names."""

from __future__ import annotations

from alembic import context

from dmsops.core.db import open_engine
from dmsops.migrations.tables import whole_metadata

url = context.config.get_main_option("sqlalchemy.url")
engine = open_engine(url or "sqlite://")
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=whole_metadata(), render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
