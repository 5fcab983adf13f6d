"""Tokens of people: what scripts and shared accounts act with; only the sha256 is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

LOSSES = (("people", "token IS NOT NULL", "tokens; scripts and shared accounts cannot sign in with them any more"),)


def upgrade() -> None:
    op.add_column("people", sa.Column("token", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_people_token"), "people", ["token"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_people_token"), "people")
    op.drop_column("people", "token")
