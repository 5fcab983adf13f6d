"""Tables of the workflow layer: written only by its verbs."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

workflow = sa.Table(
    "workflow",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("dataset", sa.String(120), nullable=False),
    sa.Column("cls", sa.String(16), nullable=False),
    sa.Column("due", UtcTime),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("name", "dataset"),
)

step = sa.Table(
    "step",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("workflow_id", sa.ForeignKey("workflow.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("dataset", sa.String(120), nullable=False),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("due", UtcTime),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column(
        "rev", sa.Integer, nullable=False, default=0, server_default="0", doc="Grows with every change: a plan holds only while it stands."
    ),
    sa.Column(
        "priority",
        sa.Integer,
        nullable=False,
        default=0,
        server_default="0",
        doc="As a person set it, -49 to 49; it is in the rank already.",
    ),
    sa.Column("changes", sa.JSON, doc="Parameters that a person changed; they win over `params`."),
    sa.Column("memory_mb", sa.Integer, doc="Memory limit that a person raised; null means the step kind's own."),
    sa.Column(
        "retries", sa.Integer, nullable=False, default=0, server_default="0", doc="Automatic second tries since a person last looked."
    ),
    sa.Column("waits", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("fresh", sa.Boolean, nullable=False, default=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("lease_until", UtcTime),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("fault_class", sa.String(16)),
    sa.Column("fault", sa.Text),
    sa.Column("remedy", sa.Text),
    sa.Column("fingerprint", sa.String(160)),
    sa.Column("held_from", sa.String(16), doc="State before the hold: a failed step is failed again when it is released."),
    sa.Column("held_reason", sa.Text),
    sa.Column("held_until", UtcTime, doc="When the hold lets go by itself."),
    sa.Column("assigned_to", sa.String(64)),
    sa.Column("handled_by", sa.String(64), doc="Who marked the failure as handled; null while it needs a person."),
    sa.Index("ix_step_claim", "state", "rank", "due", "id"),
    sa.Index("ix_step_fingerprint", "fingerprint", "state"),
    sa.Index("ix_step_dataset", "dataset"),
    sa.Index("ix_step_held_until", "held_until"),
)

step_counter = sa.Table(
    "step_counter",
    metadata,
    sa.Column("workflow_id", sa.ForeignKey("workflow.id"), primary_key=True),
    sa.Column("kind", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(16), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)

use = sa.Table(
    "step_use",
    metadata,
    sa.Column("step_id", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("name", sa.String(120), primary_key=True, index=True),
)
"""What a step's newest good attempt used beyond its needs: calibration references, engineering intervals."""

pause = sa.Table(
    "pause",
    metadata,
    sa.Column("scope", sa.String(16), primary_key=True),
    sa.Column("target", sa.String(120), primary_key=True),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("until", UtcTime),
)
"""What starts nothing new; scope is engine (target ``all``), workflow (its id) or kind. What runs is finished."""

command = sa.Table(
    "command",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("verb", sa.String(32), nullable=False),
    sa.Column("plan", sa.String(64), nullable=False, unique=True),
    sa.Column("selection", sa.JSON, nullable=False),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("second", sa.String(64)),
    sa.Column("ended_at", UtcTime),
)
"""Acts of people: applied, or waiting for a second person; the plan's hash is unique, so a double click is one act."""

note = sa.Table(
    "note",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("step_id", sa.ForeignKey("step.id"), index=True),
    sa.Column("fingerprint", sa.String(160), index=True),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
"""What people wrote about a step, or about a kind of failure (a known problem)."""

edge = sa.Table(
    "step_edge",
    metadata,
    sa.Column("parent", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("child", sa.ForeignKey("step.id"), primary_key=True, index=True),
)

need = sa.Table(
    "step_need",
    metadata,
    sa.Column("step_id", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("product", sa.String(120), primary_key=True, index=True),
    sa.Column("got", sa.Boolean, nullable=False),
)

make = sa.Table(
    "step_make",
    metadata,
    sa.Column("step_id", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("product", sa.String(120), primary_key=True, index=True),
)

attempt = sa.Table(
    "step_attempt",
    metadata,
    sa.Column("step_id", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("host", sa.String(120), nullable=False),
    sa.Column("pid", sa.Integer),
    sa.Column("kind", sa.String(64), nullable=False, server_default=""),
    sa.Column("build", sa.String(64), nullable=False),
    sa.Column("crds_context", sa.String(64), nullable=False),
    sa.Column("content_key", sa.String(64), nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("params", sa.JSON),
    sa.Column("products", sa.JSON, doc="[name, sha256, size] of what it published."),
    sa.Column("memory_mb", sa.Integer, doc="Memory limit it ran under."),
    sa.Column("log", sa.String(255), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("fault_class", sa.String(16)),
    sa.Column("fingerprint", sa.String(160)),
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("peak_mb", sa.Float),
    sa.Column("metrics", sa.JSON),
    sa.Index("ix_step_attempt_kind", "kind", "outcome", "ended_at"),
)

product = sa.Table(
    "product",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("step_id", sa.ForeignKey("step.id")),
    sa.Column("origin", sa.String(64), nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("name", "version"),
    sa.Index("ix_product_current", "name", "current"),
)

engine = sa.Table(
    "engine",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("host", sa.String(120), nullable=False),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_started", sa.Float, nullable=False),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("heartbeat_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
)

dispatcher = sa.Table(
    "dispatcher",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)
"""One row: which engine acts on the site. Its epoch grows with every change of hands and fences the one before."""

condor_batch = sa.Table(
    "condor_batch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("engine_id", sa.String(64), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("cluster", sa.Integer),
    sa.Column("submitted_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.String(32)),
    sa.Column("cursor", sa.Integer, nullable=False, doc="Bytes of the job-state log that have been read."),
    sa.Column("event_cursor", sa.Integer, nullable=False, server_default="0", doc="Bytes of the jobs' event log that have been read."),
)

condor_node = sa.Table(
    "condor_node",
    metadata,
    sa.Column("step_id", sa.ForeignKey("step.id"), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey("condor_batch.id"), primary_key=True),
    sa.Column("node", sa.String(64), nullable=False),
    sa.Column("cluster", sa.Integer),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("detail", sa.Text),
)
