"""Alembic's entry: runs the revisions on the database that `dmsops.core.db.upgrade` names.

It imports no tables: a revision is whole in itself. That the newest one equals the tables is tested.
"""

from __future__ import annotations

from alembic import context

from dmsops.core.db import open_engine

url = context.config.get_main_option("sqlalchemy.url")
engine = open_engine(url or "sqlite://")
with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
