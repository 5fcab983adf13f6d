"""How far the event log of an HTCondor batch's jobs has been read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

LOSSES = (("condor_batch", "event_cursor > 0", "how far the event log of HTCondor batches was read; it is read again from its start"),)


def upgrade() -> None:
    op.add_column("condor_batch", sa.Column("event_cursor", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("condor_batch", "event_cursor")
