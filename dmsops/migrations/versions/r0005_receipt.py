"""Receipt widened: coverage of science parts, decisions on gaps, plans and reports indexed, reconciliations, ephemerides, messages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

LOSSES = (
    ("ephemeris_file", "", "ephemerides that were checked and accepted (the files stay in the store)"),
    ("gap_decision", "", "decisions on gaps in science data"),
    ("message", "", "messages to neighbours; those not yet collected are not sent"),
    ("planned_exposure", "", "planned exposures (read again from the plans when they are delivered again)"),
    ("reconciliation", "", "reconciliations of visits"),
    ("reported_exposure", "", "exposures in visit status files"),
    ("reported_visit", "", "visits in visit status files"),
    ("delivered_file", "duplicate_of IS NOT NULL", "which file a duplicate repeats"),
    ("delivery", "folders IS NOT NULL AND CAST(folders AS TEXT) <> 'null'", "the folders that a delivery came in"),
    ("rerequest", "raised_at IS NOT NULL OR times > 1", "when and how often a file was asked for again"),
    ("science_part", "nints IS NOT NULL OR ngroups IS NOT NULL", "which rows of a science part are there"),
)
_ADDED = (
    ("delivered_file", "duplicate_of"),
    ("delivery", "folders"),
    ("rerequest", "raised_at"),
    ("rerequest", "times"),
    ("science_part", "nints"),
    ("science_part", "ngroups"),
    ("science_part", "frame_rows"),
    ("science_part", "frame_columns"),
    ("science_part", "coverage"),
)
_TABLES = ("ephemeris_file", "gap_decision", "message", "planned_exposure", "reconciliation", "reported_exposure", "reported_visit")


def upgrade() -> None:
    op.create_table(
        "ephemeris_file",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=True),
        sa.Column("covers_from", sa.String(length=27), nullable=False),
        sa.Column("covers_to", sa.String(length=27), nullable=False),
        sa.Column("vectors", sa.Integer(), nullable=False),
        sa.Column("largest_step_seconds", sa.Float(), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=True),
        sa.Column("compared_with", sa.String(length=64), nullable=True),
        sa.Column("residual_km", sa.Float(), nullable=True),
        sa.Column("residual_km_s", sa.Float(), nullable=True),
        sa.Column("doubts", sa.JSON(), nullable=False),
        sa.Column("accepted_at", sa.String(length=27), nullable=True),
        sa.Column("accepted_by", sa.String(length=64), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_ephemeris_file")),
    )
    op.create_table(
        "gap_decision",
        sa.Column("exposure", sa.String(length=40), nullable=False),
        sa.Column("detector", sa.String(length=12), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("exposure", "detector", name=op.f("pk_gap_decision")),
    )
    op.create_index(op.f("ix_gap_decision_visit"), "gap_decision", ["visit"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("neighbour", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("posted_at", sa.String(length=27), nullable=True),
        sa.Column("collected_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("neighbour", "name", name=op.f("uq_message_neighbour_name")),
    )
    op.create_index(op.f("ix_message_subject"), "message", ["subject"], unique=False)
    op.create_table(
        "planned_exposure",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("exposure", sa.String(length=40), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("exp_type", sa.String(length=24), nullable=False),
        sa.Column("detectors", sa.JSON(), nullable=False),
        sa.Column("start", sa.String(length=27), nullable=False),
        sa.Column("end", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "exposure", name=op.f("pk_planned_exposure")),
    )
    op.create_index(op.f("ix_planned_exposure_visit"), "planned_exposure", ["visit"], unique=False)
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("status_sha256", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation")),
    )
    op.create_index(op.f("ix_reconciliation_visit"), "reconciliation", ["visit"], unique=False)
    op.create_table(
        "reported_exposure",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("exposure", sa.String(length=40), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("exp_type", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detectors", sa.JSON(), nullable=False),
        sa.Column("start", sa.String(length=27), nullable=False),
        sa.Column("end", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "exposure", name=op.f("pk_reported_exposure")),
    )
    op.create_index(op.f("ix_reported_exposure_visit"), "reported_exposure", ["visit"], unique=False)
    op.create_table(
        "reported_visit",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=False),
        sa.Column("target_acquisition", sa.String(length=16), nullable=False),
        sa.Column("guiding", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("acquisitions", sa.JSON(), nullable=False),
        sa.Column("start", sa.String(length=27), nullable=False),
        sa.Column("end", sa.String(length=27), nullable=False),
        sa.Column("written", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_reported_visit")),
    )
    op.create_index(op.f("ix_reported_visit_visit"), "reported_visit", ["visit"], unique=False)
    op.add_column("delivered_file", sa.Column("duplicate_of", sa.String(length=255), nullable=True))
    op.add_column("delivery", sa.Column("folders", sa.JSON(), nullable=True))
    op.add_column("rerequest", sa.Column("raised_at", sa.String(length=27), nullable=True))
    op.add_column("rerequest", sa.Column("times", sa.Integer(), server_default="1", nullable=False))
    op.add_column("science_part", sa.Column("nints", sa.Integer(), nullable=True))
    op.add_column("science_part", sa.Column("ngroups", sa.Integer(), nullable=True))
    op.add_column("science_part", sa.Column("frame_rows", sa.Integer(), nullable=True))
    op.add_column("science_part", sa.Column("frame_columns", sa.Integer(), nullable=True))
    op.add_column("science_part", sa.Column("coverage", sa.JSON(), nullable=True))


def downgrade() -> None:
    for table, column in _ADDED:
        op.drop_column(table, column)
    for name in _TABLES:
        op.drop_table(name)
