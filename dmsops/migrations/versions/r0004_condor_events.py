"""How far the event log of an HTCondor batch's jobs has been read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("condor_batch", sa.Column("event_cursor", sa.Integer(), nullable=False, server_default="0"))
