"""The engineering database: receipts of its files, revisions, partitions, statistics, suspect intervals, coverage."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

LOSSES = (
    ("engineering_file", "", "receipts of engineering files (the files stay in the store)"),
    ("engineering_partition", "", "which stored partitions hold the samples (the partitions stay in the store)"),
    ("engineering_change", "", "what each revision of the engineering database changed"),
    ("engineering_revision", "", "revisions of the engineering database"),
    ("engineering_hour", "", "hourly statistics (made again from the files)"),
    ("engineering_mnemonic", "", "mnemonics and their latest values (made again from the files)"),
    ("engineering_span", "", "coverage of containers (made again from the files)"),
    ("engineering_suspect", "", "suspect intervals and what was decided on them"),
    ("engineering_gap", "", "decisions on gaps in engineering data"),
)
_TABLES = (
    "engineering_partition",
    "engineering_change",
    "engineering_suspect",
    "engineering_span",
    "engineering_revision",
    "engineering_mnemonic",
    "engineering_hour",
    "engineering_gap",
    "engineering_file",
)


def upgrade() -> None:
    op.create_table(
        "engineering_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=1), nullable=False),
        sa.Column("form", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.Column("last_us", sa.BigInteger(), nullable=True),
        sa.Column("packets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("damaged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("samples", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("new", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("late", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("exact", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("conflict", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("impossible", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("padding", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("texts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown", sa.JSON(), nullable=False),
        sa.Column("definitions", sa.String(length=64), server_default="", nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_file")),
        sa.UniqueConstraint("name", "sha256", name=op.f("uq_engineering_file_name_sha256")),
    )
    op.create_index(op.f("ix_engineering_file_sha256"), "engineering_file", ["sha256"], unique=False)
    op.create_index(op.f("ix_engineering_file_state"), "engineering_file", ["state"], unique=False)
    op.create_table(
        "engineering_gap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_gap")),
        sa.UniqueConstraint("first_us", "last_us", name=op.f("uq_engineering_gap_first_us_last_us")),
    )
    op.create_table(
        "engineering_hour",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("squares", sa.Float(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("yellow", sa.BigInteger(), nullable=False),
        sa.Column("red", sa.BigInteger(), nullable=False),
        sa.Column("first_violation_us", sa.BigInteger(), nullable=True),
        sa.Column("last_violation_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", "hour", name=op.f("pk_engineering_hour")),
    )
    op.create_index("ix_engineering_hour_hour", "engineering_hour", ["hour"], unique=False)
    op.create_table(
        "engineering_mnemonic",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("latest_us", sa.BigInteger(), nullable=False),
        sa.Column("latest_value", sa.Float(), nullable=True),
        sa.Column("latest_raw", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_engineering_mnemonic")),
        sa.UniqueConstraint("name", name=op.f("uq_engineering_mnemonic_name")),
    )
    op.create_table(
        "engineering_revision",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_engineering_revision")),
    )
    op.create_table(
        "engineering_span",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("container", sa.String(length=64), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_span")),
    )
    op.create_index(op.f("ix_engineering_span_container"), "engineering_span", ["container"], unique=False)
    op.create_table(
        "engineering_suspect",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("receipts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("found_at", sa.String(length=27), nullable=False),
        sa.Column("choice", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_suspect")),
    )
    op.create_index(op.f("ix_engineering_suspect_number"), "engineering_suspect", ["number"], unique=False)
    op.create_index(op.f("ix_engineering_suspect_state"), "engineering_suspect", ["state"], unique=False)
    op.create_table(
        "engineering_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("container", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["revision"], ["engineering_revision.revision"], name=op.f("fk_engineering_change_revision_engineering_revision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_change")),
    )
    op.create_index(op.f("ix_engineering_change_container"), "engineering_change", ["container"], unique=False)
    op.create_index(op.f("ix_engineering_change_revision"), "engineering_change", ["revision"], unique=False)
    op.create_table(
        "engineering_partition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("made_in", sa.Integer(), nullable=False),
        sa.Column("retired_in", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["made_in"], ["engineering_revision.revision"], name=op.f("fk_engineering_partition_made_in_engineering_revision")
        ),
        sa.ForeignKeyConstraint(
            ["retired_in"], ["engineering_revision.revision"], name=op.f("fk_engineering_partition_retired_in_engineering_revision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engineering_partition")),
    )
    op.create_index("ix_engineering_partition_hour_retired_in", "engineering_partition", ["hour", "retired_in"], unique=False)
    op.create_index(op.f("ix_engineering_partition_sha256"), "engineering_partition", ["sha256"], unique=False)


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)
