"""Control of workflows: acts and their second person, holds, pauses, counters, notes, the acting dispatcher, HTCondor batches."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

LOSSES = (
    ("command", "", "acts on steps and who was their second person"),
    ("condor_batch", "", "HTCondor batches; what still runs there is not followed any more"),
    ("condor_node", "", "which HTCondor job ran which step"),
    ("dispatcher", "", "which engine acts"),
    ("note", "", "notes on steps and faults"),
    ("pause", "", "pauses; what was paused runs again"),
    ("step_use", "", "which reference files and inputs a step used"),
    ("step", "state IN ('held', 'cancelled')", "held and dropped steps become failed ones"),
    ("step", "state = 'skipped'", "steps accepted without running become done ones"),
    ("step", "priority <> 0 OR rank % 10 <> 0", "priorities of steps"),
    ("step", "(changes IS NOT NULL AND CAST(changes AS TEXT) <> 'null') OR memory_mb IS NOT NULL", "a person's changes to steps"),
    ("step", "assigned_to IS NOT NULL OR handled_by IS NOT NULL", "who handles a failed step"),
    ("step_attempt", "", "parameters, products, memory and fault class of each attempt (the attempts stay)"),
)


def upgrade() -> None:
    op.create_table(
        "command",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=32), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("second", sa.String(length=64), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
        sa.UniqueConstraint("plan", name=op.f("uq_command_plan")),
    )
    op.create_index(op.f("ix_command_state"), "command", ["state"], unique=False)

    op.create_table(
        "condor_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("engine_id", sa.String(length=64), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Integer(), nullable=True),
        sa.Column("submitted_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condor_batch")),
    )
    op.create_table(
        "dispatcher",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatcher")),
    )
    op.create_table(
        "pause",
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("scope", "target", name=op.f("pk_pause")),
    )
    op.create_table(
        "step_counter",
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflow.id"], name=op.f("fk_step_counter_workflow_id_workflow")),
        sa.PrimaryKeyConstraint("workflow_id", "kind", "state", name=op.f("pk_step_counter")),
    )
    op.create_table(
        "condor_node",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["condor_batch.id"], name=op.f("fk_condor_node_batch_id_condor_batch")),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_condor_node_step_id_step")),
        sa.PrimaryKeyConstraint("step_id", "batch_id", name=op.f("pk_condor_node")),
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.String(length=160), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_note_step_id_step")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_fingerprint"), "note", ["fingerprint"], unique=False)
    op.create_index(op.f("ix_note_step_id"), "note", ["step_id"], unique=False)

    op.create_table(
        "step_use",
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"], name=op.f("fk_step_use_step_id_step")),
        sa.PrimaryKeyConstraint("step_id", "name", name=op.f("pk_step_use")),
    )
    op.create_index(op.f("ix_step_use_name"), "step_use", ["name"], unique=False)

    op.add_column("step", sa.Column("rev", sa.Integer(), server_default="0", nullable=False))
    op.add_column("step", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.add_column("step", sa.Column("changes", sa.JSON(), nullable=True))
    op.add_column("step", sa.Column("memory_mb", sa.Integer(), nullable=True))
    op.add_column("step", sa.Column("retries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("step", sa.Column("held_from", sa.String(length=16), nullable=True))
    op.add_column("step", sa.Column("held_reason", sa.Text(), nullable=True))
    op.add_column("step", sa.Column("held_until", sa.String(length=27), nullable=True))
    op.add_column("step", sa.Column("assigned_to", sa.String(length=64), nullable=True))
    op.add_column("step", sa.Column("handled_by", sa.String(length=64), nullable=True))
    op.drop_index(op.f("ix_step_fingerprint"), "step")
    op.create_index("ix_step_fingerprint", "step", ["fingerprint", "state"], unique=False)
    op.create_index("ix_step_dataset", "step", ["dataset"], unique=False)
    op.create_index("ix_step_held_until", "step", ["held_until"], unique=False)

    op.add_column("step_attempt", sa.Column("kind", sa.String(length=64), server_default="", nullable=False))
    op.add_column("step_attempt", sa.Column("params", sa.JSON(), nullable=True))
    op.add_column("step_attempt", sa.Column("products", sa.JSON(), nullable=True))
    op.add_column("step_attempt", sa.Column("memory_mb", sa.Integer(), nullable=True))
    op.add_column("step_attempt", sa.Column("fault_class", sa.String(length=16), nullable=True))
    op.add_column("step_attempt", sa.Column("fingerprint", sa.String(length=160), nullable=True))
    op.create_index("ix_step_attempt_kind", "step_attempt", ["kind", "outcome", "ended_at"], unique=False)

    op.execute("UPDATE step SET rank = rank * 10")
    op.execute(
        "INSERT INTO step_counter (workflow_id, kind, state, n)"
        " SELECT workflow_id, kind, state, count(*) FROM step GROUP BY workflow_id, kind, state"
    )
    op.execute("UPDATE step_attempt SET kind = (SELECT kind FROM step WHERE step.id = step_attempt.step_id)")


def downgrade() -> None:
    op.execute("UPDATE step SET state = 'ready' WHERE state = 'leased'")
    op.execute("UPDATE step SET state = 'done' WHERE state = 'skipped'")
    op.execute("UPDATE step SET fault = coalesce(fault, held_reason, state), state = 'failed' WHERE state IN ('held', 'cancelled')")
    op.execute("UPDATE step SET rank = rank / 10")
    op.drop_index("ix_step_attempt_kind", "step_attempt")
    for name in ("fingerprint", "fault_class", "memory_mb", "products", "params", "kind"):
        op.drop_column("step_attempt", name)
    for name in ("ix_step_held_until", "ix_step_dataset", "ix_step_fingerprint"):
        op.drop_index(name, "step")
    op.create_index(op.f("ix_step_fingerprint"), "step", ["fingerprint"], unique=False)
    for name in (
        "handled_by",
        "assigned_to",
        "held_until",
        "held_reason",
        "held_from",
        "retries",
        "memory_mb",
        "changes",
        "priority",
        "rev",
    ):
        op.drop_column("step", name)
    for name in ("step_use", "note", "condor_node", "step_counter", "pause", "dispatcher", "condor_batch", "command"):
        op.drop_table(name)
