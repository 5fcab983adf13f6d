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
    sa.Column("fingerprint", sa.String(160), index=True),
    sa.Index("ix_step_claim", "state", "rank", "due", "id"),
)

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
    sa.Column("build", sa.String(64), nullable=False),
    sa.Column("crds_context", sa.String(64), nullable=False),
    sa.Column("content_key", sa.String(64), nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("log", sa.String(255), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("peak_mb", sa.Float),
    sa.Column("metrics", sa.JSON),
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
