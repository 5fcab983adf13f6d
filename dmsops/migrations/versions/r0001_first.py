"""First schema."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    from dmsops.migrations.tables import whole_metadata

    whole_metadata().create_all(op.get_bind())
