"""Tables of wavefront support: written only by its verbs."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

wfsc_clock = sa.Table(
    "wfsc_clock",
    metadata,
    sa.Column("visit", sa.String(11), primary_key=True),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("stopped_at", UtcTime),
)

wfsc_delivery = sa.Table(
    "wfsc_delivery",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("prepared_at", UtcTime, nullable=False),
    sa.Column("sent_at", UtcTime),
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("answered_by", sa.String(64)),
    sa.Column("reason", sa.Text),
)
"""One row per hand-over; ``files`` maps product names to sha256."""
