"""Tables of the archive: written only by its verbs."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

archived_product = sa.Table(
    "archived_product",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("suffix", sa.String(32), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("archived_at", UtcTime, nullable=False),
    sa.UniqueConstraint("name", "version"),
)

observation = sa.Table(
    "observation",
    metadata,
    sa.Column("id", sa.String(120), primary_key=True),
    sa.Column("collection", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("valid", sa.Boolean, nullable=False),
    sa.Column("findings", sa.JSON, nullable=False),
    sa.Column("xml_sha256", sa.String(64)),
    sa.Column("checksum", sa.String(64)),
    sa.Column("changed_at", UtcTime, nullable=False),
)
"""One row per observation, as it is now; ``version`` counts its ingested descriptions (0: none was sound yet)."""

archive_outbox = sa.Table(
    "archive_outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("observation_id", sa.String(120), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("sent_at", UtcTime),
    sa.UniqueConstraint("observation_id", "version"),
)
"""What subscribers and partners are to be told: one event per version of an observation."""
