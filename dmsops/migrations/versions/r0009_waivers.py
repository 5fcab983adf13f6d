"""Until when a finding of the doctor is waived."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

LOSSES = (("finding", "waived_until IS NOT NULL", "when waivers of findings end; they last until something else is seen"),)


def upgrade() -> None:
    op.add_column("finding", sa.Column("waived_until", sa.String(length=27), nullable=True))


def downgrade() -> None:
    op.drop_column("finding", "waived_until")
