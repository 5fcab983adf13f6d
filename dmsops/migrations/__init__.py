"""Database schema, step by step: Alembic revisions, each whole in itself. Changed only by adding one."""
