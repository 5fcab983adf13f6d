"""First schema: receipt, workflow, archive, wavefront support, procedures, journal, people."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

LOSSES = ()  # nobody goes below the first schema: that would be no site
_TABLES = (
    "step_need",
    "step_make",
    "step_edge",
    "step_attempt",
    "product",
    "step",
    "rerequest",
    "procedure_step",
    "delivered_file",
    "workflow",
    "wfsc_delivery",
    "wfsc_clock",
    "science_part",
    "procedure_run",
    "people",
    "observation",
    "journal",
    "engine",
    "delivery",
    "archived_product",
    "archive_outbox",
)


def upgrade() -> None:
    op.create_table(
        "archive_outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_outbox")),
        sa.UniqueConstraint("observation_id", "version", name=op.f("uq_archive_outbox_observation_id_version")),
    )
    op.create_table(
        "archived_product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("suffix", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived_product")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_archived_product_name_version")),
    )
    op.create_index(op.f("ix_archived_product_observation_id"), "archived_product", ["observation_id"], unique=False)
    op.create_index(op.f("ix_archived_product_sha256"), "archived_product", ["sha256"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.String(length=27), nullable=False),
        sa.Column("acknowledged_at", sa.String(length=27), nullable=True),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_received_at"), "delivery", ["received_at"], unique=False)
    op.create_index(op.f("ix_delivery_state"), "delivery", ["state"], unique=False)
    op.create_table(
        "engine",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Float(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("heartbeat_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engine")),
    )
    op.create_table(
        "journal",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("real_at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_event"), "journal", ["event"], unique=False)
    op.create_index(op.f("ix_journal_target"), "journal", ["target"], unique=False)
    op.create_table(
        "observation",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("collection", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("xml_sha256", sa.String(length=64), nullable=True),
        sa.Column("checksum", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    op.create_table(
        "people",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_people")),
    )
    op.create_table(
        "procedure_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("procedure", sa.String(length=8), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("resumes", sa.Integer(), nullable=True),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Float(), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("notebook", sa.String(length=120), nullable=True),
        sa.Column("notebook_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.Column("signed_by", sa.String(length=64), nullable=True),
        sa.Column("signed_at", sa.String(length=27), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["resumes"], ["procedure_run.id"], name=op.f("fk_procedure_run_resumes_procedure_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_procedure_run")),
        sa.UniqueConstraint("previous", name=op.f("uq_procedure_run_previous")),
    )
    op.create_index(op.f("ix_procedure_run_procedure"), "procedure_run", ["procedure"], unique=False)
    op.create_table(
        "science_part",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("exposure", sa.String(length=40), nullable=False),
        sa.Column("detector", sa.String(length=12), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("packets", sa.Integer(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("complete_frames", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("bad_crc", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("first_at", sa.String(length=27), nullable=True),
        sa.Column("last_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("sha256", "exposure", "detector", name=op.f("pk_science_part")),
    )
    op.create_index(op.f("ix_science_part_visit"), "science_part", ["visit"], unique=False)
    op.create_table(
        "wfsc_clock",
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("due", sa.String(length=27), nullable=False),
        sa.Column("stopped_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("visit", name=op.f("pk_wfsc_clock")),
    )
    op.create_table(
        "wfsc_delivery",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("visit", sa.String(length=11), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("prepared_at", sa.String(length=27), nullable=False),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.Column("acknowledged_at", sa.String(length=27), nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wfsc_delivery")),
    )
    op.create_index(op.f("ix_wfsc_delivery_visit"), "wfsc_delivery", ["visit"], unique=False)
    op.create_table(
        "workflow",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=120), nullable=False),
        sa.Column("cls", sa.String(length=16), nullable=False),
        sa.Column("due", sa.String(length=27), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow")),
        sa.UniqueConstraint("name", "dataset", name=op.f("uq_workflow_name_dataset")),
    )
    op.create_table(
        "delivered_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("announced_size", sa.BigInteger(), nullable=True),
        sa.Column("announced_sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("fault", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("visit", sa.String(length=11), nullable=True),
        sa.Column("covers_from", sa.String(length=27), nullable=True),
        sa.Column("covers_to", sa.String(length=27), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivered_file_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivered_file")),
        sa.UniqueConstraint("delivery_id", "name", name=op.f("uq_delivered_file_delivery_id_name")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_delivered_file_name_version")),
    )
    op.create_index(op.f("ix_delivered_file_sha256"), "delivered_file", ["sha256"], unique=False)
    op.create_index(op.f("ix_delivered_file_state"), "delivered_file", ["state"], unique=False)
    op.create_index(op.f("ix_delivered_file_visit"), "delivered_file", ["visit"], unique=False)
    op.create_table(
        "procedure_step",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["procedure_run.id"], name=op.f("fk_procedure_step_run_id_procedure_run")),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_procedure_step")),
    )
    op.create_table(
        "rerequest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.String(length=27), nullable=False),
        sa.Column("due", sa.String(length=27), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.Column("closed_by", sa.String(length=240), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_rerequest_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rerequest")),
        sa.UniqueConstraint("delivery_id", "name", name=op.f("uq_rerequest_delivery_id_name")),
    )
    op.create_index(op.f("ix_rerequest_name"), "rerequest", ["name"], unique=False)
    op.create_table(
        "step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("due", sa.String(length=27), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.String(length=27), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("fault_class", sa.String(length=16), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=160), nullable=True),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflow.id"], name=op.f("fk_step_workflow_id_workflow")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step")),
        sa.UniqueConstraint("key", name=op.f("uq_step_key")),
    )
    op.create_index("ix_step_claim", "step", ["state", "rank", "due", "id"], unique=False)
    op.create_index(op.f("ix_step_fingerprint"), "step", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_step_workflow_id"), "step", ["workflow_id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_product_step_id_step")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_product_name_version")),
    )
    op.create_index("ix_product_current", "product", ["name", "current"], unique=False)
    op.create_index(op.f("ix_product_sha256"), "product", ["sha256"], unique=False)
    op.create_table(
        "step_attempt",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("build", sa.String(length=64), nullable=False),
        sa.Column("crds_context", sa.String(length=64), nullable=False),
        sa.Column("content_key", sa.String(length=64), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("log", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=True),
        sa.Column("peak_mb", sa.Float(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_attempt_step_id_step")),
        sa.PrimaryKeyConstraint("step_id", "n", name=op.f("pk_step_attempt")),
    )
    op.create_table(
        "step_edge",
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("child", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["child"], ["step.id"], name=op.f("fk_step_edge_child_step")),
        sa.ForeignKeyConstraint(["parent"], ["step.id"], name=op.f("fk_step_edge_parent_step")),
        sa.PrimaryKeyConstraint("parent", "child", name=op.f("pk_step_edge")),
    )
    op.create_index(op.f("ix_step_edge_child"), "step_edge", ["child"], unique=False)
    op.create_table(
        "step_make",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("product", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_make_step_id_step")),
        sa.PrimaryKeyConstraint("step_id", "product", name=op.f("pk_step_make")),
    )
    op.create_index(op.f("ix_step_make_product"), "step_make", ["product"], unique=False)
    op.create_table(
        "step_need",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("product", sa.String(length=120), nullable=False),
        sa.Column("got", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_need_step_id_step")),
        sa.PrimaryKeyConstraint("step_id", "product", name=op.f("pk_step_need")),
    )
    op.create_index(op.f("ix_step_need_product"), "step_need", ["product"], unique=False)


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)
