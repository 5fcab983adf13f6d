"""Tables of the procedures: who ran which runbook, with what, and how it ended."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

procedure_run = sa.Table(
    "procedure_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("procedure", sa.String(8), nullable=False, index=True),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("resumes", sa.ForeignKey("procedure_run.id")),
    sa.Column("host", sa.String(120), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_started", sa.Float, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("notebook", sa.String(120)),
    sa.Column("notebook_sha256", sa.String(64)),
    sa.Column("previous", sa.String(64), unique=True),
    sa.Column("hash", sa.String(64)),
    sa.Column("signed_by", sa.String(64)),
    sa.Column("signed_at", UtcTime),
    sa.Column("remark", sa.Text),
)

procedure_step = sa.Table(
    "procedure_step",
    metadata,
    sa.Column("run_id", sa.ForeignKey("procedure_run.id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("result", sa.JSON),
)
